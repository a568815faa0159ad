"""What comparing answers finds: simulated models, of which one answers so many points worse.

`python -m suites.quality.bench.power`: 600 questions of each of 1,000 pairs, for each true drop.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

from suites.quality.items import FAMILIES, LEVELS
from suites.quality.scores import compared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from suites.quality.scores import Stratum

__all__ = ["STRATA", "answered", "chances", "less", "verdicts"]

STRATA = [(family, level) for family in FAMILIES for level in LEVELS]
# Questions of each family and level: of a run, and of a reference.
_EACH, _EACH_OF_REFERENCE = 11, 110


def chances(random: Random) -> dict[Stratum, float]:
    """Make up a model's chances: families differ, and each level is harder than the one before."""
    made = {}
    for family in FAMILIES:
        skill = random.uniform(-0.5, 3.5)
        for level in LEVELS:
            made[family, level] = 1 / (1 + math.exp(1.6 * (level - skill)))
    return made


def less(chance: Mapping[Stratum, float], points: float) -> dict[Stratum, float]:
    """Make the same model answer so many points fewer of all: logits moved alike, by bisection."""
    low, high = 0.0, 8.0
    worse = dict(chance)
    for _ in range(60):
        shift = (low + high) / 2
        worse = {
            key: 1 / (1 + math.exp(-math.log(p / (1 - p)) + shift)) for key, p in chance.items()
        }
        if sum(chance.values()) - sum(worse.values()) < points * len(chance):
            low = shift
        else:
            high = shift
    return worse


def answered(
    random: Random, chance: Mapping[Stratum, float], each: int
) -> dict[Stratum, tuple[int, int]]:
    """Draw right answers of so many questions of each family and level."""
    return {key: (sum(random.random() < chance[key] for _ in range(each)), each) for key in STRATA}


def verdicts(points: float, pairs: int, seed: int = 5) -> Counter[str]:
    """Count what is said of models that answer so many points worse than their references."""
    random = Random(seed)
    told: Counter[str] = Counter()
    for _ in range(pairs):
        chance = chances(random)
        reference = answered(random, chance, _EACH_OF_REFERENCE)
        told[compared(answered(random, less(chance, points), _EACH), reference).verdict] += 1
    return told


def main() -> None:
    """Print the curve as a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pairs", type=int, default=1000)
    pairs = options.parse_args().pairs
    print("| true drop, points | worse | undecided | not worse |\n|---|---|---|---|")
    for points in range(9):
        told = verdicts(points / 100, pairs)
        shares = (told[name] / pairs for name in ("worse", "undecided", "not worse"))
        print(f"| {points} | {' | '.join(f'{share:.1%}' for share in shares)} |", flush=True)


if __name__ == "__main__":
    main()
