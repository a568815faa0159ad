"""A machine's own engine: exact where times follow the form, refused where too little is known."""

import json
import math
from pathlib import Path

import pytest

import results
from results.bench.own_machine import GRID, cells, report
from results.prediction.own import (
    EngineLoad,
    OwnEngine,
    Unmeasured,
    Wanted,
    held_out,
    own_engines,
    served,
    time_of,
)
from results.prediction.own_width import covered, errors_of, predict_load, source_of
from results.statement.statement_v2 import read_statement
from suites.base.errors import UserError
from suites.models import load as geometry_of
from tests.builders import engine, figure, stated

PUBLIC = Path(results.__file__).parent / "public"
MODEL = "qwen2.5-0.5b"
# 24 layers × 2 heads × 64 × keys and values × 2 bytes of a cached token.
TOKEN_BYTES = 24 * 2 * 64 * 2 * 2


def decode(batch, context, *, weights=20.0, pace=1e-7):
    return weights * batch**0.5 + pace * batch * context * TOKEN_BYTES


def own(times, products=None):
    return OwnEngine(
        machine="m", engine="e", version="1", model=MODEL, precision="bf16",
        times=times, products=products or {},
    )  # fmt: skip


def decodes(*loads):
    return {EngineLoad("decode", b, c): decode(b, c) for b, c in loads}


def test_contexts_of_a_measured_batch_follow_the_cache_that_is_read():
    known = own(decodes((1, 128), (1, 1024), (4, 128)))
    assert time_of(known, EngineLoad("decode", 4, 4096)) == pytest.approx(decode(4, 4096), rel=1e-6)


def test_a_batch_between_lies_on_the_line_of_logarithms():
    known = own(decodes((1, 128), (1, 1024), (4, 128)))
    assert time_of(known, EngineLoad("decode", 2, 512)) == pytest.approx(decode(2, 512), rel=1e-6)


def test_products_timed_at_as_many_rows_bend_the_line_and_lead_beyond_it():
    times = decodes((1, 128), (1, 1024), (4, 128))
    known = own(times, {1: 1.0, 2: 3.0, 4: 2.0, 8: 5.0})
    alone = time_of(own(times), EngineLoad("decode", 2, 0))
    # √2 of products at 1 and 4 rows, where 3 were measured at 2.
    assert time_of(known, EngineLoad("decode", 2, 0)) == pytest.approx(alone * 3 / 2**0.5)
    assert time_of(known, EngineLoad("decode", 8, 0)) == pytest.approx(decode(4, 0) * 5 / 2)


@pytest.mark.parametrize("batch", [1, 8])
def test_beyond_what_was_measured_nothing_is_said_without_products(batch):
    known = own(decodes((2, 128), (2, 1024), (4, 128)))
    with pytest.raises(Unmeasured, match="no batch as"):
        time_of(known, EngineLoad("decode", batch, 128))


def test_of_one_context_the_cache_is_read_as_fast_as_weights():
    known = own({EngineLoad("decode", 1, 100): 50.0, EngineLoad("decode", 4, 100): 60.0})
    longer = time_of(known, EngineLoad("decode", 1, 100 + 10_000)) - 50.0
    weights = geometry_of(MODEL).decode_min_bytes(100, 1, bits_per_parameter=16)
    assert longer == pytest.approx(50.0 * 10_000 * TOKEN_BYTES / weights, rel=1e-6)


def test_prompts_follow_their_flops_and_what_all_share():
    flops = geometry_of(MODEL).prefill_flops
    known = own({EngineLoad("prefill", 1, n): 3.0 + 1e-9 * flops(n) for n in (128, 512)})
    assert time_of(known, EngineLoad("prefill", 1, 4096)) == pytest.approx(3.0 + 1e-9 * flops(4096))
    own_engine = own({EngineLoad("prefill", 1, 128): 100.0})
    assert time_of(own_engine, EngineLoad("prefill", 1, 256)) == pytest.approx(
        100 * flops(256) / flops(128)
    )
    # What is shared cannot be less than nothing.
    steep = own({EngineLoad("prefill", 1, 128): 10.0, EngineLoad("prefill", 1, 512): 1000.0})
    assert time_of(steep, EngineLoad("prefill", 1, 1)) > 0


def test_each_load_is_held_out_by_its_kind():
    known = own(decodes((1, 128), (1, 1024), (2, 128), (4, 128), (4, 1024)))
    kinds = {(held.load.batch, held.load.tokens): held for held in held_out(known)}
    assert {at: held.kind for at, held in kinds.items()} == {
        (1, 128): "unseen context", (1, 1024): "unseen context", (2, 128): "unseen batch",
        (4, 128): "unseen context", (4, 1024): "unseen context",
    }  # fmt: skip
    assert all(abs(held.off) < 1e-6 for held in kinds.values())


def test_short_prompts_lead_where_the_batches_follow_them():
    """Prompts of 1, 2, 4 and 8 tokens take 1, 5, 3 and 9; steps take ten times as long."""
    rows = {EngineLoad("prefill", 1, n): ms for n, ms in ((1, 1.0), (2, 5.0), (4, 3.0), (8, 9.0))}
    steps = {EngineLoad("decode", b, 0): ms for b, ms in ((1, 10.0), (4, 30.0), (8, 90.0))}
    assert time_of(own(rows | steps), EngineLoad("decode", 2, 0)) == pytest.approx(50.0)
    # Steps that grow evenly do not follow them: the line of logarithms does better at 4.
    even = {EngineLoad("decode", b, 0): 10.0 * b for b in (1, 4, 8)}
    assert time_of(own(rows | even), EngineLoad("decode", 2, 0)) == pytest.approx(20.0)


def test_four_lengths_tell_attention_from_products():
    def prompt(n):
        mixed = 24 * sum(part.prefill_flops(n) for part in geometry_of(MODEL).layers[0].parts)
        return 1.0 + 1e-9 * (geometry_of(MODEL).prefill_flops(n) - mixed) + 5e-9 * mixed

    known = own({EngineLoad("prefill", 1, n): prompt(n) for n in (64, 256, 1024, 2048)})
    assert time_of(known, EngineLoad("prefill", 1, 8192)) == pytest.approx(prompt(8192), rel=1e-5)


def test_a_narrower_weight_is_read_sooner_and_multiplies_as_long():
    """Of 40 ms at batch 4, 20 are those of reading at batch 1's pace: half of them in 8 bits."""
    known = own({EngineLoad("decode", 1, 0): 20.0, EngineLoad("decode", 4, 0): 40.0})
    narrow = Wanted(known.home.geometry, "fp8", 8.0)
    assert time_of(known, EngineLoad("decode", 1, 0), narrow) == pytest.approx(10.0, rel=1e-3)
    assert time_of(known, EngineLoad("decode", 4, 0), narrow) == pytest.approx(30.0, rel=1e-3)


def test_another_geometry_follows_its_weights():
    known = own(decodes((1, 0), (4, 0)) | {EngineLoad("prefill", 1, 256): 100.0})
    larger = geometry_of("qwen3-8b")
    asked = Wanted(larger, "bf16", 16.0)
    ratio = larger.active_parameters() / geometry_of(MODEL).active_parameters()
    for batch in (1, 4):
        load = EngineLoad("decode", batch, 0)
        # What is read besides the matrices is below a hundredth.
        assert time_of(known, load, asked) == pytest.approx(time_of(known, load) * ratio, rel=0.01)
    prompts = larger.prefill_flops(256) / geometry_of(MODEL).prefill_flops(256)
    assert time_of(known, EngineLoad("prefill", 1, 256), asked) == pytest.approx(100 * prompts)


def test_what_the_machine_has_no_memory_for_is_refused():
    known = OwnEngine(**{name: getattr(own(decodes((1, 0))), name) for name in _FIELDS},
                      memory_bytes=2**30)  # fmt: skip
    assert time_of(known, EngineLoad("decode", 1, 0))
    with pytest.raises(Unmeasured, match="the machine has 1"):
        time_of(known, EngineLoad("decode", 1, 100_000))


_FIELDS = ("machine", "engine", "version", "model", "precision", "times", "products")


@pytest.mark.parametrize(
    ("name", "bits"),
    [("q8_0", 8.5), ("Q4_K_M", 4.5), ("bf16", 16), ("fp8", 8), ("q6_k", 6.5625)],
)
def test_a_precision_is_as_wide_as_it_is_stored(name, bits):
    assert Wanted.of(geometry_of(MODEL), name).bits == bits


def test_a_precision_that_says_no_width_is_refused():
    with pytest.raises(UserError, match="no width"):
        Wanted.of(geometry_of(MODEL), "good")


def test_without_errors_of_its_own_the_interval_is_that_of_usual_ones():
    """Student's t of two degrees of freedom at 95% is 2.92; kinds add as squares do."""
    known = own(decodes((1, 128), (1, 1024), (4, 128)))
    context = predict_load(known, EngineLoad("decode", 1, 512), [])
    assert context.kinds == ("unseen context",)
    assert context.high / context.ms == pytest.approx(math.exp(2.92 * 0.05), rel=1e-3)
    between = predict_load(
        known, EngineLoad("decode", 2, 512), [], Wanted(known.home.geometry, "fp8", 8.0)
    )
    assert between.kinds == ("unseen batch", "unseen quantization")
    half = 2.92 * math.hypot(0.10, 0.15)
    assert between.ms / between.low == pytest.approx(math.exp(half), rel=1e-3)
    beyond = predict_load(known, EngineLoad("decode", 1, 9000), [])
    assert beyond.wider == ("load outside the fitted range",)
    assert beyond.high / beyond.ms == pytest.approx(math.exp(2.92 * 0.05 * 1.3), rel=1e-3)


def test_its_own_errors_move_the_width_both_ways():
    known = own(decodes((1, 128), (1, 512), (1, 1024), (2, 128), (2, 1024)))
    load = EngineLoad("decode", 1, 256)
    usual, exact = (predict_load(known, load, errors) for errors in ([], held_out(known)))
    assert exact.high / exact.ms < usual.high / usual.ms < math.exp(0.2)
    assert covered(known, [known]) == (5, 5)
    # A cell that is four times too slow is known by nothing, and widens what is said of others.
    odd = own({**known.times, EngineLoad("decode", 2, 1024): 4 * decode(2, 1024)})
    wide = predict_load(odd, load, held_out(odd))
    assert wide.high / wide.ms > 2
    assert covered(odd, [odd])[0] < 5


def test_models_of_one_engine_are_held_out_as_wholes():
    first = own(decodes((1, 128), (4, 128)))
    second = OwnEngine(
        machine="m", engine="e", version="1", model="qwen3-8b", precision="bf16",
        times={EngineLoad("decode", 1, 128): 100.0},
    )  # fmt: skip
    guess = time_of(first, EngineLoad("decode", 1, 128), second.home)
    back = time_of(second, EngineLoad("decode", 1, 128), first.home) / decode(1, 128)
    told = [held for held in errors_of(first, [first, second]) if held.kind == "unseen geometry"]
    assert [held.off for held in told] == pytest.approx([back - 1, guess / 100 - 1])
    assert source_of([first, second], Wanted(geometry_of("llama-3.1-8b"), "bf16", 16)) is second
    narrow = Wanted(geometry_of(MODEL), "q8_0", 8.5)
    assert source_of([second, first], narrow) is first


def test_the_grid_has_a_prompt_for_each_batch_and_its_report_knows_each_kind():
    planned = cells(GRID, (64, 128))
    prompts = {case.input_tokens for case in planned if case.family == "prefill"}
    assert prompts == {*GRID, 64, 128}
    known = own(decodes((1, 128), (1, 512), (2, 128), (2, 512), (4, 128), (4, 512)))
    told = list(report(known, [], 1.02))
    assert "6 cells; processes differ by ×1.020" in told[0]
    assert {line[:14]: line.split()[-1] for line in told[2:5]} == {
        "prefill       ": "2", "unseen context": "3", "unseen batch  ": "8",
    }  # fmt: skip
    assert told[3].split()[2:5] == ["0.0", "0.0", "6"]


def test_results_of_one_engine_are_taken_together():
    chip = {"machine": {"chip": {"catalog_id": None, "name": "A", "kind": "cpu", "count": 2}}}
    rows = [
        figure(value=ms, labels={"batch": 1, "context": 64}, low=None, high=None) for ms in (40, 90)
    ]
    gemm = {"suite": "kernels", "metric": "time", "low": None, "high": None}
    labels = {"family": "gemm", "cache": "cold", "backend": "numpy", "model": MODEL, "dtype": "f32"}
    kernels = [
        figure(**gemm, case=f"gemm/f32/numpy/{MODEL}/{part}/m2", value=ms, labels=labels)
        for part, ms in (("o", 1.0), ("qkv", 2.0))
    ]
    of = engine(model=MODEL)
    made = [
        read_statement(stated(*rows, engines=[of], **chip)).predicate
        for rows in ([rows[0]], [rows[1]])
    ]
    made.append(read_statement(stated(*kernels, **chip)).predicate)
    two = [of, engine(model=MODEL, precision="bf16")]
    made.append(read_statement(stated(rows[1], engines=two, **chip)).predicate)
    (own_engine,) = own_engines(made)
    assert own_engine.times == {EngineLoad("decode", 1, 64): pytest.approx(60.0)}
    assert own_engine.products == {2: 3.0}


def test_the_serving_suites_median_step_is_set_beside_it():
    labels = {"concurrency": 2, "isl": 64, "osl": 16, "percentile": 50}
    row = {"suite": "serving", "metric": "itl", "low": None, "high": None, "value": 7.0}
    rows = [figure(**row, labels=labels), figure(**row, labels=labels | {"percentile": 99})]
    predicate = read_statement(stated(*rows)).predicate
    assert list(served(predicate.measurements)) == [(EngineLoad("decode", 2, 72), 7.0)]


def test_the_command_predicts_what_its_archive_measured(fenmark):
    done = fenmark("predict", "--own", PUBLIC, "--isl", "256", "--concurrency", "2", "--json")
    told = json.loads(done.stdout)
    assert [prediction["engine"] for prediction in told] == ["llama.cpp", "vLLM"]
    for prediction in told:
        assert prediction["tpot_low"] < prediction["tpot_ms"] < prediction["tpot_high"]
        assert prediction["ttft_low"] < prediction["ttft_ms"] < prediction["ttft_high"]
        rate = 2 * 1024 * 1e3 / (2 * prediction["ttft_ms"] + 1023 * prediction["tpot_ms"])
        assert prediction["output_tokens_per_s"]["value"] == pytest.approx(rate)
    assert {held["kind"] for held in told[0]["held_out"]} == {"prefill"}
    output = fenmark("predict", "--own", PUBLIC, "--concurrency", "8").stdout
    assert "refused: no batch as large as 8" in output
    assert "unseen batch held out: too few cells to say" in output
    other = fenmark(
        "predict", "--own", PUBLIC, "--model", "qwen3-0.6b", "--precision", "q4_k_m",
        "--concurrency", "2",
    ).stdout  # fmt: skip
    assert "qwen3-0.6b, q4_k_m, on AMD EPYC × 2; from qwen2.5-0.5b, q8_0" in other
    assert "unseen batch, unseen geometry, unseen quantization" in other


def test_the_command_refuses_what_is_not_of_an_own_machine(fenmark, tmp_path):
    other = tmp_path / "out.csv"
    refused = (
        ["--chip", "h200-sxm"], ["--model", "nosuch"], ["--precision", "good"], ["--out", other],
    )  # fmt: skip
    for given in refused:
        assert fenmark("predict", "--own", PUBLIC, *given).returncode == 2
    assert fenmark("predict", "--own", tmp_path).returncode == 2
