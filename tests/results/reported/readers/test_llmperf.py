"""LLMPerf's inter-token latency holds the first token's wait, and is not a TPOT."""

import pytest

from tests.results.reported.told import figures, of_excerpt


def test_a_summary_keeps_what_has_our_meaning():
    file = of_excerpt("llmperf.json")
    (result,) = file.results
    told = figures(result)
    assert file.source.kind == "llmperf"
    assert told["output_throughput"] == 162.86950633872
    assert told["ttft/p50"] == 516.5989695000235
    assert told["e2e/std"] == 273.39523570824487
    assert told["request_throughput"] == pytest.approx(64.92561266104798 / 60)
    assert not any(name.startswith(("tpot", "itl")) for name in told)
    load = {"concurrency": 5, "isl": 550, "osl": 151, "requests": 150, "failed_requests": 0}
    assert load.items() <= result.labels.items()
    assert result.chip.catalog_id is None
