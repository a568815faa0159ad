"""Read a TOML data file into a strict model; one line names file and field when it does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict

from suites.base import toml_file

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Strict", "read_toml"]


class Strict(BaseModel):
    """A frozen record without unknown fields. Numbers may be written as integers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


_Model = TypeVar("_Model", bound=Strict)


def read_toml(path: Path, model: type[_Model]) -> _Model:
    """Read one data file.

    Raises:
        UserError: it cannot be read, is not TOML, or a field is unknown, missing or wrong.
    """
    return toml_file.read_model(path, model, expected=model.__name__)
