"""A machine's own engine: exact where times follow the form, refused where too little is known."""

import json
from pathlib import Path

import pytest

import results
from results.prediction.own import (
    EngineLoad,
    OwnEngine,
    Unmeasured,
    held_out,
    own_engines,
    served,
    time_of,
)
from results.statement.statement_v2 import read_statement
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
    one = own({EngineLoad("prefill", 1, 128): 100.0})
    assert time_of(one, EngineLoad("prefill", 1, 256)) == pytest.approx(
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
    (one,) = own_engines(made)
    assert one.times == {EngineLoad("decode", 1, 64): pytest.approx(60.0)}
    assert one.products == {2: 3.0}


def test_the_serving_suites_median_step_is_set_beside_it():
    labels = {"concurrency": 2, "isl": 64, "osl": 16, "percentile": 50}
    row = {"suite": "serving", "metric": "itl", "low": None, "high": None, "value": 7.0}
    rows = [figure(**row, labels=labels), figure(**row, labels=labels | {"percentile": 99})]
    predicate = read_statement(stated(*rows)).predicate
    assert list(served(predicate.measurements)) == [(EngineLoad("decode", 2, 72), 7.0)]


def test_the_command_predicts_what_its_archive_measured(fenmark):
    done = fenmark("predict", "--own", PUBLIC, "--isl", "256", "--concurrency", "2", "--json")
    told = json.loads(done.stdout)
    assert [one["engine"] for one in told] == ["llama.cpp", "vLLM"]
    assert all(one["tpot_ms"] and one["ttft_ms"] for one in told)
    assert {held["kind"] for held in told[0]["held_out"]} == {"prefill"}
    said = fenmark("predict", "--own", PUBLIC, "--concurrency", "8").stdout
    assert "refused: no batch as large as 8" in said
    assert "unseen batch held out: too few cells to say" in said


def test_the_command_refuses_what_is_not_of_an_own_machine(fenmark, tmp_path):
    other = tmp_path / "out.csv"
    for given in (["--chip", "h200-sxm"], ["--model", "llama-3.1-8b"], ["--out", other]):
        assert fenmark("predict", "--own", PUBLIC, *given).returncode == 2
    assert fenmark("predict", "--own", tmp_path).returncode == 2
