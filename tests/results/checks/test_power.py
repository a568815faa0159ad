"""What a figure of energy says of its meter, and what its chips could draw, by each bound."""

import pytest

from results import checks
from results.statement.statement_v2 import read_statement
from tests.builders import figure, stated

NVML = {"name": "nvml 0", "scope": "chip", "method": "hardware counter"}
RAPL = {"name": "rapl package", "scope": "package", "method": "hardware counter"}
DRAM = {"name": "rapl dram", "scope": "package", "method": "hardware counter"}
ALL = {"name": "nvml: total of 4", "scope": "chip", "method": "hardware counter"}
WALL = {"name": "wall", "scope": "node", "method": "external meter"}


def by(listed, **more):
    label = {"meter": listed["name"], "scope": listed["scope"], "meter_method": listed["method"]}
    return {**label, **more}


def power(watts, labels, metric="power"):
    return figure(metric=metric, unit="W", value=watts, low=watts, high=watts, labels=labels)


def h100(count):
    chip = {
        "catalog_id": "h100-sxm",
        "name": "NVIDIA H100 80GB HBM3",
        "kind": "gpu",
        "count": count,
    }
    return {"chip": chip, "driver": "580.95"}


def genoa():
    chip = {"catalog_id": "epyc-9004", "name": "AMD EPYC 9R14", "kind": "cpu", "count": 96}
    return {"chip": chip, "cpu_name": "AMD EPYC 9R14", "cpu_cores": 96}


def told(rule, *figures, meters, machine):
    findings = checks.check(read_statement(stated(*figures, machine=machine, meters=meters)))
    return [(finding.where, finding.reason) for finding in findings if finding.rule == rule]


@pytest.mark.parametrize(
    ("listed", "why"),
    [
        ({"accuracy_percent": -1.0}, "states an accuracy of -1%, no instrument is better"),
        ({"accuracy_percent": 0.0}, "states an accuracy of 0%, no instrument is better"),
        ({"accuracy_percent": 0.0049}, "states an accuracy of 0.0049%, no instrument"),
        ({"accuracy_percent": 100.1}, "states an accuracy of 100.1%, which is above 100%"),
        ({"accuracy_percent": 0.005}, None),
        ({"accuracy_percent": 100.0}, None),
        (
            {"calibrated_at": "1949-12-31T23:59:59Z"},
            "was calibrated at 1949-12-31T23:59:59Z, before",
        ),
        (
            {"calibrated_at": "2026-13-01T00:00:00Z"},
            "was calibrated at 2026-13-01T00:00:00Z, which",
        ),
        (
            {"calibrated_at": "9999-12-31T23:59:59Z"},
            "was calibrated at 9999-12-31T23:59:59Z, after",
        ),
        ({"calibrated_at": "1950-01-01T00:00:00Z"}, None),
        ({"calibrated_at": "2026-11-23T00:15:00Z"}, None),
        (
            {"calibrated_at": "2026-11-23T00:15:01Z"},
            "was calibrated at 2026-11-23T00:15:01Z, after",
        ),
    ],
)
def test_a_meter_is_as_accurate_as_instruments_are_and_calibrated_before_it_measures(listed, why):
    meters = [{**NVML, **listed}]
    findings = told("meter", power(300.0, by(NVML)), meters=meters, machine=h100(1))
    assert [(where, reason.startswith(why)) for where, reason in findings] == (
        [("meters", True)] if why else []
    )


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (by(NVML, meter="nvml 7"), "its meter 'nvml 7' is not listed in the result"),
        (by(NVML, scope="node"), "covers the node, its meter the chip"),
        (by(NVML, meter_method="external meter"), "is by external meter, its meter by"),
        (by(NVML, meter_method="model"), "is called measured, and its meter is a model"),
        ({"meter": "nvml 0"}, None),  # what a figure does not say of its meter is the meter's
        (by(NVML), None),
    ],
)
def test_a_figure_is_by_a_listed_meter_as_it_is_listed(labels, why):
    findings = told("meter", power(300.0, labels), meters=[NVML], machine=h100(1))
    assert [reason.startswith(why) for _, reason in findings] == ([True] if why else [])


@pytest.mark.parametrize(
    ("watts", "why"),
    [
        # 700 W of nameplate, a tenth more may be; a twentieth is 35 W.
        (769.0, []),
        (772.0, ["draws 772 W, the nameplate allows 770"]),
        (36.0, []),
        (34.0, ["a twentieth of the nameplate is 35 W, it draws 34 W at work"]),
    ],
)
def test_a_chip_draws_between_a_twentieth_of_its_nameplate_and_all_of_it(watts, why):
    findings = told("power", power(watts, by(NVML)), meters=[NVML], machine=h100(1))
    assert findings == [("decode/b1/ctx64 power", reason) for reason in why]


@pytest.mark.parametrize(
    ("meter", "most", "least"),
    [
        (ALL, 8 * 770.0, 4 * 35.0),  # at least the four it says
        (WALL, (8 * 700.0 * 4 + 2000) * 1.1, 35.0),  # and fans, processors and losses
    ],
)
def test_a_meter_covers_as_many_chips_as_it_says(meter, most, least):
    def fits(watts):
        return not told("power", power(watts, by(meter)), meters=[meter], machine=h100(8))

    assert [fits(most * 0.999), fits(most * 1.001)] == [True, False]
    assert [fits(least * 1.001), fits(least * 0.999)] == [True, False]


@pytest.mark.parametrize(
    ("chips", "why"), [(2, []), (8, ["is of one meter, of 8 chips that share the work"])]
)
def test_the_joules_of_several_chips_are_not_those_of_one_meter(chips, why):
    findings = told("power", power(300.0, by(NVML)), meters=[NVML], machine=h100(chips))
    assert [reason for _, reason in findings] == why


def test_memory_and_a_pool_have_no_least_power():
    low = 2.0
    assert told("power", power(low, by(RAPL)), meters=[RAPL], machine=genoa())
    assert told("power", power(low, by(DRAM)), meters=[DRAM], machine=genoa()) == []
    pool = by(RAPL, tokens="output, of the decode pool")
    assert told("power", power(low, pool), meters=[RAPL], machine=genoa()) == []


def test_a_chip_at_work_draws_what_it_draws_at_rest():
    rest = power(100.0, by(NVML), metric="idle_power")
    rest |= {"case": "idle", "suite": "inference"}
    work = power(80.0, by(NVML))
    assert told("power", work, rest, meters=[NVML], machine=h100(1)) == [
        ("decode/b1/ctx64 power", "rests at 90.91 W, and draws 80 W at work")
    ]
    assert told("power", power(92.0, by(NVML)), rest, meters=[NVML], machine=h100(1)) == []
