"""Tables of vllm-ascend: a range over several rows is not a figure of one."""

from tests.results.reported.told import figures, of_text

TABLE = """model,hardware,software,input_len,output_len,concurrency,output_tok_s,tpot_ms,ttft_ms
Kimi-K2-Thinking,Atlas 800 A3 (16x64G),vllm-ascend v0.20.2rc1,1024,1024,8,90.28,87.4,1362
Hy3-preview,Atlas A3 16 NPU TP16 + MTP,docs,1024,,1,,30.1-30.4 (range over the rows),485
Qwen3-32B,4x Atlas A2 (base; no speculation),docs,,,26,404,52.8-64.7 (range),
"""


def test_rows_keep_what_is_said_of_them_alone(tmp_path):
    file = of_text(tmp_path, TABLE, "tables.csv")
    first, second, third = file.results
    assert file.source.kind == "vllm-ascend"
    assert figures(first) == {"output_throughput": 90.28, "tpot": 87.4, "ttft": 1362.0}
    assert (first.chip.count, first.chip.catalog_id) == (16, None)
    assert figures(second) == {"ttft": 485.0}
    assert (second.labels["tpot_ms"], second.labels["speculation"]) == (
        "30.1-30.4 (range over the rows)", "mtp",
    )  # fmt: skip
    assert (third.chip.count, third.chip.catalog_id) == (4, "ascend-910b")
    assert third.labels["concurrency"] == 26
