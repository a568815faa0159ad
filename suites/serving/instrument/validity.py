"""When a figure may not be believed, and why: one sentence with the evidence and the remedy."""

from __future__ import annotations

from itertools import groupby
from statistics import median_low
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from suites.client.request import Request
    from suites.serving.instrument.instrument import Error
    from suites.serving.load.outcome import LoadOutcome

__all__ = [
    "INSTRUMENT_LIMIT",
    "gap_problems",
    "instrument_problem",
    "media_problems",
    "pace_problems",
    "problems",
    "prompt_problems",
]

# More failures than this and the survivors no longer stand for the load.
FAILURE_LIMIT = 0.01
# The instrument may add this much of a figure's value.
INSTRUMENT_LIMIT = 0.02
# Above half a core, bursts no longer fit into the gaps between events.
CPU_LIMIT = 0.5
# A timer served this late means events waited as long, in us and not in the engine.
_LAG_LIMIT_MS = 20.0
# A prefix cache may answer this share of the input beyond what was asked for: nothing but rounding.
_CACHED_LIMIT = 0.02
# Events that carry more tokens than this, or come together more often, tell no token from the next.
_TOKENS_AN_EVENT = 1.1
_TOGETHER = 0.5
# Prompts of one length, of other words, are counted alike within this share and so many tokens.
_COUNTED_ALIKE, _COUNTED_ALIKE_TOKENS = 0.1, 4
# An answer's end is a heap from so many tokens and this share of them on; a client that was kept
# from its core makes a few.
_LEAST_HEAP, _HEAP_SHARE = 8, 0.25
_MOST_HEAPED = 0.5
# Gaps this far below the mean one are events that waited somewhere and came together.
_PILED_UP = 0.05


def problems(outcome: LoadOutcome) -> list[str]:
    """What makes every figure of this point invalid; empty when nothing does."""
    reasons = []
    failures, measured = outcome.failures, len(outcome.measured)
    if sum(failures.values()) > FAILURE_LIMIT * measured:
        named = ", ".join(f"{name} {count}" for name, count in failures.most_common(4))
        ended = ", then it was left alone" if outcome.gave_up else ""
        reasons.append(f"{sum(failures.values())} of {measured} requests failed ({named}){ended}")
    reasons += filter(None, [_uncounted(outcome), _cached(outcome)])
    busy = outcome.cpu_share > CPU_LIMIT
    lagging = (
        max(outcome.lag_ms, default=0.0) > _LAG_LIMIT_MS
        and np.percentile(outcome.lag_ms, 90) > _LAG_LIMIT_MS
    )
    if busy or lagging:
        what = f"client used {outcome.cpu_share:.2f} of a core" if busy else "its loop ran late"
        piled = ", events piled up in it" if _events_piled_up(outcome) else ""
        reasons.append(
            f"client overload: {what}{piled}; use more --processes, another machine, a lower rate"
        )
    error_s = max((clock.error_ns for clock in outcome.clocks), default=0) / 1e9
    if error_s > INSTRUMENT_LIMIT * outcome.duration_s:
        reasons.append(
            f"clocks of the fleet are known to {error_s * 1e3:.3g} ms only, above "
            f"{INSTRUMENT_LIMIT:.0%} of {outcome.duration_s:.3g} s; hold each point longer"
        )
    return reasons


def pace_problems(outcome: LoadOutcome) -> list[str]:
    """What makes TPOT and interactivity invalid: answers whose tokens did not come in turn."""
    answered = outcome.answered
    reasons = []
    whole = sum(not request.has_pace and not request.doubt for request in answered)
    if whole > FAILURE_LIMIT * len(answered):
        reasons.append(
            f"{whole} of {len(answered)} answers came in one piece: their tokens have no pace"
        )
    heaped = sum(_ends_in_a_heap(request) for request in answered)
    if heaped > _MOST_HEAPED * len(answered):
        reasons.append(
            f"{heaped} of {len(answered)} answers end in many tokens at once, unlike the rest: "
            "they were not made in turn"
        )
    return reasons


def _ends_in_a_heap(request: Request) -> bool:
    """Whether the last arrival alone brought far more tokens than the others did.

    As of a server that counts empty events behind the end of the sequence.
    """
    arrivals = [len(list(same)) for _, same in groupby(request.token_ns)]
    if len(arrivals) < 2:
        return False
    least = max(_LEAST_HEAP, _HEAP_SHARE * len(request.token_ns))
    return arrivals[-1] >= least and arrivals[-1] > 2 * median_low(arrivals)


def gap_problems(outcome: LoadOutcome) -> list[str]:
    """What makes gaps between events no gaps between tokens."""
    answered = [request for request in outcome.answered if request.has_pace]
    events = sum(len(request.token_ns) for request in answered)
    tokens = sum(request.output_tokens for request in answered)
    if tokens > _TOKENS_AN_EVENT * events:
        return [f"an event carries {tokens / events:.3g} tokens: gaps are not between tokens"]
    gaps = [gap for request in answered for gap in request.gaps_ms]
    together = sum(gap == 0 for gap in gaps)
    if together > _TOGETHER * len(gaps):
        return [f"{together} of {len(gaps)} tokens came together with another: something buffers"]
    return []


def media_problems(outcome: LoadOutcome, text_tokens: int) -> list[str]:
    """What makes input rates of prompts with images or sounds no rates: only a server counts them.

    One that counts no more than the text has left them out, or counts nothing.
    """
    counted = [request.input_tokens for request in outcome.answered]
    if not counted or np.mean(counted) > text_tokens:
        return []
    return [f"the server counts {np.mean(counted):.4g} input tokens, no more than the text has"]


def prompt_problems(outcome: LoadOutcome) -> list[str]:
    """What makes input rates no rates: a server that counts prompts in other tokens than before.

    Whatever it adds to every prompt, a chat's template, it adds to all alike.
    """
    asked = [request for request in outcome.answered if request.question < 0]
    if not asked:
        return []
    added = np.array([request.input_tokens - request.sent_tokens for request in asked])
    sent = np.array([request.sent_tokens for request in asked])
    off = np.abs(added - np.median(added)) > _COUNTED_ALIKE * sent + _COUNTED_ALIKE_TOKENS
    if np.mean(off) <= FAILURE_LIMIT:
        return []
    least, most = min(added), max(added)
    return [f"the server counts {least:+d} to {most:+d} tokens beside those of a prompt, not alike"]


def _uncounted(outcome: LoadOutcome) -> str:
    """Answers whose tokens cannot be told from the server's count."""
    doubts = [request.doubt for request in outcome.answered if request.doubt]
    if len(doubts) <= FAILURE_LIMIT * len(outcome.answered):
        return ""
    return f"{len(doubts)} of {len(outcome.answered)} answers are not counted truly: {doubts[0]}"


def _cached(outcome: LoadOutcome) -> str:
    """Prompts that a cache knew though nobody asked for it."""
    told = [request for request in outcome.answered if request.cached_tokens is not None]
    known = sum(request.cached_tokens or 0 for request in told)
    asked = sum(request.shared_tokens for request in told)
    tokens = sum(request.input_tokens for request in told)
    if known - asked <= _CACHED_LIMIT * tokens:
        return ""
    return (
        f"the server had {known} of {tokens} input tokens in its cache, {asked} were shared; "
        "restart it or clear its cache"
    )


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


def _events_piled_up(outcome: LoadOutcome) -> bool:
    gaps = [gap for request in outcome.answered for gap in request.gaps_ms]
    if not gaps:
        return False
    return bool(np.percentile(gaps, 1) < _PILED_UP * np.mean(gaps))
