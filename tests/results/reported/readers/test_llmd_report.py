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
