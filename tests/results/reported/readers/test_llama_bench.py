"""llama-bench in five outputs; which GPUs took part is what the options say."""

import json

import pytest

from tests.results.reported.told import figures, of_excerpt, of_text, reasons

TWO = "NVIDIA GeForce RTX 4090, NVIDIA GeForce RTX 4090"
ROW = {
    "cpu_info": "AMD EPYC 9755 128-Core Processor", "gpu_info": TWO, "backends": "CUDA",
    "model_type": "llama 7B Q4_0", "n_prompt": 0, "n_gen": 128, "n_depth": 4096, "avg_ts": 130.9,
    "samples_ts": [130, 131, 132], "n_gpu_layers": 99, "split_mode": "layer", "devices": "auto",
    "main_gpu": 0, "tensor_split": "0.00", "type_k": "q8_0", "type_v": "f16",
}  # fmt: skip
SQL = (
    "CREATE TABLE IF NOT EXISTS test (model_type TEXT, n_prompt INTEGER);\n\n"
    "INSERT INTO test (model_type, gpu_info, n_prompt, n_gen, avg_ts) VALUES "
    "('it''s, a model', 'NVIDIA L4', '512', '0', '2407.24');\n"
)
MD = """| model | size | params | backend | ngl | fa | test | t/s |
| --- | ---: | ---: | --- | --: | -: | ---: | ---: |
| qwen 8B Q8_0 | 8 GiB | 8 B | ROCm | 99 | 1 | tg128 @ d4096 | 20.5 ± 0.1 |
| qwen 8B Q8_0 | 8 GiB | 8 B | ROCm | 99 | 1 | pp512+tg128 | 99.5 ± 0.1 |

build: abc (1)
"""


@pytest.mark.parametrize(
    ("changes", "catalog_id", "count"),
    [
        ({}, "rtx-4090", 2),
        ({"split_mode": "none"}, "rtx-4090", 1),
        ({"split_mode": "none", "devices": "CUDA0"}, "rtx-4090", 1),
        ({"devices": "CUDA1"}, "rtx-4090", 1),
        ({"devices": "CUDA0/CUDA1"}, "rtx-4090", 2),
        ({"tensor_split": "1.00/0.00"}, "rtx-4090", 1),
        ({"tensor_split": "1.00/1.00"}, "rtx-4090", 2),
        ({"n_gpu_layers": 0}, "epyc-9755", None),
        ({"devices": "none"}, "epyc-9755", None),
        ({"gpu_info": ""}, "epyc-9755", None),
        # Large prompts are multiplied on a GPU all the same: neither alone.
        ({"n_gpu_layers": 0, "n_prompt": 512, "n_gen": 0}, None, None),
        ({"gpu_info": "NVIDIA L4, NVIDIA L40S"}, None, 2),
        ({"backends": "CUDA,RPC"}, None, None),
    ],
)
def test_only_what_took_part_is_counted(tmp_path, changes, catalog_id, count):
    (result,) = of_text(tmp_path, [ROW | changes]).results
    assert (result.chip.catalog_id, result.chip.count) == (catalog_id, count)


def test_a_row_keeps_depth_cache_and_repetitions(tmp_path):
    (result,) = of_text(tmp_path, [ROW]).results
    assert figures(result) == {"decode_throughput": 130.9}
    assert result.measurements[0].n == 3
    kept = {"depth": 4096, "kv_cache": "q8_0 / f16", "osl": 128, "n_gpu_layers": 99}
    assert kept.items() <= result.labels.items()
    assert result.precision == "Q4_0"


def test_json_lines_and_a_wrapper_around_them_are_read(tmp_path):
    assert len(of_excerpt("llama_bench.jsonl").results) == 2
    wrapped = json.dumps({"avg_power_w": 19.0, "build": "hip", "bench_raw": ROW})
    (result,) = of_text(tmp_path, wrapped, "runs.jsonl").results
    assert (figures(result), result.labels["build"]) == ({"decode_throughput": 130.9}, "hip")


def test_the_printed_table_is_read():
    first, second = of_excerpt("llama_bench.md").results
    assert figures(first) == {"prefill_throughput": 2368.80}
    assert figures(second) == {"decode_throughput": 131.42}
    assert first.labels["stddev_ts"] == "93.24"


def test_a_printed_depth_is_kept_and_a_mixed_rate_refused(tmp_path):
    file = of_text(tmp_path, MD, "table.md")
    (result,) = file.results
    assert (result.labels["depth"], figures(result)) == (4096, {"decode_throughput": 20.5})
    assert reasons(file) == ["prompt and generation are one rate"]


def test_sql_is_read_with_its_quotes(tmp_path):
    (result,) = of_text(tmp_path, SQL, "results.sql").results
    assert (result.model, result.chip.catalog_id) == ("it's, a model", "l4")
    assert figures(result) == {"prefill_throughput": 2407.24}


@pytest.mark.parametrize("name", ["llama_bench_ragged.csv", "llama_bench_ragged.sql"])
def test_llama_cpp_s_own_sample_has_a_value_too_many_and_is_not_guessed(name):
    # Read by position, the spread of the time (743,623 ns) would stand as tokens/s.
    file = of_excerpt(name)
    assert (file.source.kind, len(file.refused), file.results) == ("llama-bench", 2, [])
    assert reasons(file)[0].endswith("under 26 names")


def test_ten_thousand_gpus_are_none(tmp_path):
    row = ROW | {"gpu_info": ", ".join(["NVIDIA L4"] * 10_000)}
    assert reasons(of_text(tmp_path, [row])) == ["gpu_info lists 10,000 GPUs"]


def test_what_a_newer_version_says_sets_two_rows_apart(tmp_path):
    rows = [ROW | {"moe_cache": mode, "n_gen_warmup": 64} for mode in ("off", "4096")]
    first, second = of_text(tmp_path, rows).results
    assert (first.labels["moe_cache"], second.labels["moe_cache"]) == ("off", "4096")
    assert first.labels["n_gen_warmup"] == 64
    assert "gpu_info" not in first.labels
