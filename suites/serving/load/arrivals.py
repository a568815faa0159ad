"""When requests of an open loop are due."""

from __future__ import annotations

import math
import random
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from suites.serving.load.point import Arrival

__all__ = ["BURST", "due_times_s", "rising_times_s"]

# Requests that arrive together under "burst"; the bursts themselves keep a constant distance.
BURST = 8


def due_times_s(
    arrival: Arrival,
    rate: float,
    *,
    seed: int | str,
    burstiness: float = 1.0,
    part: tuple[int, int] = (0, 1),
) -> Iterator[float]:
    """Endless due times in seconds from the start, `rate` a second on the long run.

    Args:
        burstiness: of "gamma", the shape of the gaps' distribution, as in vLLM's benchmark: 1 is
            Poisson, below is burstier (the gaps' deviation is 1 ÷ √burstiness of their mean).
        part: which of how many processes, each at this rate, it is for: random arrivals are drawn
            apart, and even ones begin one after another, so that all together are even.
    """
    place, places = part
    if arrival == "gamma":
        yield from islice(_gamma(rate * places, burstiness, seed), place, None, places)
        return
    draw = random.Random(f"{seed}/{place}")
    together = {"poisson": 0, "constant": 1, "burst": BURST}[arrival]
    time_s = together * place / (rate * places)
    while True:
        if arrival == "poisson":
            time_s += draw.expovariate(rate)
            yield time_s
        elif arrival == "constant":
            yield time_s
            time_s += 1 / rate
        else:
            for _ in range(BURST):
                yield time_s
            time_s += BURST / rate


def rising_times_s(
    arrival: Arrival,
    rates: Sequence[float],
    *,
    lead_s: float,
    step_s: float,
    seed: int | str,
    burstiness: float = 1.0,
    part: tuple[int, int] = (0, 1),
) -> Iterator[float]:
    """Endless due times at one rate after another, `step_s` each.

    Args:
        lead_s: how long the first rate is held before its step begins; the last one never ends.
    """
    begins_s = 0.0
    for step, rate in enumerate(rates):
        last = step == len(rates) - 1
        ends_s = math.inf if last else begins_s + step_s + (0.0 if step else lead_s)
        times = due_times_s(arrival, rate, seed=f"{seed}/{step}", burstiness=burstiness, part=part)
        for time_s in times:
            if begins_s + time_s >= ends_s:
                break
            yield begins_s + time_s
        begins_s = ends_s


def _gamma(rate: float, burstiness: float, seed: int | str) -> Iterator[float]:
    """Due times of all processes, each of which draws them all and takes its turns.

    Sequences of their own would be less bursty together than what was asked for.
    """
    draw = random.Random(seed)
    time_s = 0.0
    while True:
        time_s += draw.gammavariate(burstiness, 1 / (rate * burstiness))
        yield time_s
