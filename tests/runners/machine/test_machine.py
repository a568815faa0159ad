"""What the machine says of itself, read from kernel files that differ from host to host."""

import pytest

from results.statement.statement_v2 import MachineV2
from runners.machine import machine
from runners.measure.subject import chip_under_test
from runners.options.options import RunOptions


@pytest.fixture
def kernel_files(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_SYS", tmp_path / "sys")
    monkeypatch.setattr(machine, "_PROC", tmp_path / "proc")

    def write(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    return write


def test_this_machine_is_described_in_the_schema():
    described = machine.describe(chip_under_test(RunOptions()))
    assert MachineV2.model_validate_json(described.model_dump_json(), strict=False) == described
    assert described.chip.count >= 1


def test_a_control_group_limits_memory(kernel_files):
    kernel_files("sys/fs/cgroup/memory.max", "1073741824\n")
    assert machine.memory_bytes() == 2**30


def test_an_unlimited_control_group_leaves_the_memory_of_the_machine(kernel_files):
    kernel_files("sys/fs/cgroup/memory.max", "max\n")
    assert machine.memory_bytes() > 2**30


def test_a_quota_of_one_core_and_a_half_is_one_core(kernel_files):
    kernel_files("sys/fs/cgroup/cpu.max", "150000 100000\n")
    assert machine.usable_cores() == 1


def test_a_hypervisor_is_named_by_its_firmware_tables(kernel_files):
    many = "processor : 0\n" * 100  # what stands before the flags is long
    kernel_files("proc/cpuinfo", f"{many}flags : fpu hypervisor sse\n")
    kernel_files("sys/class/dmi/id/sys_vendor", "Amazon EC2\n")
    kernel_files("sys/class/dmi/id/product_name", "c7a.large\n")
    assert machine.virtual_machine() == "Amazon EC2 c7a.large"


def test_bare_metal_is_not_called_a_virtual_machine(kernel_files):
    kernel_files("proc/cpuinfo", "flags : fpu sse\n")
    kernel_files("sys/class/dmi/id/sys_vendor", "Dell Inc.\n")
    assert machine.virtual_machine() is None


def test_an_unnamed_hypervisor_is_still_a_virtual_machine(kernel_files):
    kernel_files("proc/cpuinfo", "flags : fpu hypervisor sse\n")
    assert machine.virtual_machine() == "unnamed hypervisor"


def test_the_governor_is_recorded_where_the_kernel_shows_it(kernel_files):
    kernel_files("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n")
    assert machine.settings()["governor"] == "powersave"
