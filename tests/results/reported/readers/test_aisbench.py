"""AISBench: rates and latencies of a run in two files, each value with its unit."""

import pytest

from tests.results.reported.told import figures, of_text, reasons

RATES = {
    "Benchmark Duration": {"total": "40152.6953 ms"}, "Total Requests": {"total": 32},
    "Failed Requests": {"total": 0}, "Success Requests": {"total": 32},
    "Concurrency": {"total": 31.8314}, "Max Concurrency": {"total": 32},
    "Request Throughput": {"total": "0.797 req/s"}, "Total Input Tokens": {"total": 139037},
    "Prefill Token Throughput": {"total": "2576.3843 token/s"},
    "Total generated tokens": {"total": 131072},
    "Output Token Throughput": {"total": "3264.3388 token/s"},
}  # fmt: skip
LATENCIES = """Performance Parameters,Stage,Average,Min,Max,Median,P75,P90,P99,N
E2EL,total,2754.0 ms,2000 ms,4000 ms,2700 ms,3000 ms,3500 ms,3900 ms,8
TTFT,total,88.5 ms,80 ms,99 ms,88 ms,90 ms,95 ms,98 ms,8
TPOT,total,10.6965 ms,10.061 ms,10.8805 ms,10.7495 ms,10.7818 ms,10.808 ms,10.8582 ms,8
InputTokens,total,1512.5,1481.0,1566.0,1511.5,1520.25,1536.6,1563.06,8
OutputTokens,total,287.375,200.0,407.0,280.0,322.75,374.8,403.78,8
"""


def test_rates_keep_the_load_that_was_asked_for(tmp_path):
    file = of_text(tmp_path, RATES)
    (result,) = file.results
    assert file.source.kind == "aisbench"
    assert figures(result) == {"output_throughput": 3264.3388, "request_throughput": 0.797}
    load = {"concurrency": 32, "requests": 32, "failed_requests": 0, "isl": 4345, "osl": 4096}
    assert load.items() <= result.labels.items()


def test_latencies_are_one_result_of_all_lines(tmp_path):
    (result,) = of_text(tmp_path, LATENCIES, "gsm8k.csv").results
    told = figures(result)
    assert told["tpot/mean"] == pytest.approx(10.6965)
    assert told["ttft/p99"] == 98.0
    assert told["e2e/median"] == 2700.0
    assert {"isl": 1512, "osl": 287}.items() <= result.labels.items()


def test_a_unit_out_of_place_costs_the_row(tmp_path):
    rows = RATES | {"Output Token Throughput": {"total": "3264 ms"}}
    assert reasons(of_text(tmp_path, rows)) == ["Output Token Throughput.value is in 'ms'"]
