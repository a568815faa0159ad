"""Find a geometry by its id, or read one from a user's own TOML file."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from suites.errors import UserError
from suites.models.geometry import Geometry

__all__ = ["available", "load"]

_DATA = Path(__file__).parent / "data"


def available() -> list[str]:
    """List the ids that ship with Fenmark, smallest model first."""
    return sorted(
        (path.stem for path in _DATA.glob("*.toml")), key=lambda name: load(name).parameters()
    )


@cache
def load(name: str) -> Geometry:
    """Load a geometry by id ("qwen2.5-0.5b") or by the path of a file ending in ".toml".

    Raises:
        UserError: the id is unknown, or the file is missing, unreadable or malformed.
    """
    if name.endswith(".toml"):
        return _read(Path(name))
    path = _DATA / f"{name}.toml"
    known = sorted(item.stem for item in _DATA.glob("*.toml"))
    if name not in known:
        near = get_close_matches(name, known, n=1)
        raise UserError(
            f"unknown model {name!r}",
            where="model",
            expected=f"one of {', '.join(known)}, or a path ending in .toml",
            remedy=f"did you mean {near[0]!r}?" if near else "",
        )
    return _read(path)


def _read(path: Path) -> Geometry:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return Geometry.model_validate({"id": path.stem, **data})
    except OSError as error:
        raise UserError(
            f"cannot read the geometry ({error.strerror})",
            where=str(path),
            expected="a TOML file like those of suites/models/data",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"not valid TOML: {error}", where=str(path)) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"malformed geometry: {first['msg']}",
            where=f"{path}:{field}" if field else str(path),
            expected="the fields of suites.models.Geometry",
        ) from error
