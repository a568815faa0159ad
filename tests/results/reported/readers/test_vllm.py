"""Four benchmarks of vLLM: golden values are the file's own, converted by hand."""

import pytest

from tests.results.reported.told import figures, of_excerpt, of_text, reasons

SERVED = {
    "model_id": "some/model", "num_prompts": 10, "completed": 9, "request_rate": "inf",
    "max_concurrency": None, "total_input_tokens": 900, "total_output_tokens": 450,
    "output_throughput": 50.0, "request_throughput": 1.0, "p99.9_ttft_ms": 9.0,
}  # fmt: skip


def test_a_served_run_keeps_its_figures_and_its_load():
    file = of_excerpt("vllm_serve.json")
    (result,) = file.results
    told = figures(result)
    assert file.source.kind == "vllm"
    assert told["output_throughput"] == 82.89297074037474
    assert told["total_throughput"] == 248.6789122211242
    assert told["ttft/median"] == 55.68139649994919
    assert told["tpot/p99"] == 11.979541883350674
    assert told["itl/std"] == 3.5142929948720183
    # 256 and 128 tokens over 8 requests.
    load = {"isl": 32, "osl": 16, "concurrency": 2, "requests": 8, "failed_requests": 0}
    assert load.items() <= result.labels.items()
    assert {row.n for row in result.measurements if row.metric == "ttft"} == {8}


def test_a_run_whose_requests_all_failed_gives_nothing():
    assert reasons(of_excerpt("vllm_serve_all_failed.json")) == ["no request was answered"]


def test_what_a_script_adds_names_the_chips_and_stays():
    (result,) = of_excerpt("vllm_serve_llm_d.json").results
    assert (result.chip.catalog_id, result.chip.count) == ("l40s", 4)
    assert result.labels["gateway"] == "kgateway"
    assert (result.labels["rate"], result.labels["arrival"]) == (10.0, "poisson")


def test_repetitions_of_a_sweep_are_told_apart():
    first, second = of_excerpt("vllm_sweep.json").results
    assert (first.labels["repetition"], second.labels["repetition"]) == (0, 1)
    assert first.labels["max_num_seqs"] == 4


def test_everything_at_once_is_a_burst_and_who_failed_is_counted(tmp_path):
    (result,) = of_text(tmp_path, SERVED).results
    assert result.labels["arrival"] == "burst"
    assert result.labels["failed_requests"] == 1
    assert figures(result)["ttft/p99.9"] == 9.0


def test_the_protocol_of_a_client_is_no_engine(tmp_path):
    (result,) = of_text(tmp_path, SERVED | {"backend": "openai-chat"}).results
    assert (result.engine, result.labels["backend_in_file"]) == (None, "openai-chat")


def test_throughput_counts_all_tokens_and_latency_is_of_a_batch(tmp_path):
    row = {"elapsed_time": 10.5, "num_requests": 1000, "total_num_tokens": 500000,
           "requests_per_second": 95.2, "tokens_per_second": 47619.0}  # fmt: skip
    (offline,) = of_text(tmp_path, row).results
    assert figures(offline) == {"total_throughput": 47619.0, "request_throughput": 95.2}
    row = {"avg_latency": 1.2345, "latencies": [1.2], "percentiles": {"10": 1.2, "99": 1.27}}
    (latency,) = of_text(tmp_path, row).results
    expected = {"e2e/mean": 1234.5, "e2e/p10": 1200.0, "e2e/p99": 1270.0}
    assert figures(latency) == pytest.approx(expected)
