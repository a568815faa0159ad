"""Whether a load was in a steady state, from its own record: is the queue growing, do times drift?

A percentile of a load whose queue grows says how long somebody measured, not what the server does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.client.request import Request
    from suites.serving.load.outcome import LoadOutcome

__all__ = ["drift", "saturation"]

# Fewer requests show no trend.
_LEAST = 10
_LEAST_HALVES = 20
# A queue grows if so much of what was sent was not done while it was being sent, and more than
# chance leaves: a share of 0.6 ÷ √n …
_LEFT_BEHIND = 0.05
_CHANCE = 0.6
# … and times rise with it: rank correlation of TTFT with the order of sending.
_RISES = 0.5
_TREND = 0.6
# Medians of the halves further apart than this are not one state.
_APART = 1.25


def saturation(outcome: LoadOutcome) -> str:
    """Say how an open loop outran its server, "" where it did not.

    The growth of requests in flight while requests were sent, over those sent: a server that keeps
    up leaves what it always has in flight, whatever the time; one that does not leaves a share.
    """
    measured = outcome.measured
    if len(measured) < _LEAST:
        return ""
    first, last = (end(request.intended_ns for request in measured) for end in (min, max))
    done = sum(first < request.ended_ns <= last for request in outcome.requests)
    left = 1 - done / len(measured)
    answered = _in_order(outcome.answered)
    trend = _rank_correlation([request.ttft_ms for request in answered])
    if left <= max(_LEFT_BEHIND, _CHANCE / len(measured) ** 0.5) or trend <= _RISES:
        return ""
    seconds = (last - first) / 1e9
    return (
        f"saturated: {len(measured) / seconds:.3g} requests/s were sent and {done / seconds:.3g} "
        "done; no percentile of a growing queue means anything, ask for a lower --rate"
    )


def drift(outcome: LoadOutcome) -> str:
    """Say which latency rose or fell steadily through the load, "" where none did."""
    answered = _in_order(outcome.answered)
    paced = [request for request in answered if request.has_pace]
    for name, values in (
        ("TTFT", [request.ttft_ms for request in answered]),
        ("TPOT", [request.tpot_ms for request in paced]),
    ):
        if len(values) < _LEAST_HALVES or abs(_rank_correlation(values)) <= _TREND:
            continue
        first, second = (float(np.median(half)) for half in np.array_split(values, 2))
        if max(first, second) > _APART * min(first, second):
            return (
                f"no steady state: median {name} {first:.3g} ms in the first half and "
                f"{second:.3g} ms in the second; hold the point longer"
            )
    return ""


def _rank_correlation(values: Sequence[float]) -> float:
    """Spearman's, of values with their order; 0 where all are equal."""
    if len(values) < _LEAST or min(values) == max(values):
        return 0.0
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return float(np.corrcoef(ranks, np.arange(len(values)))[0, 1])


def _in_order(requests: Sequence[Request]) -> list[Request]:
    return sorted(requests, key=lambda request: request.intended_ns)
