"""GuideLLM: its inter-token latency is our TPOT, and its time per output token is none of ours."""

import csv
import io
import json

from tests.results.reported.told import figures, of_excerpt, of_text, reasons


def test_a_report_of_0_5_keeps_the_pace_without_the_first_token():
    (result,) = of_excerpt("guidellm_0.5.json").results
    told = figures(result)
    # time_per_output_token_ms has a mean of 22.145: 2,834.9 ms over 128 tokens.
    assert told["tpot/mean"] == 20.96164815325181
    assert told["ttft/median"] == 64.1632080078125
    assert told["e2e/p99"] == 3396.8560695648193
    assert told["output_throughput"] == 45.629379742490364
    assert told["total_throughput"] == 139.73997546137676
    load = {"isl": 264, "osl": 128, "concurrency": 1, "requests": 22, "tool_version": "0.5.0"}
    assert load.items() <= result.labels.items()
    assert result.model == "Qwen/Qwen3-0.6B"


def test_a_total_of_0_2_that_is_no_rate_is_left_out():
    (result,) = of_excerpt("guidellm_0.2.json").results
    told = figures(result)
    # 1.548 requests/s × (257 + 128) tokens are 596 tokens/s; the report says 993.
    assert "total_throughput" not in told
    assert told["output_throughput"] == 198.13346751788123
    assert told["tpot/p99.9"] == 5.258346167136365
    assert "tpot/p0.1" in told
    assert result.labels["requests"] == 46


def benchmark(strategy, **more):
    metrics = {"requests_per_second": {"successful": {"mean": 2.0}}}
    return {"type_": "generative_benchmark", "metrics": metrics, **more,
            "config": {"strategy": strategy, "backend": {"model": "some/model"}}}  # fmt: skip


def test_each_benchmark_of_a_report_keeps_its_own_load(tmp_path):
    report = {
        "metadata": {"guidellm_version": "0.8.0"},
        "benchmarks": [
            benchmark({"type_": "constant", "rate": 2.0, "max_concurrency": 10240}),
            benchmark({"type_": "poisson", "rate": 4.0}),
            benchmark({"type_": "concurrent", "streams": 8}),
            benchmark({"type_": "throughput", "max_concurrency": 512}),
            None,
        ],
    }
    file = of_text(tmp_path, report)
    loads = [
        {name: result.labels.get(name) for name in ("rate", "arrival", "concurrency")}
        for result in file.results
    ]
    assert loads == [
        {"rate": 2.0, "arrival": "constant", "concurrency": None},
        {"rate": 4.0, "arrival": "poisson", "concurrency": None},
        {"rate": None, "arrival": None, "concurrency": 8},
        {"rate": None, "arrival": None, "concurrency": 512},
    ]
    assert len(file.refused) == 1


RANKS = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 3.0, 4.0, 5.0, 6.0, 7.0]


def columns(group, unit, mean):
    """A distribution as the files from 0.4 on have it: three names a column, ranks in one cell."""
    return [
        ((group, f"Successful {unit}", "Mean"), mean),
        ((group, f"Successful {unit}", "Median"), 2.0),
        ((group, f"Successful {unit}", "Std Dev"), 0.5),
        ((group, f"Successful {unit}", "Percentiles"), json.dumps(RANKS)),
    ]


def newer(index):
    profile = {"type_": "concurrent", "streams": [4, 16]}
    return [
        (("Run Info", "Run Index", ""), index),
        (("Run Info", "Profile", ""), json.dumps(profile)),
        (("Run Info", "Backend", ""), json.dumps({"model": "Qwen/Qwen3-0.6B"})),
        (("Benchmark", "Strategy", ""), "concurrent"),
        (("Timings", "Start Time", ""), "2026-08-01 10:00:00"),
        (("Request Counts", "Successful", ""), 22),
        (("Request Counts", "Errored", ""), 1),
        *columns("Request Latency", "Sec", 2.5),
        *columns("Time to First Token", "ms", 60.0),
        *columns("Time per Output Token", "ms", 30.0),
        *columns("Inter Token Latency", "ms", 20.0),
        *columns("Server Throughput", "Requests/Sec", 8.0),
        *columns("Token Metrics", "Input Tokens", 256.0),
        *columns("Token Metrics", "Output Tokens", 128.0),
        *columns("Token Throughput", "Output Tokens/Sec", 1024.0),
        (("Runtime Info", "Metadata", ""), json.dumps({"guidellm_version": "0.7.3"})),
    ]


def as_csv(heads, rows):
    written = io.StringIO()
    csv.writer(written).writerows([*heads, *rows])
    return written.getvalue()


def test_a_csv_of_three_heads_is_read_as_its_report_is(tmp_path):
    heads = zip(*(names for names, _ in newer(0)), strict=True)
    rows = [[value for _, value in newer(index)] for index in (0, 1)]
    file = of_text(tmp_path, as_csv(heads, [*rows, ["short"]]), name="benchmarks.csv")
    assert (file.source.kind, len(file.results)) == ("guidellm", 2)
    assert reasons(file) == [f"has 1 cells under {len(newer(0))} names"]
    told = figures(file.results[0])
    assert (told["e2e/mean"], told["ttft/mean"], told["tpot/mean"]) == (2500.0, 60.0, 20.0)
    assert (told["ttft/p0.1"], told["ttft/p99"], told["ttft/max"]) == (1.1, 6.0, 7.0)
    assert (told["output_throughput"], told["request_throughput"]) == (1024.0, 8.0)
    load = {"isl": 256, "osl": 128, "requests": 22, "failed_requests": 1, "tool_version": "0.7.3"}
    assert load.items() <= file.results[0].labels.items()
    assert [result.labels["concurrency"] for result in file.results] == [4, 16]
    assert {result.model for result in file.results} == {"Qwen/Qwen3-0.6B"}


def test_a_csv_of_one_head_is_read_alike(tmp_path):
    ranks = "[min, 0.1, 1, 5, 10, 25, 75, 90, 95, 99, max]"
    cells = {
        **dict.fromkeys(("Type", "Run Id", "Id", "Name"), "x"),
        "Start Time": "2026-01-01 10:00:00",
        "Successful Requests": 46,
        "Successful Time to first token ms mean": 60.0,
        f"Successful Time to first token ms {ranks}": str(RANKS),
        "Successful Inter token latency ms mean": 5.0,
        "Successful Output tokens per second mean": 198.0,
        "Successful Prompt token count mean": 257.0,
        "Args": json.dumps({"strategy": {"type_": "constant", "rate": 2.0}}),
        "Worker": json.dumps({"backend_model": "some/model"}),
    }
    text = as_csv([cells], [cells.values()])
    (result,) = of_text(tmp_path, text, name="benchmarks.csv").results
    told = figures(result)
    assert (told["ttft/mean"], told["ttft/p95"], told["tpot/mean"]) == (60.0, 5.0, 5.0)
    assert told["output_throughput"] == 198.0
    assert result.model == "some/model"
    load = {"rate": 2.0, "arrival": "constant", "isl": 257, "requests": 46}
    assert load.items() <= result.labels.items()
