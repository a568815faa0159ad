"""A sweep finds the curve by itself."""

from __future__ import annotations

from xml.etree.ElementTree import fromstring

import pytest

from leaderboard.pages.sweep_curve import curve_of
from suites.base.errors import UserError
from suites.serving import plan, summarize
from suites.serving.instrument.emitter import Emitter, Schedule
from suites.serving.run import run_cell
from suites.serving.sweep import CurvePoint, Sweep, knee_of, next_concurrency, read_sweep


def explore(sweep, curve, **limits):
    """Let the sweep measure a known curve; returns what it asked for, in order."""
    seen = []
    while (streams := next_concurrency(sweep, seen, **limits)) is not None:
        assert streams not in [point.concurrency for point in seen]
        assert len(seen) < 50
        seen.append(curve(streams))
    return [point.concurrency for point in seen]


def saturating(streams):
    """Throughput grows to 24 streams and no further; beyond, each waits longer."""
    return CurvePoint(streams, 100.0 * min(streams, 24), 10.0 * max(1, streams / 24))


def test_it_doubles_until_it_no_longer_pays_and_then_looks_around_the_knee():
    asked = explore(Sweep(most=512), saturating)
    assert asked[:7] == [1, 2, 4, 8, 16, 32, 64]
    assert len(asked) == 7 + 4
    assert any(16 < streams < 32 for streams in asked[7:])
    assert any(32 < streams < 64 for streams in asked[7:])


def test_the_knee_is_the_first_of_a_plateau_not_its_highest_bump():
    rates = {1: 100.0, 2: 190.0, 4: 300.0, 8: 297.0, 16: 303.0, 32: 301.0}
    curve = [CurvePoint(streams, rate, 1.0) for streams, rate in rates.items()]
    assert knee_of(curve, 0.05).concurrency == 4
    assert 2 < next_concurrency(Sweep(most=32), curve) < 8


def test_it_never_asks_for_more_than_allowed():
    assert max(explore(Sweep(most=16), lambda n: CurvePoint(n, 100.0 * n, 1.0))) == 16
    assert explore(Sweep(most=1), saturating) == [1]


def test_it_looks_where_the_limit_is_crossed():
    asked = explore(
        Sweep(most=8, refinements=3), lambda n: CurvePoint(n, 100.0, float(n)), slo_tpot_ms=1.5
    )
    assert asked == [1, 2]
    asked = explore(
        Sweep(most=64, refinements=8),
        lambda n: CurvePoint(n, float(n), float(n)),
        slo_tpot_ms=11.0,
    )
    assert {11, 12} & set(asked)


@pytest.mark.parametrize("text", ["most = 0", "most = 'x'", "gain = 2", "speed = 1", "most ="])
def test_a_plan_that_cannot_be_is_one_line(tmp_path, text):
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"sweep\.toml"):
        read_sweep(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_sweep(tmp_path / "none.toml")


def test_a_plan_is_read(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text("most = 32\nrefinements = 2\n")
    assert read_sweep(path) == Sweep(most=32, refinements=2)


def test_a_cell_follows_the_sweep(tmp_path, exact_instrument):
    path = tmp_path / "sweep.toml"
    path.write_text("most = 4\nrefinements = 1\n")
    with Emitter(Schedule(ttft_ms=10, itl_ms=5)) as emitter:
        options = {"endpoint": emitter.url, "model": "m", "isl": 16, "osl": 8, "requests": 4}
        (cell,) = plan("quick", {**options, "sweep": str(path), "processes": 2})
        rows = summarize([run_cell(cell.spec)])
    asked = {row.labels["concurrency"] for row in rows}
    # Whether the second doubling pays is the machine's business; that it was tried is not.
    assert {1, 2} <= asked <= {1, 2, 3, 4}


def test_a_sweeps_curve_is_a_picture_of_its_points():
    common = {"suite": "serving", "unit": "x", "method": "measured"}
    rows = [
        {**common, "case": f"closed/c{streams}", "metric": metric, "value": value}
        | {"concurrency": streams}
        for streams, figures in {1: (100.0, 90.0), 4: (60.0, 200.0)}.items()
        for metric, value in zip(("interactivity", "output_throughput"), figures, strict=True)
    ]
    picture = curve_of([*rows, {**rows[0], "rate": 3.0}, {**rows[0], "suite": "kernels"}])
    root = fromstring(picture)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == [
        "4 streams: 200 tokens/s, 60 tokens/s per user",
        "1 streams: 90 tokens/s, 100 tokens/s per user",
    ]
    with pytest.raises(UserError, match="no serving point"):
        curve_of([])
