"""The curve against the power cap: its knee worked out by hand, what is drawn, whose it is."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.figures import rows
from leaderboard.figures.figures import Figure
from leaderboard.figures.power_curve import CapPoint, Knee, chart, curves, knee
from leaderboard.pages.power_caps import measured_curves, reported_curves
from leaderboard.words import Words

EN = Words.load("en")
# One RTX 5090 with multi-token prediction, as qwen38-mtp published it.
PUBLISHED = [
    (400, 132.8, 3.09), (450, 142.7, 3.17), (500, 153.6, 3.33), (550, 158.8, 3.50),
    (600, 162.1, 3.71),
]  # fmt: skip


def points(half=None):
    return [
        CapPoint(
            cap_w=cap,
            rate=rate,
            joules=joules,
            rate_low=None if half is None else rate - half,
            rate_high=None if half is None else rate + half,
        )
        for cap, rate, joules in PUBLISHED
    ]


def test_the_knee_of_a_published_sweep():
    # Scaled, rates lie 0, 0.088, 0.210, 0.137 and 0 above the line: most at 500 W.
    assert knee(points()) == Knee(cap_w=500, low_w=450, high_w=550)


def test_a_wide_interval_widens_that_of_the_knee():
    # ±1.2 tokens/s are ±0.041: 550 W (0.137 + 0.041) cannot be told from 500 W (0.210 - 0.041).
    assert knee(points(1.2)) == Knee(cap_w=500, low_w=450, high_w=600)


@pytest.mark.parametrize("rates", [[1, 2], [1, 2, 3], [3, 2, 1], [1, 1, 1], [1, 1.2, 4], [2, 3, 2]])
def test_a_line_a_fall_and_a_convex_curve_have_no_knee(rates):
    made = [CapPoint(cap_w=100 * (n + 1), rate=rate) for n, rate in enumerate(rates)]
    assert knee(made) is None


@given(
    st.lists(
        st.tuples(st.integers(50, 1000), st.floats(0.1, 1e6)), max_size=12, unique_by=lambda p: p[0]
    )
)
def test_a_knee_is_one_of_the_caps_and_within_its_interval(pairs):
    made = [CapPoint(cap_w=cap, rate=rate) for cap, rate in sorted(pairs)]
    bend = knee(made)
    if bend:
        assert bend.cap_w in {point.cap_w for point in made}
        assert bend.low_w <= bend.cap_w <= bend.high_w


def test_points_are_gathered_by_subject_and_one_cap_alone_is_no_curve():
    several = [("a", point) for point in reversed(points())] + [("b", points()[0])]
    (curve,) = curves([*several, ("a", CapPoint(cap_w=600, rate=170.0, joules=3.6))])
    assert [point.cap_w for point in curve.points] == [400, 450, 500, 550, 600]
    assert curve.points[-1].rate == 170.0  # the last of one cap stands
    assert curve.cheapest.cap_w == 400


def test_what_others_report_is_drawn_hollow():
    drawn = curves([("a", point) for point in points()])
    own, others = (str(chart(EN, drawn, measured=real)) for real in (True, False))
    assert "J/token" in own
    assert "hollow" in others
    assert others.count("hollow") > own.count("hollow")
    assert (
        chart(EN, curves([("a", CapPoint(cap_w=c, rate=c)) for c in (1, 2)]), measured=True) is None
    )


def row(cap, rate, when="2026-11-28", **others):
    told = {"model": "m", "precision": "bf16", "engine_name": "vllm", "load": "b1"}
    throughput = Figure(
        metric="output_throughput",
        unit="tokens/s",
        value=rate,
        low=None,
        high=None,
        n=1,
        method="measured",
    )
    return SimpleNamespace(
        **{**told, "where": "r/ab/b1/", "finished_at": when, "rent": None, **others},
        power_cap_w=cap,
        figures={"throughput": throughput},
    )


def test_signed_rows_with_a_cap_are_a_curve_and_the_newest_of_one_cap_stands():
    mixed = [row(300.0, 20.0), row(200.0, 15.0), row(300.0, 19.0, "2026-11-01"), row(None, 30.0)]
    (curve,) = measured_curves([*mixed, row(300.0, 9.0, model="other")], "../../")
    assert curve.name == "m · bf16 · vllm · b1"
    assert [(point.cap_w, point.rate) for point in curve.points] == [(200.0, 15.0), (300.0, 20.0)]
    assert curve.points[0].link == "../../r/ab/b1/"


def section(view, *caps):
    def line(cap, table):
        rate = SimpleNamespace(metric="decode_throughput", value=cap / 4)
        joules = SimpleNamespace(metric="energy_per_output_token", value=4.0)
        labels = {"power_cap_w": cap, "table": table, "Rig": f"@a (1× 3090, {cap} W cap)"}
        result = SimpleNamespace(labels=labels, measurements=[rate, joules])
        return SimpleNamespace(result=result, costs=[], link="")

    publisher = SimpleNamespace(view=view, title="them")
    return SimpleNamespace(publisher=publisher, lines=[line(cap, 1) for cap in caps])


def test_reported_caps_of_one_rig_are_one_curve_and_mlperf_stands_apart():
    (curve,) = reported_curves(EN, [section("general", 230, 370), section("mlperf", 1, 2)])
    assert curve.name == "them: 1 · @a (1× 3090)"
    assert [point.joules for point in curve.points] == [4.0, 4.0]


def test_the_template_shows_the_knee_and_every_point():
    import leaderboard

    template = (Path(leaderboard.__file__).parent / "templates" / "chip.html").read_text()
    assert re.search(r"curve\.knee\.low_w.*curve\.knee\.high_w", template)


@pytest.mark.parametrize(
    ("said", "held"),
    [
        (400, 400.0),
        (250.5, 250.5),
        (True, None),
        ("400", None),
        ([4], None),
        (-1, None),
        (1e9, None),
    ],
)
def test_a_strangers_cap_is_a_number_of_watts_or_none(said, held):
    run = SimpleNamespace(options={"power_cap_w": said})
    result = SimpleNamespace(predicate=SimpleNamespace(run=run))
    assert rows._power_cap(result) == held
