"""Kernel tables of a folder become grids: the least time of any engine, without the host's."""

import pandas as pd
import pytest

from results.prediction.chip import read_chip, read_chips
from results.prediction.roofline import Mixture
from suites.base.errors import UserError


def gemms(factor=1.0, dtype="bfloat16", floor=0.0):
    rows = [
        (m, n, k, max(factor * (0.003 + m * n * k / 4e11), floor))
        for m in (1, 16, 256, 4096)
        for n in (128, 1024, 8192)
        for k in (128, 1024, 8192)
    ]
    frame = pd.DataFrame(rows, columns=["m", "n", "k", "latency"])
    return frame.assign(op_name="gemm", gemm_dtype=dtype, framework="X", device="NVIDIA H200")


def write(folder, name, frame):
    folder.mkdir(exist_ok=True)
    frame.to_parquet(folder / f"{name}.parquet")
    return folder


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "h200_sxm", "gemm__a-1__gemm_perf", gemms())


def test_a_measured_point_is_given_back(folder):
    chip = read_chip(folder)
    assert (chip.entry.id, chip.level) == ("h200-sxm", "kernels")
    assert chip.gemm("bfloat16", 16, 1024, 8192) == pytest.approx(0.003 + 16 * 1024 * 8192 / 4e11)


def test_a_bandwidth_that_nobody_published_is_that_of_reading_the_largest_weights(tmp_path):
    chip = read_chip(write(tmp_path / "b60", "gemm", gemms()))
    assert chip.entry.memory_bandwidth_gb_s is None
    taken = 0.003 + 8192 * 8192 / 4e11
    assert chip.rates.bandwidth == pytest.approx(8192 * 8192 * 2 / taken, rel=0.02)
    assert chip.gemm("bfloat16", 1, 8192, 8192) == pytest.approx(taken)


def test_the_least_time_of_all_engines_counts(folder):
    slower = gemms(2.0)
    slower.loc[0, "latency"] = 0.001
    chip = read_chip(write(folder, "gemm__b-1__gemm_perf", slower))
    assert chip.gemm("bfloat16", 1, 128, 128) == pytest.approx(0.001)
    assert chip.gemm("bfloat16", 16, 1024, 8192) == pytest.approx(0.003 + 16 * 1024 * 8192 / 4e11)


def test_host_time_of_a_single_table_is_left_out(folder):
    # Small products take 80 µs, 26 times a plain launch: only the large are kernels' times.
    chip = read_chip(write(folder, "gemm__b-1__gemm_perf", gemms(1.0, "fp8", 0.08)))
    assert chip.gemm("fp8", 4096, 8192, 8192) == pytest.approx(0.003 + 4096 * 8192**2 / 4e11)
    assert 0.002 < chip.gemm("fp8", 1, 128, 128) < 0.08


def test_a_dtype_of_which_only_host_time_is_known_is_not_known(folder):
    chip = read_chip(write(folder, "gemm__b-1__gemm_perf", gemms(1.0, "fp8", 2.0)))
    assert not chip.has_gemm("fp8")


def test_a_table_that_times_what_no_table_could_is_passed_over(folder):
    module = gemms().assign(op_name="generation_mla", gemm_type="bfloat16")
    assert ("latent decode", "bfloat16") not in read_chip(write(folder, "mla", module)).grids


def moe(experts=8, **sizes):
    shape = {"hidden_size": 512, "inter_size": 256, "topk": 2, "num_experts": experts} | sizes
    rows = [{"num_tokens": t, "latency": 0.01 + t / 1e5, **shape} for t in (1, 64, 1024)]
    frame = pd.DataFrame(rows).assign(op_name="moe", moe_dtype="bfloat16", distribution="balanced")
    return frame.assign(moe_tp_size=1, moe_ep_size=1)


def test_experts_of_a_near_shape_stand_in_and_a_far_one_does_not(folder):
    from results.prediction.chip import Missing

    chip = read_chip(write(folder, "moe", moe()))
    assert chip.experts("bfloat16", 64, Mixture(512, 256, 2, 8)) == pytest.approx(0.01064)
    assert chip.exact("bfloat16", Mixture(512, 256, 2, 8))
    assert not chip.exact("bfloat16", Mixture(512, 128, 2, 8))
    assert chip.experts("bfloat16", 64, Mixture(512, 128, 2, 8)) < 0.01064
    with pytest.raises(Missing, match="no experts of bfloat16"):
        chip.experts("bfloat16", 64, Mixture(7168, 2048, 8, 256))


def test_a_folder_of_folders_holds_chips_and_tables_name_a_device(tmp_path):
    write(tmp_path / "b200_sxm", "gemm", gemms())
    write(tmp_path / "measured by me", "gemm", gemms())
    assert [chip.entry.id for chip in read_chips(tmp_path)] == ["b200-sxm", "h200-sxm"]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / "bad.parquet").write_bytes(b"PAR1 no"), "cannot be read"),
        (lambda folder: write(folder, "x", gemms().drop(columns="k")), "lacks a column"),
        (lambda folder: write(folder, "x", gemms().assign(m="many")), "not a number"),
        (lambda folder: (folder / "gemm__a-1__gemm_perf.parquet").unlink(), "holds no"),
    ],
)
def test_what_cannot_be_read_is_one_line(folder, spoil, says):
    spoil(folder)
    with pytest.raises(UserError, match=says) as told:
        read_chips(folder)
    assert len(str(told.value).splitlines()) == 1


def test_a_chip_that_the_catalogue_does_not_list_is_refused(tmp_path):
    folder = write(tmp_path / "gpu9000", "gemm", gemms().assign(device="Nobody 9000"))
    with pytest.raises(UserError, match="no chip"):
        read_chips(folder)
