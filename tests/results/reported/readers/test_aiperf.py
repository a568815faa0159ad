"""AIPerf in both its outputs: one run, the same figures."""

import pytest

from tests.results.reported.told import figures, of_excerpt, of_text, reasons


def test_a_profile_keeps_every_statistic_and_the_measured_phase():
    (result,) = of_excerpt("aiperf.json").results
    told = figures(result)
    assert told["output_throughput"] == 1172.145991694937
    assert told["tpot/p50"] == 12.245986588621273  # their inter_token_latency
    assert told["itl/p99"] == 117.98615575276864  # their inter_chunk_latency
    assert told["e2e/std"] == 4376.035549505892
    assert told["interactivity/mean"] == 85.65691328980826
    load = {"concurrency": 16, "isl": 3761, "osl": 544, "requests": 96, "streaming": True}
    assert load.items() <= result.labels.items()
    assert result.model == "qwen3.6-nvfp4"


def test_the_csv_of_a_run_says_what_its_json_says():
    (of_json,) = of_excerpt("aiperf.json").results
    (of_csv,) = of_excerpt("aiperf.csv").results
    both = figures(of_json).keys() & figures(of_csv).keys()
    assert len(both) > 25
    for name in both:
        assert figures(of_csv)[name] == pytest.approx(figures(of_json)[name], abs=0.006)
    assert of_csv.labels["requests"] == 96


def test_a_unit_we_do_not_know_costs_the_row(tmp_path):
    row = {"aiperf_version": "1", "request_latency": {"unit": "fortnights", "avg": 1.0}}
    assert reasons(of_text(tmp_path, row)) == ["request_latency.avg is in 'fortnights'"]
    row = {"aiperf_version": "1", "request_latency": {"avg": 1.0}}
    assert reasons(of_text(tmp_path, row)) == ["request_latency.avg has no unit"]


def test_seconds_are_seconds(tmp_path):
    row = {"aiperf_version": "1", "request_latency": {"unit": "sec", "avg": 1.5}}
    (result,) = of_text(tmp_path, row).results
    assert figures(result) == {"e2e/mean": 1500.0}
