"""llm-d's report: chips are those of every replica of every engine."""

import pytest
import yaml

from tests.results.reported.told import HARNESSES, figures, of_excerpt, of_text


def test_a_report_names_model_chips_and_load():
    file = of_excerpt("llm_d_report.yaml")
    (result,) = file.results
    told = figures(result)
    assert file.source.kind == "llm-d"
    # 2 replicas of 8.
    assert (result.chip.catalog_id, result.chip.count) == ("h100-sxm", 16)
    assert result.model == "Qwen/Qwen3-0.6B"
    assert told["ttft/p0.1"] == 0.027322400792501866 * 1e3
    assert told["tpot/mean"] == 0.0368578234128654 * 1e3
    load = {"rate": 10.0, "isl": 2262, "requests": 500, "tensor_parallel": 8, "replicas": 2}
    assert load.items() <= result.labels.items()
    assert "concurrency" not in result.labels  # infinite: no limit was set


def test_two_pools_are_counted_apart_and_together(tmp_path):
    report = yaml.safe_load((HARNESSES / "llm_d_report.yaml").read_text())
    (engine, _) = report["scenario"]["stack"]
    parallelism = {"tp": 4, "pp": 1, "dp": 2}
    prefill = engine["standardized"] | {
        "role": "prefill",
        "replicas": 3,
        "accelerator": {"model": "NVIDIA-H100-80GB-HBM3", "parallelism": parallelism},
    }
    report["scenario"]["stack"].append({"standardized": prefill})
    (result,) = of_text(tmp_path, report).results
    assert result.chip.count == 2 * 8 + 3 * 4 * 2
    assert (result.labels["prefill_chips"], result.labels["decode_chips"]) == (24, 16)
    assert result.labels["disaggregated"] is True


@pytest.mark.parametrize("unit", ["furlongs/s", ""])
def test_a_unit_that_is_not_known_is_not_guessed(tmp_path, unit):
    report = yaml.safe_load((HARNESSES / "llm_d_report.yaml").read_text())
    aggregate = report["results"]["request_performance"]["aggregate"]
    aggregate["throughput"]["output_token_rate"]["units"] = unit
    assert of_text(tmp_path, report).results == []


def test_a_report_of_v0_1_is_read_alike_with_every_chip_of_its_pools(tmp_path):
    accelerator = {"model": "NVIDIA-H100-80GB-HBM3", "count": 8, "parallelism": {"tp": 8, "ep": 8}}
    first = {"model": "NVIDIA-H100-80GB-HBM3", "count": 1, "parallelism": {"tp": 1}}
    report = {
        "version": "0.1",
        "scenario": {
            "host": {
                "type": ["prefill", "decode", "decode"],
                "accelerator": [first, accelerator, accelerator],
            },
            "platform": {"engine": [{"name": "vllm", "version": "0.9.0.1"}] * 3},
            "model": {"name": "deepseek-ai/DeepSeek-R1-0528", "quantization": "fp8"},
            "load": {"name": "inference-perf"},
        },
        "metrics": {
            "requests": {"total": 32, "failures": 2, "input_length": {"mean": 628.6}},
            "latency": {
                "time_to_first_token": {"units": "s", "mean": 0.8, "p90": 2.25},
                "inter_token_latency": {"units": "ms/token", "mean": 8.5},
            },
            "throughput": {"output_tokens_per_sec": 32.5, "requests_per_sec": 1.02},
        },
    }
    file = of_text(tmp_path, report)
    (result,) = file.results
    told = figures(result)
    assert file.source.kind == "llm-d"
    assert (told["ttft/mean"], told["ttft/p90"], told["itl/mean"]) == (800.0, 2250.0, 8.5)
    assert (told["output_throughput"], told["request_throughput"]) == (32.5, 1.02)
    assert (result.chip.catalog_id, result.chip.count) == ("h100-sxm", 17)
    assert (result.labels["prefill_chips"], result.labels["decode_chips"]) == (1, 16)
    assert (result.labels["requests"], result.labels["failed_requests"]) == (30, 2)
    assert (result.engine, result.precision) == ("vllm 0.9.0.1", "fp8")
