"""When requests of an open loop are due."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suites.serving.load.point import Arrival

__all__ = ["BURST", "due_times_s"]

# Requests that arrive together under "burst"; the bursts themselves keep a constant distance.
BURST = 8


def due_times_s(
    arrival: Arrival, rate: float, *, seed: int | str, part: tuple[int, int] = (0, 1)
) -> Iterator[float]:
    """Endless due times in seconds from the start, `rate` a second on the long run.

    Args:
        part: which of how many processes, each at this rate, it is for: random arrivals are drawn
            apart, and even ones begin one after another, so that all together are even.
    """
    place, places = part
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
