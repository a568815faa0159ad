"""Predictions of what ships: intervals, levels, rules, refusals, and the command's contract."""

import csv
import json
import re
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results import catalog
from results.prediction import shipped as shipping
from results.prediction.cells import FAULTS
from results.prediction.chip import rates_of
from results.prediction.evaluate import HeldOut
from results.prediction.interval import stretch
from results.prediction.predict import Predictor, Workload, asked, cell_of, predict, predictor
from results.prediction.shipped import DATA, shipped
from runners.plans import document
from suites.base.errors import UserError

CHAT = Workload(isl=1024, osl=1024, concurrency=32)


def predicted(chip="h200-sxm", model="llama-3.1-70b", load=CHAT, precision="fp8", **layout):
    return predict(chip, model, load, precision=precision, **{"tp": 4, **layout})


@pytest.mark.parametrize(
    ("chip", "model", "precision", "basis"),
    [
        ("h200-sxm", "llama-3.1-70b", "fp8", "calibrated"),
        ("l40s", "qwen3-32b", "fp8", "kernels"),
        ("h20", "qwen3-32b", "bf16", "datasheet"),
        ("instinct-mi300x", "qwen3-32b", "bf16", "datasheet"),
    ],
)
def test_each_level_says_what_it_rests_on_and_its_own_error(chip, model, precision, basis):
    made = predicted(chip, model, precision=precision)
    assert made.basis == basis
    assert made.error == shipped().errors[basis]
    assert made.tpot_low < made.tpot_ms < made.tpot_high
    assert made.ttft_low < made.ttft_ms < made.ttft_high
    assert made.further == pytest.approx(
        made.tpot_ms / sum(after for _, after in made.terms.values()) - 1
    )
    alone = 32 * 1024 / (made.ttft_ms + made.tpot_ms * 1023) * 1e3 / 4
    assert made.tokens_per_s_chip == pytest.approx(alone)


def test_levels_that_know_less_are_wider():
    errors, width = shipped().errors, {}
    for chip in ("h200-sxm", "l40s", "h20"):
        made = predicted(chip, "llama-3.1-8b", precision="fp8")
        width[made.basis] = made.tpot_high / made.tpot_low
    assert width["calibrated" if "calibrated" in width else "kernels"] < width["datasheet"]
    assert errors["calibrated"] < errors["kernels"] < errors["datasheet"] < 0.18


def test_another_vendors_datasheet_is_wider_still_and_slower():
    known, other = (
        predicted(chip, "qwen3-32b", precision="bf16") for chip in ("h20", "instinct-mi300x")
    )
    assert other.tpot_high / other.tpot_low > known.tpot_high / known.tpot_low


@pytest.mark.parametrize(
    ("asked_for", "reason"),
    [
        ({"chip": "ascend-910b"}, "no memory bandwidth of ascend-910b is published"),
        ({"chip": "sunrise-s2"}, "no memory bandwidth of sunrise-s2 is published"),
        ({"precision": ""}, "the precision is not stated"),
        ({"precision": "ternary"}, "no kernels for weights of 'ternary'"),
        ({"tp": 3}, "TP 3 does not divide 64 heads"),
        ({"tp": 1, "precision": "bf16"}, "do not fit 141 GB"),
        ({"precision": "fp4"}, "no product of nvfp4"),
        ({"chip": "a100-80gb-sxm"}, "no product of fp8"),
        ({"chip": "gb200"}, "no memory of gb200 is published"),
        ({"chip": "arc-pro-b60", "model": "kimi-k2.5", "precision": "int4"}, "no table of experts"),
        ({"model": "kimi-k2.5", "precision": "int4", "ep": 5}, "EP 5 does not divide 384 experts"),
        ({"chip": "epyc-9755", "precision": "bf16"}, "no"),
    ],
)
def test_what_cannot_be_known_is_refused_with_its_reason(asked_for, reason):
    made = predicted(**asked_for)
    assert reason in made.refused
    assert (made.tpot_ms, made.ttft_ms, made.basis) == (None, None, "")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"engine": "lmdeploy"}, "engine not seen"),
        ({"load": Workload(isl=100_000, osl=1024, concurrency=2)}, "load outside the fitted range"),
        ({"load": Workload(isl=8192, osl=1024, concurrency=512)}, "more than 75% of the cache's"),
        ({"model": "olmo-3.1-32b"}, ""),
        (
            {"chip": "arc-pro-b60", "model": "qwen3-8b", "precision": "bf16"},
            "no deployment of this",
        ),
        ({"model": "glm-4.5-air"}, "experts of a near shape"),
    ],
)
def test_what_is_outside_is_wider_by_a_named_rule(change, rule):
    made = predicted(**change)
    assert any(own.startswith(rule) for own in made.wider) if rule else made.wider == ()


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["llama-3.1-70b", "gpt-oss-120b", "deepseek-v3", "qwen3-32b"]),
    st.sampled_from([1, 3, 16, 100]),
    st.sampled_from([128, 1000, 9000]),
)
def test_sums_grow_with_load_and_context_and_intervals_hold_the_figure(model, load, isl):
    def terms(isl, load):
        made = predicted(
            "b200-sxm",
            model,
            Workload(isl=isl, osl=512, concurrency=load),
            tp=8,
            precision=precision,
        )
        assert made.tpot_low < made.tpot_ms < made.tpot_high
        return sum(before for before, _ in made.terms.values())

    precision = "fp4" if model == "gpt-oss-120b" else "fp8"
    least = terms(isl, load)
    # A measured kernel may gain with its batch: on B200 a product of two rows beats one of one.
    assert terms(isl, 2 * load) > least * 0.94
    assert terms(2 * isl, load) > least * 0.98


def test_unknown_names_are_a_users_error():
    with pytest.raises(UserError, match="no chip 'gpu9000'"):
        predicted("gpu9000")
    with pytest.raises(UserError, match="unknown model"):
        predicted(model="no-such-model")


def test_cells_are_asked_for_and_calibration_narrows_what_was_unknown():
    setup = {"precision": "fp8", "layout": (4, 1, 1)}
    cells = asked("l40s", "qwen3-32b", **setup)
    assert len({(c.isl, c.osl, c.concurrency) for c in cells}) == 3
    using = predictor()
    before = using.predict(cells)
    from dataclasses import replace

    slow = [
        replace(cell, id=f"own{i}", tpot_ms=made.tpot_ms * 1.5, ttft_ms=made.ttft_ms)
        for i, (cell, made) in enumerate(zip(cells, before, strict=True))
    ]
    taught = Predictor(calibration=slow)
    other = cell_of("l40s", "qwen3-32b", CHAT, precision="fp8", engine="vllm", layout=(4, 1, 1))
    known, unknown = (own.predict([other])[0] for own in (taught, using))
    assert (unknown.basis, known.basis) == ("kernels", "calibrated")
    assert known.tpot_ms / unknown.tpot_ms == pytest.approx(1.5, rel=0.15)
    assert known.tpot_high / known.tpot_low < unknown.tpot_high / unknown.tpot_low


def test_a_geometry_of_ones_own_is_predicted():
    from suites import models

    own = models.load("qwen3-32b").model_copy(update={"id": "mine", "name": "mine"})
    assert predicted(model=own).terms == predicted(model="qwen3-32b").terms


# What ships


def test_what_ships_is_sourced_and_says_what_was_left_out():
    assert set(shipped().about) == {"source", "licence", "read"}
    assert len(shipped().samples["tpot"].cells) > 1400
    with (DATA / "faults.csv").open() as file:
        faults = Counter(f for row in csv.DictReader(file) for f in row["faults"].split())
    assert faults["copy"] > 500
    assert 40 <= faults["speculation_unmarked"] <= 80
    assert set(faults) == set(FAULTS) - {"no_figure"}


def test_ttft_is_as_wide_as_the_rows_of_its_engine_were_off():
    base = predictor().base
    own = base.stretch["ttft"]
    assert base.stretched("ttft", "kernels", "vllm") == own["kernels/vllm"]
    assert own["kernels/vllm"] < own["kernels"] < own["kernels/sglang"]
    assert base.stretched("ttft", "kernels", "another") == own["kernels"]
    assert base.stretched("tpot", "kernels", "vllm") == base.stretch["tpot"]["kernels"]


def test_sixteen_bits_take_half_the_peak_of_eight_where_it_is_not_published():
    chips = catalog.chips()
    rates = rates_of(chips["instinct-mi455x"])
    assert rates.peak("bfloat16") == rates.peak("fp8") / 2
    assert rates_of(chips["gaudi-3"]).peak("bfloat16") == 1835e9


def test_shipped_bytes_are_the_same_for_the_same_data(tmp_path):
    path = DATA / "a100-80gb-sxm.json.gz"
    shipping.write_packed(tmp_path / "again", shipping.read_packed(path))
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_the_page_prints_what_ships():
    page = (Path(__file__).parents[3] / "site/leaderboard/docs/prediction.md").read_text()
    with (DATA / "faults.csv").open() as file:
        faults = Counter(f for row in csv.DictReader(file) for f in row["faults"].split())
    for name, means in FAULTS.items():
        assert f"| `{name}` | {means} | {faults.get(name, 0)} |" in page
    for basis, error in shipped().errors.items():
        assert re.search(rf"\| {basis} \| .* \| {error * 100:.1f}% \|", page)


def test_the_stretch_is_a_quantile_that_holds_nine_tenths():
    sample = shipped().samples["tpot"]
    rng = np.random.default_rng(1)
    errors = rng.normal(size=len(sample.cells))
    held = HeldOut(list(sample.cells), np.exp(errors), np.zeros(len(errors)), np.ones(len(errors)))
    assert held.covered(stretch(held.cells, errors, held.deviation)) == pytest.approx(0.9, abs=0.01)


# The command

CELLS = """\
id,silicon_data_source,backend,backend_version,model_path,system,precision,mode,isl,osl,\
batch_size,tp_size,moe_tp_size,moe_ep_size,attention_dp_size
ok,silicon_concurrency=16,vllm,0.19.0,meta-llama/Llama-3.1-70B,h100_sxm,fp8,agg,1024,1024,16,4,4,1,1
unsaid,silicon_concurrency=16,vllm,,meta-llama/Llama-3.1-70B,h100_sxm,,agg,1024,1024,16,4,4,1,1
pools,silicon_concurrency=16,vllm,,meta-llama/Llama-3.1-70B,h100_sxm,fp8,disagg,1024,1024,,,,,
nobody,silicon_concurrency=4,vllm,,meta-llama/Llama-3.1-70B,gpu9000,fp8,agg,1024,1024,4,4,4,1,1
"""


def test_a_table_of_cells_is_predicted_row_by_row(fenmark, tmp_path):
    table, out = tmp_path / "cells.csv", tmp_path / "predictions.csv"
    table.write_text(CELLS)
    done = fenmark("predict", "--cells", table, "--out", out)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert list(rows[0]) == [
        "id", "ttft_ms", "ttft_low", "ttft_high", "tpot_ms", "tpot_low", "tpot_high", "basis",
        "refused",
    ]  # fmt: skip
    assert [row["id"] for row in rows] == ["ok", "unsaid", "pools", "nobody"]
    assert float(rows[0]["tpot_low"]) < float(rows[0]["tpot_ms"]) < float(rows[0]["tpot_high"])
    assert rows[0]["refused"] == ""
    reasons = ["the precision is not stated", "workers are not counted", "no chip 'gpu9000'"]
    for row, reason in zip(rows[1:], reasons, strict=True):
        assert reason in row["refused"]
        assert (row["tpot_ms"], row["ttft_low"], row["basis"]) == ("", "", "")


def test_a_chips_own_tables_come_before_those_that_ship(fenmark, tmp_path):
    from tests.results.prediction.test_tables import gemms

    folder = tmp_path / "h200_sxm"
    folder.mkdir()
    gemms().to_parquet(folder / "gemm.parquet")
    (tmp_path / "cells.csv").write_text(CELLS.replace("h100_sxm", "h200_sxm"))
    out = tmp_path / "out.csv"
    asked_for = ("predict", "--cells", tmp_path / "cells.csv", "--kernels", folder, "--out", out)
    assert fenmark(*asked_for).returncode == 0
    assert "no product of fp8" in next(csv.DictReader(out.read_text().splitlines()))["refused"]


def test_one_cell_is_shown_and_explained(fenmark):
    setup = ("--chip", "h200-sxm", "--model", "llama-3.1-70b", "--precision", "fp8", "--tp", "4")
    done = fenmark("predict", *setup, "--explain")
    assert done.returncode == 0, done.stderr
    for words in ("TPOT ", "90% within", "predicted from calibrated", "prefill gemm", "waits most"):
        assert words in done.stdout
    told = json.loads(fenmark("predict", *setup, "--json").stdout)
    assert told["tpot_low"] < told["tpot_ms"] < told["tpot_high"]


def test_asked_cells_are_a_plan_that_runs_take(fenmark, tmp_path):
    plan = tmp_path / "ask.toml"
    setup = ("--chip", "b200-sxm", "--model", "kimi-k2.5", "--precision", "fp4", "--tp", "8")
    done = fenmark("predict", "--ask", *setup, "--plan", plan)
    assert done.returncode == 0, done.stderr
    assert len(tomllib.loads(plan.read_text())["axes"]["load"]) == 3
    assert document.read(plan).plan.name == "asked"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "--chip and --model"),
        (("--cells", "x.csv"), 2, "--out"),
        (("--cells", "/nowhere/x.csv", "--out", "y"), 2, "/nowhere/x.csv"),
        (("--kernels", "/nowhere"), 2, "/nowhere"),
        (("--chip", "gpu9000", "--model", "qwen3-8b"), 2, "gpu9000"),
        (("--chip", "h100-sxm", "--model", "qwen3-8b"), 1, "the precision is not stated"),
        (("--chip", "h100-sxm", "--model", "nope", "--precision", "fp8"), 2, "nope"),
        (("--chip", "ascend-910b", "--model", "qwen3-8b", "--ask"), 2, "bandwidth"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(fenmark, arguments, code, says):
    done = fenmark("predict", *arguments)
    assert (done.returncode, len(done.stderr.splitlines())) == (code, 1)
    assert says in done.stderr
