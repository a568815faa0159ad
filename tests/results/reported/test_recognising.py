"""The kind of a file is found in what it says, of every harness and publisher."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import leaderboard
from results.checks import judge_reported
from results.reported import KINDS, import_file
from results.reported.page import page
from results.reported.parts.reading import Document
from results.reported.recognising import recognise
from suites.base.errors import UserError
from tests.results.reported.told import HARNESSES

KIND_OF = {
    "aiperf.csv": "aiperf", "aiperf.json": "aiperf", "evalscope.json": "evalscope",
    "flagperf_README.md": "flagperf", "genai_perf_not_streamed.json": "genai-perf",
    "guidellm_0.2.json": "guidellm", "guidellm_0.5.json": "guidellm",
    "inference_perf.json": "inference-perf", "inferencex_seconds.json": "inferencex",
    "llama_batched_bench.jsonl": "llama-batched-bench", "llama_bench.jsonl": "llama-bench",
    "llama_bench.md": "llama-bench", "llama_bench_ragged.csv": "llama-bench",
    "llama_bench_ragged.sql": "llama-bench", "llm_d_report.yaml": "llm-d",
    "llm_inference_bench.csv": "llm-inference-bench", "llmperf.json": "llmperf",
    "lm_eval.json": "lm-eval",
    "mlenergy_model.json": "mlenergy", "mlperf_log_summary.txt": "mlperf",
    "sglang.jsonl": "sglang", "vllm_serve.json": "vllm", "vllm_serve_all_failed.json": "vllm",
    "vllm_serve_llm_d.json": "vllm", "vllm_sweep.json": "vllm",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(path.name for path in HARNESSES.iterdir()))
def test_a_file_is_known_whatever_it_is_called(tmp_path, name):
    path = tmp_path / f"x{'.md' if name.endswith('.md') else ''}"
    path.write_bytes((HARNESSES / name).read_bytes())
    assert import_file(None, path).source.kind == KIND_OF[name]


def test_rows_in_a_wrapper_are_found(tmp_path):
    path = tmp_path / "x.json"
    row = json.loads((HARNESSES / "vllm_serve.json").read_text())
    path.write_text(json.dumps({"when": "today", "results": [row, row | {"output_throughput": 7}]}))
    file = import_file(None, path)
    assert (file.source.kind, len(file.results)) == ("vllm", 2)


@pytest.mark.parametrize("rows", [[], [None], ["a", 3], [{}], [{"simulated": 1}]])
def test_what_no_reader_knows_is_said(rows):
    document = Document(name="x", data=b"", text="", rows=rows)
    with pytest.raises(UserError, match="a file of a harness") as error:
        recognise(document, "x")
    assert all(kind in str(error.value) for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", [{}, [], None, 3, {"latency": "x"}, {"metric": None, "avg_ts": -1}])
def test_a_row_that_makes_no_sense_is_refused_with_a_reason(tmp_path, kind, row):
    path = tmp_path / "x.json"
    path.write_text(json.dumps([row]))
    file = import_file(kind, path)
    assert (file.rows, len(file.results), len(file.refused)) == (1, 0, 1)
    assert file.refused[0].reason


JSON = {path.name: json.loads(path.read_text()) for path in HARNESSES.glob("*.json")}
ODD = [None, "", 0, -1, 1e308, True, "x", "\x1b[31m", [], [1], {}, {"a": 1}, "inf", "1,5", 10**50]


@given(st.sampled_from(sorted(JSON)), st.randoms(use_true_random=False), st.integers(1, 4))
def test_a_file_with_anything_in_any_place_is_rows_or_an_error_of_the_user_s(
    tmp_path_factory, name, random, changes
):
    value = json.loads(json.dumps(JSON[name]))
    for _ in range(changes):
        inside, key = value, None
        while isinstance(inside, dict | list) and inside:
            parent, key = inside, random.choice(list(keys(inside)))
            inside = parent[key]
            if random.random() < 0.3:
                break
        parent[key] = random.choice(ODD)
    path = tmp_path_factory.getbasetemp() / "changed.json"
    path.write_text(json.dumps(value))
    with suppress(UserError):
        file = import_file(None, path)
        assert file.rows == len(file.results) + len(file.folded) + len(file.refused)
        for result in file.results:
            judge_reported(result)


def keys(inside):
    return inside if isinstance(inside, dict) else range(len(inside))


def test_the_page_of_importers_is_the_codes_own():
    written = Path(leaderboard.__file__).parent / "docs" / "importers.md"
    assert written.read_text() == page(), "run `python -m results.reported.page` into the page"


WRAPPERS = {
    "a list": lambda rows: rows,
    "results of a script": lambda rows: {"meta": {"by": "x"}, "results": rows},
    "two deep": lambda rows: {"run": {"results": rows}},
    "each in one of its own": lambda rows: [{"id": at, "out": row} for at, row in enumerate(rows)],
}


@pytest.mark.parametrize("name", sorted(JSON))
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_what_a_script_wraps_is_known_as_it_is_bare(tmp_path, name, wrapper):
    value, bare = JSON[name], import_file(None, HARNESSES / name)
    rows = value if isinstance(value, list) else [value]
    path = tmp_path / "x.json"
    path.write_text(json.dumps(WRAPPERS[wrapper](rows)))
    file = import_file(None, path)
    assert file.source.kind == bare.source.kind
    assert [result.measurements for result in file.results] == [
        result.measurements for result in bare.results
    ]


def test_a_list_in_yaml_is_rows_as_one_in_json_is(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump([JSON["vllm_serve.json"], {"output_throughput": 5.0}]))
    assert (import_file(None, path).rows, import_file(None, path).source.kind) == (2, "vllm")


def test_a_harness_own_file_is_not_taken_for_what_it_holds(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(JSON["vllm_serve.json"] | {"native": JSON["guidellm_0.5.json"]}))
    assert import_file(None, path).source.kind == "vllm"
