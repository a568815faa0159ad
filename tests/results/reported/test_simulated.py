"""What nobody measured is nobody's result: simulated, estimated and predicted tables."""

import json

import pytest

from results.reported import import_file
from suites.base.errors import UserError

ROW = {
    "model_hf_repo": "ibm-granite/granite-3.1-8b-instruct",
    "hardware": "NVIDIA H100 SXM",
    "hardware_count": 1,
    "framework": "vllm",
    "framework_version": "v0.8.4",
    "prompt_tokens": 512,
    "output_tokens": 256,
    "ttft_mean": 21.951,
    "ttft_p90": 25.583,
    "itl_mean": 10.764,
    "e2e_mean": 2720.175,
    "requests_per_second": 1.0,
    "responses_per_second": 0.991,
    "tokens_per_second": 247.464,
}
# As llm-d-planner's own files begin.
BLIS = {
    "description": "Synthetic benchmark data for development and testing",
    "generation_method": "BLIS simulated data",
    "source": "BLIS simulator",
}
ESTIMATED = {
    "source": "manual",
    "confidence_level": "estimated",
    "disclaimer": "These are ESTIMATED values based on similar models.",
}
VLLM = {"output_throughput": 82.9, "completed": 8, "median_ttft_ms": 55.7, "model_id": "m"}


@pytest.fixture
def imported(tmp_path):
    def read(value):
        path = tmp_path / "x.json"
        path.write_text(json.dumps(value))
        return import_file(None, path)

    return read


def test_a_measured_table_of_the_planner_is_read(imported):
    [result] = imported({"_metadata": {"source": "GuideLLM"}, "benchmarks": [ROW]}).results
    figures = {
        (row.metric, row.labels.get("statistic", "")): row.value for row in result.measurements
    }
    assert figures["output_throughput", ""] == 247.464
    assert figures["ttft", "p90"] == 25.583
    assert (result.chip.catalog_id, result.chip.count) == ("h100-sxm", 1)
    assert result.engine == "vllm v0.8.4"
    assert (result.labels["isl"], result.labels["osl"], result.labels["rate"]) == (512, 256, 1.0)


@pytest.mark.parametrize(
    "value",
    [
        {"_metadata": BLIS, "benchmarks": [ROW, ROW]},
        {"metadata": ESTIMATED, "benchmarks": [ROW]},
        {"benchmarks": [ROW | {"estimated": True}]},
        [ROW | {"source": "vidur simulation"}],
        [VLLM | {"simulated": True}],
        {"metadata": {"notes": ["made by an inference simulator"]}, "results": [VLLM]},
    ],
)
def test_what_calls_itself_simulated_gives_no_result(imported, value):
    file = imported(value)
    assert file.results == []
    assert all(
        "simulated or estimated, as it says itself" in refusal.reason for refusal in file.refused
    )


@pytest.mark.parametrize("wrap", [list, lambda rows: {"benchmarks": rows}])
def test_one_simulated_row_costs_no_measured_one(imported, wrap):
    file = imported(wrap([ROW | {"estimated": True, "ttft_mean": 20.0}, ROW]))
    assert (len(file.results), len(file.refused)) == (1, 1)


def test_a_simulated_file_of_no_kind_we_know_is_said_to_be_one(imported):
    with pytest.raises(UserError, match="simulated or estimated, as it says itself: BLIS"):
        imported({"metadata": {"source": "BLIS simulator"}, "rows": [{"a": 1}]})


def test_prompts_that_were_made_up_are_measured_all_the_same(imported):
    row = VLLM | {"dataset_name": "random", "prompts": "synthetic", "estimated": False}
    assert len(imported([row]).results) == 1
