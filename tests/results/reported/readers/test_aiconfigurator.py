"""AIConfigurator: differences are not times, and chips are those of every pool."""

import pytest

from tests.results.reported.told import figures, of_text, reasons

SERVED = {
    "id": "some_row_1", "silicon_data_source": "dump; silicon_concurrency=64; measured=2026-04-03",
    "backend": "vllm", "backend_version": "0.19.0", "model_path": "some/model",
    "system": "h200_sxm", "precision": "fp8", "mode": "agg", "isl": 1024, "osl": 1024,
    "batch_size": 16, "tp_size": 2, "pp_size": 2, "attention_dp_size": 2, "moe_tp_size": 1,
    "moe_ep_size": 4, "silicon_ttft_ms": 146.97, "silicon_tpot_ms": 16.2,
}  # fmt: skip
DISAGGREGATED = SERVED | {
    "mode": "disagg", "tp_size": "", "pp_size": "", "attention_dp_size": "",
    "prefill_num_workers": 3, "prefill_tp_size": 4, "prefill_pp_size": 1,
    "prefill_attention_dp_size": 1, "decode_num_workers": 2, "decode_tp_size": 1,
    "decode_pp_size": 1, "decode_attention_dp_size": 8, "decode_moe_ep_size": 8,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 2 * 2 * 2),
        ({"attention_dp_size": ""}, 2 * 2),
        # The row's own name says that experts were multiplied into the group.
        ({"id": "x_c64_tp8_ep8_920", "tp_size": 64, "pp_size": 1, "attention_dp_size": 1}, 8),
        ({"id": "x_c64_tp4_ep4_9", "tp_size": 4, "pp_size": 1, "attention_dp_size": 4}, 4),
        # No board holds 64, and which factor is wrong nobody says.
        ({"tp_size": 64, "pp_size": 1, "attention_dp_size": 1, "moe_ep_size": 8}, None),
        ({"system": "gb200", "tp_size": 36, "pp_size": 1, "attention_dp_size": 1}, 36),
    ],
)
def test_chips_are_tensor_by_pipeline_by_data(tmp_path, changes, count):
    (result,) = of_text(tmp_path, [SERVED | changes]).results
    assert (result.chip.name, result.chip.count) == (changes.get("system", "h200_sxm"), count)


def test_a_deployment_keeps_its_load_and_both_pools(tmp_path):
    (result,) = of_text(tmp_path, [DISAGGREGATED]).results
    assert result.chip.count == 3 * 4 + 2 * 8
    kept = {"disaggregated": True, "prefill_chips": 12, "decode_chips": 16, "concurrency": 64}
    assert kept.items() <= result.labels.items()
    assert figures(result) == {"ttft": 146.97, "tpot": 16.2}
    assert result.date == "2026-04-03"


def test_one_run_from_two_dumps_is_folded_and_another_run_is_not(tmp_path):
    twin = SERVED | {"id": "other", "silicon_data_source": "csv; silicon_concurrency=64"}
    again = SERVED | {"silicon_ttft_ms": 147.1}
    file = of_text(tmp_path, [SERVED, twin, again])
    assert ([folded.row for folded in file.folded], len(file.results)) == ([2], 2)


def test_a_difference_of_two_kernels_is_no_time(tmp_path):
    kernel = {"op_name": "compute_scale", "kernel_source": "a_minus_b", "latency": 0.05, "m": 1}
    same = {"op_name": "scale", "kernel_source": "dynamic_minus_static", "latency": 0.05}
    file = of_text(tmp_path, [kernel, same])
    assert reasons(file) == ["the difference of two kernels' times, not a time"] * 2


def test_a_collective_is_of_all_its_gpus(tmp_path):
    kernel = {"op_name": "all_reduce", "device": "NVIDIA H200", "num_gpus": 8, "latency": 0.02,
              "message_size": 128, "framework": "SGLang", "version": "0.5.9"}  # fmt: skip
    file = of_text(tmp_path, [kernel, kernel | {"num_gpus": 0.3}])
    (result,) = file.results
    assert (result.chip.catalog_id, result.chip.count) == ("h200-sxm", 8)
    assert reasons(file) == ["num_gpus is not a count of things"]
