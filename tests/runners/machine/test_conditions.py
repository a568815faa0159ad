"""Machine truth from the kernel's files, on trees made here: read where shown, else left out."""

import pytest

from runners.machine import conditions, machine
from runners.measure.subject import chip_under_test
from runners.options.options import RunOptions

CPU = "devices/system/cpu"
POWERCAP = "class/powercap"


@pytest.fixture
def tree(tmp_path):
    """`tree({path: text})`: the root of a kernel tree with these files."""

    def make(files):
        for path, text in files.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{text}\n")
        return tmp_path

    return make


def test_a_machine_that_shows_nothing_has_no_readings(tmp_path):
    assert conditions.cpu_settings(tmp_path, tmp_path) == {}
    assert conditions.cpu_now(tmp_path, tmp_path) == {}
    assert conditions.cloud(tmp_path) == {}
    assert conditions.amd_gpus(tmp_path) == {}
    assert set(conditions.load(tmp_path)) == {"load_1m", "steal_s_since_boot"}


def test_governors_that_differ_between_cores_are_all_named(tree):
    root = tree(
        {
            f"{CPU}/cpu{number}/cpufreq/scaling_governor": governor
            for number, governor in enumerate(["performance", "powersave", "performance"])
        }
    )
    assert conditions.cpu_settings(root, root)["governor"] == "performance, powersave"


def test_power_limits_of_packages_are_added_and_those_of_their_parts_are_not(tree):
    limit = "constraint_0_power_limit_uw"
    root = tree(
        {
            f"{POWERCAP}/intel-rapl:0/{limit}": 350_000_000,
            f"{POWERCAP}/intel-rapl:1/{limit}": 350_000_000,
            f"{POWERCAP}/intel-rapl:0:0/{limit}": 90_000_000,
        }
    )
    assert conditions.cpu_settings(root, root)["cpu_power_limit_w"] == 700


def test_nodes_are_listed_with_their_cores_in_the_order_of_their_numbers(tree):
    node = "devices/system/node/node"
    root = tree({f"{node}10/cpulist": "80-87", f"{node}2/cpulist": "16-23"})
    assert conditions.cpu_settings(root, root)["numa_cpus"] == "node2 16-23; node10 80-87"


def test_corrected_memory_errors_of_all_controllers_are_counted(tree):
    mc = "devices/system/edac/mc"
    root = tree({f"{mc}/mc0/ce_count": 2, f"{mc}/mc1/ce_count": 1})
    ecc = conditions.cpu_settings(root, root)["memory_ecc"]
    assert ecc == "on, 3 corrected errors since boot"


def test_the_clock_is_the_mean_of_the_cores_and_falls_back_to_what_the_guest_sees(tree):
    root = tree({"cpuinfo": "cpu MHz\t\t: 2596.1\nflags : x\ncpu MHz\t\t: 2600.1"})
    assert conditions.cpu_now(root, root)["cpu_mhz"] == 2598.1
    frequency = "cpufreq/scaling_cur_freq"
    root = tree({f"{CPU}/cpu{n}/{frequency}": khz for n, khz in enumerate((3_000_000, 4_000_000))})
    assert conditions.cpu_now(root, root)["cpu_mhz"] == 3500.0


def test_the_hottest_sensor_of_the_processor_counts_and_no_other(tree):
    root = tree(
        {
            "class/hwmon/hwmon0/name": "nvme",
            "class/hwmon/hwmon0/temp1_input": 88_000,
            "class/hwmon/hwmon1/name": "k10temp",
            "class/hwmon/hwmon1/temp1_input": 51_500,
            "class/hwmon/hwmon1/temp3_input": 49_000,
        }
    )
    assert conditions.cpu_now(root, root)["cpu_temperature_c"] == 51.5


def test_throttling_of_cores_and_package_is_counted_even_when_none(tree):
    throttle = f"{CPU}/cpu0/thermal_throttle"
    root = tree({f"{throttle}/core_throttle_count": 0, f"{throttle}/package_throttle_count": 0})
    assert conditions.cpu_now(root, root)["cpu_throttle_events"] == 0


def test_pressure_is_the_share_of_the_last_ten_seconds(tree):
    root = tree({"pressure/cpu": "some avg10=30.08 avg60=38.36 avg300=47.66 total=264"})
    assert conditions.load(root)["cpu_pressure_percent"] == 30.08


@pytest.mark.parametrize(
    ("vendor", "product", "tag", "expected"),
    [
        ("Amazon EC2", "c7a.large", "", {"cloud": "AWS", "instance_type": "c7a.large"}),
        ("Alibaba Cloud", "", "", {"cloud": "Alibaba Cloud"}),
        (
            "Microsoft Corporation",
            "Virtual Machine",
            "7783-7084-3265-9085-8269-3286-77",
            {"cloud": "Azure", "instance_type": "Virtual Machine"},
        ),
        ("Microsoft Corporation", "Surface Laptop", "", {}),
        ("Dell Inc.", "PowerEdge", "", {}),
    ],
)
def test_a_cloud_is_named_by_its_firmware(tree, vendor, product, tag, expected):
    dmi = "class/dmi/id"
    root = tree(
        {
            f"{dmi}/sys_vendor": vendor,
            f"{dmi}/product_name": product,
            f"{dmi}/chassis_asset_tag": tag,
        }
    )
    assert conditions.cloud(root) == expected


def test_amd_cards_are_read_in_order_and_displays_and_other_makers_are_not(tree):
    def card(number, **files):
        return {f"class/drm/card{number}/device/{name}": text for name, text in files.items()}

    root = tree(
        {
            **card(0, vendor="0x1a03"),  # the board's own display
            **card(10, vendor="0x1002", gpu_busy_percent="0"),
            **card(2, vendor="0x1002", current_compute_partition="SPX", numa_node="1"),
            **card(2, current_link_speed="32.0 GT/s PCIe", current_link_width="8"),
            **card(2, max_link_speed="32.0 GT/s PCIe", max_link_width="16"),
            "class/drm/card2/device/hwmon/hwmon3/power1_cap": "750000000",
            "class/drm/card2/device/hwmon/hwmon3/temp1_input": "39000",
            "class/drm/card2-DP-1/device/vendor": "0x1002",
        }
    )
    settings = conditions.amd_gpus(root)
    assert settings["gpu0_power_limit_w"] == 750
    assert settings["gpu0_temperature_c"] == 39
    assert settings["gpu0_partition"] == "SPX"
    assert settings["gpu0_pcie"] == "32.0 GT/s PCIe x8 of 32.0 GT/s PCIe x16"
    assert not any(name.startswith("gpu2") for name in settings)


def test_the_ascend_driver_tells_its_version_in_a_file(tree):
    root = tree({"driver/version.info": "Version=24.1.rc3\nascendhal_version=7.35.23"})
    assert conditions.ascend_driver(root) == "24.1.rc3"
    assert conditions.ascend_driver(root / "none") == ""


def test_links_are_summed_up_the_most_frequent_first():
    pairs = [(0, 1, "NVLink"), (0, 2, "a host bridge"), (1, 2, "NVLink")]
    assert conditions.topology(pairs) == "2 pairs by NVLink, 1 pair by a host bridge"
    assert conditions.topology([]) == ""


def test_what_moves_is_read_again_after_the_run():
    before = machine.describe(chip_under_test(RunOptions()))
    moved = machine.after(before)
    assert "load_1m" in before.conditions
    assert "load_1m_after" in moved.conditions
    assert before.conditions.items() <= moved.conditions.items()
    assert moved.model_validate_json(moved.model_dump_json(), strict=False) == moved
