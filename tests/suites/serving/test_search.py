"""A search finds the highest load that meets the limits, and how sure that is."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest

from suites.base.errors import UserError
from suites.base.records import CellResult
from suites.base.statistics import weight_of
from suites.serving import plan, summarize
from suites.serving.course import course_of
from suites.serving.instrument.instrument import Error, Instrument
from suites.serving.load.outcome import LoadOutcome
from suites.serving.load.point import Point
from suites.serving.search import (
    LoadSearch,
    Tried,
    bracket,
    least_requests,
    next_load,
    sure_share,
)
from tests.builders import answered, assert_signable

# One server of 10 requests a second, and an answer within a second: of M/M/1 the time in the system
# is exponential at the rate 10 − λ, so 90% meet the limit up to λ = 10 − ln 10.
CAPACITY, LIMIT_S = 10.0, 1.0
KNEE = CAPACITY - math.log(10) / LIMIT_S


def explore(search, measure):
    """Let the search measure; what it found, and the loads it asked for in order."""
    seen = []
    while (load := next_load(search, seen)) is not None:
        assert load not in [tried.load for tried in seen]
        assert len(seen) < 40
        seen.append(measure(load))
    return bracket(search, seen), [tried.load for tried in seen]


def queue(rate, *, requests, draw):
    """M/M/1, first come first served, by Lindley's recursion; its first tenth is left out."""
    gaps = draw.exponential(1 / rate, requests)
    work = draw.exponential(1 / CAPACITY, requests)
    walk = np.concatenate(([0.0], np.cumsum(work[:-1] - gaps[1:])))
    times = walk - np.minimum.accumulate(walk) + work
    good = times[requests // 10 :] <= LIMIT_S
    weight, saturated = weight_of([good]), rate >= CAPACITY
    return Tried(rate, int(good.sum()), len(good), weight, "saturated" * saturated, saturated)


@pytest.mark.parametrize(("start", "seed"), [(0.3, 0), (60.0, 1)])
def test_the_rate_of_a_queue_is_found_within_three_percent(start, seed):
    draw = np.random.default_rng(seed)
    search = LoadSearch(by="rate", start=start, most=1e6)
    ends, _ = explore(search, lambda rate: queue(rate, requests=300_000, draw=draw))
    assert ends.low.load == pytest.approx(KNEE, rel=0.03)
    assert ends.low.load < ends.high.load <= 1.0125 * ends.low.load


def test_few_requests_give_a_lower_rate_not_a_luckier_one():
    draw = np.random.default_rng(7)
    search = LoadSearch(by="rate", start=1.0, most=1e6)
    runs = [
        explore(search, lambda rate: queue(rate, requests=20_000, draw=draw)) for _ in range(20)
    ]
    lows = [ends.low.load for ends, _ in runs]
    assert sum(low > KNEE for low in lows) <= 1
    assert min(lows) > 0.85 * KNEE


def test_the_share_that_is_sure_is_wilsons_bound_of_independent_requests():
    # The share p from which 95 of 100 lie 2.326 standard deviations away: √(p (1 − p) ÷ 100) each.
    sure = sure_share(Tried(1.0, 95, 100))
    assert (0.95 - sure) / math.sqrt(sure * (1 - sure) / 100) == pytest.approx(2.326, abs=1e-3)
    assert sure_share(Tried(1.0, 950, 1000, weight=10.0)) == sure_share(Tried(1.0, 95, 100))
    assert sure_share(Tried(1.0, 0, 0)) == 0
    assert least_requests(0.9) == 49
    assert sure_share(Tried(1.0, 49, 49)) >= 0.9 > sure_share(Tried(1.0, 48, 48))


def test_a_concurrency_is_found_to_the_stream():
    search = LoadSearch(by="concurrency", start=1, most=64)
    ends, asked = explore(search, lambda c: Tried(c, 1000 if c <= 23 else 0, 1000))
    assert (ends.low.load, ends.high.load) == (23, 24)
    assert asked[:6] == [1, 2, 4, 8, 16, 32]


def test_what_every_load_meets_has_no_upper_end_and_what_none_meets_no_lower():
    search = LoadSearch(by="concurrency", start=1, most=6)
    ends, asked = explore(search, lambda c: Tried(c, 100, 100))
    assert asked == [1, 2, 4, 6]
    assert (ends.low.load, ends.high) == (6, None)
    ends, asked = explore(search.model_copy(update={"start": 4}), lambda c: Tried(c, 0, 100))
    assert asked == [4, 2, 1]
    assert ends.low is None


def test_a_rate_is_halved_while_that_may_help_and_no_longer():
    search = LoadSearch(by="rate", start=1, most=9)
    _, asked = explore(search, lambda r: Tried(r, 50, 100))
    assert asked == [1, 0.5]
    _, asked = explore(search, lambda r: Tried(r, min(200, round(40 / r)), 200))
    assert asked[:4] == [1, 0.5, 0.25, 0.125]
    _, asked = explore(search, lambda r: Tried(r, 0, 100, 1.0, "saturated", saturated=True))
    assert len(asked) == 13


def test_a_load_that_is_not_valid_never_meets_the_limits():
    search = LoadSearch(by="rate", start=1, most=100)
    ends, _ = explore(search, lambda r: Tried(r, 100, 100, problem="saturated" if r > 3 else ""))
    assert 2.95 < ends.low.load <= 3


EASY = {"endpoint": "http://127.0.0.1:9", "model": "m", "isl": 16, "osl": 4, "slo_ttft": 100.0}


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"search": "turns"}, "search"),
        ({"search": "rate", "slo_ttft": None}, "search"),
        ({"search": "rate", "rate": [1.0, 2.0]}, "rate"),
        ({"search": "concurrency", "rate": [1.0]}, "rate"),
        ({"search": "concurrency", "concurrency": [1, 2]}, "concurrency"),
        ({"search": "rate", "requests": 10}, "requests"),
        ({"search": "rate", "goodput_share": 0.99, "requests": 200}, "requests"),
        ({"search": "rate", "sweep": "curve.toml"}, "search"),
        ({"search": "rate", "trace": "day.jsonl"}, "search"),
        ({"goodput_share": 0.95}, "goodput_share"),
    ],
)
def test_a_search_that_cannot_be_is_refused_by_name(wrong, where):
    with pytest.raises(UserError) as caught:
        plan("quick", {**EASY, **wrong})
    assert caught.value.where == where


def test_a_search_begins_where_it_is_told_and_is_long_enough():
    (cell,) = plan("quick", {**EASY, "search": "rate", "rate": [3.0], "concurrency": [9]})
    (point,) = cell.spec["points"]
    assert (point["rate"], point["concurrency"], point["requests"]) == (3.0, 9, 98)
    assert cell.spec["search"]["start"] == 3.0
    (cell,) = plan("quick", {**EASY, "search": "concurrency", "concurrency": [8]})
    assert cell.spec["points"][0]["concurrency"] == 8


def answers(load, good, n=100):
    """An outcome of which so many requests take 50 ms to their first token, others a second."""
    requests = [
        replace(answered([first, first + 10**7], sent_ns=sent), index=index)
        for index, sent in enumerate(range(0, n * 10**7, 10**7))
        for first in [sent + (5 * 10**7 if index * good // n < (index + 1) * good // n else 10**9)]
    ]
    return LoadOutcome(
        requests=requests,
        start_ns=0,
        end_ns=requests[-1].ended_ns,
        cpu_share=0.1,
        events=2 * n,
        parse_s=0.0,
        lag_ms=(),
        reconnects=0,
    )


EXACT = Error(p50=0.0, p99=0.0, max=0.0, n=1)
FACT = {
    "instrument": Instrument(
        ttft=EXACT,
        itl=EXACT,
        tpot=EXACT,
        stalls=0,
        cpu_share=0.0,
        events_per_s=1e9,
        cpu_ms_per_1000_events=0.0,
    ).to_json(),
    "problems": [],
    "pace_problems": [],
    "saturated": "",
    "hidden": 0,
}


def searched(limit, *, most=None, fact=FACT, **options):
    """Rows of a search whose requests are all good up to a load, and half of them beyond."""
    (cell,) = plan("quick", {**EASY, "slo_tpot": 50.0, **options})
    if most:
        cell.spec["search"]["most"] = most
    course = course_of(cell.spec)
    first = point = Point.from_json(json.loads(json.dumps(cell.spec["points"][0])))
    while point:
        load = point.rate or point.concurrency
        outcome = answers(load, 100 if load <= limit else 50)
        point = next(iter(course.further(point, outcome, fact)), None)
    facts = json.loads(json.dumps({"points": {}, **course.facts(first)}))
    rows = summarize([CellResult(series=(), facts=facts)])
    assert_signable(rows)
    return rows


def test_a_searched_row_says_what_was_searched_and_between_which_loads(capsys):
    (row,) = searched(5.0, search="rate", rate=[2.0], arrival="constant")
    assert row.case == "search/rate/constant/isl16/osl4/ttft100/tpot50/share0.9"
    assert (row.metric, row.unit, row.n) == ("searched_rate", "1/s", 100)
    assert row.low == row.value <= 5.0 < row.high <= 1.0125 * row.low
    assert row.labels.items() >= {
        ("slo_ttft", 100.0),
        ("slo_tpot", 50.0),
        ("goodput_share", 0.9),
        ("arrival", "constant"),
        ("valid", True),
    }
    assert "rate" not in row.labels
    output = capsys.readouterr().out
    assert "rate 2: 100 of 100 meet the limits, 94.9% for sure" in output
    assert "was not seen to" in output


def test_a_search_without_an_end_says_so(capsys):
    (row,) = searched(9.0, search="concurrency", most=4)
    assert row.case == "search/concurrency/isl16/osl4/ttft100/tpot50/share0.9"
    assert (row.value, row.high) == (4.0, None)
    assert "4 is the highest concurrency tried" in capsys.readouterr().out
    assert not searched(0.5, search="concurrency")
    assert "no concurrency from 1 on meets the limits" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [
        {"problems": ["3 of 100 requests failed"]},
        {"pace_problems": ["all came in one piece"]},
        {"saturated": "saturated: more was sent"},
        {"hidden": 4},
        {"instrument": {**FACT["instrument"], "ttft": {**asdict(EXACT), "p99": 2.1}}},
    ],
)
def test_a_point_that_is_not_valid_meets_no_limit(wrong):
    assert not searched(9.0, search="concurrency", fact={**FACT, **wrong})


def test_a_low_rate_is_held_for_as_long_as_it_takes():
    (cell,) = plan("standard", {**EASY, "search": "rate", "rate": [0.5]})
    point = Point.from_json(json.loads(json.dumps(cell.spec["points"][0])))
    (following,) = course_of(cell.spec).further(point, answers(0.5, 0), FACT)
    assert (following.rate, following.duration_s) == (0.25, 392.0)


@pytest.mark.parametrize("by", ["users", "agents"])
def test_conversations_are_searched_by_how_many_there_are(by, capsys):
    (row,) = searched(5, search=by, turns=3, turn_isl=8, think_time="0.5", **{by: [2]})
    assert row.case == f"search/{by}/turns3/isl16+8/osl4/think-fixed:0.5/ttft100/tpot50/share0.9"
    assert (row.metric, row.unit) == (f"searched_{by}", "count")
    assert (row.value, row.high) == (5.0, 6.0)
    assert row.labels["turns"] == 3
    assert by not in row.labels
    assert f"{by} 2: 100 of 100 meet the limits" in capsys.readouterr().out


def test_a_search_of_agents_begins_with_one_and_holds_whole_waves_of_sessions():
    (cell,) = plan("quick", {**EASY, "slo_tpot": 50.0, "search": "agents", "sub_agents": 2})
    course = course_of(cell.spec)
    point = Point.from_json(json.loads(json.dumps(cell.spec["points"][0])))
    assert point.concurrency == 1
    (point,) = course.further(point, answers(1, 100), FACT)
    (point,) = course.further(point, answers(2, 100), FACT)
    (point,) = course.further(point, answers(4, 100), FACT)
    assert point.concurrency == 8
    assert point.requests >= 2 * 8 * point.sessions.requests
    # Every agent may have two sub-agents in flight.
    assert course.most_streams == 2 * cell.spec["search"]["most"]


@pytest.mark.parametrize(
    "wrong",
    [{"search": "users", "agents": [2]}, {"search": "users", "rate": [2.0]},
     {"search": "rate", "users": [2]}, {"search": "agents", "agents": [1, 2]}],
)  # fmt: skip
def test_a_search_takes_its_own_start_only(wrong):
    with pytest.raises(UserError):
        plan("quick", {**EASY, "slo_tpot": 50.0, **wrong})
