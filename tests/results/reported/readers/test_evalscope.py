"""evalscope's summary in seconds, and its percentiles, which stand in a file of their own."""

import pytest

from tests.results.reported.told import figures, of_excerpt, of_text

PERCENTILES = [
    {"Percentiles": "50%", "TTFT (s)": 0.5, "TPOT (s)": 0.05, "Latency (s)": 60.0},
    {"Percentiles": "99%", "TTFT (s)": 0.9, "TPOT (s)": 0.06, "Latency (s)": 80.0},
]


def test_a_summary_keeps_its_means_and_its_load():
    file = of_excerpt("evalscope.json")
    (result,) = file.results
    assert file.source.kind == "evalscope"
    assert figures(result) == pytest.approx(
        {
            "output_throughput": 144.7935,
            "total_throughput": 146.3281,
            "request_throughput": 0.118,
            "ttft/mean": 524.7,
            "tpot/mean": 52.8,
            "e2e/mean": 65286.1,
        }
    )
    load = {"concurrency": 64, "isl": 13, "osl": 1227, "requests": 10, "failed_requests": 0}
    assert load.items() <= result.labels.items()


@pytest.mark.parametrize(
    "content",
    [
        PERCENTILES,
        {"run": {"metrics": {"Number of concurrency": 4}, "percentiles": PERCENTILES}},
        {
            "run": {
                "metrics": {"Number of concurrency": 4},
                "percentiles": {
                    name: [row[name] for row in PERCENTILES] for name in PERCENTILES[0]
                },
            }
        },
    ],
)
def test_percentiles_are_one_result_however_they_stand(tmp_path, content):
    (result,) = of_text(tmp_path, content).results
    expected = {
        "ttft/p50": 500.0, "ttft/p99": 900.0, "tpot/p50": 50.0, "tpot/p99": 60.0,
        "e2e/p50": 60e3, "e2e/p99": 80e3,
    }  # fmt: skip
    assert figures(result) == pytest.approx(expected)
