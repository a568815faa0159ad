"""Hosts behind an endpoint, by their exporters: over real HTTP, in the exporters' own text."""

from __future__ import annotations

import pytest

from suites.base.errors import UserError
from suites.meters import base
from suites.meters.recorder import Recorder
from suites.meters.telemetry import telemetry
from tests.suites.meters.test_vendors import exported, server  # noqa: F401 - a fixture

# As the node exporter and the IPMI exporter print them.
NODE = """\
# HELP node_rapl_package_joules_total Current RAPL package value in joules
# TYPE node_rapl_package_joules_total counter
node_rapl_package_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0"} 258124.35
node_rapl_package_joules_total{index="1",path="/sys/class/powercap/intel-rapl:1"} 1.5e+03
node_rapl_dram_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0:0"} 99
node_hwmon_power_average_watt{chip="platform_acpi000d:00",sensor="power1"} 412
node_hwmon_power_average_watt{chip="pci0000:00_gpu",sensor="power1"} 33
node_load1 0.5
"""
IPMI = "ipmi_dcmi_power_consumption_watts 640\n"


def opened(server, page, *, picked="", times=1):  # noqa: F811
    return telemetry([f"{server({'/metrics': page})}/metrics{picked}"] * times)


def test_gpus_packages_and_nodes_are_read_in_their_units_and_scopes(server):  # noqa: F811
    meters = opened(server, exported() + NODE + IPMI)
    read = {m.info.name: (m.info.scope, m.info.method, m.read()) for m in meters}
    told = {name: (*how, r.joules, r.power_w) for name, (*how, r) in read.items()}
    assert told == {
        "dcgm 0": ("chip", "hardware counter", 12.5, 70.25),
        "dcgm 1": ("chip", "hardware counter", 12.5, 699.0),
        "rapl 0": ("package", "hardware counter", 258124.35, None),
        "rapl 1": ("package", "hardware counter", 1500.0, None),
        "acpi power1": ("node", "sampled power", None, 412.0),
        "ipmi": ("node", "sampled power", None, 640.0),
    }


def test_gpus_are_picked_and_several_hosts_kept_apart_without_their_addresses(server):  # noqa: F811
    assert [m.info.name for m in opened(server, exported(), picked="#1")] == ["dcgm 1"]
    names = [m.info.name for m in opened(server, exported(), picked="#0", times=2)]
    assert names == ["dcgm 0.0", "dcgm 1.0"]


def test_its_power_is_recorded_like_any_meters(server, clock, monkeypatch):  # noqa: F811
    monkeypatch.setattr(base, "time", clock)
    page = exported(counter=False)
    (meter, _) = opened(server, page)
    quick = type("Quick", (), {"period_s": 0.02, "info": meter.info, "read": meter.read})()
    with Recorder([quick]) as recorder:
        start_ns = clock.monotonic_ns()
        clock.sleep(0.3)
        (energy,) = recorder.energy(start_ns, clock.monotonic_ns())
    assert energy.joules == pytest.approx(70.25 * 0.3)


@pytest.mark.parametrize(
    ("page", "picked", "message"),
    [
        ("node_load1 0.5\n", "", "tells the power of nothing"),
        (exported(), "#0,7", "tells the power of no GPU 7"),
        ('DCGM_FI_DEV_POWER_USAGE{gpu="0"} NaN\n', "", "tells the power of nothing"),
        ('DCGM_FI_DEV_POWER_USAGE{gpu="0"} -3\n', "", "tells the power of nothing"),
        ('DCGM_FI_DEV_POWER_USAGE{gpu="0",GPU_I_ID="1"} 30\n', "", "tells the power of nothing"),
    ],
)
def test_an_exporter_that_says_nothing_of_power_is_refused(server, page, picked, message):  # noqa: F811
    with pytest.raises(UserError, match=message):
        opened(server, page, picked=picked)


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:9/metrics", "node:9400", "ftp://n/", "http://u:p@n/", "http://n:0/", ""],
)
def test_an_address_that_cannot_be_used_is_named_in_one_line(address):
    with pytest.raises(UserError, match="--telemetry") as caught:
        telemetry([address])
    assert "\n" not in str(caught.value)


def test_a_host_that_goes_away_raises_what_the_recorder_expects(server):  # noqa: F811
    pages = {"/metrics": exported()}
    (meter, _) = telemetry([server(pages) + "/metrics"])
    pages["/metrics"] = "node_load1 0.5\n"
    with pytest.raises(ValueError, match="dcgm 0"):
        meter.read()
    pages.clear()
    with pytest.raises(OSError, match="404"):
        meter.read()
