"""One result is about one chip: no figure is credited to another."""

from dataclasses import replace

import pytest

from runners.machine import machine
from runners.measure.subject import chip_under_test, with_subject
from runners.options.options import RunOptions
from suites.base.errors import UserError


def options(*suites, **chosen):
    return RunOptions(suites=suites, suite_options=chosen)


def test_by_default_the_cpu_is_the_chip_and_kernels_run_on_it():
    chip = chip_under_test(RunOptions())
    assert chip.kind == "cpu"
    assert all(":" not in name for name in with_subject(RunOptions()).suite_options["backend"])


def test_kernels_of_an_accelerator_are_not_credited_to_the_cpu():
    assert chip_under_test(options("kernels", backend=["torch:cuda"])).kind != "cpu"


def test_an_accelerator_is_stated_with_its_ids_on_the_bus(monkeypatch):
    other = machine.Accelerator(name="T400", driver="1", memory_bytes=1, pci="10de:1ff2")
    h100 = machine.Accelerator(name="NVIDIA H100 80GB HBM3", driver="1", memory_bytes=1)
    cards = (replace(h100, pci="10de:2330"), replace(h100, pci="10de:2330"), h100, other)
    monkeypatch.setattr(machine, "accelerators", lambda: cards)
    chip = chip_under_test(options("kernels", backend=["torch:cuda"]))
    assert (chip.catalog_id, chip.pci) == ("h100-sxm", ["10de:2330"])
    assert machine.describe(chip).model_dump()["chip"]["pci"] == ["10de:2330"]


@pytest.mark.parametrize(
    "mixed",
    [
        options("kernels", backend=["numpy", "torch:cuda"]),
        options("kernels", "inference", backend=["cupy"]),
        options("kernels", "serving", endpoint="http://host:8000"),
    ],
)
def test_two_chips_in_one_result_are_refused(mixed):
    with pytest.raises(UserError):
        chip_under_test(mixed)


def test_an_endpoint_is_what_the_runner_states_and_says_so():
    chip = chip_under_test(options("serving", endpoint="http://host", chip="h100-sxm", chips=8))
    assert (chip.catalog_id, chip.count) == ("h100-sxm", 8)
    assert "as the runner states it" in chip.name


def test_an_unstated_endpoint_is_an_unknown_chip_not_this_one():
    assert chip_under_test(options("serving", endpoint="http://host")).catalog_id is None


@pytest.mark.parametrize(
    "wrong", [options("serving", endpoint="http://h", chip="h900"), options("serving", chip="h20")]
)
def test_a_chip_that_cannot_be_meant_is_refused(wrong):
    with pytest.raises(UserError, match="--chip"):
        chip_under_test(wrong)


def test_an_engine_on_accelerators_is_a_result_about_all_it_spreads_over():
    chosen = {"engine": "vllm:cuda", "tp": 2, "pp": 2, "ep": 4}
    chip = chip_under_test(RunOptions(suites=("serving",), suite_options=chosen))
    assert (chip.kind, chip.count) == ("other", 4)  # no driver here to name it
    cpu = chip_under_test(RunOptions(suites=("serving",), suite_options={"engine": "vllm:cpu"}))
    assert cpu.kind == "cpu"


def test_kernels_on_the_cpu_beside_an_engine_on_a_gpu_are_two_results():
    chosen = {"engine": "vllm:cuda", "backend": ["numpy"]}
    with pytest.raises(UserError, match="one chip"):
        chip_under_test(RunOptions(suites=("kernels", "serving"), suite_options=chosen))


def test_an_engine_that_is_not_installed_is_said_before_anything_is_measured():
    chosen = {"engine": "mindie"}
    with pytest.raises(UserError, match=r"mindieservice_daemon.*not on PATH") as caught:
        with_subject(RunOptions(suites=("serving",), suite_options=chosen))
    assert "hiascend" in caught.value.expected
    named = {"engine": "mindie", "engine_program": "/bin/sh", "backend": []}
    assert with_subject(RunOptions(suites=("serving",), suite_options=named)).suite_options
