"""Intervals that say what the samples can bear, and no more.

All intervals are two-sided at 95% unless said otherwise. Where the samples are too few for the
stated confidence, the bound is None: no number is better than a wrong one.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

__all__ = [
    "Interval",
    "between_processes",
    "dependence",
    "median_interval",
    "percentile_interval",
    "ratio_interval",
    "student_t",
    "weight_of",
]

CONFIDENCE = 0.95
# MLPerf Inference rules, appendix "early stopping criterion": a percentile may be claimed when
# its bound holds with 99% confidence.
EARLY_STOPPING_CONFIDENCE = 0.99


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its interval.

    Attributes:
        value: the estimate, in the unit of the samples.
        low, high: bounds, None where `n` samples cannot give one.
        n: samples behind the estimate.
    """

    value: float
    low: float | None
    high: float | None
    n: int

    @property
    def half_width(self) -> float:
        """Half the interval relative to the value; infinite while a bound is missing."""
        if self.low is None or self.high is None or self.value == 0:
            return math.inf
        return (self.high - self.low) / 2 / abs(self.value)

    def holds(self, value: float) -> bool:
        """Say whether `value` lies inside; a missing bound excludes nothing."""
        above = self.low is None or self.low <= value
        return above and (self.high is None or value <= self.high)


def median_interval(samples: Sequence[float]) -> Interval:
    """Interval of the median of independent samples, by order statistics.

    The median of any continuous distribution lies between the j-th smallest and the j-th
    largest sample with probability 1 − 2·P(Binomial(n, 1/2) < j) (Conover, "Practical
    Nonparametric Statistics", 3rd ed., section 3.2); j is the largest that keeps 95%. Fewer
    than six samples have none: even the extremes would hold less.

    Raises:
        ValueError: no samples, or one that is not finite.
    """
    ordered = _ordered(samples)
    rank = _rank(len(ordered), 0.5, (1 - CONFIDENCE) / 2)
    low, high = (ordered[rank], ordered[-1 - rank]) if rank is not None else (None, None)
    return Interval(statistics.median(ordered), low, high, len(ordered))


def between_processes(process_medians: Sequence[float]) -> Interval:
    """Interval of what a fresh process would show, from one median per process.

    Samples inside one process share its memory layout, page colours and clock history, so
    their own spread is blind to what changes with the next process; the process is the unit of
    repetition (Kalibera and Jones 2013, "Rigorous benchmarking in reasonable time", section
    5; Georges, Buytaert and Eeckhout 2007, section 3.2). The value is the median of the
    process medians. The interval is Student's t on them: order statistics need six processes
    for 95%, and a bootstrap of three to eight values covers far less than it claims. Positive
    values are taken as logarithms, since times vary in proportion and never below zero.
    The interval is widened to hold the value where the two centres differ.

    Raises:
        ValueError: no values, or one that is not finite.
    """
    ordered = _ordered(process_medians)
    value = statistics.median(ordered)
    if len(ordered) < 2:
        return Interval(value, None, None, len(ordered))
    if ordered[0] > 0:
        low, high = (_exp(bound) for bound in _student([math.log(x) for x in ordered]))
    else:
        low, high = _student(ordered)
    # Bounds past the largest double come from values no instrument gives; JSON has no infinity.
    return Interval(
        value, min(low, value), max(high, value) if high < math.inf else None, len(ordered)
    )


def dependence(series: Sequence[Sequence[float]], q: float) -> float:
    """How many samples in time order weigh as much as one independent of all others, at least 1.

    Requests that queue behind each other wait alike. The q-quantile depends on whether each sample
    lies above it, so it is the autocorrelation of that which counts.

    Args:
        series: samples of each process, in order of time; the quantile is that of all together.
    """
    import numpy as np  # loaded where it is needed: every cell of a run imports this room

    quantile = percentile_interval([x for part in series for x in part], q).value
    return weight_of([(np.asarray(part, float) > quantile).tolist() for part in series])


def weight_of(series: Sequence[Sequence[bool]]) -> float:
    """How many yes-or-no samples in time order weigh as much as one independent of the others.

    At least 1: 1 + 2 Σ r, the autocorrelations over the lags until a pair of neighbours adds
    nothing (Geyer 1992, "Practical Markov chain Monte Carlo", section 3.3). Without a correlation
    at lag 1 beyond chance (2/√n) it is 1.
    """
    import numpy as np

    above = [np.asarray(part, bool) for part in series if len(part) > 1]
    n = sum(len(part) for part in above)
    share = sum(int(part.sum()) for part in above) / max(1, n)
    correlation = _autocorrelation([part - share for part in above])
    if n < 8 or len(correlation) < 2 or correlation[1] <= 2 / math.sqrt(n):
        return 1.0
    total, lag = float(correlation[1]), 2
    most = min(len(correlation) - 1, n // 2)
    while lag + 1 < most and (pair := float(correlation[lag] + correlation[lag + 1])) > 0:
        total += pair
        lag += 2
    return 1 + 2 * total


def _autocorrelation(centred: Sequence[np.ndarray]) -> np.ndarray:
    """Autocorrelation by lag, of all parts together; empty where nothing varies.

    By the Fourier transform of each part with as many zeros (Wiener and Khinchin).
    """
    import numpy as np

    sums = np.zeros(max(map(len, centred), default=0))
    for part in centred:
        power = np.abs(np.fft.rfft(part, 2 * len(part))) ** 2
        sums[: len(part)] += np.fft.irfft(power, 2 * len(part))[: len(part)]
    return sums / sums[0] if len(sums) and sums[0] > 1e-9 else sums[:0]


def percentile_interval(samples: Sequence[float], q: float, *, weight: float = 1.0) -> Interval:
    """Interval of the q-quantile (0 < q < 1) by order statistics.

    Args:
        samples: in any order.
        q: the quantile.
        weight: samples that weigh as one independent one; see `dependence`.

    The value is the nearest-rank quantile. `low` holds with 97.5%. `high` is the early-stopping
    bound: the largest sample but t, with the largest t for which P(Binomial(n, 1 − q) ≤ t) is at
    most 1%. For p99 that takes 459 samples with none above the bound and 662 with one; for p90
    44 and 64.

    Raises:
        ValueError: no samples, one that is not finite, or q outside (0, 1).
    """
    if not 0 < q < 1:
        raise ValueError(f"quantile {q} is not between 0 and 1")
    ordered = _ordered(samples)
    n = len(ordered)
    independent = max(1, math.floor(n / max(1.0, weight)))
    below = _rank(independent, q, (1 - CONFIDENCE) / 2)
    above = _rank(independent, 1 - q, 1 - EARLY_STOPPING_CONFIDENCE)
    # 1e-9 keeps 0.9·10 = 9.000000000000002 from rounding up to rank 10.
    value = ordered[max(0, math.ceil(q * n - 1e-9) - 1)]
    low = ordered[below * n // independent] if below is not None else None
    high = ordered[-1 - above * n // independent] if above is not None else None
    return Interval(
        value,
        None if low is None else min(low, value),
        None if high is None else max(high, value),
        n,
    )


def ratio_interval(numerators: Sequence[float], denominators: Sequence[float]) -> Interval:
    """Interval of the ratio of two configurations measured in pairs (A B B A …).

    Each pair stands under the same conditions, so its log ratio is free of drift between
    pairs; the interval is Student's t on the log ratios (Kalibera and Jones 2013, section 9).
    An interval that holds 1 shows no difference.

    Raises:
        ValueError: lengths differ, nothing given, or a value not positive.
    """
    if len(numerators) != len(denominators):
        raise ValueError(f"{len(numerators)} numerators for {len(denominators)} denominators")
    if min((*numerators, *denominators), default=0.0) <= 0:
        raise ValueError("a ratio needs positive values")
    return between_processes([a / b for a, b in zip(numerators, denominators, strict=True)])


@lru_cache
def student_t(degrees: int, probability: float = (1 + CONFIDENCE) / 2) -> float:
    """Quantile of Student's t for whole degrees of freedom and probability above one half.

    Bisection over the closed form of A(t, df) for whole df (Abramowitz and Stegun, 26.7.3
    and 26.7.4).
    """
    low, high = 0.0, 1.0
    while _student_cdf(high, degrees) < probability:
        high *= 2
    for _ in range(80):  # halves past the last bit of a double
        middle = (low + high) / 2
        low, high = (middle, high) if _student_cdf(middle, degrees) < probability else (low, middle)
    return high


def _student_cdf(t: float, degrees: int) -> float:
    angle = math.atan2(t, math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term = total = cosine if odd else 1.0
    if degrees == 1:
        total = 0.0
    for k in range(2 + odd, degrees - 1, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return (1 + inside) / 2


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _student(values: Sequence[float]) -> tuple[float, float]:
    n = len(values)
    half = student_t(n - 1) * statistics.stdev(values) / math.sqrt(n)
    centre = statistics.fmean(values)
    return centre - half, centre + half


@lru_cache
def _rank(n: int, p: float, tail: float) -> int | None:
    """Largest r with P(Binomial(n, p) ≤ r) ≤ tail, None where even r = 0 is too likely."""
    import numpy as np

    hits = np.arange(1, n + 1)
    steps = np.log((n - hits + 1) / hits) + math.log(p / (1 - p))
    log_pmf = n * math.log1p(-p) + np.concatenate(([0.0], np.cumsum(steps)))
    count = int(np.searchsorted(np.cumsum(np.exp(log_pmf)), tail, side="right"))
    return count - 1 if count else None


def _ordered(samples: Sequence[float]) -> list[float]:
    if not samples:
        raise ValueError("no samples")
    if not all(math.isfinite(sample) for sample in samples):
        raise ValueError("a sample is not finite")
    return sorted(samples)
