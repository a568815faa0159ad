"""Read a TOML data file into a strict model; one line names file and field when it does not fit."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from suites.errors import UserError

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
        UserError: it cannot be read, is no TOML, or a field is unknown, missing or wrong.
    """
    try:
        return model.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise UserError(first["msg"], where=f"{path}:{field}", expected=model.__name__) from error
    except (OSError, ValueError) as error:
        raise UserError(f"cannot be read: {error}", where=str(path), expected="TOML") from error
