"""Others' results: every row is accounted for, nothing is guessed, all of it is `reported`."""

import csv
import json
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

import leaderboard
from results import catalog
from results.checks.labels import label_faults
from results.economy.economics import kwh_per_mtok, rental_usd_per_mtok
from results.reported import import_file, read_folder
from suites.base.errors import UserError
from suites.base.labels import LABELS
from suites.base.metrics import METRICS

EXCERPTS = Path(__file__).parents[2] / "excerpts"
# Rows, and how many of them are imported, folded into another and refused; counted by hand.
PUBLISHED = {
    "mlperf_v4.1_summary_results.json": ("mlperf", 14, 8, 2, 4),
    "mlperf_v5.1_summary_results.json": ("mlperf", 14, 8, 2, 4),
    "mlperf_llm_run_latencies_v4.1_v5.1.csv": ("mlperf", 12, 12, 0, 0),
    "inferencex_dsr1_latest.csv": ("inferencex", 26, 26, 0, 0),
    "mlenergy_v3_llm_flat.csv": ("mlenergy", 12, 12, 0, 0),
    "flagperf_readme_results_long.csv": ("flagperf", 40, 5, 0, 35),
    "measured_ttft_tpot.csv": ("aiconfigurator", 12, 12, 0, 0),
}
# The whole files, where somebody keeps them beside the checkout: what the documents count.
WHOLE = Path(__file__).parents[4] / "shared" / "data"
# Constants of InferenceX, version 2026-04: USD per GPU and hour at a hyperscaler's own cost.
USD_PER_HOUR = {
    "h100": 1.30, "h200": 1.41, "b200": 1.95, "b300": 2.34, "gb200": 2.21, "gb300": 2.652,
    "mi300x": 1.12, "mi325x": 1.28, "mi355x": 1.48,
}  # fmt: skip

MLPERF = {
    "ID": "9.9-0001", "version": "v9.9", "Category": "closed", "Suite": "datacenter",
    "Submitter": "Somebody", "Availability": "available", "System": "Box", "Platform": "box8",
    "UsedModel": "llama2-70b-99", "Scenario": "Offline", "Nodes": 2, "a#": 4,
    "Accelerator": "NVIDIA H200-SXM-141GB", "Performance_Result": 1000.0,
    "Performance_Units": "Tokens/s", "Power_Result": 500.0, "Power_Units": "Watts",
}  # fmt: skip
INFERENCEX = {
    "hardware": "b200", "framework": "trt", "model": "dsr1", "precision": "fp4", "disagg": "True",
    "num_prefill_gpu": 2, "num_decode_gpu": 6, "isl": 1024, "osl": 1024, "conc": 8,
    "input_tput_per_gpu": 300.0, "output_tput_per_gpu": 100.0, "tput_per_gpu": 150.0,
    "median_ttft": 0.5,
}  # fmt: skip
MLENERGY = {
    "gpu_model": "H100", "model_id": "some/model", "task": "chat", "num_gpus": 2,
    "output_throughput_tokens_per_sec": 200.0, "avg_power_watts": 900.0,
    "energy_per_token_joules": 4.5, "median_itl_ms": 20.0, "max_num_seqs": 8,
}  # fmt: skip
FLAGPERF = {
    "section": "base", "kind": "benchmarks", "case": "computation-BF16", "vendor": "metax",
    "chip": "C550", "dtype": "", "table": "核心评测结果", "impl": "评测结果",
    "metric": "BF16算力测试值(8卡平均)", "value": "250.5TFLOPS", "file": "README.md",
}  # fmt: skip
LLAMA_BENCH = {
    "build_commit": "abc", "cpu_info": "Some CPU", "gpu_info": "", "model_type": "qwen2 1B Q8_0",
    "n_prompt": 512, "n_gen": 0, "avg_ts": 321.5, "samples_ts": [320.0, 323.0],
}  # fmt: skip
VLLM = {
    "model_id": "some/model", "output_throughput": 1234.5, "median_ttft_ms": 50.0,
    "p99_tpot_ms": 12.0, "num_prompts": 100,
}  # fmt: skip
GUIDELLM = {
    "benchmarks": [
        {
            "metrics": {
                "output_tokens_per_second": {"successful": {"mean": 77.0}},
                "request_latency": {"successful": {"percentiles": {"p50": 1.5}}},
            }
        },
        {"metrics": {}},
    ]
}
AIPERF = {
    "output_token_throughput": {"unit": "tokens/sec", "avg": 88.0},
    "inter_token_latency": {"unit": "ms", "p50": 9.0},
    "input_config": {"endpoint": {"model_names": ["some/model"]}},
}
KERNEL = {
    "framework": "VLLM", "version": "1", "device": "NVIDIA B200", "op_name": "gemm",
    "gemm_dtype": "bfloat16", "m": 1024, "n": 1000, "k": 1000, "latency": 2.048,
}  # fmt: skip

SAMPLES = {
    "mlperf": (MLPERF, "output_throughput", 1000.0),
    "inferencex": (INFERENCEX, "output_throughput", 600.0),
    "mlenergy": (MLENERGY, "output_throughput", 200.0),
    "flagperf": (FLAGPERF, "compute_rate", 250.5),
    "aiconfigurator": (KERNEL, "compute_rate", 1.0),
    "llama-bench": (LLAMA_BENCH, "prefill_throughput", 321.5),
    "vllm": (VLLM, "output_throughput", 1234.5),
    "guidellm": (GUIDELLM, "output_throughput", 77.0),
    "aiperf": (AIPERF, "output_throughput", 88.0),
}


def imported(tmp_path, kind, *rows):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    return import_file(kind, path)


def value(result, metric):
    (measurement,) = [m for m in result.measurements if m.metric == metric]
    return measurement.value


def assert_registered(result):
    """Every label of a figure is one of the registry, with a value of its type."""
    assert {name for m in result.measurements for name in m.labels} <= LABELS.keys()
    assert label_faults(result) == []


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_hand_written_sample_gives_its_figure_as_reported(tmp_path, kind):
    row, metric, expected = SAMPLES[kind]
    result = imported(tmp_path, kind, row).results[0]
    assert value(result, metric) == pytest.approx(expected)
    assert {m.method for m in result.measurements} == {"reported"}
    assert all(METRICS[m.metric].unit == m.unit for m in result.measurements)
    assert_registered(result)


@pytest.mark.parametrize("bad", [float("inf"), "many", -1, 0, ""])
def test_a_rate_that_is_no_rate_is_refused(tmp_path, bad):
    file = imported(tmp_path, "mlperf", MLPERF | {"Performance_Result": bad})
    assert len(file.refused) == 1


def test_two_accuracy_targets_of_one_mlperf_run_are_folded(tmp_path):
    twin = MLPERF | {"UsedModel": "llama2-70b-99.9"}
    other = MLPERF | {"Scenario": "Server"}
    file = imported(tmp_path, "mlperf", MLPERF, twin, other)
    assert [folded.row for folded in file.folded] == [2]
    assert file.folded[0].id == file.results[0].id
    assert len(file.results) == 2


def test_mlperf_chips_are_counted_over_nodes_and_its_view_is_its_own(tmp_path):
    file = imported(tmp_path, "mlperf", MLPERF)
    assert (file.results[0].chip.catalog_id, file.results[0].chip.count) == ("h200-sxm", 8)
    assert file.source.view == "mlperf"
    assert "MLCommons" in file.source.footnote


def test_a_system_of_two_chips_has_no_place_in_the_catalogue(tmp_path):
    mixed = "AMD Instinct MI300X 192GB HBM3 (x32), AMD Instinct MI325X 256GB HBM3e (x16)"
    chip = imported(tmp_path, "mlperf", MLPERF | {"Accelerator": mixed}).results[0].chip
    assert (chip.catalog_id, chip.count) == (None, 48)


def test_a_disaggregated_point_charges_both_pools(tmp_path):
    result = imported(tmp_path, "inferencex", INFERENCEX).results[0]
    assert result.chip.count == 8
    assert value(result, "total_throughput") == 1200


def test_pools_follow_from_the_rates_where_both_counts_name_all_gpus(tmp_path):
    row = INFERENCEX | {"num_prefill_gpu": 8, "num_decode_gpu": 8}
    result = imported(tmp_path, "inferencex", row).results[0]
    assert (result.labels["prefill_chips"], result.labels["decode_chips"]) == (2, 6)


def test_pools_that_contradict_the_rates_are_refused(tmp_path):
    file = imported(tmp_path, "inferencex", INFERENCEX | {"tput_per_gpu": 999.0})
    assert "contradict" in file.refused[0].reason


def test_joules_that_are_not_watts_over_rate_are_refused(tmp_path):
    row = INFERENCEX | {"avg_power_w": 500.0, "joules_per_output_token": 7.0}
    assert "watts over rate" in imported(tmp_path, "inferencex", row).refused[0].reason


def test_a_mixed_rate_of_llama_bench_is_refused(tmp_path):
    file = imported(tmp_path, "llama-bench", LLAMA_BENCH | {"n_gen": 128})
    assert file.refused[0].reason == "prompt and generation are one rate"


def test_kernel_tables_are_read_from_parquet(tmp_path):
    path = tmp_path / "gemm.parquet"
    parquet.write_table(pa.Table.from_pylist([KERNEL, KERNEL | {"latency": 0.0}]), path)
    file = import_file("aiconfigurator", path)
    assert (len(file.results), len(file.refused)) == (1, 1)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"one column\n1\n", b"[" * 9999])
def test_a_file_of_no_known_format_is_a_user_s_error(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(UserError):
        import_file("vllm", path)


def test_what_no_row_can_be_read_for_is_a_user_s_error(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"results": {"a": {"acc,none": 0.5}}, "model_source": []}))
    with pytest.raises(UserError, match="model_source is not text"):
        import_file("lm-eval", path)


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_row_of_the_published_files_is_accounted_for(name):
    kind, *counts = PUBLISHED[name]
    read = import_file(kind, EXCERPTS / name)
    accounted = [len(part) for part in (read.results, read.folded, read.refused)]
    assert [read.rows, *accounted] == counts
    assert sum(accounted) == read.rows
    ids = [result.id for result in read.results]
    assert len(set(ids)) == len(ids)


def test_mlperf_refuses_only_what_is_no_token_rate():
    path = EXCERPTS / "mlperf_v5.1_summary_results.json"
    file = import_file("mlperf", path)
    units = Counter(row["Performance_Units"] for row in json.loads(path.read_text()))
    assert len(file.refused) == file.rows - units["Tokens/s"]


def test_j_per_token_of_the_mlperf_power_rows_is_watts_over_rate():
    path = EXCERPTS / "mlperf_power_rows_v4.1_v5.1.csv"
    with path.open() as file:
        rows = [row for row in csv.DictReader(file) if row["J_per_output_token"]]
    stated = {(row["ID"], row["UsedModel"], row["Scenario"]): row for row in rows}
    read_file = import_file("mlperf", path)
    assert len(read_file.results) + len(read_file.folded) == len(rows)
    for result in read_file.results:
        row = stated[tuple(result.id.partition("#")[0].rsplit("/", 2))]
        joules = value(result, "energy_per_output_token")
        assert joules == pytest.approx(float(row["J_per_output_token"]), rel=1e-6)
        assert kwh_per_mtok(joules) == pytest.approx(float(row["kWh_per_1M_output_tokens"]))


def test_inferencex_joules_are_watts_over_rate_on_all_power_rows():
    file = import_file("inferencex", EXCERPTS / "inferencex_dsr1_latest.csv")
    powered = [
        result
        for result in file.results
        if any(m.metric == "energy_per_output_token" for m in result.measurements)
    ]
    assert len(powered) == 3
    aggregated = [result for result in powered if not result.labels["disaggregated"]]
    assert len(aggregated) == 2
    for result in aggregated:
        rate = value(result, "power") / value(result, "output_throughput")
        assert value(result, "energy_per_output_token") == pytest.approx(rate, rel=1e-5)


def test_inferencex_cost_from_its_constants_is_the_rent_of_one_gpu_on_every_row():
    path = EXCERPTS / "inferencex_dsr1_latest.csv"
    with path.open() as file:
        rows = list(csv.DictReader(file))
    read_file = import_file("inferencex", path)
    assert len(read_file.results) == len(rows)
    for result, row in zip(read_file.results, rows, strict=True):
        usd = USD_PER_HOUR[row["hardware"]]
        # Their formula: USD/GPU-h over millions of tokens a GPU gives in an hour.
        published = usd / (float(row["tput_per_gpu"]) * 3600 / 1e6)
        computed = rental_usd_per_mtok(usd, result.chip.count, value(result, "total_throughput"))
        assert computed == pytest.approx(published)


def test_a_chip_is_stated_for_a_file_that_names_none(tmp_path):
    path = tmp_path / "bench.json"
    path.write_text(json.dumps([VLLM]))
    (result,) = import_file("vllm", path, chip="h100-sxm", count=8).results
    assert (result.chip.catalog_id, result.chip.count) == ("h100-sxm", 8)
    assert "as its importer states" in result.chip.name


def test_what_a_file_says_of_its_chip_is_overruled_and_kept_beside(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([MLPERF, LLAMA_BENCH]))
    (result,) = import_file("mlperf", path, chip="h100-sxm", count=3).results
    assert (result.chip.catalog_id, result.chip.count) == ("h100-sxm", 3)
    assert result.labels["chip_in_file"] == "NVIDIA H200-SXM-141GB"
    assert result.labels["count_in_file"] == 8
    (result,) = import_file("mlperf", path, chip="MI350X").results
    assert result.chip.catalog_id == "instinct-mi350x"
    with pytest.raises(UserError, match="no chip"):
        import_file("mlperf", path, chip="h99")


@pytest.mark.parametrize(
    ("name", "catalog_id", "count"),
    [
        ("NVIDIA GeForce RTX 4090", "rtx-4090", 1),
        ("NVIDIA GeForce RTX 4090, NVIDIA GeForce RTX 4090", "rtx-4090", 2),
        ("NVIDIA GeForce RTX 4090, NVIDIA L40S", None, 2),
    ],
)
def test_llama_bench_names_chips_as_their_drivers_do(tmp_path, name, catalog_id, count):
    chip = imported(tmp_path, "llama-bench", LLAMA_BENCH | {"gpu_info": name}).results[0].chip
    assert (chip.catalog_id, chip.count) == (catalog_id, count)


KERNEL_TABLES = {
    "a100_sxm": "a100-80gb-sxm", "h100_sxm": "h100-sxm", "h200_sxm": "h200-sxm",
    "b200_sxm": "b200-sxm", "gb200": "gb200", "gb300": "gb300", "l40s": "l40s",
    "b60": "arc-pro-b60",
}  # fmt: skip


@pytest.mark.parametrize("folder", KERNEL_TABLES)
def test_published_kernel_times_give_attained_rates_below_the_peak(folder):
    file = import_file("aiconfigurator", EXCERPTS / f"gemm_{folder}.csv")
    assert file.rows == len(file.results) == 25
    assert {result.chip.catalog_id for result in file.results} == {KERNEL_TABLES[folder]}
    rates = [value(result, "compute_rate") for result in file.results]
    peak = max(catalog.chips()[KERNEL_TABLES[folder]].peak_tflops.values(), default=0)
    if peak:
        # Above 1% of the highest peak: the units are right. A chip may boost past its peak.
        assert 0.01 * peak < max(rates) < 1.1 * peak


def test_the_verb_counts_writes_and_is_costed_as_reported(fenmark, tmp_path):
    path, out = tmp_path / "rows.json", tmp_path / "out"
    path.write_text(json.dumps([MLPERF, MLPERF, {}]))
    (counted,) = json.loads(fenmark("import", path, "--out", out, "--json").stdout)
    assert {key: counted[key] for key in ("kind", "rows", "imported", "folded", "refused")} == {
        "kind": "mlperf", "rows": 3, "imported": 1, "folded": 1, "refused": 1,
    }  # fmt: skip
    assert counted["reasons"] == {"no token rate: no unit": 1}
    assert counted["refused_rows"] == {"no token rate: no unit": [3]}
    assert counted["flagged"] == 0
    assert len(list(read_folder(out, pytest.fail))) == 1
    (row,) = json.loads(fenmark("cost", "--results", out, "--json").stdout)
    assert (row["method"], row["view"], row["energy_method"]) == ("reported", "mlperf", "reported")
    # 500 W over 1000 tokens/s: 0.5 J/token, 0.5/3.6 kWh per million.
    assert row["kwh_per_mtok"] == pytest.approx(0.5 / 3.6)


def test_each_file_is_recognised_and_a_broken_one_costs_no_other(fenmark, tmp_path):
    good, empty, out = tmp_path / "good.json", tmp_path / "empty.json", tmp_path / "out"
    good.write_text(json.dumps(VLLM))
    empty.write_text("")
    done = fenmark("import", good, empty, EXCERPTS / "measured_ttft_tpot.csv", "--out", out)
    assert done.returncode == 2
    assert "fenmark: " in done.stderr
    assert "empty.json: is empty" in done.stderr
    done = fenmark("import", good, empty, "--out", out, "--json")
    assert [(file["kind"], file["imported"]) for file in json.loads(done.stdout)] == [
        ("vllm", 1), (None, 0),
    ]  # fmt: skip
    kinds = sorted(path.name.rpartition("-")[0] for path in out.iterdir())
    assert kinds == ["aiconfigurator", "vllm"]


def test_nothing_accepted_is_a_failure_and_writes_nothing(fenmark, tmp_path):
    path, out = tmp_path / "rows.json", tmp_path / "out"
    path.write_text(json.dumps([VLLM | {"output_throughput": "\x1b[31mmany"}]))
    done = fenmark("import", path, "--out", out)
    assert done.returncode == 1
    assert "output_throughput is not a number (row 1)" in done.stderr
    assert "\x1b" not in done.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    "arguments", [("f.json", "--kind", "nobody"), ("absent.json",), ("absent.json", "--json")]
)
def test_bad_usage_is_one_line(fenmark, tmp_path, arguments):
    done = fenmark("import", *arguments, "--out", tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_a_file_that_is_none_of_ours_is_named_and_hides_no_other(fenmark, tmp_path):
    (tmp_path / "x.reported.json").write_text('{"schema_version": 2}')
    done = fenmark("cost", "--results", tmp_path)
    told = done.stderr.splitlines()
    assert (done.returncode, len(told)) == (1, 2)
    assert "x.reported.json:" in told[0]
    assert "left out broken files: 1" in told[1]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([MLPERF]))
    fenmark("import", path, "--out", tmp_path)
    done = fenmark("cost", "--results", tmp_path, "--json")
    assert (done.returncode, len(json.loads(done.stdout))) == (1, 1)


if WHOLE.exists():

    def test_the_documented_counts_of_costed_rows_are_the_files_own(fenmark, tmp_path):
        files = {
            "mlperf": [f"mlperf/mlperf_{v}_summary_results.json" for v in ("v4.1", "v5.1")],
            "inferencex": ["inferencex/inferencex_dsr1_latest.csv"],
            "mlenergy": ["mlenergy/mlenergy_v3_llm_flat.csv"],
        }
        for kind, names in files.items():
            paths = [WHOLE / name for name in names]
            fenmark("import", *paths, "--kind", kind, "--out", tmp_path)
        counted = json.loads(fenmark("cost", "--results", tmp_path, "--count", "--json").stdout)
        written = (Path(leaderboard.__file__).parent / "docs" / "energy-and-cost.md").read_text()
        for row in counted:
            assert f"| {' | '.join(map(str, row.values()))} |" in written

    CASES = WHOLE / "cases"

    @pytest.mark.parametrize("folder", ["files", "hostile", "sheets"])
    def test_no_file_of_a_stranger_s_is_more_than_rows_or_a_line(folder):
        for path in sorted((CASES / folder).iterdir()):
            with suppress(UserError):
                read = import_file(None, path)
                counted = len(read.results) + len(read.folded) + len(read.refused)
                assert read.rows == counted, path

    def test_no_two_published_rows_share_their_whole_label_but_repeats():
        names = (
            "mlperf/mlperf_v4.1_summary_results.json", "mlperf/mlperf_v5.1_summary_results.json",
            "inferencex/inferencex_dsr1_latest.csv", "mlenergy/mlenergy_v3_llm_flat.csv",
            "flagperf/flagperf_readme_results_long.csv", "endtoend/measured_ttft_tpot.csv",
        )  # fmt: skip
        for name in names:
            read = import_file(None, WHOLE / name)
            told = Counter(
                result.model_dump_json(exclude={"id", "measurements"}) for result in read.results
            )
            assert max(told.values()) == 1, name


def test_lines_of_comment_above_a_table_are_no_header(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("# made by a script\n# on a Monday\nn_prompt,n_gen,avg_ts\n0,128,20.5\n")
    [result] = import_file(None, path).results
    assert result.measurements[0].value == 20.5
