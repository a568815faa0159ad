"""llm-d Prism: a throughput of all tokens, and pools of their own."""

from tests.results.reported.told import figures, of_text, reasons

POINT = {
    "id": "x", "model": "Llama-3.1-70B", "accelerator_type": "H100", "accelerator_count": 16,
    "architecture": "disaggregated", "pd_ratio": "1:3", "prefill_node_count": 1,
    "decode_node_count": 3, "prefill_tp": 4, "decode_tp": 4, "timestamp": "20250923-201033",
    "metrics": {"throughput": 24275.67, "request_rate": 2.20708, "tpot": 49.13, "error_count": 0,
                "latency": {"mean": 55943.7, "p50": 52607.5, "p99": 0}, "ttft": {"mean": 6863.3}},
    "workload": {"input_tokens": 9999, "output_tokens": 1000, "target_qps": 2.20708,
                 "concurrency": 128},
    "metadata": {"precision": "Unknown", "backend": "vllm"},
}  # fmt: skip


def test_a_point_keeps_its_pools_and_no_percentile_that_was_not_measured(tmp_path):
    file = of_text(tmp_path, [POINT])
    (result,) = file.results
    assert file.source.kind == "llm-d-prism"
    assert figures(result) == {
        "total_throughput": 24275.67, "request_throughput": 2.20708, "e2e/mean": 55943.7,
        "e2e/p50": 52607.5, "ttft/mean": 6863.3, "tpot": 49.13,
    }  # fmt: skip
    # A bare H100 is not decided; target_qps is what was reached, not what was offered.
    assert (result.chip.name, result.chip.catalog_id, result.chip.count) == ("H100", None, 16)
    kept = {"concurrency": 128, "prefill_chips": 4, "decode_chips": 12, "disaggregated": True}
    assert kept.items() <= result.labels.items()
    assert "rate" not in result.labels


def test_a_throughput_of_something_else_is_refused(tmp_path):
    point = POINT | {"metrics": POINT["metrics"] | {"throughput": 2207.0}}
    assert "throughput is not" in reasons(of_text(tmp_path, [point]))[0]
