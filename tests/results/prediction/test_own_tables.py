"""Tables of an own machine for the page: what the command predicts, on a grid."""

import json
from pathlib import Path

import pytest

import results
from results.prediction.own import EngineLoad, OwnEngine, Wanted
from results.prediction.own_tables import LENGTHS, LOADS, OWN_TABLES, tables_of
from results.prediction.own_width import predict_load
from suites.models import load

PUBLIC = Path(results.__file__).parent / "public"


def test_a_table_holds_what_is_predicted_and_null_where_it_is_refused():
    times = {EngineLoad("decode", 1, 64): 10.0, EngineLoad("decode", 4, 64): 20.0}
    own = OwnEngine(
        machine="m", engine="e", version="1", model="qwen2.5-0.5b", precision="bf16", times=times
    )
    narrow = Wanted(load("qwen3-0.6b"), "fp8", 8.0)
    (told,) = tables_of([(own, narrow, [])])["engines"]
    assert (told["model"], told["precision"]) == ("qwen3-0.6b", "fp8")
    assert told["measured"] == "qwen2.5-0.5b, bf16"
    figure = predict_load(own, EngineLoad("decode", 2, LENGTHS[4]), [], narrow)
    ms, apart = told["decode"][LOADS.index(2)][4]
    assert ms == pytest.approx(figure.ms, rel=1e-4)
    assert apart == pytest.approx(figure.high / figure.ms, rel=1e-4)
    assert told["decode"][LOADS.index(8)] == [None] * len(LENGTHS)
    assert told["prefill"] == [None] * len(LENGTHS)


def test_the_command_writes_them(fenmark, tmp_path):
    file = tmp_path / "own.json"
    assert (
        fenmark("predict", "--own", PUBLIC, "--concurrency", "2", "--tables", file).returncode == 0
    )
    told = json.loads(file.read_text())
    assert told["type"] == OWN_TABLES
    assert [own["engine"].split()[0] for own in told["engines"]] == ["llama.cpp", "vLLM"]
    refused = fenmark("predict", "--chip", "h200-sxm", "--model", "qwen3-8b", "--tables", file)
    assert refused.returncode == 2
    assert "expected --own" in refused.stderr
