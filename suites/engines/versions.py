"""Is the measured engine a recent one? A dated table answers, never the network."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["remarks"]

_TABLE = Path(__file__).parent / "versions.toml"


def remarks(engine: Mapping[str, Any]) -> list[str]:
    """Say what a reader must know of an engine's version and of its correctness, else nothing.

    Args:
        engine: fields of `results.statement.statement.Engine`.
    """
    name, version = engine["name"], engine["version"]
    texts = [_of_version(name, version)]
    if engine["weights"] == "real" and "gate_agreed" not in engine["flags"]:
        texts.append(
            f"{name}: these weights have no reference, so its answers were not checked; "
            "record one with `fenmark reference`"
        )
    return [text for text in texts if text]


def _of_version(name: str, version: str) -> str:
    if version == "unknown":
        return f"{name}: its version is unknown; name the engine with --engine, or update it"
    table = _table()
    known = table["engines"].get(name)
    if known is None or _key(version) >= _key(known["half_a_year_ago"]):
        return ""
    return (
        f"{name} {version} is stale: half a year before {table['as_of']} "
        f"{known['half_a_year_ago']} was out, and {known['newest']} on that day; update it"
    )


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(_TABLE.read_text(encoding="utf-8"))


def _key(version: str) -> tuple[int, ...]:
    """The release's numbers; what follows them (rc, post, +cpu) does not count."""
    release = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(map(int, release[1].split("."))) if release else ()
