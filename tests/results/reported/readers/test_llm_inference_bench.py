"""Argonne's tables: which tokens a throughput counts is found out, never assumed."""

import pytest

from tests.results.reported.told import figures, of_excerpt, of_text, reasons

HEAD = "model_name,tp_size,precision,max_input_length,max_output_len,batch_size,latency,throughput"


def test_its_throughput_counts_prompts_too():
    file = of_excerpt("llm_inference_bench.csv")
    result = file.results[0]
    assert file.source.kind == "llm-inference-bench"
    # (128 + 128) tokens ÷ 1.7793 s.
    assert figures(result) == pytest.approx(
        {"total_throughput": 143.874633891541, "e2e": 1779.326856136322}
    )
    assert {"isl": 128, "osl": 128, "batch": 1}.items() <= result.labels.items()
    assert result.chip.count == 1


@pytest.mark.parametrize(
    ("rate", "metric"), [("300.0", "total_throughput"), ("100.0", "output_throughput")]
)
def test_a_table_that_counts_output_alone_is_told_from_one_that_counts_all(tmp_path, rate, metric):
    text = f"{HEAD}\nsome/model,2,fp8,400,200,4,8.0,{rate}\n"
    (result,) = of_text(tmp_path, text, "table.csv").results
    assert figures(result)[metric] == float(rate)
    assert result.chip.count == 2


def test_a_throughput_that_is_neither_is_refused(tmp_path):
    text = f"{HEAD}\nsome/model,2,fp8,400,200,4,8.0,150.0\n"
    assert "neither" in reasons(of_text(tmp_path, text, "table.csv"))[0]
