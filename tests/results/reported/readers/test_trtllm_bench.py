"""trtllm-bench: its report and what it prints say the same."""

import pytest

from tests.results.reported.told import figures, of_text

REPORT = {
    "engine": {"model": "some/model", "version": "1.2.0", "dtype": "bfloat16",
               "quantization": "FP8", "kv_cache_dtype": "FP8", "backend": "Pytorch"},
    "world_info": {"tp_size": 4, "pp_size": 2, "ep_size": 4, "world_size": 8,
                   "max_batch_size": 2048},
    "request_info": {"num_requests": 100, "avg_num_concurrent_requests": 63.5,
                     "avg_input_length": 1024.0, "avg_output_length": 128.0},
    "performance": {"system_output_throughput_tok_s": 18085.9891,
                    "system_total_throughput_tok_s": 36171.9781,
                    "request_throughput_req_s": 141.2968, "avg_request_latency_ms": 15698.25,
                    "request_latency_percentiles_ms": {"p50": 15000.0, "minimum": 900.0}},
    "streaming_metrics": {"avg_ttft_ms": 50.0, "ttft_percentiles": {"p99": 75.0, "average": 50.0},
                          "tpot_percentiles": {"maximum": 12.0, "average": 10.0}},
    "decoding_stats": {"mode": "EAGLE3", "acceptance_length_percentiles": {"average": 2.5}},
}  # fmt: skip
PRINTED = """===========================================================
= PYTORCH BACKEND
===========================================================
Model:\t\t\tsome/model
TensorRT LLM Version:\t1.2.0
Quantization:\t\tFP8
TP Size:                4
PP Size:                2
= PERFORMANCE OVERVIEW
Number of requests:             100
Request Throughput (req/sec):                     141.2968
Total Output Throughput (tokens/sec):             18085.9891
Average time-to-first-token [TTFT] (ms):          50.0
[TPOT] P99    : 11.5
"""


def test_a_report_counts_ranks_and_keeps_the_draft(tmp_path):
    (result,) = of_text(tmp_path, REPORT).results
    assert result.chip.count == 8
    assert (result.precision, result.engine) == ("FP8", "TensorRT-LLM 1.2.0")
    assert figures(result) == {
        "output_throughput": 18085.9891, "total_throughput": 36171.9781,
        "request_throughput": 141.2968, "e2e/mean": 15698.25, "e2e/p50": 15000.0,
        "e2e/min": 900.0, "ttft/p99": 75.0, "ttft/mean": 50.0, "tpot/max": 12.0,
        "tpot/mean": 10.0,
    }  # fmt: skip
    load = {"isl": 1024, "osl": 128, "requests": 100, "speculation": "EAGLE3",
            "acceptance_length": 2.5, "expert_parallel": 4, "mean_concurrency": 63.5}  # fmt: skip
    assert load.items() <= result.labels.items()


@pytest.mark.parametrize("name", ["bench.log", "bench.txt", "bench"])
def test_what_it_prints_is_read_too(tmp_path, name):
    (result,) = of_text(tmp_path, PRINTED, name).results
    assert result.chip.count == 8
    assert figures(result) == {
        "output_throughput": 18085.9891, "request_throughput": 141.2968, "ttft/mean": 50.0,
        "tpot/p99": 11.5,
    }  # fmt: skip
