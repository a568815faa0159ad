"""Cells: every combination once, the same ids everywhere, shards that part them."""

import itertools
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.machine import power_cap
from runners.options.pools import chips_of
from runners.plans.cells import PlanShard, expand
from runners.plans.document import PlanDocument, SweepPlan
from runners.plans.fitting import TargetMachine, reason
from suites.base.errors import UserError

GB = 10**9


def document(**fields):
    plan = SweepPlan.model_validate({"name": "p", "answers": "?", "suites": ["serving"], **fields})
    return PlanDocument(path=Path("/plans/p.toml"), text="", plan=plan)


def cells(**fields):
    return list(expand(document(**fields)))


sizes = st.lists(st.sampled_from([1, 2, 4, 8, 16]), min_size=1, max_size=4, unique=True)


@settings(max_examples=30)
@given(tp=sizes, pp=sizes, isl=sizes, of=st.integers(1, 9))
def test_cells_are_the_product_and_shards_part_it(tp, pp, isl, of):
    planned = cells(axes={"tp": tp, "pp": pp, "isl": isl})
    wanted = list(itertools.product(tp, pp, isl))
    assert [(c.given["tp"], c.given["pp"], c.given["isl"]) for c in planned] == wanted
    assert len({cell.id for cell in planned}) == len(wanted)
    held = [
        [c.id for c in planned if PlanShard(number=n, of=of).holds(c)] for n in range(1, of + 1)
    ]
    assert sorted(itertools.chain(*held)) == sorted(cell.id for cell in planned)
    assert max(map(len, held)) - min(map(len, held)) <= 1


@settings(max_examples=30)
@given(tp=sizes, pp=sizes, out=st.sampled_from([1, 2, 4, 8, 16]))
def test_an_excluded_combination_keeps_its_place_and_says_why(tp, pp, out):
    rule = {"tp": tp[0], "pp": [pp[0], *([out] if out in pp else [])], "because": "of me"}
    planned = cells(axes={"tp": tp, "pp": pp}, exclude=[rule])
    assert [cell.number for cell in planned] == list(range(len(tp) * len(pp)))
    for cell in planned:
        left_out = cell.given["tp"] == tp[0] and cell.given["pp"] in rule["pp"]
        assert bool(cell.excluded) == left_out
        assert ("of me" in cell.excluded) == left_out


def test_an_id_depends_on_what_is_measured_and_on_nothing_else():
    def ids(**fields):
        return [cell.id for cell in cells(**fields)]

    first = ids(options={"isl": 64}, axes={"tp": [1, 2]})
    assert first == ids(axes={"tp": [1, 2]}, options={"isl": 64})
    assert first == ids(axes={"tp": [2, 1]}, options={"isl": 64})[::-1]
    here = ids(options={"isl": 64, "endpoint": "http://a:1"}, axes={"tp": [1, 2]})
    assert first == here
    assert not set(first) & set(ids(options={"isl": 65}, axes={"tp": [1, 2]}))
    assert not set(first) & set(ids(options={"isl": 64}, axes={"tp": [1, 2]}, profile="full"))


def test_groups_and_included_cells_carry_their_options():
    planned = cells(
        options={"isl": 64, "osl": 8},
        axes={"load": {"chat": {"isl": 128}, "as-it-is": {}}},
        include=[{"suite": "kernels", "case": "copy*"}],
    )
    assert [cell.id.rpartition("-")[0] for cell in planned] == [
        "chat",
        "as-it-is",
        "kernels+copy",
    ]
    assert [cell.given["isl"] for cell in planned] == [128, 64, 64]
    assert planned[2].options().suites == ("kernels",)
    assert planned[0].options().suite_options == {"isl": 128, "osl": 8}


def test_a_cell_is_a_command_anybody_can_run():
    [cell] = cells(options={"engine_flag": ["--a b", "-c"], "concurrency": [1, 8]}, profile="full")
    assert cell.command == (
        "fenmark run --suite serving --profile full --engine-flag '--a b' --engine-flag -c "
        "--concurrency 1,8"
    )
    assert cell.options().suite_options["concurrency"] == [1, 8]
    assert cell.options().suite_options["engine_flags"] == ["--a b", "-c"]


def test_files_are_named_from_where_the_plan_lies():
    [cell] = cells(options={"weights": "models/m.gguf", "meter_trace": ["a.csv", "/b.csv"]})
    assert cell.options().suite_options["weights"] == "/plans/models/m.gguf"
    assert cell.options().suite_options["meter_trace"] == ["/plans/a.csv", "/b.csv"]


def test_a_file_set_by_hand_is_named_from_where_one_stands(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    [cell] = expand(document(options={"isl": 64}).with_options(["weights=m.gguf", "isl=128"]))
    assert cell.options().suite_options["weights"] == str(tmp_path / "m.gguf")
    assert cell.given["isl"] == 128


def test_a_plan_without_axes_is_one_cell():
    assert [cell.id.rpartition("-")[0] for cell in cells()] == ["p"]
    assert len(cells(include=[{"tp": 2}])) == 1


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/2/3"])
def test_a_shard_that_is_none_is_refused(text):
    with pytest.raises(UserError, match="not a shard"):
        PlanShard.parse(text)


@pytest.mark.parametrize(
    ("fields", "chip", "chips", "words"),
    [
        ({"model": "llama-3.1-70b", "tp": 1}, "h100-sxm", 8, "at least 141 GB, memory of 80 GB"),
        ({"model": "llama-3.1-70b", "tp": 2}, "h100-sxm", 8, ""),
        ({"model": "llama-3.1-70b", "dtype": "fp8"}, "h100-sxm", 8, ""),
        ({"model": "llama-3.1-70b", "pp": 2}, "h100-sxm", 8, ""),
        ({"model": "llama-3.1-8b", "tp": 16}, "h100-sxm", 8, "takes 16 chips of 8"),
        ({"model": "llama-3.1-8b", "tp": 2, "dp": 8}, "h100-sxm", 8, "takes 16 chips of 8"),
        ({"model": "qwen2.5-0.5b", "tp": 4}, "h100-sxm", 8, "14 attention heads do not split"),
        ({"model": "llama-3.1-8b", "pp": 64}, "h100-sxm", 64, "32 layers are fewer than pp 64"),
        ({"model": "llama-3.1-8b", "tp": 2, "ep": 2}, "h100-sxm", 8, "no experts do not split"),
        ({"model": "qwen3-30b-a3b", "tp": 3, "ep": 3}, "h100-sxm", 8, "32 attention heads"),
        ({"model": "llama-3.1-8b", "dtype": "fp8"}, "a100-80gb-sxm", 1, "A100 80GB SXM has no fp8"),
        ({"model": "llama-3.1-8b", "dtype": "nvfp4"}, "h200-sxm", 1, "has no fp4"),
        ({"model": "llama-3.1-8b", "dtype": "fp8"}, "h100-sxm", 1, ""),
        ({"engine": "llama.cpp", "model": "llama-3.1-8b"}, "h100-sxm", 1, "computes on the CPU"),
        ({"engine": "lmdeploy", "pp": 2}, "h100-sxm", 8, "command line has no pp"),
        ({"prefill_pool": "1xtp2", "decode_pool": "1xtp2"}, "h100-sxm", 8, "behind an endpoint"),
        ({"model": "deepseek-v3", "tp": 8, "dtype": "fp8"}, "gb200-nvl72", 1, ""),
    ],
)
def test_a_cell_that_cannot_run_says_why(fields, chip, chips, words):
    options = {"engine": "vllm:cuda", **fields}
    plan = document(options=options)
    [cell] = list(expand(plan))
    why = reason(cell, TargetMachine.of(plan.plan, chip, chips))
    assert words in why
    assert bool(why) == bool(words)


@given(
    tp=st.sampled_from([1, 2, 4, 8]),
    pp=st.sampled_from([1, 2, 4]),
    memory=st.integers(1, 400),
)
def test_more_chips_or_more_memory_never_rule_a_cell_out(tp, pp, memory):
    plan = document(options={"engine": "vllm:cuda", "model": "llama-3.1-70b", "tp": tp, "pp": pp})
    [cell] = list(expand(plan))

    def fits(gb, chips):
        target = TargetMachine(
            name="x", chip=None, chips=chips, memory_bytes=gb * GB, cpu_memory_bytes=None
        )
        return not reason(cell, target)

    assert fits(memory, tp * pp) <= fits(memory + 1, tp * pp) <= fits(memory + 1, tp * pp + 1)
    # 70,553,706,496 weights of two bytes (Llama 3.1, 70B).
    assert fits(memory, tp * pp) == (Fraction(70_553_706_496 * 2, tp * pp) <= memory * GB)


@pytest.mark.parametrize(
    ("pool", "chips"), [("2xtp8", 16), ("1xdp32ep32", 32), ("3xtp2pp4dp2", 48), ("6xdp16ep16", 96)]
)
def test_a_pool_counts_its_chips_and_experts_add_none(pool, chips):
    assert chips_of(pool, "x") == chips


@pytest.mark.parametrize(
    "pool", ["", "tp8", "2x", "0xtp8", "2xtp0", "2xtp2tp4", "2xtq8", "2 x tp8"]
)
def test_what_is_no_pool_is_refused(pool):
    with pytest.raises(UserError, match=r"not a pool; expected INSTANCESxAXES"):
        chips_of(pool, "--prefill-pool")


def test_a_large_plan_lists_as_json_lines_of_the_contract():
    axes = {axis: list(range(1, 11)) for axis in ("tp", "pp", "dp", "isl")}
    planned = cells(axes=axes)
    assert len({cell.id for cell in planned}) == 10_000
    assert json.dumps([cell.id for cell in planned])


@pytest.mark.parametrize(
    ("chip", "watts", "says"),
    [
        ("rtx-5090", 400, ""),
        ("rtx-5090", 900, "900 W is above the nameplate power of"),
        ("cpu", 100, ""),
    ],
)
def test_a_power_cap_is_an_axis_that_a_plan_is_checked_for(chip, watts, says):
    (cell,) = cells(suites=["kernels"], axes={"power_cap_w": [watts]})
    why = reason(cell, TargetMachine.of_kind(chip, 1))
    assert why.startswith(says)
    assert bool(why) is bool(says)


def test_a_power_cap_that_this_machine_cannot_set_is_said_before_a_run(monkeypatch):
    (cell,) = cells(suites=["kernels"], axes={"power_cap_w": [100]})
    here = replace(TargetMachine.of_kind("cpu", 1), cpu_memory_bytes=2**34)
    monkeypatch.setattr(power_cap, "limits", lambda *_: [])
    assert reason(cell, here) == "this machine offers no power limit of its cpu"
    (behind,) = cells(axes={"power_cap_w": [100]}, options={"endpoint": "http://host:8000"})
    assert "not ours to set" in reason(behind, here)
