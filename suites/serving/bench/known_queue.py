"""Our figures against a server whose truth is known exactly: M/M/1, in virtual time.

`python -m suites.serving.bench.known_queue`: how often the 95% intervals of p50 and p90 TTFT hold
the truth over repeated runs, and how far a searched rate lies from the true knee. Nothing waits:
a load is worked out, then read and summed up as any other, so a busy machine changes nothing.

Requests arrive as a Poisson process and are served first come first served, each for a time drawn
from an exponential distribution. The time in the system is then exponential as well, at the rate
capacity − rate (Kleinrock, Queueing Systems I, 1975, 3.2): its percentiles need no measurement.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from suites.base.records import CellResult
from suites.base.statistics import weight_of
from suites.client.request import Request
from suites.serving.bench.goals import goal
from suites.serving.instrument.instrument import Error, Instrument
from suites.serving.load.arrivals import due_times_s
from suites.serving.load.outcome import LoadOutcome
from suites.serving.load.point import Point
from suites.serving.load.timeline import timeline
from suites.serving.run import facts_of
from suites.serving.search import LoadSearch, Tried, bracket, next_load
from suites.serving.series import series_of
from suites.serving.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from suites.base.records import Row

__all__ = [
    "Coverage",
    "KnownQueue",
    "Searched",
    "coverage",
    "goals",
    "measured",
    "print_table",
    "search",
    "steps",
]

_TOKENS, _STEP_NS = 4, 10_000_000
_RAMP_SHARE = 0.1
_NO_LIMITS = {"slo_ttft_ms": None, "slo_tpot_ms": None}
_EXACT = Error(p50=0.0, p99=0.0, max=0.0, n=1)
_INSTRUMENT = Instrument(
    ttft=_EXACT,
    itl=_EXACT,
    tpot=_EXACT,
    stalls=0,
    cpu_share=0.0,
    events_per_s=1e9,
    cpu_ms_per_1000_events=0.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownQueue:
    """One server that does `capacity` requests a second in the mean, one after another."""

    capacity: float

    def percentile_ms(self, rate: float, q: float) -> float:
        """Exact quantile of TTFT at this rate."""
        return -math.log(1 - q) / (self.capacity - rate) * 1e3

    def knee(self, limit_ms: float, share: float) -> float:
        """Exact highest rate at which this share of the requests has its first token in time."""
        return self.capacity + math.log(1 - share) / (limit_ms / 1e3)

    def ttft_s(self, arrivals_s: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
        """Time of each request from its arrival to its first token (Lindley 1952)."""
        draw = np.random.default_rng(seed)
        work_s = draw.exponential(1 / self.capacity, len(arrivals_s))
        walk = np.concatenate(([0.0], np.cumsum(work_s[:-1] - np.diff(arrivals_s))))
        waited: NDArray[np.float64] = walk - np.minimum.accumulate(walk) + work_s
        return waited


def arrivals_s(rate: float, requests: int, seed: int) -> NDArray[np.float64]:
    """Arrivals as our own client spaces them."""
    return np.fromiter(islice(due_times_s("poisson", rate, seed=seed), requests), float)


def run(queue: KnownQueue, rate: float, requests: int, seed: int) -> list[Row]:
    """Rows of one run of our client on the queue."""
    return summarize([measured(queue, rate, requests, seed)])


def measured(queue: KnownQueue, rate: float, requests: int, seed: int) -> CellResult:
    """What one run of our client on the queue would have recorded; a tenth is ramp-up."""
    began_s = arrivals_s(rate, requests, seed)
    first_s = began_s + queue.ttft_s(began_s, seed)
    ramp = math.ceil(_RAMP_SHARE * requests)
    answers = [
        _request(index, round(sent * 1e9), round(first * 1e9), measured=index >= ramp)
        for index, (sent, first) in enumerate(zip(began_s, first_s, strict=True))
    ]
    outcome = LoadOutcome(
        requests=answers,
        start_ns=answers[ramp].intended_ns,
        end_ns=max(answer.ended_ns for answer in answers),
        cpu_share=0.0,
        events=_TOKENS * requests,
        parse_s=0.0,
        lag_ms=(),
        reconnects=0,
    )
    point = Point(
        shape="open", rate=rate, input_tokens=8, output_tokens=_TOKENS, requests=requests - ramp
    )
    facts = {
        "points": {point.name: facts_of(point, outcome, _INSTRUMENT)},
        "timelines": {point.name: timeline(outcome)},
    }
    return CellResult(series=tuple(series_of(point, outcome, _NO_LIMITS, {})), facts=facts)


def _request(index: int, sent_ns: int, first_ns: int, *, measured: bool) -> Request:
    token_ns = [first_ns + place * _STEP_NS for place in range(_TOKENS)]
    return Request(
        index=index,
        intended_ns=sent_ns,
        sent_ns=sent_ns,
        token_ns=token_ns,
        ended_ns=token_ns[-1],
        input_tokens=8,
        output_tokens=_TOKENS,
        failure="",
        detail="",
        measured=measured,
        cached_tokens=None,
        timings={},
        truth_ns=(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How often an interval held the truth.

    Attributes:
        use: share of the capacity that was asked for.
        percentile: of TTFT.
        true_ms: exact.
        held, runs: intervals that held it, of all.
        width: mean width of the intervals that have two ends, over the truth.
    """

    use: float
    percentile: float
    true_ms: float
    held: int
    runs: int
    width: float


def coverage(
    queue: KnownQueue, use: float, *, runs: int = 30, requests: int = 4000
) -> list[Coverage]:
    """Repeat a run, and count the intervals of p50 and p90 that hold the truth."""
    rate = use * queue.capacity
    rows = [
        row
        for seed in range(runs)
        for row in run(queue, rate, requests, seed)
        if row.metric == "ttft"
    ]
    return [_covered(queue, use, rate, p, rows) for p in (50.0, 90.0)]


def _covered(
    queue: KnownQueue, use: float, rate: float, percentile: float, rows: Sequence[Row]
) -> Coverage:
    true_ms = queue.percentile_ms(rate, percentile / 100)
    ends = [
        (row.low or 0.0, math.inf if row.high is None else row.high)
        for row in rows
        if row.labels["percentile"] == percentile
    ]
    widths = [high - low for low, high in ends if high < math.inf]
    return Coverage(
        use=use,
        percentile=percentile,
        true_ms=true_ms,
        held=sum(low <= true_ms <= high for low, high in ends),
        runs=len(ends),
        width=float(np.mean(widths)) / true_ms if widths else math.inf,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """A search against the exact answer.

    Attributes:
        rate, knee: found, and true; requests per second.
        loads: that were measured.
        requests: of each.
    """

    rate: float
    knee: float
    loads: int
    requests: int

    @property
    def error(self) -> float:
        return self.rate / self.knee - 1


def search(
    queue: KnownQueue,
    *,
    limit_ms: float,
    seed: int,
    start: float = 1.0,
    share: float = 0.9,
    requests: int = 300_000,
) -> Searched:
    """Let our search find the highest rate at which `share` of the requests meets the limit."""
    plan = LoadSearch(by="rate", start=start, most=1e6, share=share)
    seen: list[Tried] = []
    while (rate := next_load(plan, seen)) is not None:
        seen.append(_tried(queue, rate, limit_ms, requests, seed + len(seen)))
    low = bracket(plan, seen).low
    return Searched(
        rate=low.load if low else 0.0,
        knee=queue.knee(limit_ms, share),
        loads=len(seen),
        requests=requests,
    )


def _tried(queue: KnownQueue, rate: float, limit_ms: float, requests: int, seed: int) -> Tried:
    times_s = queue.ttft_s(arrivals_s(rate, requests, seed), seed)
    good = times_s[math.ceil(_RAMP_SHARE * requests) :] <= limit_ms / 1e3
    saturated = rate >= queue.capacity
    weight = weight_of([good.tolist()])
    return Tried(rate, int(good.sum()), len(good), weight, "saturated" * saturated, saturated)


# Half idle, usual, and close to the knee; where requests wait alike for longest, more are needed.
_USES = ((0.3, 2000), (0.5, 4000), (0.7, 10_000))
_QUEUE = KnownQueue(capacity=10.0)
_LIMIT_MS = 1000.0
_SEEDS = range(3)
# What is to be reached: shares of the intervals that hold the truth, and of the knee.
_LEAST_HELD, _MOST_OFF = 0.9, 0.03


def steps() -> tuple[list[Coverage], list[Searched]]:
    """Everything the table shows."""
    covered = [
        result for use, requests in _USES for result in coverage(_QUEUE, use, requests=requests)
    ]
    return covered, [search(_QUEUE, limit_ms=_LIMIT_MS, seed=1000 * seed) for seed in _SEEDS]


def print_table(covered: Sequence[Coverage], searched: Sequence[Searched]) -> None:
    """For people."""
    from rich.table import Table

    from suites.base.terminal import Terminal

    terminal = Terminal(piped=150)
    table = Table("of capacity", "TTFT", "true, ms", "intervals that hold it", "width", box=None)
    for at_use in covered:
        held = f"{at_use.held} of {at_use.runs}"
        width = f"{at_use.width:.0%}"
        table.add_row(
            f"{at_use.use:.0%}",
            f"p{at_use.percentile:g}",
            f"{at_use.true_ms:.1f}",
            held,
            width,
        )
    terminal.show(table)
    table = Table("searched rate", "true knee", "error", "loads", "requests each", box=None)
    for trial in searched:
        ends = f"{trial.rate:.4g}", f"{trial.knee:.4g}", f"{trial.error:+.1%}"
        table.add_row(*ends, str(trial.loads), f"{trial.requests:,}")
    terminal.show(table)
    for line in goals(covered, searched):
        terminal.say(line)


def goals(covered: Sequence[Coverage], searched: Sequence[Searched]) -> list[str]:
    """Say of each number that is to be reached whether it was."""
    held = min(at_use.held / at_use.runs for at_use in covered)
    furthest = max(abs(trial.error) for trial in searched)
    return [
        goal(
            f"intervals hold the truth in {held:.0%} of the runs at least",
            "90%",
            met=held >= _LEAST_HELD,
        ),
        goal(f"searched rates within {furthest:.1%} of the knee", "3%", met=furthest <= _MOST_OFF),
    ]


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    covered, searched = steps()
    if as_json:
        print(json.dumps({"coverage": [*map(asdict, covered)], "search": [*map(asdict, searched)]}))
    else:
        print_table(covered, searched)


if __name__ == "__main__":
    _main()
