"""Two runs compared: a verdict only where both runs' noise allows one."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners import regression
from suites.errors import UserError


def row(value, half=0.01, metric="tpot", case="decode/b1/ctx64", **more):
    return {
        "suite": "inference",
        "case": case,
        "metric": metric,
        "unit": "ms",
        "value": value,
        "low": value * (1 - half),
        "high": value * (1 + half),
        "n": 3,
        "method": "measured",
        **more,
    }


def verdicts(base, head, **options):
    changes, _ = regression.compare(base, head, **options)
    return [change.verdict for change in changes]


def test_a_clear_slowdown_is_a_regression():
    assert verdicts([row(100.0)], [row(110.0)]) == ["regression"]


def test_a_clear_speedup_is_an_improvement():
    assert verdicts([row(100.0)], [row(90.0)]) == ["improvement"]


def test_direction_follows_the_metric():
    base, head = row(100.0, metric="decode_throughput"), row(110.0, metric="decode_throughput")
    assert verdicts([base], [head]) == ["improvement"]


def test_a_change_inside_the_noise_is_no_difference():
    assert verdicts([row(100.0, half=0.1)], [row(110.0, half=0.1)]) == ["no difference shown"]


def test_a_change_below_the_threshold_is_no_difference_however_sharp_the_runs():
    assert verdicts([row(100.0, half=1e-4)], [row(102.0, half=1e-4)]) == ["no difference shown"]
    assert verdicts([row(100.0, half=1e-4)], [row(102.0, half=1e-4)], min_change=0.01) == [
        "regression"
    ]


def test_many_comparisons_widen_the_interval():
    alone, _ = regression.compare([row(100.0)], [row(103.0)])
    many = [row(100.0, case=f"c{i}") for i in range(50)]
    together, _ = regression.compare(many, many)
    assert math.log(together[0].high) > 1.6 * math.log(alone[0].high / alone[0].ratio)


def test_modelled_invalid_and_unbounded_figures_are_not_judged():
    spoilt = [
        row(1.0, method="modelled"),
        row(1.0, valid=False),
        {**row(1.0), "low": None},
        row(1.0, metric="something_else"),
    ]
    assert verdicts(spoilt, spoilt) == []


def test_figures_of_one_run_only_are_named():
    _, alone = regression.compare([row(1.0, case="a")], [row(1.0, case="b")])
    assert alone == ["only in base: a tpot", "only in head: b tpot"]


def test_percentiles_of_one_case_are_compared_apart():
    base = [row(1.0, percentile=50), row(2.0, percentile=99)]
    assert verdicts(base, base) == ["no difference shown"] * 2


@given(st.floats(0.1, 1e6), st.floats(0.1, 1e6), st.floats(0.0, 0.2), st.floats(0.0, 0.2))
def test_swapping_the_runs_swaps_the_verdict(a, b, half_a, half_b):
    opposite = {
        "regression": "improvement",
        "improvement": "regression",
        "no difference shown": "no difference shown",
    }
    options = {"min_change": 0.0}
    [there] = verdicts([row(a, half_a)], [row(b, half_b)], **options)
    [back] = verdicts([row(b, half_b)], [row(a, half_a)], **options)
    assert back == opposite[there]


def test_markdown_counts_regressions_and_shows_ratios():
    text = regression.markdown(*regression.compare([row(100.0)], [row(120.0)]))
    assert "1 significant regressions in 1 figures" in text
    assert "1.200 [1." in text


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": 1}', '{"payload": "!!"}', "null"])
def test_a_file_without_rows_is_one_clear_error(tmp_path, content):
    (tmp_path / "summary.json").write_text(content)
    with pytest.raises(UserError, match="summary"):
        regression.load_rows(tmp_path)


def test_rows_are_read_from_an_archive_folder(tmp_path):
    (tmp_path / "summary.json").write_text(json.dumps([row(1.0)]))
    assert regression.load_rows(tmp_path) == [row(1.0)]
