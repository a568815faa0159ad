"""What scripts rely on, held by a real run: the list, the rows, and one line for bad input."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from importlib.util import find_spec

import pytest

from runners import cli
from suites.base.errors import UserError
from suites.base.records import CellResult
from suites.kernels import catalog, plan, session, summarize
from suites.kernels.__main__ import run_cell
from suites.kernels.backends.numpy_backend import NumpyBackend
from suites.kernels.families import Sizes
from suites.kernels.profiles import profile
from suites.kernels.timing import Budget

SHEET = {"peak_tflop_s": {"f32": 2.0}, "bandwidth_gb_s": 200.0}
LISTED = {"case", "family", "backend", "dtype", "shape", "flops", "bytes", "runnable", "reason"}


@pytest.fixture(scope="module")
def rows():
    """Rows of two processes that really measured a few small cases, limits among them."""
    spec = {
        "profile": "quick",
        "model": "tiny-15m",
        "backend": ["numpy"],
        "case": "[rg]*/f32/numpy/*",  # read, rmsnorm, rope, gemm, gemm_w8
        "datasheet": SHEET,
    }
    brief = replace(
        profile("quick"),
        sizes=Sizes(prefill=128, decode=(1,), batch=1, context=128, peak=256),
        budget=Budget(warm_up_s=0, min_blocks=6, target=1.0, cap_s=0.1),
    )
    with pytest.MonkeyPatch.context() as patch:
        # Of a cache of hundreds of MiB, drawing sets of operands that pass it would take seconds.
        patch.setattr(NumpyBackend, "cache_bytes", lambda _: 8 * 2**20)
        for module in (session, catalog):
            patch.setattr(module, "profile", lambda _: brief)
        results = [run_cell({**spec, "process": process}) for process in range(2)]
    # Through JSON, as they travel.
    return [
        row.to_json() for row in summarize([CellResult.from_json(r.to_json()) for r in results])
    ]


def cases(rows):
    return [row for row in rows if not row["case"].startswith("roofline/")]


def test_every_row_of_a_real_run_carries_the_contract(rows):
    assert len(cases(rows)) > 8
    for row in cases(rows):
        assert row["unit"] == {"time": "ms"}.get(row["metric"], row["attained_unit"])
        assert row["attained_unit"] in {"TFLOP/s", "GB/s"}
        assert row["bound"] in {"compute", "memory"}
        assert (row["attained_unit"] == "TFLOP/s") is (row["bound"] == "compute")
        assert row["stopped_because"] in {"converged", "cap"}
        assert row["cache"] in {"cold", "hot"}
        assert row["timing"] == "host"
        assert row["attained"] > 0
        assert row["share_of_measured_roofline"] > 0
        assert row["machine_balance_flop_per_byte"] > 0
        assert row["low"] <= row["value"] <= row["high"]
        assert row["n"] == 2


def test_no_limit_is_passed_by_any_case_and_some_case_reaches_it(rows):
    shares = [row["share_of_measured_roofline"] for row in cases(rows)]
    assert max(shares) == pytest.approx(1.0)
    assert all(share <= 1 + 1e-9 for share in shares)


def test_shares_of_the_datasheet_stand_beside_those_of_the_machine(rows):
    # Reading is bound by memory however busy the machine is; a product may change sides.
    cold = next(row for row in cases(rows) if row["family"] == "read" and row["cache"] == "cold")
    assert cold["attained_unit"] == "GB/s"
    assert cold["share_of_datasheet_roofline"] == pytest.approx(cold["attained"] / 200.0)
    hot = [row for row in cases(rows) if row["cache"] == "hot"]
    assert hot  # no maker states what a cache delivers
    assert not any("share_of_datasheet_roofline" in row for row in hot)


def test_the_roofline_has_memory_cache_and_peak_each_with_the_case_that_reached_it(rows):
    limits = {row["case"]: row for row in rows if row["case"].startswith("roofline/")}
    assert set(limits) == {
        "roofline/cpu/memory",
        "roofline/cpu/last_level_cache",
        "roofline/cpu/peak/f32",
    }
    names = {row["case"] for row in cases(rows)}
    assert all(row["reached_by"] in names for row in limits.values())


def command(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["fenmark", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    output = capsys.readouterr()
    return left.value.code or 0, output.out, output.err


def test_the_list_on_stdout_is_json_with_every_field_scripts_rely_on(monkeypatch, capsys):
    wanted = ("run", "--suite", "kernels", "--list", "--json", "--backend", "numpy")
    code, out, _ = command(monkeypatch, capsys, *wanted)
    assert code == 0
    for case in json.loads(out):
        assert case.keys() >= LISTED
        assert isinstance(case["runnable"], bool)
        assert case["runnable"] is (case["reason"] == "")


MALFORMED = 'name = "mine"\nlayers = 0\n'


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--case", "no-such*"], "no case matches 'no-such*'"),
        (["--list", "--case", "no-such*"], "no kernel case matches 'no-such*'"),
        (["--list", "--backend", "nympy"], "unknown backend 'nympy'; expected one of numpy"),
        (["--backend", "cupy"], "backend 'cupy' is not installed; pip install"),
        (["--backend", "numpy", "--case", "gemm/bf16/numpy/*"], "NumPy has no bf16"),
        (["--list", "--model", "malformed.toml"], "malformed.toml:layers: Input should be"),
        (["--list", "--model", "no-toml.toml"], "no-toml.toml: is not TOML"),
        (["--list", "--model", "gone.toml"], "gone.toml: cannot be read"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(monkeypatch, capsys, tmp_path, arguments, says):
    if "cupy" in arguments and find_spec("cupy"):
        pytest.skip("CuPy is installed here")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "malformed.toml").write_text(MALFORMED)
    (tmp_path / "no-toml.toml").write_text("layers = ")
    code, out, err = command(monkeypatch, capsys, "run", "--suite", "kernels", *arguments)
    assert code == 2
    assert says in err
    assert len(err.splitlines()) == 1
    assert not out


def test_a_dtype_the_chip_lacks_is_refused_with_the_reason():
    pytest.importorskip("torch")
    options = {"backend": ["torch"], "case": "*/fp4/torch/*"}
    with pytest.raises(UserError, match="torch has no fp4 products"):
        plan("quick", options)
