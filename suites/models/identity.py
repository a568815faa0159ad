"""What a weight file or model folder is, by its own words and sizes, and whether a name fits it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from suites.base.errors import UserError
from suites.models.config import read_config
from suites.models.gguf import read_header
from suites.models.gguf_geometry import geometry_of
from suites.models.library import load
from suites.models.names import known_as

if TYPE_CHECKING:
    from pathlib import Path

    from suites.models.geometry import Geometry

__all__ = ["WeightsIdentity", "identify", "name_of"]

_LONGEST = 120
# Converters pad vocabularies and leave tied heads out or in: what layers hold is compared.
_NEAR = 0.005
# Names everybody gives a folder or file, which say nothing.
_MEANINGLESS = {"", "model", "weights", "ggml-model", "main", "snapshot", "unknown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsIdentity:
    """What the weights are.

    Attributes:
        name: as the file says, or else as it is called.
        architecture: as llama.cpp or transformers call it.
        parameters: values of all tensors, None where the file does not tell.
        geometry: None where it is not expressed.
    """

    name: str
    architecture: str
    parameters: int | None
    geometry: Geometry | None


def identify(path: Path) -> WeightsIdentity:
    """Identify a GGUF file, or a folder in Hugging Face's layout.

    Raises:
        UserError: it cannot be read.
    """
    stem = path.resolve().name.removesuffix(".gguf")
    if path.is_dir():
        try:
            configuration = read_config(path)
        except UserError:
            return WeightsIdentity(
                name=_shown(stem), architecture="unknown", parameters=None, geometry=None
            )
        geometry = configuration.geometry
        return WeightsIdentity(
            name=_shown(geometry.name),
            architecture=configuration.architecture,
            parameters=geometry.parameters(),
            geometry=geometry,
        )
    header = read_header(path)
    try:
        geometry_or_none = geometry_of(header)
    except UserError:
        geometry_or_none = None
    return WeightsIdentity(
        name=_shown(stem if header.name.lower() in _MEANINGLESS else header.name),
        architecture=header.architecture,
        parameters=header.parameters,
        geometry=geometry_or_none,
    )


def name_of(identity: WeightsIdentity, given: str | None, where: str) -> str:
    """The name to sign for these weights: our id where it is a model of ours, else their own.

    Args:
        given: what the user calls it, None where they do not. A name that is nobody's and not like
            the file's own is left aside.
        where: the file, for messages.

    Raises:
        UserError: the name given is that of another model.
    """
    if given is None or (known_as(given) is None and not _alike(given, identity.name)):
        known = known_as(identity.name)
        if known and not _fits(identity, load(known)):
            raise UserError(
                f"is called {identity.name}, and has other sizes than {known}",
                where=where,
                expected="weights that bear out their name",
            )
        return known or identity.name
    known = known_as(given)
    if known and not _fits(identity, load(known)):
        raise _contradiction(identity, given, where)
    return known or given


def _contradiction(identity: WeightsIdentity, given: str, where: str) -> UserError:
    size = f"{identity.parameters / 1e9:.3g} billion parameters" if identity.parameters else ""
    told = ", ".join(filter(None, (identity.name, identity.architecture, size)))
    return UserError(
        f"is {told}: not {given[:_LONGEST]!r}",
        where=where,
        expected="a name that the weights bear out",
        remedy="leave --model out, and the file's own name is signed",
    )


def _fits(identity: WeightsIdentity, known: Geometry) -> bool:
    """Whether layers hold as many weights as those of a geometry, or the whole does."""
    own = identity.geometry
    if own is not None:
        sizes = [(_layers(own), _layers(known)), (own.hidden, known.hidden)]
    elif identity.parameters:
        sizes = [(identity.parameters, known.parameters())]
        # The file may hold the head all the same.
        if known.tied_embeddings and not _near(*sizes[0]):
            sizes = [(identity.parameters, known.parameters() + known.vocab * known.hidden)]
    else:
        return known_as(identity.name) == known.id
    return all(_near(size, other) for size, other in sizes)


def _layers(geometry: Geometry) -> int:
    census = geometry.census()
    return census["experts"] + census["mixers"] + census["dense"]


def _near(size: int, other: int) -> bool:
    return abs(size - other) <= _NEAR * other


def _alike(given: str, own: str) -> bool:
    """Whether one name holds the other, whatever stands between its words."""
    plain = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in (given, own)]
    return bool(plain[0]) and (plain[0] in plain[1] or plain[1] in plain[0])


def _shown(name: str) -> str:
    printable = "".join(letter for letter in name if letter.isprintable())
    return printable.strip()[:_LONGEST] or "unknown"
