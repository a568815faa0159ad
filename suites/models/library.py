"""Find a geometry by its id, or read one from a file a user brings."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from pathlib import Path

from suites.base import toml_file
from suites.base.errors import UserError
from suites.models.geometry import Geometry

__all__ = ["available", "is_path", "load", "read"]

_DATA = Path(__file__).parent / "data"
_EXPECTED = "a geometry like those of suites/models/data"


@cache
def available() -> tuple[str, ...]:
    """List the ids that ship with Fenmark, smallest model first."""
    return tuple(sorted(_known(), key=lambda name: load(name).parameters()))


def load(name: str) -> Geometry:
    """Load a geometry by id ("qwen2.5-0.5b") or by a path.

    A path names a TOML file, a Hugging Face config.json or the folder it lies in, or a GGUF file;
    it ends in .toml, .json or .gguf, or begins like one ("./", "../", "/", "~").

    Raises:
        UserError: the id is unknown, or the file is missing, unreadable, malformed or says what is
            not expressed.
    """
    if name in _known():
        return _shipped(name)
    if is_path(name):
        return read(Path(name))
    near = get_close_matches(name, _known(), n=1)
    raise UserError(
        f"unknown model {name[:200]!r}",
        where="model",
        expected="an id that `fenmark model list` shows, or a path ending in .toml, .json or .gguf",
        remedy=f"did you mean {near[0]!r}?" if near else "",
    )


def is_path(name: str) -> bool:
    """Whether a model's name is the path of a file or folder; "owner/name" is none."""
    return name.endswith((".toml", ".json", ".gguf")) or name.startswith(("./", "../", "/", "~"))


def read(path: Path) -> Geometry:
    """Read a geometry from a file or folder.

    Raises:
        UserError: as `load`.
    """
    geometry = _read(path.expanduser())
    shipped = _shipped(geometry.id) if geometry.id in _known() else geometry
    if (shipped.hidden, shipped.depth, shipped.census()["mixers"]) != (
        geometry.hidden,
        geometry.depth,
        geometry.census()["mixers"],
    ):
        raise UserError(
            f"is called {geometry.id}, and has other sizes than {shipped.name}",
            where=str(path),
            expected="a name of its own",
        )
    return geometry


def _read(path: Path) -> Geometry:
    if path.suffix == ".toml":
        return _toml(path)
    if path.suffix == ".gguf":
        from suites.models.gguf import read_header
        from suites.models.gguf_geometry import geometry_of

        return geometry_of(read_header(path))
    from suites.models.config import read_config

    return read_config(path).geometry


@cache
def _shipped(name: str) -> Geometry:
    return _toml(_DATA / f"{name}.toml")


@cache
def _known() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in _DATA.glob("*.toml")))


def _toml(path: Path) -> Geometry:
    return toml_file.read_model(path, Geometry, expected=_EXPECTED, id=path.stem)
