"""What names a chip where its brand string does not: small trees stand for whole machines."""

import pytest

from runners.machine import identity


@pytest.fixture
def tree(tmp_path):
    """A file system that holds these files."""

    def make(files):
        for place, text in files.items():
            path = tmp_path / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        return tmp_path

    return make


ARM = """processor\t: 0
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: 0xd05

processor\t: 1
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: 0xd0c
"""


def test_the_fast_cores_of_an_arm_chip_name_it(tree):
    assert identity.arm(tree({"proc/cpuinfo": ARM})) == ("0x41", 0xD0C)


def test_another_processor_is_no_arm_chip(tree):
    assert (
        identity.arm(tree({"proc/cpuinfo": "vendor_id\t: GenuineIntel\nmodel\t\t: 207\n"})) is None
    )


def test_a_line_of_the_kernel_names_what_cpuid_does_not(tree):
    root = tree({"proc/cpuinfo": "system type : generic\nModel Name\t\t: Loongson-3A6000\n"})
    assert identity.cpu_line(root, "Model Name", "cpu") == "Loongson-3A6000"
    assert identity.cpu_line(root, "Hardware") == ""


def test_tables_are_read_from_device_tree_and_smbios_and_makers_blanks_are_not(tree):
    files = {
        "proc/device-tree/model": "NVIDIA Jetson AGX Orin Developer Kit\0",
        "proc/device-tree/compatible": "nvidia,p3737-0000+p3701-0000\0nvidia,tegra234\0",
        "sys/class/dmi/id/product_name": "c7g.large\n",
        "sys/class/dmi/id/product_version": "To Be Filled By O.E.M.\n",
        "sys/class/dmi/id/board_name": "c7g.large\n",
    }
    assert identity.tables(tree(files)) == (
        "NVIDIA Jetson AGX Orin Developer Kit",
        "nvidia,p3737-0000+p3701-0000",
        "nvidia,tegra234",
        "c7g.large",
    )


def test_displays_and_accelerators_on_the_bus_and_nothing_else(tree):
    files = {}
    for at, (vendor, device, kind) in enumerate(
        [
            ("0x1002", "0x74a1", "0x120000"),
            ("0x10DE", "0x2330", "0x030200"),
            ("0x8086", "0x1", "0x02"),
        ]
    ):
        place = f"sys/bus/pci/devices/0000:0{at}:00.0"
        files |= {f"{place}/vendor": vendor, f"{place}/device": device, f"{place}/class": kind}
    assert identity.pci_accelerators(tree(files)) == ["1002:74a1", "10de:2330"]


def test_a_machine_that_shows_nothing_names_nothing(tmp_path):
    assert identity.tables(tmp_path) == ()
    assert identity.arm(tmp_path) is None
    assert identity.pci_accelerators(tmp_path) == []
