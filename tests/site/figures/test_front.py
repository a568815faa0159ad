"""The front of a model: the best evidence of each chip alone, and what nothing else beats."""

from __future__ import annotations

from dataclasses import replace

from leaderboard.figures.front import ConfigurationPoint, View, default_view, lines

POINT = ConfigurationPoint(
    chip="a",
    chip_name="A",
    kind="reported",
    load="1024→1024",
    per_user=50.0,
    rate=100.0,
    usd={"on-demand": 4.0, "owned": 2.0},
    where="reported/x/#1",
)
RENTED = View("1024→1024", "on-demand", "reported")


def at(user: float, usd: float, **other) -> ConfigurationPoint:
    return replace(POINT, per_user=user, usd={"on-demand": usd}, where=f"{user} {usd}", **other)


def test_a_point_that_is_slower_and_dearer_is_left_out():
    [line] = lines([at(10, 1), at(50, 4), at(40, 5), at(20, 1), at(30, 2)], RENTED)
    assert [(p.per_user, p.usd["on-demand"]) for p in line.points] == [(50, 4), (30, 2), (20, 1)]


def test_measured_stands_alone_though_a_report_is_cheaper():
    measured, reported = at(10, 9, kind="measured"), at(90, 1)
    [line] = lines([measured, reported], RENTED)
    assert (line.kind, list(line.points)) == ("measured", [measured])


def test_weaker_evidence_shows_when_it_is_asked_for_and_stands_last():
    dear, guess = at(10, 9), at(10, 1, kind="predicted", chip="b")
    assert [line.chip for line in lines([guess, dear], RENTED)] == ["a"]
    every = lines([guess, dear], View("*", "on-demand", "predicted"))
    assert [line.chip for line in every] == ["a", "b"]


def test_a_class_or_load_that_a_chip_lacks_leaves_it_out():
    assert lines([at(10, 1)], View("1024→1024", "owned", "predicted")) == []
    assert lines([at(10, 1)], View("8192→1024", "on-demand", "predicted")) == []


def test_a_page_opens_with_what_most_chips_are_known_in():
    others = [replace(POINT, chip=chip, load="8192→1024") for chip in "ab"]
    spot = replace(others[0], chip="c", usd={"owned": 1.0})
    guesses = [at(1, 1, kind="predicted", chip=chip, load="64→64") for chip in "abcdef"]
    points = [POINT, *others, spot, *guesses]
    assert default_view(points, "on-demand") == View("8192→1024", "owned", "reported")
    assert default_view([POINT], "on-demand") == RENTED
    assert default_view(guesses, "on-demand") == View("64→64", "on-demand", "predicted")
