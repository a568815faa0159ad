"""How known services and servers want to be asked, kept as data: `presets/<name>.toml`.

What a preset says stands for what is not given, and no more; where it was read and when is in it.
"""

from __future__ import annotations

from datetime import date  # noqa: TC003 - pydantic reads it at run time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from suites.base import toml_file
from suites.base.errors import UserError
from suites.client.target import Api  # noqa: TC001 - pydantic reads it at run time

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Preset", "names", "preset", "with_preset"]

_FOLDER = Path(__file__).parent / "presets"


class Preset(BaseModel):
    """A service or a server.

    Attributes:
        title: as its makers write it.
        url: base address; empty where each customer has another.
        apis: endpoints it has; the first is asked unless another is chosen.
        key_env: variable in which its users keep their key.
        key_header: name of the header that brings the key; a bearer token in the usual one.
        max_tokens_field: its name for the most output tokens.
        exactly: fields beyond OpenAI's that ask for an exact number of tokens.
        drop: fields of ours that it refuses.
        notes: what else to know.
        source: where this was read: its makers' own pages, specification or code.
        unread: what of it could not be read there, and who says it; empty for nothing.
        read_on: when.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    url: str = ""
    apis: Annotated[tuple[Api, ...], Field(min_length=1)]
    key_env: str = ""
    key_header: str = ""
    max_tokens_field: str = ""
    exactly: tuple[str, ...]
    drop: tuple[str, ...] = ()
    notes: str
    source: str
    unread: str = ""
    read_on: date


@cache
def names() -> tuple[str, ...]:
    """Names that `--preset` takes."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


@cache
def preset(name: str) -> Preset:
    """Return the preset of this name.

    Raises:
        UserError: there is none.
    """
    if name not in names():
        raise UserError(
            f"no preset {name!r}",
            where="--preset",
            expected=", ".join(names()),
            remedy="see `fenmark run --presets`",
        )
    return toml_file.read_model(_FOLDER / f"{name}.toml", Preset)


def with_preset(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with the address and the API of their preset, where none is given.

    Raises:
        UserError: no such preset; it has no address of its own, or another API was chosen.
    """
    name = options.get("preset")
    if not name:
        return dict(options)
    known = preset(name)
    endpoint, api = options.get("endpoint") or known.url, options.get("api") or known.apis[0]
    if not endpoint:
        raise UserError(
            f"{known.title} has an address for each customer",
            where="--preset",
            remedy=f"give --endpoint: {known.notes}",
        )
    if api not in known.apis:
        raise UserError(
            f"{known.title} has no {api}", where="--api", expected=" or ".join(known.apis)
        )
    return {**options, "endpoint": endpoint, "api": api}
