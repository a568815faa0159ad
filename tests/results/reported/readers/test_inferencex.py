"""InferenceX: experts lie on the chips of their group, whatever a row multiplies."""

import pytest

from tests.results.reported.told import figures, of_excerpt, of_text

AGGREGATED = {
    "hw": "b200-nv", "conc": 64, "model": "deepseek-ai/DeepSeek-R1-0528", "framework": "sglang",
    "precision": "fp8", "spec_decoding": "mtp", "disagg": False, "isl": 1024, "osl": 1024,
    "tp": 8, "pp": 2, "ep": 8, "image": "lmsys/x", "tput_per_gpu": 1000.0,
    "output_tput_per_gpu": 500.0, "input_tput_per_gpu": 500.0, "median_ttft": 0.5,
    "std_intvty": 8400.0,
}  # fmt: skip


def test_a_run_in_seconds_is_of_the_whole_deployment():
    file = of_excerpt("inferencex_seconds.json")
    (result,) = file.results
    told = figures(result)
    assert (file.source.kind, result.chip.count) == ("inferencex", None)
    assert told["output_throughput"] == 95.41597717158848
    assert told["ttft/median"] == pytest.approx(3138.2447, rel=1e-6)
    assert {"isl": 10240, "osl": 128, "concurrency": 16}.items() <= result.labels.items()


@pytest.mark.parametrize("nested", [False, True])
def test_an_aggregated_file_counts_tensor_by_pipeline(tmp_path, nested):
    row = dict(AGGREGATED)
    if nested:
        row["metrics"] = {name: row.pop(name) for name in list(row) if "tput" in name}
    (result,) = of_text(tmp_path, [row]).results
    assert (result.chip.catalog_id, result.chip.count) == ("b200-sxm", 16)
    assert figures(result)["output_throughput"] == 16 * 500.0
    kept = {"speculation": "mtp", "image": "lmsys/x", "tensor_parallel": 8, "expert_parallel": 8}
    assert kept.items() <= result.labels.items()
    assert not any("intvty" in name for name in result.labels)


@pytest.mark.parametrize(("stated", "count"), [(8, 8), (64, 8), (16, 16)])
def test_experts_are_not_multiplied_into_the_chips(tmp_path, stated, count):
    row = AGGREGATED | {"pp": 1, "num_decode_gpu": stated, "decode_tp": 8, "decode_ep": 8}
    (result,) = of_text(tmp_path, [row]).results
    assert result.chip.count == count
    assert result.labels.get("count_in_file", count) == stated
