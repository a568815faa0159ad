"""inference-perf in seconds, as JSON or YAML."""

from tests.results.reported.told import figures, of_excerpt, of_text, reasons


def test_a_summary_keeps_its_figures():
    file = of_excerpt("inference_perf.json")
    (result,) = file.results
    told = figures(result)
    assert file.source.kind == "inference-perf"
    assert told["output_throughput"] == 4646.495280316906
    assert told["tpot/median"] == 12.646556813847418
    assert told["ttft/p99.9"] == 2756.4905611455908
    assert told["itl/p0.1"] == 3.3640535548329353e-06 * 1e3
    assert {"isl": 201, "osl": 63, "requests": 47002}.items() <= result.labels.items()


def test_a_stage_in_yaml_names_its_rate(tmp_path):
    text = """# a comment
load_summary: {requested_rate: 2.5, count: 3}
successes:
  count: 3
  latency: {request_latency: {mean: 0.49, p90: 0.5}}
  throughput: {output_tokens_per_sec: 64.5}
failures: {count: 1}
"""
    (result,) = of_text(tmp_path, text, "stage.yaml").results
    assert figures(result) == {"output_throughput": 64.5, "e2e/mean": 490.0, "e2e/p90": 500.0}
    assert (result.labels["rate"], result.labels["failed_requests"]) == (2.5, 1)
    assert reasons(of_text(tmp_path, text.replace("count: 3\n  lat", "count: 0\n  lat"), "s.yaml"))
