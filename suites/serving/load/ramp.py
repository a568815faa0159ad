"""A load that rises: one window, summed up step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from suites.serving.load.outcome import LoadOutcome
    from suites.serving.load.point import Point

__all__ = ["steps_of"]


def steps_of(point: Point, outcome: LoadOutcome) -> list[tuple[Point, LoadOutcome]]:
    """Cut a load into its steps; one that does not rise, or was given up, is whole.

    A request belongs to the step in which it was meant to be sent, whenever it ended.
    """
    if not point.ramp:
        return [(point, outcome)]
    length_ns = int(point.step_s * 1e9)
    steps = []
    for place, load in enumerate(point.ramp):
        start_ns = outcome.start_ns + place * length_ns
        part = _cut(outcome, start_ns, start_ns + length_ns)
        if part.measured:
            steps.append((_level(point, place, load), part))
    return steps


def _level(point: Point, place: int, load: float) -> Point:
    point = replace(point, step=place + 1, duration_s=point.step_s)
    if point.shape == "closed":
        return replace(point, concurrency=round(load))
    return replace(point, rate=load)


def _cut(outcome: LoadOutcome, start_ns: int, end_ns: int) -> LoadOutcome:
    requests = [
        replace(
            request,
            measured=request.measured and start_ns <= request.intended_ns < end_ns,
        )
        for request in outcome.requests
        if request.intended_ns < end_ns and request.ended_ns >= start_ns
    ]
    return replace(
        outcome,
        requests=requests,
        start_ns=start_ns,
        end_ns=end_ns,
        events=sum(
            start_ns <= stamp < end_ns for request in requests for stamp in request.token_ns
        ),
    )
