"""How many events a core takes, how right the times are then, and whether the client says so.

`python -m suites.serving.bench.saturation`: the client on one core, the emitter on another,
which sends as much as it can, up to many events in one send.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from suites.client.target import Target
from suites.serving.instrument.emitter import Emitter, Schedule
from suites.serving.instrument.validity import instrument_problem, problems
from suites.serving.load.outcome import run_point
from suites.serving.load.point import Point
from suites.serving.workers.selfcheck import read_instrument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.serving.instrument.instrument import Instrument
    from suites.serving.load.outcome import LoadOutcome

__all__ = ["LOADS", "ClientLoad", "Saturation", "print_table", "saturate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLoad:
    """A load on the client.

    Attributes:
        streams: concurrent requests.
        itl_ms: from one send of a stream to its next.
        burst: events in one send.
        tokens: events of each request.
    """

    streams: int
    itl_ms: float
    burst: int = 1
    tokens: int = 64


LOADS = (
    ClientLoad(streams=512, itl_ms=20),
    ClientLoad(streams=512, itl_ms=1, tokens=200),
    ClientLoad(streams=512, itl_ms=1, burst=10, tokens=1000),
    ClientLoad(streams=512, itl_ms=1, burst=40, tokens=2000),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturation:
    """What the client made of a load.

    Attributes:
        load: which one.
        events_per_s: received in the steady state.
        core_share: of one core, while the load ran.
        events_per_core_s: a core's worth, reading the record afterwards included.
        ttft_p50_ms, ttft_p99_ms, itl_p50_ms, itl_p99_ms: size of the errors, event by event,
            against the time each was handed to the kernel.
        invalid: figures that a run would call invalid, with the reason; "all" for every one.
    """

    load: ClientLoad
    events_per_s: float
    core_share: float
    events_per_core_s: float
    ttft_p50_ms: float
    ttft_p99_ms: float
    itl_p50_ms: float
    itl_p99_ms: float
    invalid: dict[str, str]


def saturate(load: ClientLoad) -> Saturation:
    """Put a load on the client: this process on the first core, the emitter on the last.

    Raises:
        CheckError: the emitter did not start.
    """
    cores = os.sched_getaffinity(0)
    point = Point(
        shape="closed",
        concurrency=load.streams,
        input_tokens=16,
        output_tokens=load.tokens,
        requests=load.streams,
    )
    schedule = Schedule(ttft_ms=20, itl_ms=load.itl_ms, burst=load.burst)
    with Emitter(schedule, cpu=max(cores)) as emitter:
        os.sched_setaffinity(0, {min(cores)})
        try:
            outcome = run_point(Target(url=emitter.url, model="emitter"), point, seed=0)
        finally:
            os.sched_setaffinity(0, cores)
    seen = read_instrument(outcome)
    return Saturation(
        load=load,
        events_per_s=seen.events_per_s,
        core_share=seen.cpu_share,
        events_per_core_s=1e6 / seen.cpu_ms_per_1000_events,
        ttft_p50_ms=seen.ttft.p50,
        ttft_p99_ms=seen.ttft.p99,
        itl_p50_ms=seen.itl.p50,
        itl_p99_ms=seen.itl.p99,
        invalid=_invalid(outcome, seen),
    )


def _invalid(outcome: LoadOutcome, seen: Instrument) -> dict[str, str]:
    """Judge figures as a run does: by the whole load, then each by the instrument's error."""
    if reasons := problems(outcome):
        return {"all": "; ".join(reasons)}
    ttft = [request.ttft_ms for request in outcome.answered]
    itl = [gap for request in outcome.answered for gap in request.gaps_ms]
    verdicts = {
        f"{name} p{percentile}": instrument_problem(
            error, percentile, float(np.percentile(values, percentile))
        )
        for name, error, values in (("TTFT", seen.ttft, ttft), ("ITL", seen.itl, itl))
        for percentile in (50, 99)
    }
    return {name: why for name, why in verdicts.items() if why}


def print_table(results: Sequence[Saturation]) -> None:
    """For people."""
    from rich.table import Table

    from suites.base.terminal import Terminal

    headings = ("streams", "events a send", "events/s", "core", "events / core-s")
    table = Table(
        *headings, "TTFT error p50, p99, ms", "ITL error p50, p99, ms", "called invalid", box=None
    )
    for result in results:
        load = result.load
        table.add_row(
            str(load.streams),
            str(load.burst),
            f"{result.events_per_s:,.0f}",
            f"{result.core_share:.2f}",
            f"{result.events_per_core_s:,.0f}",
            f"{result.ttft_p50_ms:.2f}, {result.ttft_p99_ms:.2f}",
            f"{result.itl_p50_ms:.2f}, {result.itl_p99_ms:.2f}",
            ", ".join(result.invalid) or "nothing",
        )
    Terminal(piped=150).show(table)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    results = [saturate(load) for load in LOADS]
    if as_json:
        print(json.dumps([asdict(result) for result in results]))
    else:
        print_table(results)


if __name__ == "__main__":
    _main()
