"""Time of a choice over 60 chips × 200 configurations: `python -m results.bench.choosing`.

CPU time, so that neighbours do not count. Kernel tables and fits are read before: a process pays
for them once.
"""

from __future__ import annotations

import time

from results.economy.money_options import money_of
from results.prediction.choose import Demand, LatencyLimits, choose
from results.prediction.deployments import accelerators, learnt, predicted
from results.prediction.market import ChipMarket
from results.prediction.predict import predictor
from suites import models

__all__ = ["main"]

_CHIPS = 60
_REPEATS = 5
_MODELS = ("llama-3.1-8b", "llama-3.1-70b", "deepseek-v3")


def main() -> None:
    """Print the best of a few repeats for each model."""
    using, money = predictor(), money_of({})
    market = ChipMarket(money, money.sheet.default_class)
    chips = accelerators()[:_CHIPS]
    demand, limits = Demand(1024, 1024, rps=10), LatencyLimits(2000, 50, 90)
    for name in _MODELS:
        geometry = models.load(name)
        seconds = []
        for _ in range(_REPEATS):
            began = time.process_time()
            own, unseen = predicted(using, geometry, demand, chips)
            options = own + learnt(using, geometry, demand)
            choice = choose(options, demand, limits, market.price, unseen=unseen)
            seconds.append(time.process_time() - began)
        print(
            f"{name}: {len(chips)} chips, {len(options.options)} options that fit, "
            f"{len(choice.ranked)} ranked in {min(seconds):.2f} s"
        )


if __name__ == "__main__":
    main()
