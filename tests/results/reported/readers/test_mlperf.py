"""MLPerf: a run's own summary of its log."""

import pytest

from tests.results.reported.told import HARNESSES, figures, of_excerpt, of_text, reasons


def test_a_log_summary_gives_rates_and_every_percentile():
    file = of_excerpt("mlperf_log_summary.txt")
    (result,) = file.results
    told = figures(result)
    assert (file.source.kind, file.source.view) == ("mlperf", "mlperf")
    assert told["output_throughput"] == 32027.57
    assert told["request_throughput"] == 106.28
    assert told["ttft/p99"] == pytest.approx(1755.256090)
    assert told["tpot/p99.9"] == pytest.approx(256.534537)
    assert told["e2e/mean"] == pytest.approx(44905.421880)
    load = {"rate": 109.0, "arrival": "poisson", "Scenario": "Server", "Result is": "VALID"}
    assert load.items() <= result.labels.items()


def test_a_run_that_is_not_valid_is_none(tmp_path):
    text = (HARNESSES / "mlperf_log_summary.txt").read_text()
    changed = text.replace("Result is : VALID", "Result is : INVALID")
    assert reasons(of_text(tmp_path, changed, "log.txt")) == ["the run is INVALID"]


def test_what_was_typed_from_a_page_is_read(tmp_path):
    text = (
        "submitter,system,chips,model,scenario,metric,value,note\n"
        "Nebius,GB300,72,deepseek-r1,Server,tokens/s,603023,\n"
        "NVIDIA,GB300,72,qwen3-vl,Server,queries/s,2323,\n"
    )
    file = of_text(tmp_path, text, "v6.1.csv")
    (result,) = file.results
    assert (result.chip.catalog_id, result.chip.count) == ("gb300", 72)
    assert figures(result) == {"output_throughput": 603023.0}
    assert reasons(file) == ["no token rate: queries/s"]


def test_rates_are_of_tokens_or_none(tmp_path):
    row = {"Performance_Units": "Samples/s", "Performance_Result": 5.0, "UsedModel": "bert-99"}
    assert reasons(of_text(tmp_path, [row])) == ["no token rate: Samples/s"]


def test_the_checker_s_own_summary_is_read(tmp_path):
    text = (
        "Organization,Availability,Division,SystemType,SystemName,Platform,Model,Scenario,Result,"
        "number_of_nodes,accelerator_model_name,accelerators_per_node,framework,version,Units\n"
        "Somebody,available,closed,datacenter,Box,box8,llama2-70b-99,Server,32027.57,2,"
        "AMD Instinct MI325X 256GB HBM3e,8,vLLM,v5.1,Tokens/s\n"
    )
    (result,) = of_text(tmp_path, text, "summary.csv").results
    assert (result.chip.catalog_id, result.chip.count) == ("instinct-mi325x", 16)
    assert figures(result) == {"output_throughput": 32027.57}
