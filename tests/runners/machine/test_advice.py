"""Advice is evidence and a remedy, and silence where nothing is wrong."""

import pytest

from runners.machine.advice import advice


def advised(settings=None, surroundings=None, environment=None, cores=8):
    findings = list(advice(settings or {}, surroundings or {}, environment or {}, cores))
    return {item.subject: item for item in findings}


def test_nothing_known_to_be_wrong_is_nothing_said():
    settings = {"governor": "performance", "boost": "1", "huge_pages": "always [madvise] never"}
    surroundings = {"cpu_pressure_percent": 0.4, "cpu_temperature_c": 45.0}
    assert advised(settings, surroundings, {"OMP_NUM_THREADS": "8"}) == {}


@pytest.mark.parametrize(
    ("settings", "surroundings", "environment", "subject", "evidence", "remedy"),
    [
        ({"governor": "powersave"}, {}, {}, "clock", "powersave", "cpupower"),
        ({"turbo_disabled": "1"}, {}, {}, "boost", "switched off", "boost"),
        ({}, {"cpu_temperature_c": 83.0}, {}, "temperature", "83 °C", "cool"),
        ({}, {"cpu_pressure_percent": 38.4}, {}, "waiting for a core", "38%", "taskset"),
        ({}, {}, {"OMP_NUM_THREADS": "16"}, "variable OMP_NUM_THREADS", "16 threads", "unset"),
        (
            {"numa_balancing": "1", "numa_cpus": "node0 0-3; node1 4-7"},
            {},
            {},
            "NUMA balancing",
            "node1 4-7",
            "numactl",
        ),
        ({"huge_pages": "always madvise [never]"}, {}, {}, "huge pages", "off", "madvise"),
    ],
)
def test_each_finding_names_its_evidence_and_its_remedy(
    settings, surroundings, environment, subject, evidence, remedy
):
    by_subject = advised(settings, surroundings, environment)
    assert list(by_subject) == [subject]
    assert evidence in by_subject[subject].says
    assert remedy in by_subject[subject].remedy


def test_numa_balancing_within_one_node_moves_nothing():
    assert advised({"numa_balancing": "1", "numa_cpus": "node0 0-7"}) == {}
