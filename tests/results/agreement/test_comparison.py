"""Two runs compared: a verdict only where both runs' noise allows one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.agreement import comparison
from suites.base.metrics import METRICS
from tests.builders import around


def verdicts(base, head, **options):
    changes, _ = comparison.compare(base, head, **options)
    return [change.verdict for change in changes]


def test_a_clear_slowdown_is_a_regression():
    assert verdicts([around(100.0)], [around(110.0)]) == ["regression"]


def test_a_clear_speedup_is_an_improvement():
    assert verdicts([around(100.0)], [around(90.0)]) == ["improvement"]


def test_direction_follows_the_metric():
    base, head = (
        around(100.0, metric="decode_throughput"),
        around(110.0, metric="decode_throughput"),
    )
    assert verdicts([base], [head]) == ["improvement"]


def test_a_change_of_exactly_the_threshold_counts():
    base, head = around(100.0, half=1e-4), around(150.0, half=1e-4)
    assert verdicts([base], [head], min_change=0.5) == ["regression"]
    assert verdicts([base], [head], min_change=0.51) == ["no difference shown"]


def test_a_change_inside_the_noise_is_no_difference():
    assert verdicts([around(100.0, half=0.1)], [around(110.0, half=0.1)]) == ["no difference shown"]


def test_a_change_below_the_threshold_is_no_difference_however_sharp_the_runs():
    base, head = [around(100.0, half=1e-4)], [around(102.0, half=1e-4)]
    assert verdicts(base, head) == ["no difference shown"]
    assert verdicts(base, head, min_change=0.01) == ["regression"]


def test_many_comparisons_widen_the_interval():
    alone, _ = comparison.compare([around(100.0)], [around(103.0)])
    many = [around(100.0, case=f"c{i}") for i in range(50)]
    together, _ = comparison.compare(many, many)
    assert math.log(together[0].high) > 1.6 * math.log(alone[0].high / alone[0].ratio)


def test_modelled_invalid_and_unbounded_figures_are_not_judged():
    spoilt = [
        around(1.0, method="modelled"),
        around(1.0, valid=False),
        {**around(1.0), "low": None},
        around(1.0, metric="something_else"),
    ]
    assert verdicts(spoilt, spoilt) == []


def test_figures_of_one_run_only_are_named():
    _, alone = comparison.compare([around(1.0, case="a")], [around(1.0, case="b")])
    assert alone == ["only in base: a tpot", "only in head: b tpot"]


def test_percentiles_of_one_case_are_compared_apart():
    base = [around(1.0, percentile=50), around(2.0, percentile=99)]
    assert verdicts(base, base) == ["no difference shown"] * 2


@given(st.floats(0.1, 1e6), st.floats(0.1, 1e6), st.floats(0.0, 0.2), st.floats(0.0, 0.2))
def test_swapping_the_runs_swaps_the_verdict(a, b, half_a, half_b):
    opposite = {
        "regression": "improvement",
        "improvement": "regression",
        "no difference shown": "no difference shown",
    }
    options = {"min_change": 0.0}
    [there] = verdicts([around(a, half_a)], [around(b, half_b)], **options)
    [back] = verdicts([around(b, half_b)], [around(a, half_a)], **options)
    assert back == opposite[there]


def test_the_interval_of_a_ratio_is_both_half_widths_in_quadrature():
    # Half-widths of 3% and 4% on the log scale make 5%.
    def spanned(value, half):
        return around(value) | {"low": value * math.exp(-half), "high": value * math.exp(half)}

    [change], _ = comparison.compare([spanned(10.0, 0.03)], [spanned(10.0, 0.04)])
    assert (change.low, change.high) == pytest.approx((math.exp(-0.05), math.exp(0.05)))


def compared(base, head, **options):
    return comparison.compare(base, head, **options)[0]


def test_a_change_says_of_which_figure_it_is_and_by_how_much():
    [change] = compared([around(100.0, suite="serving")], [around(110.0, suite="serving")])
    told = (change.suite, change.case, change.metric, change.unit, change.base, change.head)
    assert told == ("serving", "decode/b1/ctx64", "tpot", "ms", 100.0, 110.0)
    assert change.ratio == pytest.approx(1.1)


def test_rows_of_a_summary_without_a_suite_are_compared_too():
    bare = {name: value for name, value in around(100.0).items() if name != "suite"}
    [change] = compared([bare], [bare])
    assert change.suite == ""
    # A suite, a percentile or a meter that one side does not name is none.
    assert len(compared([bare | {"suite": "", "percentile": "", "meter": ""}], [bare])) == 1


def test_the_worst_stands_first_and_of_one_verdict_the_largest_change():
    heads = {"same": 100.0, "better": 80.0, "worse": 110.0, "much worse": 150.0, "best": 50.0}
    changes = compared(
        [around(100.0, case=case) for case in heads],
        [around(value, case=case) for case, value in heads.items()],
    )
    assert [change.case for change in changes] == ["much worse", "worse", "best", "better", "same"]


def test_a_figure_that_is_neither_better_high_nor_low_is_not_judged():
    batch = [around(4.0, metric="cached_tokens")]
    assert METRICS["cached_tokens"].better == "neither"
    assert compared(batch, batch) == []


@pytest.mark.parametrize(
    ("value", "judged"), [(1e-15, 1), (9e-16, 0), (1e15, 1), (1.1e15, 0), (None, 0)]
)
def test_only_magnitudes_that_something_could_have_are_compared(value, judged):
    extreme = around(1.0) | dict.fromkeys(("value", "low", "high"), value)
    assert len(compared([extreme], [extreme])) == judged


def test_intervals_hold_together_with_95_percent_by_bonferroni():
    # Two comparisons: the normal quantile of 1 - 0.05/4 is 2.241403, that of 1 - 0.05/2 1.959964.
    pair = [around(100.0, case="a"), around(100.0, case="b")]
    alone, together = compared(pair[:1], pair[:1])[0], compared(pair, pair)[0]
    widened = math.log(together.high) / math.log(alone.high)
    assert widened == pytest.approx(2.241403 / 1.959964, rel=1e-6)
    assert together.low == pytest.approx(1 / together.high)


def test_another_chip_is_no_improvement_whatever_the_figures_say():
    sides = (
        [around(100.0, case="a"), around(1.0, case="b")],
        [around(90.0, case="a"), around(1.0, case="b")],
    )
    assert sorted(verdicts(*sides, same_hardware=False)) == [
        "no difference shown",
        "other hardware",
    ]


@pytest.mark.parametrize(
    ("percentile", "title"),
    [(90.0, "tpot p90"), (99.9, "tpot p99.9"), ("`x`", "tpot"), (None, "tpot")],
)
def test_a_latency_is_named_with_its_percentile(percentile, title):
    row = around(1.0, percentile=percentile)
    [change], _ = comparison.compare([row], [row])
    assert change.title == title
    _, [alone] = comparison.compare([row], [])
    assert alone.endswith(title)
