"""Pictures of how loads went, from a result's raw samples: an SVG for each point.

Of conversations there is one of a session too. They are drawn from a stranger's samples as well, so
what is read is bounded and what is said is escaped.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from results.archive import session_svg
from results.archive.beside import sendable
from results.archive.svg_parts import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Picture, framed, ticks
from results.statement import raw_samples
from suites.base.errors import UserError
from suites.base.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from results.statement.statement import Statement

__all__ = ["pictures", "pictures_beside"]

_PANEL, _GAP = 88, 36
_MOST_STEPS = 100_000
_MOST_CASES = 1_000
_SCOPES = {"wall": 0, "node": 1, "chip": 2, "package": 3}
_Value = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
_Values = Annotated[list[_Value | None], Field(max_length=_MOST_STEPS)]


class _Power(BaseModel):
    """Mean power by one meter."""

    model_config = ConfigDict(frozen=True)

    meter: str = Field(max_length=256)
    scope: str = Field(max_length=64)
    step_s: float = Field(gt=0, le=1e9)
    w: _Values


class _Timeline(BaseModel):
    """What `suites.serving.load.timeline` lays out, with the power that the runner put in."""

    model_config = ConfigDict(frozen=True)

    step_s: float = Field(gt=0, le=1e9)
    steady_s: tuple[float, float]
    sent: _Values
    done: _Values
    in_flight: _Values
    ttft_ms: _Values
    power: list[_Power] = Field(default=[], max_length=64)
    session: list[session_svg.SessionTurn] = Field(default=[], max_length=session_svg.MOST_TURNS)

    @property
    def span_s(self) -> float:
        return self.step_s * len(self.sent)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """Values in steps of equal length, and what they are."""

    name: str
    step_s: float
    values: Sequence[float | None]


def pictures(evidence: Mapping[str, Any]) -> Iterator[Picture]:
    """Draw every timeline of a file of raw samples; what is none is passed over."""
    for cell, of_cell in list(evidence.items())[:_MOST_CASES]:
        facts = of_cell.get("facts") if isinstance(of_cell, dict) else None
        lines = facts.get("timelines") if isinstance(facts, dict) else None
        for case, line in list(lines.items() if isinstance(lines, dict) else ())[:_MOST_CASES]:
            try:
                read = _Timeline.model_validate(line)
            except ValidationError:
                continue
            if read.sent:
                yield _draw(cell, case, read)
            if read.session:
                yield session_svg.draw(cell, case, read.session)


def pictures_beside(home: Path, statement: Statement) -> list[Picture]:
    """Draw from the raw samples that lie beside a result; none where they are not its own."""
    try:
        data = sendable(home, statement)
        evidence = raw_samples.as_json(data, "raw samples") if data else {}
    except UserError:
        return []
    return list(pictures(evidence)) if isinstance(evidence, dict) else []


def _draw(cell: str, case: str, line: _Timeline) -> Picture:
    panels = list(_panels(line))
    height = TOP + len(panels) * (_PANEL + _GAP) + BOTTOM
    words = _words(line, panels)
    parts: list[str] = []
    for place, (name, lines) in enumerate(panels):
        parts += _panel(line, name, lines, TOP + place * (_PANEL + _GAP) + 14)
    svg = framed(f"Timeline of {printable(case, 200)}", words, height, parts)
    return Picture(cell=cell, case=case, words=words, height=height, svg=svg)


def _panels(line: _Timeline) -> Iterator[tuple[str, list[_Line]]]:
    def of(name: str, values: Sequence[float | None]) -> _Line:
        return _Line(name=name, step_s=line.step_s, values=values)

    yield "requests/s", [of("sent", line.sent), of("done", line.done)]
    yield "requests in flight", [of("in flight", line.in_flight)]
    yield "TTFT, ms, median", [of("TTFT", line.ttft_ms)]
    if line.power:
        # One meter stands for the rest: the widest, and of one scope the first, which is a total.
        first = min(line.power, key=lambda power: _SCOPES.get(power.scope, len(_SCOPES)))
        name = f"power, W, {printable(first.scope, 40)}, by {printable(first.meter, 60)}"
        yield name, [_Line(name="power", step_s=first.step_s, values=first.w)]


def _words(line: _Timeline, panels: Sequence[tuple[str, list[_Line]]]) -> str:
    """What the picture shows, for those who do not see it."""
    low, high = line.steady_s
    told = [f"{line.span_s:.3g} seconds, the steady state from {low:.3g} to {high:.3g}."]
    for name, lines in panels:
        for series in lines:
            known = [value for value in series.values if value is not None]
            if known:
                of = f" {series.name}" if len(lines) > 1 else ""
                mean = sum(known) / len(known)
                told.append(
                    f"{name}{of}: {min(known):.3g} to {max(known):.3g}, in the mean {mean:.3g}."
                )
    return " ".join(told)


def _panel(line: _Timeline, name: str, lines: Sequence[_Line], top: float) -> Iterator[str]:
    bottom, width = top + _PANEL, WIDTH - LEFT - RIGHT
    span_s = line.span_s
    most = max((v for series in lines for v in series.values if v is not None), default=0.0) or 1.0

    def across(seconds: float) -> float:
        return round(LEFT + width * min(max(seconds, 0.0), span_s) / span_s, 1)

    low, high = (across(seconds) for seconds in line.steady_s)
    yield f'<rect class="steady" x="{low}" y="{top}" width="{max(0.0, round(high - low, 1))}" '
    yield f'height="{_PANEL}"/><path class="axis" d="M{LEFT} {top}V{bottom}H{WIDTH - RIGHT}"/>'
    yield f'<text x="{LEFT + 6}" y="{top - 3}">{escape(_legend(name, lines))}</text>'
    yield f'<text x="{LEFT - 6}" y="{top + 9}" text-anchor="end">{most:.3g}</text>'
    yield f'<text x="{LEFT - 6}" y="{bottom}" text-anchor="end">0</text>'
    for seconds in ticks(span_s):
        at = f'x="{across(seconds)}" y="{bottom + 14}"'
        yield f'<text {at} text-anchor="middle">{seconds:g}</text>'
    for series, css in zip(lines, "ab", strict=False):
        points = (
            None if v is None else (across((place + 0.5) * series.step_s), v)
            for place, v in enumerate(series.values)
        )
        path = _path(points, lambda value: round(bottom - _PANEL * value / most, 1))
        yield f'<path class="{css}" d="{path}"/>' if path else ""


def _legend(name: str, lines: Sequence[_Line]) -> str:
    if len(lines) == 1:
        return name
    return f"{name}: {lines[0].name} (solid), {lines[1].name} (dashed)"


def _path(points: Iterator[tuple[float, float] | None], up: Any) -> str:
    """Straight lines from value to value; a step without one leaves a gap."""
    parts = []
    for before, point in pairwise([None, *points]):
        if point is None:
            continue
        # The round end of a line of no length is a dot, for a step whose neighbours have none.
        parts.append(f"{'L' if before else 'M'}{point[0]} {up(point[1])}" + "h0" * (not before))
    return "".join(parts)
