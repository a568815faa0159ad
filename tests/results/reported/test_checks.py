"""What others publish is checked against physics too, where a file says enough to ask."""

from pathlib import Path

import pytest

import leaderboard
from results.checks import Context
from results.checks import judge_reported as judge
from results.reported import import_file
from results.reported.parts.building import figure
from results.statement.precision import served
from results.statement.reported import ReportedChip, ReportedResult
from suites.models import load

EXCERPTS = Path(__file__).parents[2] / "excerpts"
# The whole files, where somebody keeps them beside the checkout: what the documents count.
WHOLE = Path(__file__).parents[4] / "shared" / "data"
TABLE = {
    "MLPerf v4.1, summary": ("mlperf", "mlperf/mlperf_v4.1_summary_results.json"),
    "MLPerf v5.1, summary": ("mlperf", "mlperf/mlperf_v5.1_summary_results.json"),
    "MLPerf, latencies": ("mlperf", "mlperf/mlperf_llm_run_latencies_v4.1_v5.1.csv"),
    "InferenceX": ("inferencex", "inferencex/inferencex_dsr1_latest.csv"),
    "ML.ENERGY v3": ("mlenergy", "mlenergy/mlenergy_v3_llm_flat.csv"),
    "FlagPerf": ("flagperf", "flagperf/flagperf_readme_results_long.csv"),
    "AIConfigurator, deployments": ("aiconfigurator", "endtoend/measured_ttft_tpot.csv"),
}


def reported(*measurements, chip="h100-sxm", count=1, model="llama-3.1-8b", **labels):
    return ReportedResult(
        id="one",
        chip=ReportedChip(name="H100", catalog_id=chip, count=count),
        model=model,
        precision="fp8",
        labels=labels,
        measurements=list(measurements),
    )


def serving(metric, value, **labels):
    return figure("serving", "case", metric, value, labels=labels)


def kernel(metric, value, **labels):
    return figure("kernels", "case", metric, value, labels=labels)


WATTS_AND_RATE = (serving("power", 500), serving("output_throughput", 1000))


# An H100 SXM has 989 TFLOP/s in bf16, 1,979 in fp8, 3.35 TB/s and 700 W; the model has 8.03e9
# weights of a byte.
@pytest.mark.parametrize(
    ("good", "bad", "rule", "labels"),
    [
        ([kernel("compute_rate", 900)], [kernel("compute_rate", 1200)], "roofline", "bfloat16"),
        ([kernel("compute_rate", 1900)], [kernel("compute_rate", 2300)], "roofline", "fp8_block"),
        ([kernel("compute_rate", 1900)], [kernel("compute_rate", 2300)], "roofline", "unheard-of"),
        ([kernel("bandwidth", 3300)], [kernel("bandwidth", 3800)], "roofline", ""),
        ([serving("tpot", 2.5)], [serving("tpot", 1.0)], "roofline", ""),
        (
            [serving("output_throughput", 1e4, concurrency=64, isl=1000, osl=1000)],
            [serving("output_throughput", 1e5, concurrency=64, isl=1000, osl=1000)],
            "roofline",
            "",
        ),
        (
            [serving("power", 690, scope="chip")],
            [serving("power", 800, scope="chip")],
            "power",
            "",
        ),
        (
            [serving("ttft", 9, statistic="median"), serving("ttft", 10, statistic="p99")],
            [serving("ttft", 11, statistic="median"), serving("ttft", 10, statistic="p99")],
            "latency-order",
            "",
        ),
        (
            [*WATTS_AND_RATE, serving("energy_per_output_token", 0.5)],
            [*WATTS_AND_RATE, serving("energy_per_output_token", 5.0)],
            "power",
            "",
        ),
    ],
)
def test_a_figure_that_cannot_be_is_flagged_and_one_that_can_is_not(good, bad, rule, labels):
    fine = judge(reported(*good, gemm_dtype=labels))
    assert fine.held
    assert fine.findings == ()
    [finding] = judge(reported(*bad, gemm_dtype=labels)).findings
    assert (finding.rule, finding.outcome) == (rule, "flagged")


def test_the_reader_may_bring_a_model_whose_name_is_unknown():
    claim = reported(serving("tpot", 1.0), model="nobody/s")
    assert judge(claim).findings == ()
    [finding] = judge(claim, Context(model=load("llama-3.1-8b"))).findings
    assert finding.rule == "roofline"


def test_weights_of_mixed_widths_are_summed_by_tensor():
    # 65.2 GB as published: 80 GB hold it, and at 4 bits it would be 58.4.
    model = served("openai/gpt-oss-120b", "mxfp4")
    assert model.geometry.weight_bytes(model.stored) == pytest.approx(65.25e9, rel=0.001)
    narrow = served("openai/gpt-oss-120b", "fp4")
    assert narrow.geometry.weight_bytes(narrow.stored) == pytest.approx(58.41e9, rel=0.001)


def test_more_chips_can_give_more():
    figures = [serving("tpot", 1.0), serving("power", 800, scope="chip")]
    assert judge(reported(*figures, count=4)).findings == ()


@pytest.mark.parametrize(
    "unknown", [{"chip": None}, {"count": None}, {"model": "nobody/s"}, {"chip": "epyc-9004"}]
)
def test_what_a_file_does_not_say_is_not_guessed(unknown):
    judged = judge(reported(serving("tpot", 1e-6), serving("output_throughput", 1e9), **unknown))
    assert (judged.held, judged.findings) == (0, ())


def test_joules_of_one_pool_are_not_those_of_all_watts():
    joules = serving("energy_per_output_token", 5.0, tokens="decode pool, output tokens")
    assert judge(reported(*WATTS_AND_RATE, joules)).findings == ()


@pytest.mark.parametrize("folder", ["a100_sxm", "b200_sxm", "h100_sxm", "h200_sxm", "l40s"])
def test_every_published_gemm_is_held_against_its_datasheet_and_none_is_flagged(folder):
    read = import_file("aiconfigurator", EXCERPTS / f"gemm_{folder}.csv")
    judged = [judge(result) for result in read.results]
    assert len(judged) == 25
    assert all(verdict.held and not verdict.findings for verdict in judged)


def told(judged):
    return judged.held, judged.findings


if WHOLE.exists():

    @pytest.mark.parametrize("source", TABLE)
    def test_the_documented_table_is_what_the_checks_say_of_the_published_files(source):
        kind, name = TABLE[source]
        judged = [judge(result) for result in import_file(kind, WHOLE / name).results]
        held, flagged = (sum(map(bool, each)) for each in zip(*map(told, judged), strict=True))
        written = (Path(leaderboard.__file__).parent / "docs" / "energy-and-cost.md").read_text()
        assert f"| {source} | {len(judged):,} | {held:,} | {flagged:,} |" in written
