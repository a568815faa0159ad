"""What a cell measures next: nothing, or what its sweep or its search asks after what they saw."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from statistics import median
from typing import TYPE_CHECKING, Any

from suites.base.child import note
from suites.base.statistics import weight_of
from suites.serving.instrument.instrument import Instrument
from suites.serving.instrument.validity import instrument_problem
from suites.serving.load.point import Point
from suites.serving.search import LoadSearch, Tried, bracket, least_requests, next_load, sure_share
from suites.serving.series import is_good
from suites.serving.sweep import CurvePoint, Sweep, next_concurrency

if TYPE_CHECKING:
    from suites.serving.load.outcome import LoadOutcome

__all__ = ["Course", "course_of"]

# A load lasts for so many times the requests that could show its share.
_ENOUGH = 2


class Course:
    """Fixed points: nothing follows from what was measured."""

    # The most requests in flight that an engine of ours must be ready for; 0: as the points say.
    most_streams = 0

    def further(self, point: Point, outcome: LoadOutcome, fact: dict[str, Any]) -> list[Point]:  # noqa: ARG002 - others look at it
        """Points to measure after this one, whose outcome and facts are given."""
        return []

    def facts(self, first: Point) -> dict[str, Any]:  # noqa: ARG002 - a search looks at it
        """What stands in the cell's record besides its points."""
        return {}


class _Sweeping(Course):
    def __init__(self, sweep: Sweep, spec: dict[str, Any]) -> None:
        self._sweep, self._spec = sweep, spec
        self._curve: list[CurvePoint] = []
        self.most_streams = sweep.most

    def further(self, point: Point, outcome: LoadOutcome, fact: dict[str, Any]) -> list[Point]:  # noqa: ARG002 - a search looks at it
        paces = [request.tpot_ms for request in outcome.answered if request.has_pace]
        throughput = outcome.window().output_tokens / outcome.duration_s
        tpot_ms = median(paces) if paces else math.inf
        self._curve.append(CurvePoint(point.concurrency, throughput, tpot_ms))
        limit_ms = self._spec["slo_tpot_ms"]
        streams = next_concurrency(self._sweep, self._curve, slo_tpot_ms=limit_ms)
        return [] if streams is None else [_with_streams(point, streams)]


class _Searching(Course):
    def __init__(self, search: LoadSearch, spec: dict[str, Any]) -> None:
        self._search, self._spec = search, spec
        self._tried: list[Tried] = []
        self.most_streams = 0 if search.by == "rate" else round(search.most) * _together(spec)

    def further(self, point: Point, outcome: LoadOutcome, fact: dict[str, Any]) -> list[Point]:
        load = point.rate if self._search.by == "rate" else point.concurrency
        in_order = sorted(outcome.measured, key=lambda request: request.intended_ns)
        good = [is_good(request, self._spec) for request in in_order]
        problem = self._problem(fact, len(good))
        weight, saturated = weight_of([good]), bool(fact["saturated"])
        tried = Tried(load, sum(good), len(good), weight, problem, saturated)
        self._tried.append(tried)
        note(
            f"{self._search.by} {load:g}: {tried.good} of {tried.n} meet the limits, "
            f"{sure_share(tried):.1%} for sure{f'; {problem}' * bool(problem)}"
        )
        following = next_load(self._search, self._tried)
        if following is None:
            self._tell()
            return []
        return [self._point(point, following)]

    def _point(self, last: Point, load: float) -> Point:
        if self._search.by != "rate":
            return _with_streams(last, round(load))
        # A low rate sends too few in the time of a high one to show anything.
        enough = _ENOUGH * least_requests(self._search.share)
        duration_s = last.duration_s and max(last.duration_s, enough / load)
        return replace(last, rate=load, duration_s=duration_s)

    def _problem(self, fact: dict[str, Any], measured: int) -> str:
        """Why the load cannot be said to meet the limits, whatever the requests say."""
        checked = Instrument.from_json(fact["instrument"])
        reasons = [fact["saturated"], *fact["problems"]]
        if limit_ms := self._spec["slo_ttft_ms"]:
            reasons.append(instrument_problem(checked.ttft, 99, limit_ms))
            reasons.append("answers hide their thoughts: TTFT is not seen" * bool(fact["hidden"]))
        if limit_ms := self._spec["slo_tpot_ms"]:
            reasons += [instrument_problem(checked.tpot, 99, limit_ms), *fact["pace_problems"]]
        if measured < (least := least_requests(self._search.share)):
            reasons.append(f"{measured} requests show nothing, {least} might: hold it longer")
        return next(filter(None, reasons), "")

    def _tell(self) -> None:
        search, ends = self._search, bracket(self._search, self._tried)
        limits = f"{search.share:.4g} of the requests, with 95% confidence"
        if ends.low is None:
            lowest = min(tried.load for tried in self._tried)
            note(f"no {search.by} from {lowest:g} on meets the limits ({limits})")
        elif ends.high is None:
            note(f"{ends.low.load:g} is the highest {search.by} tried, and meets the limits")
        else:
            note(
                f"{search.by} {ends.low.load:g} meets the limits ({limits}), "
                f"{ends.high.load:g} was not seen to"
            )

    def facts(self, first: Point) -> dict[str, Any]:
        search = self._search
        limits = {name: self._spec[f"{name}_ms"] for name in ("slo_ttft", "slo_tpot")}
        limits = {name: value for name, value in limits.items() if value}
        told = [f"{name.removeprefix('slo_')}{value:g}" for name, value in limits.items()]
        case = [f"search/{first.condition(search.by)}", *told, f"share{search.share:g}"]
        labels = {name: value for name, value in first.labels.items() if name != search.by}
        return {
            "search": {
                "case": "/".join(case),
                "labels": {**labels, **limits, "goodput_share": search.share},
                "plan": search.model_dump(),
                "tried": [asdict(tried) for tried in self._tried],
            }
        }


def course_of(spec: dict[str, Any]) -> Course:
    """The course of a cell's spec."""
    if spec["sweep"]:
        return _Sweeping(Sweep(**spec["sweep"]), spec)
    if spec["search"]:
        return _Searching(LoadSearch(**spec["search"]), spec)
    return Course()


def _together(spec: dict[str, Any]) -> int:
    """Requests in flight of one stream or session, at most."""
    sessions = Point.from_json(spec["points"][0]).sessions
    return sessions.in_flight if sessions else 1


def _with_streams(point: Point, streams: int) -> Point:
    # Two waves at least, or the steady state would be one request, or one session, long.
    each = point.sessions.requests if point.sessions else 1
    requests = max(point.requests, 2 * streams * each) if point.requests else 0
    return replace(point, concurrency=streams, requests=requests)
