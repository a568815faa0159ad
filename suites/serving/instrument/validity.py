"""When a figure may not be believed, and why: one sentence with the evidence and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from suites.serving.instrument.instrument import Error
    from suites.serving.load.outcome import Outcome

__all__ = ["INSTRUMENT_LIMIT", "instrument_problem", "problems"]

# More failures than this and the survivors no longer stand for the load.
FAILURE_LIMIT = 0.01
# The instrument may add this much of a figure's value.
INSTRUMENT_LIMIT = 0.02
# Above half a core, bursts no longer fit into the gaps between events.
CPU_LIMIT = 0.5
# A timer served this late means events waited as long, in us and not in the engine.
_LAG_LIMIT_MS = 20.0
# Gaps this far below the mean one are events that waited somewhere and came together.
_PILED_UP = 0.05


def problems(outcome: Outcome) -> list[str]:
    """What makes every figure of this point invalid; empty when nothing does."""
    found = []
    failures, measured = outcome.failures, len(outcome.measured)
    if sum(failures.values()) > FAILURE_LIMIT * measured:
        named = ", ".join(f"{name} {count}" for name, count in failures.most_common(4))
        found.append(f"{sum(failures.values())} of {measured} requests failed ({named})")
    busy = outcome.cpu_share > CPU_LIMIT
    lagging = (
        max(outcome.lag_ms, default=0.0) > _LAG_LIMIT_MS
        and np.percentile(outcome.lag_ms, 90) > _LAG_LIMIT_MS
    )
    if busy or lagging:
        what = f"client used {outcome.cpu_share:.2f} of a core" if busy else "its loop ran late"
        piled = ", events piled up in it" if _events_piled_up(outcome) else ""
        found.append(
            f"client overload: {what}{piled}; use more --processes, another machine, a lower rate"
        )
    error_s = max((clock.error_ns for clock in outcome.clocks), default=0) / 1e9
    if error_s > INSTRUMENT_LIMIT * outcome.duration_s:
        found.append(
            f"clocks of the fleet are known to {error_s * 1e3:.3g} ms only, above "
            f"{INSTRUMENT_LIMIT:.0%} of {outcome.duration_s:.3g} s; hold each point longer"
        )
    return found


def instrument_problem(error: Error, percentile: float, value_ms: float) -> str:
    """Say why the instrument's error is too large for this value, "" when it is not.

    A median is judged by the median error, a higher percentile by the error's p99.
    """
    error_ms = error.p50 if percentile <= 50 else error.p99
    if not error.n:
        return "the self-check measured nothing"
    if error_ms <= INSTRUMENT_LIMIT * value_ms:
        return ""
    return (
        f"instrument error {error_ms:.3g} ms exceeds {INSTRUMENT_LIMIT:.0%} of {value_ms:.3g} ms; "
        "use more --processes, another machine or a lower rate"
    )


def _events_piled_up(outcome: Outcome) -> bool:
    gaps = [gap for request in outcome.answered for gap in request.gaps_ms]
    if not gaps:
        return False
    return bool(np.percentile(gaps, 1) < _PILED_UP * np.mean(gaps))
