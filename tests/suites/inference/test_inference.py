"""Prefill and decode isolated: what is planned, what is timed, and what the engine says beside."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, replace
from itertools import pairwise

import pytest

from results.archive import archive
from runners.machine.machine import virtual_machine
from suites.base.errors import CheckError, UserError
from suites.base.records import CellResult
from suites.client.request import Request
from suites.client.target import Target
from suites.inference import measure, plan, summarize
from suites.inference.measure import InferenceCase, _check_counts, _decode, _prefill
from suites.inference.plan import within_memory
from suites.inference.run import run_cell
from suites.models import load
from suites.serving.instrument.emitter import Emitter, Schedule
from tests.builders import assert_signable

GIB = 2**30
PREFILL = InferenceCase(family="prefill", input_tokens=8, output_tokens=1, batch=1, repeats=1)
DECODE = InferenceCase(family="decode", input_tokens=8, output_tokens=4, batch=1, repeats=1)
PAIR = replace(DECODE, batch=2)


def request(token_ms, *, sent_ms=0.0, timings=None, **fields):
    """An answered request by its token times in ms."""
    return Request(
        **{
            "index": 0,
            "intended_ns": int(sent_ms * 1e6),
            "sent_ns": int(sent_ms * 1e6),
            "token_ns": [int(time * 1e6) for time in token_ms],
            "ended_ns": int(token_ms[-1] * 1e6),
            "input_tokens": 8,
            "output_tokens": len(token_ms),
            "failure": "",
            "detail": "",
            "measured": True,
            "cached_tokens": None,
            "timings": timings or {},
            "truth_ns": [],
            **fields,
        }
    )


def by_metric(series):
    return {item.metric: item for item in series}


def test_the_full_profile_spans_prompts_and_batches_as_promised():
    (cell, *_) = plan("full", {"model": "tiny-15m"})
    cases = [InferenceCase(**fields) for fields in cell.spec["cases"]]
    prompts = sorted(case.input_tokens for case in cases if case.family == "prefill")
    assert prompts == [128, 256, 512, 1024, 2048, 4096, 8192]
    decodes = {(case.batch, case.input_tokens) for case in cases if case.family == "decode"}
    assert {(1, 128), (64, 8192)} <= decodes
    assert cell.spec["left_out"] == []


def test_cases_beyond_the_memory_are_left_out_and_each_of_the_rest_fits():
    (cell, *_) = plan("full", {"endpoint": "http://h", "model": "m"})
    cases = [InferenceCase(**fields) for fields in cell.spec["cases"]]
    kept = within_memory(cases, "llama-3.1-8b", 24 * GIB)
    geometry = load("llama-3.1-8b")

    def fits(case):
        cache = geometry.kv_bytes(case.input_tokens + case.output_tokens + 64, 2)
        return case.batch * cache + geometry.weight_bytes(8.5) <= 12 * GIB

    assert 0 < len(kept) < len(cases)
    assert kept == [case for case in cases if fits(case)]
    assert within_memory(cases, "tiny-15m", 256 * GIB) == cases
    with pytest.raises(UserError, match="weights alone"):
        within_memory(cases, "deepseek-v3", 24 * GIB)


def test_a_pattern_chooses_cases_and_every_process_draws_prompts_of_its_own():
    cells = plan("quick", {"model": "tiny-15m", "case": "decode/*", "seed": 5})
    assert [cell.spec["seed"] for cell in cells] == [5, 6, 7]
    assert {case["family"] for cell in cells for case in cell.spec["cases"]} == {"decode"}
    assert plan("quick", {"model": "tiny-15m", "case": "gemm*"}) == []


def test_prefill_is_the_time_to_the_first_token_and_tokens_over_it():
    series = by_metric(_prefill(PREFILL, [[request([50.0], timings={"prompt_ms": 47.5})]]))
    assert series["ttft"].samples == (50.0,)
    assert series["prefill_throughput"].samples == (pytest.approx(8 / 0.05),)
    assert series["engine_ttft"].samples == (47.5,)
    (window,) = series["ttft"].windows
    assert (window.end_ns - window.start_ns, window.input_tokens) == (50_000_000, 8)


def test_tpot_leaves_the_first_token_out():
    series = by_metric(_decode(DECODE, [[request([900.0, 910.0, 920.0, 930.0])]]))
    assert series["tpot"].samples == (10.0,)
    assert series["decode_throughput"].samples == (pytest.approx(100.0),)


def test_decode_counts_only_steps_in_which_the_whole_batch_decodes():
    early = request([100.0, 110.0, 140.0, 160.0])
    late = request([130.0, 150.0, 170.0, 190.0])
    series = by_metric(_decode(PAIR, [[early, late]]))
    (window,) = series["tpot"].windows
    assert (window.start_ns, window.end_ns) == (130_000_000, 160_000_000)
    # Between 130 and 160 ms: one step of 20 ms in each.
    assert series["tpot"].samples == (20.0, 20.0)
    assert window.output_tokens == 2


def test_a_batch_that_never_decoded_together_is_no_result():
    apart = [request([10.0, 20.0, 30.0]), request([40.0, 50.0, 60.0])]
    with pytest.raises(CheckError, match="never decoded together"):
        _decode(PAIR, [apart])


def test_one_stream_that_comes_in_one_piece_is_no_result_and_is_not_called_a_batch():
    with pytest.raises(CheckError, match="in one piece"):
        _decode(DECODE, [[request([10.0, 10.0, 10.0])]])


def test_a_round_that_cannot_be_timed_is_asked_again_with_other_prompts(monkeypatch):
    asked = []

    async def answered(target, prompts, start, batch, tape):
        asked.append(start)
        # The first one warms; the second comes in one piece, as on a machine too busy to look.
        return [request([10.0] * 3 if len(asked) == 2 else [10.0, 12.0, 14.0])]

    monkeypatch.setattr(measure, "_round", answered)
    target = Target(url="http://h", model="m")
    series = measure.measure(target, replace(DECODE, repeats=2), seed=0, check_alive=lambda: None)
    assert asked == [0, 0, 1, 2]
    assert by_metric(series)["tpot"].samples == (2.0, 2.0)


def test_a_server_that_only_ever_answers_in_one_piece_is_named():
    with Emitter(Schedule(ttft_ms=1, itl_ms=1, burst=16)) as emitter:
        target = Target(url=emitter.url, model="m")
        with pytest.raises(CheckError, match="in one piece"):
            measure.measure(target, DECODE, seed=0, check_alive=lambda: None)


@pytest.mark.processes(1)
def test_the_result_says_in_what_container_it_was_measured_and_names_no_engine_it_did_not_run(
    tmp_path, unprobed
):
    with Emitter(Schedule(ttft_ms=2, itl_ms=1)) as emitter:
        options = ["--suite", "inference", "--case", "prefill/isl128", "--out", tmp_path / "out"]
        options += ["--endpoint", emitter.url, "--model", "m"]
        code = "from runners.cli import main; main()"
        subprocess.run(
            [sys.executable, "-c", code, "run", *options],
            env={**os.environ, "FENMARK_HOME": str(tmp_path), "container": "systemd-nspawn"},
            check=True,
            capture_output=True,
        )
    (envelope,) = archive.envelopes(tmp_path / "out")
    predicate = archive.open_result(envelope).statement.predicate
    assert predicate.machine.container in {"systemd-nspawn", "docker", "podman"}
    assert predicate.machine.virtual_machine == virtual_machine()
    assert "xllamacpp" not in predicate.software.packages


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"failure": "reset"}, "reset"),
        ({"input_tokens": 9}, "counted 9"),
        ({"cached_tokens": 4}, "cache"),
    ],
)
def test_a_mismatch_between_client_and_engine_is_no_result(wrong, says):
    with pytest.raises(CheckError, match=says):
        _check_counts(PREFILL, [request([50.0], **wrong)])


def test_what_had_no_memory_is_said_in_the_result():
    from suites.inference.run import _left_out

    assert _left_out([]) == ()
    assert "decode/b64/ctx8192" in _left_out(["decode/b64/ctx8192"])[0]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Two processes' results on the tiny geometry, by the real engine."""
    pytest.importorskip("xllamacpp", reason="the default engine is not installed")
    cache = tmp_path_factory.mktemp("models")
    cells = plan("quick", {"model": "tiny-15m", "cache": str(cache), "threads": 1})
    cases = [
        replace(PREFILL, input_tokens=64, repeats=2),
        replace(DECODE, input_tokens=32, output_tokens=64),
        replace(PAIR, input_tokens=32, output_tokens=96),
    ]
    specs = [{**cell.spec, "cases": [asdict(case) for case in cases]} for cell in cells[:2]]
    return [until_timed(json.loads(json.dumps(spec))) for spec in specs]


def until_timed(spec):
    """Run a cell again while the machine is too busy to see its tokens come one by one."""
    for _ in range(5):
        with suppress(CheckError):
            return run_cell(spec)
    return run_cell(spec)


@pytest.mark.engine
def test_the_engines_own_timings_stand_beside_ours_with_the_difference(results):
    rows = {(row.case, row.metric): row for row in summarize(results)}
    client, engines = rows["prefill/isl64", "ttft"], rows["prefill/isl64", "engine_ttft"]
    assert engines.method == "reported"
    assert client.method == "measured"
    assert client.labels["engine_difference_ms"] == pytest.approx(
        client.value - engines.value, abs=1e-3
    )
    # The client waits for the engine's work and for all that is around it.
    assert client.labels["engine_difference_ms"] > 0
    assert "engine_difference_ms" in rows["decode/b1/ctx32", "tpot"].labels
    assert ("decode/b2/ctx32", "engine_tpot") not in rows


@pytest.mark.engine
def test_every_case_has_its_rows_and_its_windows_follow_one_another(results):
    rows = summarize([CellResult.from_json(json.loads(json.dumps(r.to_json()))) for r in results])
    assert {row.case for row in rows} == {"prefill/isl64", "decode/b1/ctx32", "decode/b2/ctx32"}
    assert {row.labels["processes"] for row in rows} == {2}
    assert_signable(rows)
    windows = [
        w for item in results[0].series if item.metric in {"ttft", "tpot"} for w in item.windows
    ]
    assert all(earlier.end_ns <= later.start_ns for earlier, later in pairwise(windows))
    assert [w.input_tokens for w in windows[:2]] == [64, 64]


@pytest.mark.engine
def test_the_result_says_what_was_run(results):
    engines = results[0].facts["engines"]
    assert {(engine["name"], engine["model"]) for engine in engines} == {("llama.cpp", "tiny-15m")}
    assert [engine["flags"]["cache_prompt"] for engine in engines] == [False, False]
    assert [engine["flags"]["n_parallel"] for engine in engines] == [1, 2]


@pytest.mark.engine
def test_the_first_case_is_measured_again_on_a_server_of_its_batch(results):
    again = results[0].facts["repeated"]
    assert again["case"] == "prefill/isl64"
    rows = {(row.case, row.metric): row for row in summarize(results)}
    ratio = rows["prefill/isl64", "ttft"].labels["repeat_ratio"]
    # Of the two processes, each by what it measured: how far they differ is the machine's matter.
    each = [
        statistics.median(result.facts["repeated"]["samples"]["ttft"])
        / statistics.median(by_metric(result.series)["ttft"].samples)
        for result in results
    ]
    assert min(each) - 1e-4 <= ratio <= max(each) + 1e-4
    assert "repeat_ratio" not in rows["decode/b2/ctx32", "tpot"].labels
