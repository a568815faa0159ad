"""How a load went, moment by moment: rates, requests in flight and TTFT, in steps of equal length.

Counted from the same record as the figures, ramp-up and drain included.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from suites.client.request import Request
    from suites.serving.load.outcome import LoadOutcome

__all__ = ["timeline"]

# Finer than a picture shows is of no use, nor are steps that hold no request.
_STEPS = 120
_LEAST_STEP_S = 0.1
# Requests of a session that a picture can tell apart.
_LEAST_TURNS, _MOST_TURNS = 2, 400


def timeline(outcome: LoadOutcome) -> dict[str, Any]:
    """Lay a load out as plain JSON.

    Returns:
        `start_ns` (monotonic clock) and `step_s`; `steady_s`, between which seconds the steady
        state lay; and a value for each step: `sent` and `done` (requests per second), `in_flight`
        (mean) and `ttft_ms` (median of the requests meant to be sent in it, None for none). Of
        conversations and traces also `session`: the longest that lies in the steady state.
    """
    requests = [request for request in outcome.requests if request.failure != "cancelled"]
    if not requests:
        return {}
    intended = np.array([request.intended_ns for request in requests], np.int64)
    sent = np.array([request.sent_ns for request in requests], np.int64)
    ended = np.array([request.ended_ns for request in requests], np.int64)
    start_ns = int(min(intended.min(), outcome.start_ns))
    span_s = (max(int(ended.max()), outcome.end_ns) - start_ns) / 1e9
    step_s = max(_LEAST_STEP_S, span_s / _STEPS)
    edges = np.arange(int(np.ceil(span_s / step_s)) + 1) * step_s
    since_s = (intended - start_ns) / 1e9
    sent_s, ended_s = (sent - start_ns) / 1e9, (ended - start_ns) / 1e9
    return {
        "start_ns": start_ns,
        "step_s": step_s,
        "steady_s": [(time_ns - start_ns) / 1e9 for time_ns in (outcome.start_ns, outcome.end_ns)],
        "sent": (np.histogram(sent_s, edges)[0] / step_s).round(6).tolist(),
        "done": (np.histogram(ended_s, edges)[0] / step_s).round(6).tolist(),
        "in_flight": [
            round(float(_overlap(sent_s, ended_s, low, low + step_s) / step_s), 4)
            for low in edges[:-1]
        ],
        "ttft_ms": _medians(requests, since_s, edges),
        **_session(requests),
    }


def _session(requests: list[Request]) -> dict[str, Any]:
    """Each request of one session, in order: turn (0 for a sub-agent's), times, tokens.

    Times are seconds from when the session began.
    """
    sessions: defaultdict[int, list[Request]] = defaultdict(list)
    for request in requests:
        sessions[request.session].append(request)
    sessions.pop(-1, None)
    whole = [own for own in sessions.values() if all(r.measured and not r.failure for r in own)]
    longest = max(whole, key=len, default=[])
    if len(longest) < _LEAST_TURNS:
        return {}
    start_ns = min(request.sent_ns for request in longest)
    own = sorted(longest, key=lambda request: request.sent_ns)[:_MOST_TURNS]
    return {"session": [_turn(request, start_ns) for request in own]}


def _turn(request: Request, start_ns: int) -> dict[str, Any]:
    times = (request.sent_ns, request.token_ns[0], request.ended_ns)
    sent_s, first_s, ended_s = (round((ns - start_ns) / 1e9, 6) for ns in times)
    return {
        "turn": request.turn,
        "sent_s": sent_s,
        "first_s": first_s,
        "ended_s": ended_s,
        "input": request.input_tokens,
        "output": request.output_tokens,
        "cached": request.cached_tokens,
    }


def _overlap(begin: Any, end: Any, low: float, high: float) -> Any:
    """Seconds that all requests together were in flight between two moments."""
    return np.clip(np.minimum(end, high) - np.maximum(begin, low), 0, None).sum()


def _medians(requests: list[Request], since_s: Any, edges: Any) -> list[float | None]:
    by_step: list[list[float]] = [[] for _ in edges[:-1]]
    places = np.clip(np.searchsorted(edges, since_s, "right") - 1, 0, len(by_step) - 1)
    for request, place in zip(requests, places, strict=True):
        if not request.failure:
            by_step[place].append(request.ttft_ms)
    return [round(float(np.median(times)), 4) if times else None for times in by_step]
