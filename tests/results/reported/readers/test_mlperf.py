"""MLPerf: a run's own summary of its log."""

import json

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


def detail(**changes):
    """A detailed log of LoadGen, one record a line."""
    fields = {
        "sut_name": "PySUT",
        "effective_scenario": "Server",
        "effective_target_qps": 83.5,
        "result_validity": "VALID",
        "result_completed_samples_per_sec": 81.6768,
        "result_mean_latency_ns": 43579602295,
        "result_99.90_percentile_latency_ns": 159705402675,
        "result_first_token_50.00_percentile_latency_ns": 875073063,
        "result_first_token_min_latency_ns": 37578735,
        "result_token_throughput": 6.90935e-09,
        "result_time_per_output_token_99.00_percentile_ns": 193380124,
        "result_time_to_output_token_mean": 144594078,
        "result_completed_tokens_per_second": 24593.8,
        **changes,
    }
    lines = [json.dumps({"key": key, "value": value}) for key, value in fields.items()]
    return "".join(f":::MLLOG {line}\n" for line in [*lines, '{"key": "cut'])


def test_a_detailed_log_is_read_as_its_summary_is(tmp_path):
    file = of_text(tmp_path, detail(), name="mlperf_log_detail.txt")
    (result,) = file.results
    told = figures(result)
    assert file.source.kind == "mlperf"
    # LoadGen's own token throughput, of 7e-9, is divided by nanoseconds.
    assert told["output_throughput"] == 24593.8
    assert told["request_throughput"] == 81.6768
    assert told["e2e/mean"] == 43579.602295
    assert told["e2e/p99.9"] == pytest.approx(159705.402675)
    assert told["ttft/p50"] == pytest.approx(875.073063)
    assert told["ttft/min"] == pytest.approx(37.578735)
    assert told["tpot/p99"] == pytest.approx(193.380124)
    assert told["tpot/mean"] == pytest.approx(144.594078)
    assert (result.labels["rate"], result.labels["arrival"]) == (83.5, "poisson")


def test_a_detailed_log_of_a_run_that_is_not_valid_is_refused(tmp_path):
    file = of_text(tmp_path, detail(result_validity="INVALID"), name="mlperf_log_detail.txt")
    assert reasons(file) == ["the run is INVALID"]
