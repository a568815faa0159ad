"""Rows by the value of a column, each group taken out when it is first asked for.

A row has a hundred columns, and a build that adds one result asks for few groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

__all__ = ["Groups"]


class Groups(Mapping[str, "pd.DataFrame"]):
    """Groups of rows by name, in the order they have among all rows."""

    def __init__(self, rows: pd.DataFrame, column: str) -> None:
        self._rows = rows
        self._places = {str(name): own for name, own in rows.groupby(column).indices.items()}
        self._taken: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._taken:
            self._taken[name] = self._rows.iloc[self._places[name]]
        return self._taken[name]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
