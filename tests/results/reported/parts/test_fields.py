"""A table of fields: statistics by whatever name, units by what the file says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.reported.parts.building import Refused
from results.reported.parts.fields import STATED, Field, factor, measured, statistic
from results.reported.recognising import KINDS
from suites.base.metrics import METRICS

TIME = Field(theirs="wait.{}", metric="ttft", unit=STATED, definition="")


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("avg", "mean"), ("Average", "mean"), ("med", "median"), ("std_dev", "std"),
        ("minimum", "min"), ("p50", "p50"), ("P99", "p99"), ("p99.9", "p99.9"),
        ("p99p9", "p99.9"), ("p999", "p99.9"), ("p001", "p0.1"), ("p0p1", "p0.1"),
        ("p05", "p5"), ("percentiles.p90", "p90"), ("quantiles_p25", "p25"),
        ("99.90 percentile", "p99.9"), ("97.00 percentile", "p97"), ("p100", "max"),
        ("count", None), ("sum", None), ("mode", None), ("variance", None), ("", None),
        ("ttft", None), ("p", None), ("1000", None),
    ],
)  # fmt: skip
def test_a_statistic_has_one_name(spelled, name):
    assert statistic(spelled) == name


@given(st.integers(1, 99), st.integers(0, 9))
def test_every_percentile_is_its_own_number(whole, tenth):
    name = f"p{whole}.{tenth}" if tenth else f"p{whole}"
    assert statistic(name) == name


@given(st.text(max_size=40))
def test_no_text_is_more_than_a_statistic_or_none(text):
    assert statistic(text) is None or statistic(text)[0] in "mps"


@pytest.mark.parametrize(
    ("metric", "unit", "expected"),
    [("ttft", "s", 1e3), ("tpot", "ns", 1e-6), ("tpot", "s/token", 1e3), ("power", "kW", 1e3),
     ("request_throughput", "requests/min", 1 / 60), ("bandwidth", "TB/s", 1e3),
     ("compute_rate", "GFLOPS", 1e-3), ("compute_rate", "TOPS", None),
     ("output_throughput", "req/s", None), ("ttft", "", None)],
)  # fmt: skip
def test_a_unit_is_converted_or_not_known(metric, unit, expected):
    assert factor(metric, unit) == (None if expected is None else pytest.approx(expected))


def test_a_row_is_read_by_the_table_alone():
    row = {"wait.unit": "s", "wait.avg": 0.5, "wait.p90": "1.5", "wait.count": 9, "other.avg": 7}
    told = {figure.labels["statistic"]: figure.value for figure in measured(row, "case", [TIME])}
    assert told == {"mean": 500.0, "p90": 1500.0}


def test_zero_is_nothing_measured_but_a_least_and_a_spread():
    row = {"wait.unit": "s", "wait.avg": 0.0, "wait.min": 0, "wait.std": 0.0, "wait.p99": None}
    told = [figure.labels["statistic"] for figure in measured(row, "case", [TIME])]
    assert told == ["min", "std"]


@pytest.mark.parametrize(
    "value", [-1, "many", True, [1], {"a": 1}, float("inf"), "1,5", "1_000", 1e300]
)
def test_what_is_no_number_costs_the_row(value):
    with pytest.raises(Refused, match=r"wait\.avg|ttft of 1e\+303 ms"):
        list(measured({"wait.unit": "s", "wait.avg": value}, "case", [TIME]))


@pytest.mark.parametrize("kind", KINDS)
def test_every_table_is_of_metrics_and_units_we_know(kind):
    table = KINDS[kind].fields
    assert len({field.theirs for field in table}) == len(table)
    for field in table:
        assert field.definition
        if field.metric and field.unit not in {STATED, "as the cell states"}:
            assert factor(field.metric, field.unit), field
        assert not field.metric or field.metric in METRICS
