"""What figures are compared with: what was sold, an earlier test, others' results, datasheets."""

from __future__ import annotations

import re
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from results import catalog
from results.archive import archive
from results.catalog.attainable_data import bandwidth_gb_s, tflop_s
from runners.accept.figures import ExpectedFigure
from suites.base import json_file
from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from runners.accept.figures import MachineFigure

__all__ = [
    "LEAST_MEMORY",
    "Sold",
    "again",
    "datasheet",
    "earlier",
    "named",
    "others",
    "signed_rates",
    "sold",
]

# Shares of a reference below which a figure is slow: the same machine again, another machine of
# the chip, and a datasheet, whose compute is the best of all shapes.
_AGAIN, _OTHERS = 0.90, 0.85
_DATASHEET = {"bandwidth": 0.90, "compute": 0.70}
_MEMORY = {"read", "triad"}  # families that seek the bandwidth of memory
# Firmware and drivers keep some of a memory for themselves.
LEAST_MEMORY = 0.85
_MOST_BYTES = 2**22


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """What a seller promised: a chip of the catalogue, and how many (cores of a CPU)."""

    chip: str
    count: int | None = None


class _Earlier(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    figure: Annotated[str, Field(max_length=300)]
    value: float | Annotated[str, Field(max_length=1000)]
    low: float | None
    high: float | None
    expected: float | str | None
    basis: str
    verdict: str
    cause: str


_TESTS = TypeAdapter(Annotated[list[_Earlier], Field(max_length=10_000)])


def sold(text: str) -> Sold:
    """Read CHIP[:COUNT].

    Raises:
        UserError: the chip is not in the catalogue, or the count is not a positive number.
    """
    chip, colon, count = text.partition(":")
    if colon and not re.fullmatch(r"[1-9][0-9]{0,5}", count, re.ASCII):
        raise UserError(
            f"{count!r} is not a count", where="--expected", expected="such as h100-sxm:8"
        )
    return Sold(chip=catalog.require(chip, "--expected"), count=int(count) if colon else None)


def earlier(path: Path) -> dict[str, float]:
    """Read the numbers of an earlier test of this machine, or of its like: `--json` output.

    Raises:
        UserError: it cannot be read, or is not such output.
    """
    expected = "the output of `fenmark accept --json`"
    data = json_file.read(path, _MOST_BYTES, expected=expected)
    try:
        rows = _TESTS.validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise UserError(first["msg"], where=f"{path}:{place}", expected=expected) from error
    return {row.figure: row.value for row in rows if isinstance(row.value, float) and row.value > 0}


def again(known: Mapping[str, float], figures: Iterable[MachineFigure]) -> Iterator[ExpectedFigure]:
    """Hold figures against those of an earlier test."""
    for figure in figures:
        if value := known.get(figure.name):
            least = _AGAIN * value
            yield ExpectedFigure(
                figure=figure.name, value=value, least=least, basis="an earlier test"
            )


def others(
    rates: Iterable[tuple[str, float]], figures: Sequence[MachineFigure]
) -> Iterator[ExpectedFigure]:
    """Hold figures against the same case on other machines of this chip.

    Args:
        rates: (name as of a figure, value) of each result.
    """
    known: dict[str, list[float]] = {}
    for name, value in rates:
        known.setdefault(name, []).append(value)
    for figure in figures:
        if values := known.get(named(figure.name)):
            yield ExpectedFigure(
                figure=figure.name,
                value=statistics.median(values),
                least=_OTHERS * min(values),
                basis=f"{len(values)} signed result{'s' * (len(values) > 1)} of this chip",
            )


def signed_rates(
    homes: Sequence[Path], chip: str | None, count: int, metrics: Sequence[str]
) -> Iterator[tuple[str, float]]:
    """Read rates of archives' results of this chip and count; unreadable results are left out."""
    for path in (path for home in homes for path in archive.envelopes(home)):
        try:
            stated = archive.open_result(path).predicate
        except UserError:
            continue
        here = stated.machine.chip
        if chip is None or (here.catalog_id, here.count) != (chip, count):
            continue
        for row in stated.measurements:
            if row.metric in metrics and row.method == "measured":
                yield f"{row.case} ({row.unit})", row.value


def datasheet(figures: Iterable[MachineFigure], chip: str | None) -> Iterator[ExpectedFigure]:
    """Hold an accelerator's figures against what its datasheet makes attainable.

    A CPU's datasheet speaks of the whole socket, of which a rented machine is a part.
    """
    entry = catalog.chips().get(chip or "")
    if entry is None or entry.kind == "cpu":
        return
    for figure in figures:
        family, _, rest = named(figure.name).partition("/")
        rate = None
        if family == "peak" and figure.kind == "compute":
            rate = tflop_s(entry, rest.partition("/")[0])
        elif family in _MEMORY and figure.kind == "bandwidth":
            rate = bandwidth_gb_s(entry)
        if rate:
            value, basis = rate
            least = _DATASHEET[figure.kind] * value
            yield ExpectedFigure(figure=figure.name, value=value, least=least, basis=basis)


def named(name: str) -> str:
    """Return a figure's name without the card it was measured on: "GPU 3 peak/…" is "peak/…"."""
    head, _, rest = name.partition(" ")
    return rest.partition(" ")[2] if head == "GPU" else name
