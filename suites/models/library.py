"""Find a geometry by its id, or read one from a user's own TOML file."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from pathlib import Path

from suites.base import toml_file
from suites.base.errors import UserError
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
    return toml_file.read_model(
        path, Geometry, expected="a geometry like those of suites/models/data", id=path.stem
    )
