"""How Chinese readers write the names of chips and models."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["in_chinese"]


def in_chinese(name: str) -> str:
    """Return a name with the makers and families in it as Chinese readers write them.

    >>> in_chinese("Huawei Ascend 910B"), in_chinese("MI355X")
    ('华为 昇腾 910B', 'MI355X')
    """
    return _part().sub(lambda part: _table()[part[0]], name)


@cache
def _part() -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z])(?:{'|'.join(map(re.escape, _table()))})(?![a-z])")


@cache
def _table() -> Mapping[str, str]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
