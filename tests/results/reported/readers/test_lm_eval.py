"""Scores of named tasks: each with its version, its number of questions and its error."""

import json

import pytest

from tests.results.reported.told import HARNESSES, of_excerpt, of_text, reasons

FILE = json.loads((HARNESSES / "lm_eval.json").read_text())


def test_a_task_keeps_its_version_its_n_and_its_error():
    file = of_excerpt("lm_eval.json")
    (result,) = file.results
    assert file.source.kind == "lm-eval"
    strict, flexible = result.measurements
    assert (strict.metric, strict.value, strict.n) == ("task_score", 0.844, 500)
    assert strict.labels == {
        "task": "gsm8k",
        "task_version": "3.0",
        "fewshot": 5,
        "scored_by": "exact_match",
        "answer_filter": "strict-match",
        "stderr": 0.016243636028391094,
    }
    assert flexible.value == 0.892
    assert (result.model, result.engine) == ("clemsail/devstral-v3-sft", "hf")
    assert result.labels == {"harness_version": "0.4.9.1", "limit": 500.0}
    assert result.date == "2026-04-15"
    assert result.chip.catalog_id is None


def test_each_task_is_a_result_and_what_is_no_share_is_left_out(tmp_path):
    results = {
        "mmlu": {"acc,none": 0.5, "acc_stderr,none": "N/A", "alias": "mmlu"},
        "zero": {"exact_match,none": 0.0, "exact_match_stderr,none": 0.0},
        "wikitext": {"word_perplexity,none": 9.5, "bits_per_byte,none": 0.6},
    }
    file = of_text(tmp_path, {**FILE, "results": results})
    mmlu, zero = (result.measurements[0] for result in file.results)
    assert (mmlu.labels["task"], mmlu.value, mmlu.n) == ("mmlu", 0.5, 1)
    assert "stderr" not in mmlu.labels
    assert zero.value == 0
    assert reasons(file) == ["holds no share of right answers"]


@pytest.mark.parametrize("score", [1.5, -0.1, "high"])
def test_a_score_that_is_no_share_costs_its_task(tmp_path, score):
    results = {"odd": {"acc,none": score}, "even": {"acc,none": 0.5}}
    file = of_text(tmp_path, {**FILE, "results": results})
    assert [result.measurements[0].labels["task"] for result in file.results] == ["even"]
    assert "acc,none is not a" in reasons(file)[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n-samples", {"gsm8k": {"effective": -3}}),
        ("versions", []),
        ("n-shot", {"gsm8k": "five"}),
        ("date", "yesterday"),
        ("config", None),
        ("results", {"gsm8k": 3}),
    ],
)
def test_odd_fields_never_end_an_import(tmp_path, field, value):
    file = of_text(tmp_path, {**FILE, field: value}, kind="lm-eval")
    assert file.rows == 1
