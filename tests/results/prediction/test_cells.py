"""What is wrong with published cells is flagged by name."""

import numpy as np
import pytest

from results.prediction.cells import FAULTS, clean, marked, read_cells
from results.prediction.plan import Layout
from results.prediction.suspects import mostly_waiting, suspects
from suites.base.errors import UserError

COLUMNS = (
    "id,silicon_data_source,backend,backend_version,model_path,system,precision,mode,isl,osl,"
    "gemm_quant_mode,moe_quant_mode,batch_size,tp_size,attention_dp_size,moe_tp_size,moe_ep_size,"
    "prefill_num_workers,decode_num_workers,silicon_ttft_ms,silicon_tpot_ms"
)


@pytest.fixture
def read(tmp_path):
    """Read rows that differ from a sound one."""

    def rows(*changes):
        sound = {
            "id": "sound", "silicon_data_source": "source_file=a.csv; silicon_concurrency=16; "
            "measured=2026-03-27", "backend": "vllm", "backend_version": "0.19.0",
            "model_path": "deepseek-ai/DeepSeek-R1", "system": "b200_sxm", "precision": "fp8",
            "mode": "agg", "isl": 1024, "osl": 1024, "batch_size": 16, "tp_size": 8,
            "attention_dp_size": 1, "moe_tp_size": 8, "moe_ep_size": 1,
            "silicon_ttft_ms": 200.5, "silicon_tpot_ms": 13.25,
        }  # fmt: skip
        names = COLUMNS.split(",")
        made = [sound | {"id": f"row{i}"} | change for i, change in enumerate(changes)]
        lines = [",".join(str(row.get(name, "")) for name in names) for row in made]
        path = tmp_path / "cells.csv"
        path.write_text("\n".join([COLUMNS, *lines]))
        return read_cells(path)

    return rows


def test_a_sound_row_says_where_it_lies(read):
    (cell,) = read({})
    assert (cell.chip, cell.model, cell.engine) == ("b200-sxm", "deepseek-v3", "vllm")
    assert (cell.concurrency, cell.layout, cell.campaign) == (16, Layout(8, 1, 8, 1), "a.csv")
    assert cell.day == pytest.approx(365.25 + 2 * 30.44 + 27)
    assert not cell.faults
    assert not cell.reason


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"silicon_data_source": "source_file=a.csv"}, "no_concurrency"),
        ({"precision": ""}, "no_precision"),
        ({"silicon_tpot_ms": ""}, "no_figure"),
        ({"silicon_tpot_ms": "-3"}, "no_figure"),
        ({"silicon_tpot_ms": "nan"}, "no_figure"),
        ({"tp_size": 36, "moe_tp_size": 36, "system": "gb200"}, "disaggregated_unmarked"),
        ({"mode": "disagg"}, "no_worker_counts"),
        ({"batch_size": 1, "attention_dp_size": ""}, "load_of_replicas"),
    ],
)
def test_faults_have_names(read, change, fault):
    (cell,) = read(change)
    assert cell.faults == {fault}
    assert fault in FAULTS
    assert clean([cell]) == []


@pytest.mark.parametrize(
    ("sizes", "layout"),
    [
        # tp, attention dp, moe tp, moe ep as printed: the experts lie on the chips of the group
        ((64, 1, 8, 8), Layout(8, 1, 1, 8)),
        ((16, 1, 4, 4), Layout(4, 1, 1, 4)),
        ((1, 64, 8, 8), Layout(1, 8, 1, 8)),
        ((4, 4, 1, 16), Layout(1, 4, 1, 4)),
    ],
)
def test_chips_multiplied_by_experts_are_corrected_and_kept(read, sizes, layout):
    names = ("tp_size", "attention_dp_size", "moe_tp_size", "moe_ep_size")
    (cell,) = read({**dict(zip(names, sizes, strict=True)), "batch_size": 2})
    assert (cell.layout, cell.faults) == (layout, {"gpus_multiplied"})
    assert clean([cell])


def test_groups_that_are_not_told_are_counted_from_the_batch(read):
    (cell,) = read({"attention_dp_size": "", "moe_tp_size": 1, "moe_ep_size": 8, "batch_size": 2})
    assert cell.layout == Layout(1, 8, 1, 8)


def test_a_copy_under_another_name_or_rounded_counts_once(read):
    cells = read(
        {}, {"model_path": "deepseek-ai/DeepSeek-V3"}, {"silicon_ttft_ms": 200.6}, {"osl": 99}
    )
    assert [cell.id for cell in marked(cells) if "copy" in cell.faults] == ["row1", "row2"]


def test_a_copy_with_more_faults_is_the_one_left_out(read):
    wrong = {"tp_size": 64, "moe_tp_size": 8, "moe_ep_size": 8}
    right = {"moe_tp_size": 1, "moe_ep_size": 8}
    assert [cell.id for cell in clean(read(wrong, right))] == ["row1"]


def test_a_table_that_names_no_source_is_loaded_by_its_batch(tmp_path):
    path = tmp_path / "plain.csv"
    head = "id,backend,model_path,system,precision,isl,osl,tp_size,attention_dp_size,batch_size"
    path.write_text(f"{head}\nx,vllm,openai/gpt-oss-120b,h100_sxm,fp4,1024,1024,1,2,8\n")
    (cell,) = read_cells(path)
    assert (cell.concurrency, cell.batch, cell.mode) == (16, 8, "agg")


def test_figures_of_another_load_are_no_copy(read):
    other = {"silicon_data_source": "silicon_concurrency=32", "batch_size": 32}
    assert len(clean(read({}, other))) == 2


def test_what_the_catalogues_do_not_know_is_said(read):
    unknown = read({"system": "gpu9000"}, {"model_path": "someone/else"})
    assert "gpu9000" in unknown[0].reason
    assert "someone/else" in unknown[1].reason


@pytest.mark.parametrize(
    ("text", "says"),
    [("id,backend\nx,y\n", "lacks isl, model_path"), ("", "lacks"), ("\x00", "lacks")],
)
def test_another_table_is_refused_in_one_line(tmp_path, text, says):
    path = tmp_path / "other.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=says):
        read_cells(path)


def sweep(read, loads):
    return read(
        *({"silicon_data_source": f"silicon_concurrency={c}", "batch_size": c} for c in loads)
    )


def test_a_fast_sweep_that_fades_with_load_is_taken_for_speculation(read):
    cells = sweep(read, (4, 8, 16, 64, 256))
    faults = [c.faults for c in suspects(cells, np.array([-0.6, -0.55, -0.5, -0.35, -0.2]))]
    assert faults == [{"speculation_unmarked"}] * 5


@pytest.mark.parametrize(
    "ratios",
    [
        (-0.2, -0.2, -0.15, -0.1, 0.0),
        (-0.4, -0.4, -0.4, -0.4, -0.4),
        (-0.2, -0.3, -0.4, -0.5, -0.6),
    ],
)
def test_a_fast_engine_or_one_that_gains_with_load_is_not(read, ratios):
    cells = sweep(read, (4, 8, 16, 64, 256))
    assert not any(cell.faults for cell in suspects(cells, np.array(ratios)))


@pytest.mark.parametrize(
    ("ttft_ms", "crowding", "flagged"),
    [(9_900, 1.0, False), (10_100, 1.0, True), (10_100, 1.1, False)],
)
def test_a_load_that_mostly_waits_for_no_memory_is_not_the_steps(read, ttft_ms, crowding, flagged):
    """1,001 tokens at 10 ms are 10 s of decoding: a longer wait means that under half decodes."""
    cells = read({"silicon_ttft_ms": ttft_ms, "silicon_tpot_ms": 10, "osl": 1001})
    (cell,) = mostly_waiting(cells, np.array([crowding]))
    assert ("load_not_admitted" in cell.faults) is flagged
    assert cell.teaches is not flagged


def test_without_both_times_nothing_is_said_of_waiting(read):
    for change in ({"silicon_ttft_ms": ""}, {"silicon_tpot_ms": ""}, {"osl": 1}):
        (cell,) = mostly_waiting(read(change), np.array([0.5]))
        assert "load_not_admitted" not in cell.faults
