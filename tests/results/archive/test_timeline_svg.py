"""Pictures of loads: what they say, to eyes and to screen readers, and what they may hold."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from results.archive.timeline_svg import pictures

SVG = "{http://www.w3.org/2000/svg}"
LINE = {
    "start_ns": 5,
    "step_s": 0.5,
    "steady_s": [0.5, 1.5],
    "sent": [2.0, 4.0, 2.0, 0.0],
    "done": [0.0, 2.0, 4.0, 2.0],
    "in_flight": [1.0, 2.0, 2.0, 1.0],
    "ttft_ms": [10.0, 20.0, None, 30.0],
    "power": [
        {"meter": "dcgm total of 2", "scope": "chip", "step_s": 1.0, "w": [300.0, 500.0]},
        {"meter": "dcgm 0", "scope": "chip", "step_s": 1.0, "w": [100.0, 200.0]},
    ],
}


def drawn(line=LINE, case="open/poisson/r4/isl16/osl8"):
    return list(pictures({"serving-p0": {"facts": {"timelines": {case: line}}}}))


def test_a_picture_tells_in_words_what_it_shows():
    (picture,) = drawn()
    root = ET.fromstring(picture.svg)
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "title desc"
    assert root.find(f"{SVG}title").text == "Timeline of open/poisson/r4/isl16/osl8"
    told = root.find(f"{SVG}desc").text
    assert told.startswith("2 seconds, the steady state from 0.5 to 1.5.")
    assert "requests/s sent: 0 to 4, in the mean 2." in told
    assert "TTFT, ms, median: 10 to 30, in the mean 20." in told
    # One meter's, the total's: figures of several are never added up here.
    assert "power, W, chip, by dcgm total of 2: 300 to 500, in the mean 400." in told
    assert "prefers-color-scheme:dark" in root.find(f"{SVG}style").text


def test_the_widest_meter_is_the_one_that_is_drawn():
    node = {"meter": "ipmi", "scope": "node", "step_s": 1.0, "w": [900.0, 1100.0]}
    (picture,) = drawn({**LINE, "power": [*LINE["power"], node]})
    assert "power, W, node, by ipmi: 900 to 1.1e+03" in picture.words


def test_lines_lie_where_their_values_are_and_a_step_without_one_is_a_gap():
    (picture,) = drawn()
    root = ET.fromstring(picture.svg)
    sent, in_flight, ttft, power = [
        path.get("d") for path in root.iter(f"{SVG}path") if path.get("class") == "a"
    ]
    # 642 units for two seconds from 64 on; the highest value lies at the panel's top, 44.
    assert sent.split("L")[1] == "304.8 44.0"
    assert ttft.count("M") == 2
    assert in_flight.count("M") == 1
    assert power.startswith("M224.5 ")
    (steady, *_) = [r for r in root.iter(f"{SVG}rect") if r.get("class") == "steady"]
    assert (float(steady.get("x")), float(steady.get("width"))) == (224.5, 321.0)


@pytest.mark.parametrize(
    "change",
    [
        {"sent": "x"},
        {"sent": []},
        {"step_s": 0},
        {"step_s": float("nan")},
        {"in_flight": [float("inf")]},
        {"ttft_ms": [-1.0]},
        {"steady_s": [1]},
        {"power": [{"meter": "m"}]},
    ],
)
def test_what_is_no_timeline_is_passed_over(change):
    assert drawn({**LINE, **change}) == []


@pytest.mark.parametrize("evidence", [{"c": 1}, {"c": {"facts": []}}, {"c": {"facts": {}}}, {}])
def test_raw_samples_without_any_give_none(evidence):
    assert list(pictures(evidence)) == []


def test_a_strangers_words_are_no_markup():
    power = [{"meter": '"><script>', "scope": "chip", "step_s": 1.0, "w": [1.0]}]
    (picture,) = drawn({**LINE, "power": power}, case="</title><script>\x1b[1m")
    root = ET.fromstring(picture.svg)
    assert not list(root.iter(f"{SVG}script"))
    assert "\x1b" not in picture.svg


def turn(number, sent_s, first_s, ended_s, **fields):
    times = {"sent_s": sent_s, "first_s": first_s, "ended_s": ended_s}
    return {"turn": number, **times, "input": 100, "output": 8, "cached": None, **fields}


SESSION = [
    turn(1, 0.0, 0.5, 2.0),
    turn(0, 2.5, 3.0, 6.0, input=50),
    turn(0, 2.5, 3.5, 5.0, input=50),
    turn(2, 7.0, 8.0, 10.0, input=200, cached=150),
]


def test_a_session_is_drawn_request_by_request_with_its_tokens():
    whole, session = drawn({**LINE, "session": SESSION}, "agents/n1/turns2")
    assert session.case == f"{whole.case}, one session"
    assert session.words == (
        "10 seconds, 2 turns and 2 requests of sub-agents. Input 50 to 200 tokens, 38% of it had "
        "by the server; first token after 0.5 to 1 seconds."
    )
    root = ET.fromstring(session.svg)
    bars = [
        tuple(float(bar.get(name)) for name in ("x", "y", "width"))
        for bar in root.iter(f"{SVG}rect")
        if bar.get("class") == "answer"
    ]
    # 642 units for ten seconds from 64 on; sub-agents have lines of their own.
    assert bars == [
        (96.1, 44.0, 96.3),
        (256.6, 60.0, 192.6),
        (288.7, 76.0, 96.3),
        (577.6, 44.0, 128.4),
    ]
    known = [bar for bar in root.iter(f"{SVG}rect") if bar.get("class") == "known"]
    assert [float(bar.get("height")) for bar in known] == [0.0, 0.0, 0.0, 66.0]


def test_more_requests_at_once_than_there_are_lines_share_the_last():
    crowd = [turn(0, 0.0, 0.1, 1.0) for _ in range(100)]
    _, session = drawn({**LINE, "session": crowd})
    assert session.height < 700


@pytest.mark.parametrize(
    "field", [{"sent_s": -1}, {"first_s": "x"}, {"input": 1e300}, {"turn": None}]
)
def test_a_session_of_strange_values_is_drawn_not_at_all(field):
    assert drawn({**LINE, "session": [{**SESSION[0], **field}]}) == []


def test_a_session_of_no_length_is_drawn():
    _, session = drawn({**LINE, "session": [turn(1, 0.0, 0.0, 0.0, input=0)]})
    ET.fromstring(session.svg)
