"""llama-batched-bench: rates of prompts, of generation and of both, of all sequences."""

from tests.results.reported.told import figures, of_excerpt, of_text

TABLE = """
|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |
|-------|--------|------|--------|----------|----------|----------|----------|----------|----------|
|   128 |    128 |    4 |   1024 |    0.500 |  1024.00 |    4.000 |   128.00 |    4.500 |   227.56 |
"""


def test_a_line_gives_three_rates():
    file = of_excerpt("llama_batched_bench.jsonl")
    (result,) = file.results
    assert file.source.kind == "llama-batched-bench"
    assert figures(result) == {
        "prefill_throughput": 547.453064, "decode_throughput": 36.532974,
        "total_throughput": 68.495094,
    }  # fmt: skip
    assert {"isl": 128, "osl": 128, "batch": 1, "is_pp_shared": 0}.items() <= result.labels.items()


def test_the_printed_table_says_the_same(tmp_path):
    (result,) = of_text(tmp_path, TABLE, "batched.md").results
    # 4 × 128 tokens in 0.5 s and in 4 s.
    assert figures(result)["prefill_throughput"] == 4 * 128 / 0.5
    assert figures(result)["decode_throughput"] == 4 * 128 / 4.0
    assert result.labels["batch"] == 4
