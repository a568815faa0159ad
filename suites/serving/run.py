"""Run one cell: the instrument checks itself, then every point of load on one engine."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from suites.base.child import note, progress
from suites.base.errors import CheckError
from suites.base.printable import printable
from suites.base.records import CellResult
from suites.client.recount import counted_how, recounted
from suites.client.speculation import contradiction, observed
from suites.client.subject import packages, subject
from suites.quality.run import ask
from suites.serving.course import course_of
from suites.serving.instrument.validity import (
    gap_problems,
    media_problems,
    pace_problems,
    problems,
    prompt_problems,
)
from suites.serving.load.histogram import Histogram
from suites.serving.load.point import Point
from suites.serving.load.ramp import steps_of
from suites.serving.load.samples import append
from suites.serving.load.steadiness import drift, saturation
from suites.serving.load.timeline import timeline
from suites.serving.processes.live import live_view
from suites.serving.processes.metrics_watch import MetricsWatch
from suites.serving.questions import HiddenQuestions
from suites.serving.series import series_of
from suites.serving.workers.node_worker import generator

if TYPE_CHECKING:
    from suites.base.records import Label, Series
    from suites.client.subject import TestedEndpoint
    from suites.client.target import Target
    from suites.serving.instrument.instrument import Instrument
    from suites.serving.load.outcome import LoadOutcome
    from suites.serving.workers.node_worker import Generator

__all__ = ["facts_of", "not_answered", "run_cell"]

# The check must have run at least nine tenths as fast as the endpoint did.
_RATE_SLACK = 0.9
# Requests our own engine decodes together when an open loop sets no cap.
_OPEN_SLOTS = 8


def run_cell(spec: dict[str, Any]) -> CellResult:
    """Measure the points of a spec made by `plan`.

    Raises:
        CheckError: the engine or the emitter failed.
        UserError: the model or the endpoint cannot be used.
    """
    points = [Point.from_json(fields) for fields in spec["points"]]
    course = course_of(spec)
    slots = course.most_streams or max(map(_slots, points))
    context = max(map(_longest, points)) + 64
    if spec["questions"]:  # a question may take a token for each of its bytes
        context += spec["questions"]["room"]
    context = max(context, spec.get("quality", {}).get("context", 0))
    series: list[Series] = []
    facts: dict[str, Any] = {"points": {}, "timelines": {}}
    with ExitStack() as stack:
        load = stack.enter_context(generator(spec))

        def opened() -> TestedEndpoint:
            return stack.enter_context(subject(spec["subject"], slots=slots, context=context))

        # An endpoint that does not answer is said at once; an engine of ours is not started before
        # the check, or it would take processor time from the client.
        running = opened() if spec["subject"]["endpoint"] else None
        checks = {point.name: _first_check(load, point, spec) for point in points}
        under_test = running or opened()
        facts |= {"engines": [under_test.engine], "packages": packages(under_test.engine)}
        metrics = spec["metrics"] or under_test.metrics
        beside = stack.enter_context(MetricsWatch(metrics)) if metrics else None
        hidden = HiddenQuestions(spec["questions"], spec["process"])
        hidden.ask_at_rest(load, under_test.target, points[0])
        done = 0
        while done < len(points):
            point = hidden.among(points[done])
            progress(100 * done, 100 * len(points), point.name)
            instrument = checks.get(point.name) or _first_check(load, point, spec)
            show = live_view(point, done, len(points))
            # A seed for each point: an engine with a prefix cache has seen the prompts before.
            seed = f"{spec['seed']}/{done}"
            outcome = load.run(under_test.target, point, seed=seed, show=show)
            outcome = _recounted(outcome, under_test)
            hidden.keep(point, outcome)
            under_test.check_alive()
            if spec["samples"]:
                append(Path(spec["samples"]), spec["process"], point.name, outcome.requests)
            checked = _checked_at_rate(load, point, outcome, instrument, spec)
            facts["timelines"][point.name] = timeline(outcome)
            for step, part in steps_of(point, outcome):
                labels = _prompt_labels(under_test, step, part)
                fact = facts["points"][step.name] = facts_of(step, part, checked)
                if beside:
                    labels |= _by_the_server(fact, beside, part, labels)
                series += series_of(step, part, spec, labels)
            _tell_failures(point, outcome, under_test.target)
            done += 1
            if not point.ramp:
                points += course.further(point, outcome, facts["points"][point.name])
        progress(100 * done, 100 * len(points), points[-1].name)
        asked = spec["subject"]
        if refusal := not_answered(facts, where=asked["endpoint"] or asked["model"]):
            raise refusal
        facts |= course.facts(points[0]) | hidden.facts() | _questions(under_test, spec, slots)
    return CellResult(series=tuple(series), facts=facts)


def _by_the_server(
    fact: dict[str, Any], beside: MetricsWatch, part: LoadOutcome, labels: dict[str, Any]
) -> dict[str, Any]:
    """Add what the server's own metrics say to the facts of a step; return the labels they give."""
    fact["server"] = beside.facts(part)
    drafted = fact["server"]["figures"]
    fact["problems"] += contradiction(labels, drafted)
    return observed(labels, drafted)


def _questions(under_test: TestedEndpoint, spec: dict[str, Any], slots: int) -> dict[str, Any]:
    """Ask what a run asks beside its loads; nothing where it does not."""
    if "quality" not in spec:
        return {}
    answers = ask(under_test.target, spec["quality"], at_once=slots)
    under_test.check_alive()
    return {"quality": answers}


def _recounted(outcome: LoadOutcome, under_test: TestedEndpoint) -> LoadOutcome:
    """The outcome with its answers counted by a tokenizer, where there is one."""
    if (tokens := under_test.tokens) is None:
        return outcome
    return replace(outcome, requests=[recounted(r, tokens) for r in outcome.requests])


def _tell_failures(point: Point, outcome: LoadOutcome, target: Target) -> None:
    failures = outcome.failures
    if not failures:
        return
    named = ", ".join(f"{name} {count}" for name, count in failures.most_common(4))
    detail = next((request.detail for request in outcome.measured if request.detail), "")
    detail_text = f"; the server said: {printable(detail, 200)}" if detail else ""
    note(
        f"{point.name}: {failures.total()} of {len(outcome.measured)} failed ({named}){detail_text}"
    )
    if target.more:
        note(f"{point.name}: failed at {_by_address(target, outcome)}")


def _by_address(target: Target, outcome: LoadOutcome) -> str:
    """Failures by the address that was asked; on the terminal alone."""
    failed = Counter(request.place for request in outcome.measured if request.failure)
    named = dict(enumerate(target.urls)) | {-1: "an address that let nobody in"}
    return ", ".join(f"{named[place]} {count}" for place, count in failed.most_common())


def not_answered(facts: dict[str, Any], where: str) -> CheckError | None:
    """Why nothing is signed: at no point were as many requests answered as asked as failed.

    None where some point says something of the requests that it was to measure.
    """
    points = facts["points"].values()
    failed = [sum(fact["failures"].values()) for fact in points]
    measured = [fact["measured"] for fact in points]
    if any(whole and 2 * lost <= whole for lost, whole in zip(failed, measured, strict=True)):
        return None
    failures = sum((Counter(fact["failures"]) for fact in points), Counter())
    details = [detail for fact in points for detail in fact["failure_details"]]
    named = ", ".join(f"{name} {count}" for name, count in failures.most_common(4))
    detail_text = f"; the server said: {printable(details[0], 200)}" if details else ""
    few = f"too few of {sum(measured)} requests were" if sum(failed) < sum(measured) else ""
    return CheckError(
        f"{few or 'no request was'} answered as asked ({named}){detail_text}",
        where=where,
        expected="answers as asked for",
    )


def _slots(point: Point) -> int:
    """Requests that an engine of ours must be ready to decode together."""
    return (point.concurrency or _OPEN_SLOTS) * (point.sessions.in_flight if point.sessions else 1)


def _longest(point: Point) -> int:
    """Tokens of the point's longest request."""
    if point.sessions:
        return point.sessions.longest + point.output_tokens
    sizes = [(turn.input_tokens, turn.output_tokens) for turn in point.turns] or point.lengths
    return max(map(sum, sizes), default=point.input_tokens + point.output_tokens)


def _first_check(load: Generator, point: Point, spec: dict[str, Any]) -> Instrument:
    note(f"checking the instrument at {point.name}")
    if point.pooled:  # the emitter sends tokens: two of them
        point = replace(point, pooled="", output_tokens=2)
    rate = spec["check_events_per_stream"] * _slots(point)
    if point.shape in {"open", "replay"}:
        rate = point.rate * point.output_tokens
    return _check(load, point, rate, spec)


def _check(load: Generator, point: Point, events_per_s: float, spec: dict[str, Any]) -> Instrument:
    return load.check(
        point, events_per_s=events_per_s, duration_s=spec["check_s"], seed=spec["seed"]
    )


def _checked_at_rate(
    load: Generator,
    point: Point,
    outcome: LoadOutcome,
    instrument: Instrument,
    spec: dict[str, Any],
) -> Instrument:
    """Check again if the endpoint was faster than the check had assumed."""
    ran_at = outcome.events / outcome.duration_s
    if instrument.events_per_s >= _RATE_SLACK * ran_at:
        return instrument
    note(f"checking again at {ran_at:.0f} events/s")
    return _check(load, point, ran_at, spec)


def _prompt_labels(
    under_test: TestedEndpoint, point: Point, outcome: LoadOutcome
) -> dict[str, Label]:
    """How lengths are known, and the mean of the prompts' that the server counted if another."""
    labels: dict[str, Label] = {
        "isl_by": under_test.target.isl_by,
        **_api_labels(under_test.target),
        **under_test.labels,
    }
    if not point.pooled:
        labels["osl_by"] = counted_how(outcome.answered, under_test.tokens)
    counted = [request.input_tokens for request in outcome.answered]
    if counted and round(fmean(counted)) != point.input_tokens:
        labels["isl_counted"] = round(fmean(counted), 1)
    if counted and point.natural:
        labels["osl"] = max(1, round(fmean(request.output_tokens for request in outcome.answered)))
    return labels


def _api_labels(target: Target) -> dict[str, Label]:
    """Which endpoint was asked and at how many addresses, where not the usual one at one."""
    labels: dict[str, Label] = {} if target.api == "completions" else {"api": target.api}
    if target.more:
        labels["addresses"] = len(target.urls)
    return labels | ({"documents": target.documents} if target.api == "rerank" else {})


def facts_of(point: Point, outcome: LoadOutcome, instrument: Instrument) -> dict[str, Any]:
    """What stands beside the samples: the gaps' histogram, the instrument, what went wrong."""
    gaps = [gap for request in outcome.answered for gap in request.gaps_ms]
    saturated = saturation(outcome) if point.shape == "open" else ""
    # A trace is what it is, and later turns are longer: these need not be steady.
    steady = point.shape in {"open", "closed"} and not saturated
    drifted = drift(outcome) if steady else ""
    return {
        # 2: says of pace and saturation; intervals count requests that wait alike as fewer.
        "record": 2,
        "itl": Histogram.of(gaps).to_json(),
        "instrument": instrument.to_json(),
        "problems": [*problems(outcome), *filter(None, [drifted])],
        "pace_problems": pace_problems(outcome),
        "gap_problems": gap_problems(outcome),
        "media_problems": media_problems(outcome, point.input_tokens) if point.media else [],
        # Of conversations each message brings a part of the template.
        "prompt_problems": prompt_problems(outcome) if point.shape in {"open", "closed"} else [],
        "hidden": sum(request.hidden_tokens > 0 for request in outcome.answered),
        "saturated": saturated,
        "failures": dict(outcome.failures),
        "failure_details": sorted({r.detail for r in outcome.measured if r.detail})[:5],
        "measured": len(outcome.measured),
        "sent": len(outcome.requests),
        "cut": {
            "before_s": (outcome.start_ns - outcome.requests[0].sent_ns) / 1e9,
            "steady_s": outcome.duration_s,
        },
        "cached_tokens": _cached(outcome),
        "clocks": [clock.to_json() for clock in outcome.clocks],
        "client": {
            "cpu_share": outcome.cpu_share,
            "lag_max_ms": max(outcome.lag_ms, default=0.0),
            "reconnects": outcome.reconnects,
            "events_per_s": outcome.events / outcome.duration_s,
        },
    }


def _cached(outcome: LoadOutcome) -> dict[str, int]:
    """What the engine says of its prefix cache; no requests where it says nothing."""
    counted = [r for r in outcome.answered if r.cached_tokens is not None]
    return {
        "requests": len(counted),
        "cached": sum(request.cached_tokens or 0 for request in counted),
        "input": sum(request.input_tokens for request in counted),
    }
