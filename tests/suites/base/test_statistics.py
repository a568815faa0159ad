"""Intervals hold what they claim: properties, published quantiles and seeded coverage."""

from __future__ import annotations

import math
import random
from itertools import takewhile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.base.statistics import (
    Interval,
    between_processes,
    dependence,
    median_interval,
    percentile_interval,
    ratio_interval,
    student_t,
    weight_of,
)

finite = st.floats(-1e6, 1e6)
positive = st.floats(1e-3, 1e6)


@pytest.mark.parametrize(
    ("degrees", "published"),  # any t table, two-sided 95%
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (7, 2.365), (10, 2.228), (30, 2.042)],
)
def test_students_t_equals_the_published_table(degrees, published):
    assert student_t(degrees) == pytest.approx(published, abs=5e-4)


def test_students_t_tends_to_the_normal_quantile():
    assert student_t(100_000) == pytest.approx(1.95996, abs=1e-4)


@given(st.lists(finite, min_size=1, max_size=60))
def test_a_median_interval_holds_its_median_and_stays_inside_the_samples(samples):
    interval = median_interval(samples)
    assert interval.holds(interval.value)
    assert interval.n == len(samples)
    if interval.low is not None:
        assert min(samples) <= interval.low <= interval.high <= max(samples)


@given(st.lists(finite, min_size=1, max_size=5))
def test_fewer_than_six_samples_bear_no_median_interval(samples):
    assert median_interval(samples).low is None


def test_the_median_of_ten_lies_between_second_and_ninth():
    interval = median_interval([float(x) for x in range(1, 11)])  # Conover, table A3
    assert (interval.low, interval.high) == (2.0, 9.0)


@given(st.lists(positive, min_size=2, max_size=12), st.floats(0.01, 100))
def test_a_change_of_unit_scales_the_interval_between_processes(medians, factor):
    interval, other = between_processes(medians), between_processes([x * factor for x in medians])
    assert other.value == pytest.approx(interval.value * factor)
    assert other.low == pytest.approx(interval.low * factor)
    assert other.high == pytest.approx(interval.high * factor)


@given(st.lists(finite, min_size=2, max_size=12))
def test_the_interval_between_processes_holds_the_value(medians):
    interval = between_processes(medians)
    assert interval.holds(interval.value)
    assert interval.low is not None


def test_one_process_bears_no_interval():
    interval = between_processes([3.0])
    assert (interval.value, interval.low, interval.high, interval.n) == (3.0, None, None, 1)
    assert math.isinf(interval.half_width)


@pytest.mark.parametrize("processes", [3, 5, 8])
@pytest.mark.parametrize("shape", ["normal", "skewed"])
def test_between_processes_covers_the_truth_nineteen_times_in_twenty(processes, shape):
    """Process effects of 1% and 20 samples of 0.5% each: what was seen on real machines."""
    random = np.random.default_rng(7)
    held = 0
    runs = 2000
    for _ in range(runs):
        spread = random.standard_normal(processes)
        if shape == "skewed":  # exponential about its median: some processes are just slow
            spread = random.exponential(1, processes) - math.log(2)
        medians = [
            np.median(10 * (1 + 0.01 * effect) * (1 + 0.005 * random.standard_normal(20)))
            for effect in spread
        ]
        held += between_processes([float(x) for x in medians]).holds(10.0)
    # 2,000 runs put 95% within ±1%; the skewed case may lose a little for t's symmetry.
    assert held / runs >= (0.94 if shape == "normal" else 0.88)


def test_processes_in_a_row_cover_less_on_a_drifting_machine_than_processes_apart():
    """The reason why other cases stand between two processes: neighbours come and go slowly."""
    random = np.random.default_rng(7)
    drift = [0.0]
    for _ in range(20_000):  # half of a disturbance is left after a process's time
        drift.append(0.5 * drift[-1] + 0.01 * random.standard_normal())
    speed = [10 * math.exp(x) for x in drift]

    def coverage(apart):
        starts = range(0, len(speed) - 5 * apart, 5 * apart)
        runs = [between_processes(speed[at : at + 5 * apart : apart]) for at in starts]
        return np.mean([interval.holds(10.0) for interval in runs])

    assert coverage(apart=1) < 0.87
    assert coverage(apart=6) > 0.93


def test_an_interval_from_one_process_alone_covers_far_less():
    """The reason for restarts: samples of one process miss the truth most of the time."""
    random = np.random.default_rng(7)
    held = 0
    for _ in range(500):
        process = 10 * (1 + 0.01 * random.standard_normal())
        samples = process * (1 + 0.005 * random.standard_normal(200))
        held += median_interval([float(x) for x in samples]).holds(10.0)
    assert held / 500 < 0.5


@pytest.mark.parametrize("q", [0.5, 0.9, 0.99])
def test_a_percentile_interval_covers_the_true_quantile(q):
    random = np.random.default_rng(11)
    truth = -math.log(1 - q)
    held = sum(
        percentile_interval([float(x) for x in random.exponential(1, 700)], q).holds(truth)
        for _ in range(1000)
    )
    assert held / 1000 >= 0.95


@pytest.mark.parametrize(
    ("q", "n", "above"), [(0.99, 459, 0), (0.99, 662, 1), (0.9, 44, 0), (0.9, 64, 1)]
)
def test_the_early_stopping_bound_takes_the_published_number_of_requests(q, n, above):
    samples = [float(x) for x in range(n)]
    assert percentile_interval(samples, q).high == samples[-1 - above]
    fewer = percentile_interval(samples[:-1], q).high
    assert fewer == (samples[-2] if above else None)


@given(st.lists(finite, min_size=1, max_size=200), st.floats(0.01, 0.99))
def test_a_percentile_interval_is_in_order(samples, q):
    interval = percentile_interval(samples, q)
    assert interval.low is None or interval.low <= interval.value
    assert interval.high is None or interval.high >= interval.value


@given(st.lists(positive, min_size=2, max_size=10))
def test_a_configuration_against_itself_shows_no_difference(values):
    interval = ratio_interval(values, values)
    assert (interval.low, interval.value, interval.high) == (1.0, 1.0, 1.0)


@given(st.lists(st.tuples(positive, positive), min_size=2, max_size=10))
def test_swapping_a_ratio_inverts_its_interval(pairs):
    a, b = zip(*pairs, strict=True)
    interval, other = ratio_interval(a, b), ratio_interval(b, a)
    assert other.low == pytest.approx(1 / interval.high)
    assert other.high == pytest.approx(1 / interval.low)


def test_a_true_ratio_is_found_through_drift_that_both_share():
    random = np.random.default_rng(3)
    drift = 1 + 0.3 * np.linspace(0, 1, 10)
    a = 1.05 * drift * (1 + 0.002 * random.standard_normal(10))
    b = drift * (1 + 0.002 * random.standard_normal(10))
    interval = ratio_interval([float(x) for x in a], [float(x) for x in b])
    assert interval.holds(1.05)
    assert not interval.holds(1.0)


@pytest.mark.parametrize("bad", [[], [math.nan], [1.0, math.inf]])
def test_nothing_and_not_a_number_are_refused(bad):
    for interval in (median_interval, between_processes, lambda x: percentile_interval(x, 0.9)):
        with pytest.raises(ValueError, match=r"no samples|not finite"):
            interval(bad)


def test_a_quantile_outside_its_range_and_an_uneven_ratio_are_refused():
    with pytest.raises(ValueError, match="not between 0 and 1"):
        percentile_interval([1.0], 1.0)
    with pytest.raises(ValueError, match="2 numerators for 1"):
        ratio_interval([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="positive"):
        ratio_interval([1.0], [0.0])


def waits(rate, count, draw):
    """Times in the system of an M/M/1 queue with a service time of 1 on average (Lindley 1952)."""
    wait, times = draw.expovariate(1 - rate) if draw.random() < rate else 0.0, []
    for _ in range(count):
        served = draw.expovariate(1)
        times.append(wait + served)
        wait = max(0.0, wait + served - draw.expovariate(rate))
    return times


@pytest.mark.parametrize("q", [0.5, 0.9])
def test_intervals_of_requests_that_wait_for_each_other_hold_the_true_quantile(q):
    # The time in the system is exponential with rate 1 − load.
    draw, load = random.Random(7), 0.7
    truth = -math.log(1 - q) / (1 - load)
    held = narrow = 0
    for _ in range(200):
        times = waits(load, 600, draw)
        held += percentile_interval(times, q, weight=dependence([times], q)).holds(truth)
        narrow += percentile_interval(times, q).holds(truth)
    assert narrow < 150
    assert held >= 180


def test_independent_samples_weigh_their_number():
    draw = random.Random(1)
    weights = [dependence([[draw.random() for _ in range(400)]], 0.5) for _ in range(50)]
    assert sorted(weights)[40] == 1
    assert dependence([[1.0, 1.0, 1.0]], 0.5) == dependence([[1.0] * 100], 0.9) == 1


def test_a_series_that_stays_weighs_less():
    held = [float(number // 50 % 2) for number in range(1000)]
    assert dependence([held], 0.5) > 10


@pytest.mark.parametrize(
    ("n", "rank"),  # of the lower end from below and of the upper end from above; Conover, table A3
    [(6, 1), (8, 1), (9, 2), (11, 2), (12, 3), (14, 3), (15, 4), (17, 5), (20, 6), (25, 8)],
)
def test_the_ends_of_a_median_are_the_samples_of_the_published_table(n, rank):
    interval = median_interval([float(x) for x in range(1, n + 1)])
    assert (interval.low, interval.high, interval.n) == (rank, n + 1 - rank, n)
    assert interval.value == (n + 1) / 2


def test_an_interval_between_processes_is_students_t_on_logarithms():
    # ln 12, 11 and 13 have mean 2.482580 and deviation 0.083548; t of two degrees is 4.302653.
    interval = between_processes([12.0, 11.0, 13.0])
    assert interval.value == 12.0
    assert (interval.low, interval.high) == pytest.approx((9.728219756, 14.73368848), rel=1e-9)


def test_values_that_are_not_all_positive_are_taken_as_they_are():
    half = 4.302652729911275 / math.sqrt(3)
    for shift in (0.0, 1.0):  # zero among them is not positive
        interval = between_processes([shift - 1, shift, shift + 1])
        assert interval.value == shift
        assert (interval.low, interval.high) == pytest.approx((shift - half, shift + half))


def test_an_interval_is_widened_to_its_value_and_never_infinite():
    skewed = between_processes([1.0, 1.0, 1.0, 1.0, 1.0, 1e-9])
    assert skewed.low < skewed.value == 1.0 <= skewed.high
    vast = between_processes([1e-300, 1e300])
    assert (vast.low, vast.high) == (0.0, None)


def test_a_percentile_is_the_nearest_rank():
    samples = [float(x) for x in range(1, 11)]
    ranks = {0.05: 1, 0.1: 1, 0.11: 2, 0.5: 5, 0.51: 6, 0.9: 9, 0.91: 10, 0.999: 10}
    assert {q: percentile_interval(samples, q).value for q in ranks} == ranks


def test_the_lower_end_of_a_percentile_holds_with_97_5_percent():
    # P(Binomial(100, 0.9) <= 83) is 2.06%, <= 84 it is 3.99%; for the upper end P(Binomial(100,
    # 0.1) <= 3) is 0.78%, <= 4 it is 2.37%.
    samples = [float(x) for x in range(100)]
    interval = percentile_interval(samples, 0.9)
    assert (interval.low, interval.value, interval.high) == (83.0, 89.0, 96.0)


def test_samples_that_depend_on_each_other_count_as_fewer():
    samples = [float(x) for x in range(1000)]
    interval = percentile_interval(samples, 0.9, weight=10.0)
    assert (interval.low, interval.value, interval.high, interval.n) == (830.0, 899.0, 969.0, 1000)
    assert percentile_interval(samples, 0.9, weight=0.5) == percentile_interval(samples, 0.9)
    alone = percentile_interval(samples, 0.9, weight=1e9)
    assert (alone.low, alone.high) == (None, None)


def weight_by_hand(series):
    """1 + 2 times the autocorrelations while pairs of neighbours add something, by their sums."""
    parts = [part for part in series if len(part) > 1]
    n = sum(map(len, parts))
    if n < 8:
        return 1.0
    mean = sum(map(sum, parts)) / n
    longest = max(map(len, parts))

    def covariance(lag):
        return sum(
            (part[at] - mean) * (part[at + lag] - mean)
            for part in parts
            for at in range(len(part) - lag)
        )

    whole = covariance(0)
    if whole < 1e-9:
        return 1.0
    if covariance(1) / whole <= 2 / math.sqrt(n):
        return 1.0
    pairs = range(2, min(longest - 1, n // 2) - 1, 2)
    sums = (covariance(lag) + covariance(lag + 1) for lag in pairs)
    total = covariance(1) + sum(takewhile(lambda pair: pair > 0, sums))
    return 1 + 2 * total / whole


@given(st.lists(st.lists(st.booleans(), max_size=40), max_size=4), st.integers(1, 6))
def test_a_weight_is_the_sum_of_autocorrelations(series, held):
    stretched = [[value for value in part for _ in range(held)] for part in series]
    assert weight_of(stretched) == pytest.approx(weight_by_hand(stretched), abs=1e-6)


def test_yes_or_no_that_stays_for_ten_weighs_about_ten():
    draw = random.Random(5)
    held = [value for _ in range(400) for value in [draw.random() < 0.5] * 10]
    assert weight_of([held]) == pytest.approx(10, abs=2)
    assert weight_of([held]) == pytest.approx(weight_by_hand([held]), rel=1e-6)


def test_an_interval_knows_its_half_width_and_what_it_holds():
    whole = Interval(10.0, 9.0, 12.0, 5)
    assert (whole.half_width, Interval(-10.0, -12.0, -9.0, 5).half_width) == (0.15, 0.15)
    missing = (
        Interval(1.0, None, 2.0, 1),
        Interval(1.0, 0.5, None, 1),
        Interval(0.0, -1.0, 1.0, 2),
    )
    assert [interval.half_width for interval in missing] == [math.inf] * 3
    assert (whole.holds(9.0), whole.holds(12.0)) == (True, True)
    assert (whole.holds(8.99), whole.holds(12.01)) == (False, False)
    assert Interval(1.0, None, 2.0, 1).holds(-1e9)
    assert Interval(1.0, 0.5, None, 1).holds(1e9)
