"""The samples of one point: latencies of its requests, rates of its steady state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from suites.base.records import Series

if TYPE_CHECKING:
    from suites.base.records import Label, Window
    from suites.client.request import Request
    from suites.serving.load.outcome import LoadOutcome
    from suites.serving.load.point import Point

__all__ = ["is_good", "series_of"]


def series_of(
    point: Point, outcome: LoadOutcome, spec: dict[str, Any], labels: dict[str, Label]
) -> list[Series]:
    requests = outcome.answered
    window = outcome.window()
    duration_s = outcome.duration_s
    good = [request for request in requests if is_good(request, spec)]
    done = sum(
        outcome.start_ns <= request.ended_ns <= outcome.end_ns
        for request in outcome.requests
        if not request.failure
    )
    samples: dict[str, tuple[str, list[float]]] = {
        "e2e": ("ms", [request.e2e_ms for request in requests]),
        **(_pooled(window, duration_s) if point.pooled else _generated(outcome)),
        "request_throughput": ("1/s", [done / duration_s]),
        **_send_delays(point, requests),
        **_of_sessions(point, outcome),
        "failed": ("count", [float(sum(outcome.failures.values()))]),
    }
    if spec["slo_ttft_ms"] or spec["slo_tpot_ms"]:
        # Good requests are a share of the measured ones; the rate is that share of all done.
        share = len(good) / max(1, len(outcome.measured))
        samples["goodput"] = ("1/s", [share * done / duration_s])
    apart = [*(_by_turn(requests) if point.sessions else []), *_by_adapter(requests)]
    windowed = {"output_throughput", "total_throughput", "prefill_throughput"}
    return [
        Series(
            suite="serving",
            case=point.name,
            metric=metric,
            unit=unit,
            samples=tuple(values),
            labels={**point.labels, **labels},
            windows=(window,) if metric in windowed else (),
        )
        for metric, (unit, values) in samples.items()
        if values
    ] + [
        Series(
            suite="serving",
            case=point.name,
            metric=metric,
            unit="ms",
            samples=tuple(values),
            labels={**point.labels, **labels, **of},
        )
        for of, metric, values in apart
    ]


def _generated(outcome: LoadOutcome) -> dict[str, tuple[str, list[float]]]:
    """What users of a stream of tokens see, and how many tokens went through."""
    requests, window, duration_s = outcome.answered, outcome.window(), outcome.duration_s
    longer = [request for request in requests if request.has_pace]
    return {
        "ttft": ("ms", [request.ttft_ms for request in requests]),
        "tpot": ("ms", [request.tpot_ms for request in longer]),
        "interactivity": ("tokens/s/user", [1e3 / r.tpot_ms for r in longer if r.tpot_ms > 0]),
        "input_throughput": ("tokens/s", [window.input_tokens / duration_s]),
        "output_throughput": ("tokens/s", [window.output_tokens / duration_s]),
        "total_throughput": (
            "tokens/s",
            [(window.input_tokens + window.output_tokens) / duration_s],
        ),
        **_after_thoughts(requests),
    }


def _pooled(window: Window, duration_s: float) -> dict[str, tuple[str, list[float]]]:
    """Of vectors and scores there is no first one: all of the work is taking the input in."""
    return {"prefill_throughput": ("tokens/s", [window.input_tokens / duration_s])}


def is_good(request: Request, spec: dict[str, Any]) -> bool:
    """Whether a request was answered within both limits."""
    return (
        not request.failure
        and request.ttft_ms <= (spec["slo_ttft_ms"] or math.inf)
        and (bool(request.pooled) or _keeps_pace(request, spec["slo_tpot_ms"] or math.inf))
    )


def _keeps_pace(request: Request, limit_ms: float) -> bool:
    return request.has_pace and request.tpot_ms <= limit_ms


def _after_thoughts(requests: list[Request]) -> dict[str, tuple[str, list[float]]]:
    """Of a model that thinks: when the answer began, and what it thought before."""
    thinking = [request for request in requests if request.thoughts or request.hidden_tokens]
    if not thinking:
        return {}
    thoughts = [float(request.thoughts + request.hidden_tokens) for request in thinking]
    return {
        "ttfo": ("ms", [request.ttfo_ms for request in thinking if request.answer_ns]),
        "reasoning_tokens": ("count", thoughts),
    }


def _of_sessions(point: Point, outcome: LoadOutcome) -> dict[str, tuple[str, list[float]]]:
    """Of conversations: how long whole ones took, and how many requests were in flight."""
    if not point.sessions:
        return {}
    sessions: dict[int, list[Request]] = {}
    for request in outcome.answered:
        sessions.setdefault(request.session, []).append(request)
    times_s = [
        (max(r.token_ns[-1] for r in whole) - min(r.intended_ns for r in whole)) / 1e9
        for whole in sessions.values()
        if len(whole) == point.sessions.requests
    ]
    busy_ns = sum(
        max(0, min(r.ended_ns, outcome.end_ns) - max(r.sent_ns, outcome.start_ns))
        for r in outcome.requests
    )
    in_flight = busy_ns / 1e9 / outcome.duration_s
    return {"session_time": ("s", times_s), "requests_in_flight": ("count", [in_flight])}


_Apart = list[tuple[dict[str, "Label"], str, list[float]]]


def _by_turn(requests: list[Request]) -> _Apart:
    """TTFT and TPOT by turn, of the first one and each twice as far on, and of the last."""
    last = max((request.turn for request in requests), default=0)
    turns = sorted({*(2**power for power in range(last.bit_length())), last} - {0})
    by_turn = {turn: [r for r in requests if r.turn == turn] for turn in turns}
    return [
        ({"turn": turn}, metric, values)
        for turn, of_turn in by_turn.items()
        for metric, values in (
            ("turn_ttft", [request.ttft_ms for request in of_turn]),
            ("turn_tpot", [request.tpot_ms for request in of_turn if request.has_pace]),
        )
        if values
    ]


def _by_adapter(requests: list[Request]) -> _Apart:
    """TTFT by adapter, of those that requests asked for by name."""
    names = sorted({request.adapter for request in requests} - {""})
    return [
        ({"adapter": name}, "adapter_ttft", [r.ttft_ms for r in requests if r.adapter == name])
        for name in names
    ]


def _send_delays(point: Point, requests: list[Request]) -> dict[str, tuple[str, list[float]]]:
    """Open loop: how late requests went out, and what the server took from then on."""
    if point.shape in {"closed", "sessions"}:
        return {}
    return {
        "send_delay": ("ms", [request.send_delay_ms for request in requests]),
        "service_time": ("ms", [request.e2e_ms - request.send_delay_ms for request in requests]),
    }
