"""genai-perf without streaming has no time to first token, whatever it prints."""

from tests.results.reported.told import figures, of_excerpt, of_text

CSV = """Metric,avg,min,max,p99,p95,p90,p75,p50,p25
Request Latency (ms),"4,610.62","1,000.00","6,200.00","6,156.11","6,153.31","6,099.67",5,4,3
Output Sequence Length (tokens),567.84,1,2,3,4,5,6,7,8

Metric,Value
Output Token Throughput (tokens/sec),"12,277.70"
Request Throughput (requests/sec),21.62
"""


def test_without_streaming_there_is_no_first_token():
    file = of_excerpt("genai_perf_not_streamed.json")
    (result,) = file.results
    told = figures(result)
    assert file.source.kind == "genai-perf"
    assert not any(name.startswith(("ttft", "tpot")) for name in told)
    assert told["e2e/p50"] == 4355.8502165
    assert told["output_throughput"] == 12277.70340876071
    load = {"concurrency": 100, "isl": 201, "osl": 568, "streaming": False}
    assert load.items() <= result.labels.items()


def test_a_first_token_that_is_the_whole_latency_was_not_seen(tmp_path):
    times = {"unit": "ms", "avg": 4610.6, "p99": 6156.1}
    row = {
        "input_config": {"subcommand": "profile"},
        "request_latency": times,
        "time_to_first_token": times,
    }
    (result,) = of_text(tmp_path, row).results
    assert figures(result) == {"e2e/mean": 4610.6, "e2e/p99": 6156.1}


def test_its_csv_prints_thousands_apart(tmp_path):
    file = of_text(tmp_path, CSV, "profile.csv")
    (result,) = file.results
    assert file.source.kind == "genai-perf"
    assert figures(result)["e2e/p99"] == 6156.11
    assert figures(result)["output_throughput"] == 12277.70
