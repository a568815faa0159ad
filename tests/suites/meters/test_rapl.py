"""RAPL through a powercap tree in a temporary folder."""

from itertools import pairwise

import pytest

from suites.meters import base, rapl
from tests.clock import Clock


@pytest.fixture
def tree(tmp_path):
    """Two packages with memory, cores and a platform zone, as the kernel lays them out."""
    for zone, name in {
        "intel-rapl:0": "package-0",
        "intel-rapl:0:0": "core",
        "intel-rapl:0:1": "dram",
        "intel-rapl:1": "package-1",
        "intel-rapl:1:0": "dram",
        "intel-rapl:2": "psys",
        "intel-rapl-mmio:0": "package-0",
    }.items():
        folder = tmp_path / zone
        folder.mkdir()
        (folder / "name").write_text(f"{name}\n")
        (folder / "energy_uj").write_text("1000000\n")
        (folder / "max_energy_range_uj").write_text("262143328850\n")
    return tmp_path


def test_packages_and_memory_are_found_once_each_and_told_apart(tree):
    names = [meter.info.name for meter in rapl.find(tree)]
    assert names == [
        "rapl package-0",
        "rapl package-0 dram",
        "rapl package-1",
        "rapl package-1 dram",
    ]


def test_a_reading_is_in_joules(tree):
    (tree / "intel-rapl:0" / "energy_uj").write_text("2500000")
    assert rapl.find(tree)[0].read().joules == 2.5


def test_a_reading_says_how_far_its_time_may_be_off(tree, monkeypatch):
    clock = Clock()
    began_ns = clock.now_ns
    monkeypatch.setattr(clock, "monotonic_ns", lambda: clock.sleep(0.004) or clock.now_ns)
    monkeypatch.setattr(base, "time", clock)
    reading = rapl.find(tree)[0].read()
    assert (reading.at_ns - began_ns, reading.unsure_ns) == (6_000_000, 2_000_000)


def test_a_counter_that_wraps_goes_on_counting(tree):
    counter = tree / "intel-rapl:0" / "energy_uj"
    meter = rapl.find(tree)[0]
    totals = []
    for microjoules in (262143000000, 500000, 262143300000, 100):
        counter.write_text(str(microjoules))
        totals.append(meter.read().joules)
    steps = [after - before for before, after in pairwise(totals)]
    assert steps == pytest.approx([0.82885, 262142.8, 0.02895], abs=1e-6)


def test_a_zone_that_cannot_be_read_is_left_out_and_doctor_says_why(tree):
    for zone in tree.iterdir():
        (zone / "energy_uj").unlink()
    assert rapl.find(tree) == []
    assert "run as root" in rapl.reason_absent(tree)


def test_no_powercap_tree_is_named_as_the_reason(tmp_path):
    assert rapl.find(tmp_path / "none") == []
    assert "does not exist" in rapl.reason_absent(tmp_path / "none")
    assert "no RAPL zone" in rapl.reason_absent(tmp_path)


def test_a_counter_that_vanishes_raises_an_error_the_recorder_expects(tree):
    meter = rapl.find(tree)[0]
    (tree / "intel-rapl:0" / "energy_uj").unlink()
    with pytest.raises(OSError, match="energy_uj"):
        meter.read()
