"""Read a file of raw samples, no matter who wrote it: bounded, strict, typed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from results.statement import strict_json
from results.statement.strict_json import DocumentLimits
from suites.base.errors import UserError
from suites.base.records import Series  # noqa: TC001 - pydantic reads the types
from suites.evidence import KeptCell
from suites.meters.windows import EnergyWindow  # noqa: TC001

__all__ = ["MOST_BYTES", "as_json", "read"]

MOST_BYTES = 2**24  # 16 MiB; a quick run of all suites is half a megabyte
# A monotonic clock counts nanoseconds since the machine was started: 2^53 are 104 days.
_LIMITS = DocumentLimits(bytes=MOST_BYTES, values=1_000_000, integer=2**63 - 1)
# What summaries take time for beyond the number of samples.
_MOST_CELLS, _MOST_SERIES, _MOST_CASES = 256, 20_000, 2_000


class _Cell(BaseModel):
    """One process: what it measured and, since energy is kept too, what meters saw."""

    model_config = ConfigDict(strict=True, frozen=True)

    series: tuple[Series, ...]
    facts: dict[str, Any]
    suite: Literal["kernels", "inference", "serving"] | None = None
    energy: tuple[EnergyWindow, ...] | None = None
    meters: tuple[dict[str, Any], ...] = ()


_CELLS = TypeAdapter(dict[str, _Cell])


def as_json(data: bytes, where: str) -> Any:
    """Read raw samples as they stand.

    Raises:
        UserError: they are ambiguous, too deep, too many or not finite.
    """
    return strict_json.loads(data, where, _LIMITS)


def read(data: bytes, where: str) -> list[KeptCell]:
    """Read the cells of a run, processes in the order of their numbers.

    Raises:
        UserError: they are too many, are not finite, or no samples; one line.
    """
    as_json(data, where)  # what is ambiguous, too deep or not finite
    try:
        cells = _CELLS.validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))[:200]
        raise _refused(f"{where}:{field}", first["msg"], "raw samples as `run` writes") from error
    series = [kept for cell in cells.values() for kept in cell.series]
    cases = {kept.case for kept in series}
    counted = {"cells": (cells, _MOST_CELLS), "series": (series, _MOST_SERIES)}
    for what, (items, most) in {**counted, "cases": (cases, _MOST_CASES)}.items():
        if len(items) > most:
            raise _refused(where, f"holds {len(items)} {what}", f"{most} at most")
    return [_kept(name, cells[name]) for name in sorted(cells, key=_process)]


def _process(name: str) -> tuple[str, int, str]:
    """Order "kernels-p2" before "kernels-p10"."""
    head, _, number = name.rpartition("-p")
    return head, int(number) if number.isdecimal() and len(number) < 9 else 0, name


def _kept(name: str, cell: _Cell) -> KeptCell:
    from suites.base.records import CellResult

    return KeptCell(
        name=name,
        suite=cell.suite or name.rpartition("-p")[0],
        result=CellResult(series=cell.series, facts=_as_of_now(cell.facts)),
        energy=cell.energy or (),
        meters=cell.meters,
        metered=cell.energy is not None,
    )


def _as_of_now(facts: dict[str, Any]) -> dict[str, Any]:
    """Give the points of the first versions what they did not know yet: clocks, and a silence."""
    points = facts.get("points")
    for point in points.values() if isinstance(points, dict) else ():
        if isinstance(point, dict):
            point.setdefault("clocks", [])
            if isinstance(point.get("cached_tokens"), int):
                point["cached_tokens"] = {"requests": 0, "cached": 0, "input": 0}
    return facts


def _refused(where: str, what: str, expected: str) -> UserError:
    return UserError(what, where=where, expected=expected)
