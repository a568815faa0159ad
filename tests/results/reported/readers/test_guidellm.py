"""GuideLLM: its inter-token latency is our TPOT, and its time per output token is none of ours."""

from tests.results.reported.told import figures, of_excerpt, of_text


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
