"""Shares of a roofline: by hand, and never above one of your own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.base.records import CellResult, Series
from suites.kernels import summarize
from suites.kernels.roofline import RooflinePoint, datasheet_roofline, measured_roofline
from tests.builders import assert_signable


def point(family="gemm", *, flops=1e9, moved=1e6, seconds=1e-3, cache="cold", dtype="f32"):
    return RooflinePoint(
        case=f"{family}/{dtype}",
        family=family,
        dtype=dtype,
        cache=cache,
        place="cpu",
        flops=flops,
        bytes=moved,
        seconds=seconds,
    )


# 1 TFLOP/s and 100 GB/s: the ridge stands at 10 FLOP per byte.
PEAK = point("peak", flops=1e9, moved=1e4, seconds=1e-3)
COPY = point("copy", flops=0, moved=1e8, seconds=1e-3)
ROOF = measured_roofline([PEAK, COPY])


def test_the_ridge_divides_compute_from_memory():
    assert ROOF.balance("f32") == pytest.approx(10)
    assert ROOF.bound(point(flops=11e6, moved=1e6)) == "compute"
    assert ROOF.bound(point(flops=9e6, moved=1e6)) == "memory"


def test_shares_match_values_by_hand():
    # 5 FLOP/B may reach 500 GFLOP/s; 250 is half of that.
    half = point("rmsnorm", flops=5e6, moved=1e6, seconds=5e6 / 250e9)
    assert ROOF.share(half) == pytest.approx(0.5)
    quarter = point("embedding", flops=0, moved=1e6, seconds=1e6 / 25e9)
    assert ROOF.share(quarter) == pytest.approx(0.25)


def test_a_transfer_over_the_bus_is_no_part_of_the_devices_roof():
    transfer = point("host_to_device", flops=0, moved=1e6, seconds=1e-3)
    assert ROOF.share(transfer) is None


def test_a_cache_nobody_measured_gives_no_share():
    assert ROOF.share(point(cache="hot")) is None


positive = st.floats(1e-3, 1e12)


families = st.sampled_from(["peak", "gemm", "copy", "rmsnorm", "attention"])
caches = st.sampled_from(["cold", "hot"])


@given(st.lists(st.tuples(families, caches, positive, positive, positive), max_size=10))
def test_no_case_of_a_run_exceeds_its_roof(cases):
    points = [point(f, cache=c, flops=w, moved=b, seconds=s) for f, c, w, b, s in cases]
    roof = measured_roofline(points)
    assert all((roof.share(case) or 0) <= 1 + 1e-9 for case in points)


def test_a_disturbed_product_does_not_set_the_roof():
    disturbed = point("gemm", flops=1e9, moved=1e4, seconds=1e-2)
    other = point("attention", flops=1e9, moved=1e4, seconds=5e-3)
    roof = measured_roofline([disturbed, other, COPY])
    assert roof.peaks["f32"] == (200e9, other.case)


def test_what_no_case_sought_has_no_roof():
    assert measured_roofline([point("rmsnorm", flops=5e6, moved=1e6)]).peaks == {}


def result(datasheet=None):
    series = [
        Series(
            suite="kernels",
            case=p.case,
            metric="time",
            unit="ms",
            samples=(p.seconds * 1e3,) * 6,
            labels={
                "family": p.family,
                "dtype": p.dtype,
                "cache": p.cache,
                "backend": "numpy",
                "stopped_because": "converged",
                "blocks_disturbed": 1,
                "calls_per_block": 3,
                "flops": p.flops,
                "bytes": p.bytes,
            },
        )
        for p in (PEAK, COPY, point("rmsnorm", flops=5e6, moved=1e6, seconds=2e-5))
    ]
    return CellResult(series=tuple(series), facts={"datasheet": datasheet or {}})


def test_rows_carry_the_contract_of_summary_json():
    sheet = {"peak_tflop_s": {"f32": 2.0}, "bandwidth_gb_s": 200.0}
    assert_signable(summarize([result(sheet)] * 3))
    rows = [row.to_json() for row in summarize([result(sheet)] * 3)]
    by_case = {(row["case"], row["metric"]): row for row in rows}
    norm = by_case["rmsnorm/f32", "bandwidth"]
    assert norm["attained"] == norm["value"] == pytest.approx(50)
    assert (norm["attained_unit"], norm["unit"], norm["bound"]) == ("GB/s", "GB/s", "memory")
    assert norm["share_of_measured_roofline"] == pytest.approx(0.5)
    assert norm["share_of_datasheet_roofline"] == pytest.approx(0.25)
    assert (norm["stopped_because"], norm["cache"]) == ("converged", "cold")
    assert norm["blocks_disturbed"] == 3
    peak = by_case["roofline/cpu/peak/f32", "compute_rate"]
    assert peak["value"] == pytest.approx(1.0)
    assert peak["reached_by"] == "peak/f32"
    assert by_case["roofline/cpu/memory", "bandwidth"]["value"] == pytest.approx(100)


def test_without_a_datasheet_there_is_no_share_of_it():
    rows = summarize([result()] * 3)
    assert not any("share_of_datasheet_roofline" in row.labels for row in rows)


def test_a_rates_interval_is_the_times_interval_turned_over():
    slow, middle, fast = (
        CellResult(
            series=tuple(
                Series(
                    suite=s.suite,
                    case=s.case,
                    metric=s.metric,
                    unit=s.unit,
                    samples=tuple(x * factor for x in s.samples),
                    labels=s.labels,
                )
                for s in result().series
            )
        )
        for factor in (1.02, 1.0, 0.98)
    )
    for row in summarize([slow, middle, fast]):
        assert row.low < row.value < row.high


def test_half_a_datasheet_gives_what_it_can():
    roof = datasheet_roofline({"bandwidth_gb_s": 100.0})
    assert roof.share(point("embedding", flops=0, moved=1e6, seconds=2e-5)) == pytest.approx(0.5)
    assert roof.share(point()) is None  # no peak of f32 is stated: nothing to compare with
    assert datasheet_roofline({}).share(point()) is None
