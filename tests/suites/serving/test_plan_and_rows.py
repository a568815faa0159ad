"""From options to cells, and from what cells measured to rows that say whether they are valid."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from results.agreement.comparison import compare
from results.checks.evidence import key_of
from suites.base.errors import CheckError, UserError
from suites.base.records import CellResult
from suites.serving import plan, summarize
from suites.serving.instrument.emitter import Emitter, Schedule
from suites.serving.instrument.instrument import Error
from suites.serving.instrument.validity import instrument_problem, media_problems
from suites.serving.load.outcome import LoadOutcome
from suites.serving.load.point import Point
from suites.serving.run import not_answered, run_cell
from tests.builders import answered, assert_signable

URL = "http://127.0.0.1:9"
EASY = {"endpoint": URL, "model": "m", "isl": 16, "osl": 8}


def points(**options):
    return [point for cell in plan("quick", {**EASY, **options}) for point in cell.spec["points"]]


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"rate": [0.0]}, "rate"),
        ({"rate": [float("inf")]}, "rate"),
        ({"concurrency": [0]}, "concurrency"),
        ({"rate": [1.0], "concurrency": [1, 2]}, "concurrency"),
        ({"arrival": "poisson"}, "arrival"),
        ({"rate": [1.0], "arrival": "weekly"}, "arrival"),
        ({"burstiness": 0.5}, "burstiness"),
        ({"rate": [1.0], "arrival": "gamma"}, "burstiness"),
        ({"rate": [1.0], "arrival": "constant", "burstiness": 0.5}, "burstiness"),
        ({"isl": 2}, "isl"),
        ({"osl": 1}, "osl"),
        ({"requests": 4, "duration": 3.0}, "requests, duration"),
        ({"slo_ttft": -1.0}, "slo_ttft"),
        ({"shared_prefix": 1.0}, "shared_prefix"),
        ({"processes": 0}, "processes"),
        ({"api": "graphql"}, "api"),
        ({"endpoint": "nonsense"}, "endpoint"),
        ({"api_key_env": "NO_SUCH_VARIABLE"}, "api_key_env"),
        ({"endpoint": None, "model": "gpt-9"}, "model"),
    ],
)
def test_an_option_that_cannot_be_is_refused_by_name(wrong, where):
    with pytest.raises(UserError) as caught:
        plan("quick", {**EASY, **wrong})
    assert caught.value.where == where


def test_points_are_named_by_what_they_are():
    assert [p["concurrency"] for p in points(concurrency=[1, 8])] == [1, 8]
    (cell,) = plan("quick", {**EASY, "rate": [2.5], "concurrency": [9], "arrival": "constant"})
    assert cell.spec["points"][0]["rate"] == 2.5
    assert cell.spec["points"][0]["concurrency"] == 9
    assert plan("quick", {**EASY, "case": "closed/c4/*"})[0].spec["points"][0]["concurrency"] == 4
    assert plan("quick", {**EASY, "case": "gemm*"}) == []


def test_points_of_other_burstiness_never_have_one_name():
    def named(**options):
        return Point.from_json(points(rate=[2.0], **options)[0]).name

    assert named(burstiness=0.5) == "open/gamma0.5/r2/isl16/osl8"
    assert named(burstiness=2) == "open/gamma2/r2/isl16/osl8"
    assert named() == "open/poisson/r2/isl16/osl8"


def test_a_key_is_named_in_the_spec_and_never_written_there(monkeypatch):
    monkeypatch.setenv("MY_KEY", "s3cret-value")
    (cell,) = plan("quick", {**EASY, "api_key_env": "MY_KEY"})
    assert cell.spec["subject"]["api_key_env"] == "MY_KEY"
    assert "s3cret" not in json.dumps(cell.spec)


@pytest.fixture(scope="module")
def result():
    with Emitter(Schedule(ttft_ms=20, itl_ms=10)) as emitter:
        options = {
            **EASY,
            "endpoint": emitter.url,
            "concurrency": [2],
            "requests": 12,
            "slo_ttft": 0.001,
            "slo_tpot": 10_000.0,
        }
        (cell,) = plan("quick", options)
        return run_cell({**cell.spec, "check_s": 0.3})


def test_rows_carry_the_contracts_metrics_units_and_labels(result):
    rows = summarize([result, CellResult.from_json(json.loads(json.dumps(result.to_json())))])
    assert_signable(rows)
    units = {row.metric: row.unit for row in rows}
    assert units.items() >= {
        ("ttft", "ms"),
        ("tpot", "ms"),
        ("itl", "ms"),
        ("e2e", "ms"),
        ("output_throughput", "tokens/s"),
        ("total_throughput", "tokens/s"),
        ("request_throughput", "1/s"),
        ("goodput", "1/s"),
        ("failed", "count"),
        ("instrument_ttft_error", "ms"),
        ("instrument_itl_error", "ms"),
    }
    assert {row.case for row in rows} == {"closed/c2/isl16/osl8"}
    assert all(row.labels["concurrency"] == 2 for row in rows)
    assert all(isinstance(row.labels["valid"], bool) for row in rows)
    assert all(("invalid_because" in row.labels) != row.labels["valid"] for row in rows)
    assert all(row.low is None or row.low <= row.value for row in rows)


def test_what_the_server_says_of_itself_is_reported(result):
    (case, fact) = next(iter(result.facts["points"].items()))
    server = {
        "samples": 9,
        "figures": {
            "server_kv_use": {"min": 0.1, "mean": 0.2, "max": 0.4},
            "server_preemptions": {"": 3.0},
        },
    }
    facts = {**result.facts, "points": {case: {**fact, "server": server}}}
    rows = summarize([replace(result, facts=facts)])
    assert_signable(rows)
    reported = [row for row in rows if row.metric.startswith("server_")]
    assert {row.method for row in reported} == {"reported"}
    assert [(row.labels.get("statistic"), row.value, row.unit, row.n) for row in reported] == [
        ("min", 0.1, "share", 9),
        ("mean", 0.2, "share", 9),
        ("max", 0.4, "share", 9),
        (None, 3.0, "count", 9),
    ]


def test_goodput_counts_requests_that_meet_both_limits(result):
    rows = {row.metric: row for row in summarize([result])}
    assert rows["goodput"].value == 0
    assert rows["request_throughput"].value > 0


def test_a_percentile_beyond_the_number_of_requests_is_left_out(result):
    shown = {r.labels["percentile"] for r in summarize([result]) if r.metric == "ttft"}
    assert shown == {50.0, 90.0}


def test_throughput_is_tokens_of_the_window_over_its_length(result):
    series = {item.metric: item for item in result.series}
    (window,) = series["output_throughput"].windows
    seconds = (window.end_ns - window.start_ns) / 1e9
    assert series["output_throughput"].samples[0] == pytest.approx(window.output_tokens / seconds)
    assert series["total_throughput"].samples[0] == pytest.approx(
        (window.output_tokens + window.input_tokens) / seconds
    )


def test_where_nothing_is_answered_nothing_is_signed(exact_instrument, capsys):
    with Emitter(Schedule(ttft_ms=400, itl_ms=5)) as emitter:
        options = {**EASY, "endpoint": emitter.url, "concurrency": [1], "requests": 2}
        (cell,) = plan("quick", {**options, "request_limit": 0.2})
        with pytest.raises(CheckError, match=r"no request was answered as asked \(timeout 2\)"):
            run_cell(cell.spec)
    assert "2 of 2 failed (timeout 2)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("points", "says"),
    [
        ([(2, 2)], "no request was answered as asked (http_429 2)"),
        (
            [(12, 7)],
            "too few of 12 requests were answered as asked (http_429 7); the server said: go",
        ),
        ([(12, 7), (0, 0)], "too few of 12 requests"),
        ([(12, 6)], ""),
        ([(12, 12), (12, 0)], ""),
    ],
)
def test_where_most_requests_fail_at_every_point_nothing_is_signed(points, says):
    facts = {
        str(at): {
            "measured": measured,
            "failures": {"http_429": failed} if failed else {},
            "failure_details": ["go \x1b[31maway"] if failed else [],
        }
        for at, (measured, failed) in enumerate(points)
    }
    refusal = not_answered({"points": facts}, where="http://h")
    assert (refusal is None) == (not says)
    assert says in str(refusal)
    assert "\x1b" not in str(refusal)


def test_an_instrument_error_above_two_percent_is_a_reason_with_advice():
    error = Error(p50=0.1, p99=3.0, max=9.0, n=10)
    assert instrument_problem(error, 50, 20.0) == ""
    assert "processes" in instrument_problem(error, 99, 20.0)
    assert instrument_problem(error, 99, 150.0) == ""
    assert instrument_problem(replace(error, n=0), 50, 20.0)


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"turns": 3}, "turns"),
        ({"cache_target": 0.5}, "cache_target"),
        ({"users": [2], "agents": [2]}, "agents"),
        ({"users": [2], "rate": [1.0]}, "rate"),
        ({"users": [2], "sub_agents": 1}, "sub_agents"),
        ({"users": [0]}, "users"),
        ({"users": [1], "osl": "natural"}, "osl"),
        ({"agents": [1], "sub_agents": 1, "turns": 1}, "turns"),
        ({"agents": [1], "turn_isl": 2}, "turn_isl"),
        ({"agents": [1], "think_time": "weekly:5"}, "think_time"),
        ({"agents": [1], "cache_target": 0.99}, "cache_target"),
        ({"ramp": 4}, "ramp"),
        ({"ramp": 4, "rate": [4.0, 1.0]}, "ramp"),
        ({"ramp": 4, "rate": [1.0, 2.0, 3.0]}, "ramp"),
        ({"ramp": 4, "concurrency": [1, 3]}, "ramp"),
        ({"ramp": 4, "rate": [1.0, 4.0], "requests": 9}, "requests"),
    ],
)
def test_conversations_and_ramps_that_cannot_be_are_refused_by_name(wrong, where):
    with pytest.raises(UserError) as caught:
        plan("quick", {**EASY, **wrong})
    assert caught.value.where == where


def test_a_ramp_rises_in_even_steps_to_its_last_load():
    (point,) = points(ramp=4, rate=[1.0, 10.0], duration=20.0)
    assert (point["ramp"], point["rate"], point["duration_s"]) == ((1.0, 4.0, 7.0, 10.0), 10.0, 20)
    (point,) = points(ramp=3, concurrency=[2, 8])
    assert (point["ramp"], point["concurrency"]) == ((2.0, 5.0, 8.0), 8)


@pytest.fixture(scope="module")
def talked(emitter_at):
    options = {
        **EASY,
        "endpoint": emitter_at(Schedule(ttft_ms=5, itl_ms=2)),
        "agents": [2],
        "turns": 3,
        "turn_isl": 8,
        "sub_agents": 2,
        "think_time": "0.01",
        "slo_tpot": 1000.0,
    }
    (cell,) = plan("quick", options)
    return run_cell({**cell.spec, "check_s": 0.2})


def test_sessions_have_rows_of_whole_ones_and_of_turns(talked):
    rows = summarize([talked])
    assert_signable(rows)
    (case,) = {row.case for row in rows}
    assert case == "agents/n2/turns3/isl16+8/osl8/think-fixed:0.01/sub2"
    assert all((r.labels["agents"], r.labels["sub_agents"]) == (2, 2) for r in rows)
    assert all(row.labels["think_time"] == "fixed:0.01" for row in rows)
    assert not any("concurrency" in row.labels for row in rows)
    (time,) = [r for r in rows if r.metric == "session_time" and r.labels["percentile"] == 50]
    assert time.unit == "s"
    (held,) = [r for r in rows if r.metric == "requests_in_flight"]
    assert 0 < held.value <= 4
    for metric in ("turn_ttft", "turn_tpot"):
        turns = [row.labels["turn"] for row in rows if row.metric == metric]
        assert turns == [1, 2, 3]
    assert not any("turn" in row.labels for row in rows if not row.metric.startswith("turn_"))
    # No two figures of a result are one to those who look them up, or compare two results.
    assert len({key_of(row) for row in rows}) == len(rows)
    flat = [row.to_json() for row in rows]
    changes, lacking = compare(flat, flat)
    assert not lacking
    assert sum(change.metric == "turn_ttft" for change in changes) in {0, 3}


def test_steps_of_a_ramp_are_cases_of_their_own(emitter_at, exact_instrument):
    options = {"endpoint": emitter_at(Schedule(ttft_ms=5, itl_ms=1)), "rate": [20.0, 60.0]}
    (cell,) = plan("quick", {**EASY, **options, "ramp": 2, "duration": 1.0})
    rows = summarize([run_cell(cell.spec)])
    assert_signable(rows)
    assert {row.case for row in rows} == {
        "ramp/20-60/step1of2/open/poisson/r20/isl16/osl8",
        "ramp/20-60/step2of2/open/poisson/r60/isl16/osl8",
    }
    assert {(row.labels["ramp"], row.labels["step"], row.labels["steps"]) for row in rows} == {
        ("20-60", 1, 2),
        ("20-60", 2, 2),
    }


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"images": 1}, "images"),
        ({"audio": 2.0}, "audio"),
        ({"api": "chat", "image_size": "64x64"}, "image_size"),
        ({"api": "chat", "images": 1, "image_size": "4x64"}, "image_size"),
        ({"api": "chat", "images": 1, "image_size": "64"}, "image_size"),
        ({"api": "chat", "images": 1, "users": [1]}, "users"),
        ({"lora_mix": ["a:-1"]}, "lora_mix"),
        ({"lora_mix": ["a"], "agents": [1]}, "agents"),
        ({"lora_mix": ["a"], "search": "users", "slo_ttft": 1.0}, "users"),
    ],
)
def test_media_and_adapters_that_cannot_be_are_refused_by_name(wrong, where):
    with pytest.raises(UserError) as caught:
        plan("quick", {**EASY, **wrong})
    assert caught.value.where == where


def test_what_prompts_hold_is_in_the_case_and_its_labels():
    (fields,) = points(api="chat", images=2, image_size="64x32", audio=1.5, concurrency=[1])
    point = Point.from_json(json.loads(json.dumps(fields)))
    assert point.name == "closed/c1/isl16/osl8/img2x64x32/audio1.5s"
    assert point.labels.items() >= {"images": 2, "image_size": "64x32", "audio_s": 1.5}.items()
    names = {
        Point.from_json(points(concurrency=[1], lora_mix=mix)[0]).name
        for mix in (["a:1", "b:1"], ["a:1", "b:2"], ["a:1", "c:1"], ["b:3", "a:3"])
    }
    assert len(names) == 3


@pytest.mark.parametrize(("counted", "fits"), [(16, False), (15, False), (80, True)])
def test_images_that_a_server_does_not_count_leave_no_input_rate(counted, fits):
    request = replace(answered([1, 2, 3]), input_tokens=counted)
    outcome = LoadOutcome(
        requests=[request],
        start_ns=0,
        end_ns=9,
        cpu_share=0.0,
        events=3,
        parse_s=0.0,
        lag_ms=(),
        reconnects=0,
    )
    assert (media_problems(outcome, 16) == []) == fits


def test_adapters_have_rows_of_their_own(emitter_at, exact_instrument):
    options = {
        **EASY,
        "endpoint": emitter_at(Schedule(ttft_ms=5, itl_ms=2)),
        "concurrency": [2],
        "requests": 40,
        "lora_mix": ["sql:3", "chat:1"],
    }
    (cell,) = plan("quick", options)
    result = run_cell(cell.spec)
    rows = summarize([result])
    assert_signable(rows)
    of = {row.labels["adapter"]: row for row in rows if row.metric == "adapter_ttft"}
    assert list(of) == ["chat", "sql"]
    assert of["chat"].n + of["sql"].n == 40
    assert of["sql"].n > of["chat"].n
    assert {row.labels["lora_mix"] for row in rows} == {"sql:0.75, chat:0.25"}
    (fact,) = result.facts["points"].values()
    uncounted = replace_fact(result, media_problems=["the server counts 16"])
    # On a busy machine other reasons may stand beside it.
    invalid = {
        row.metric
        for row in summarize([uncounted])
        if "the server counts 16" in str(row.labels.get("invalid_because"))
    }
    assert fact["media_problems"] == []
    assert invalid >= {"input_throughput", "total_throughput"}
    assert "ttft" not in invalid
    assert fact["prompt_problems"] == []
    unlike = summarize([replace_fact(result, prompt_problems=["counts +0 to +86"])])
    assert [row.metric for row in unlike if "+86" in str(row.labels.get("invalid_because"))] == [
        "input_throughput",
        "total_throughput",
    ]


def replace_fact(result, **changes):
    ((case, fact),) = result.facts["points"].items()
    return replace(result, facts={**result.facts, "points": {case: {**fact, **changes}}})
