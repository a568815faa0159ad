"""What a search found, for each chip and each megawatt: worked out by hand."""

from __future__ import annotations

import pytest

from results.economy.economics import Span
from results.economy.within_limits import within_limits
from results.statement.statement_v2 import StatementV2
from tests.builders import figure, stated

LOAD = {"isl": 100, "osl": 20, "turns": 4}


def searched(metric="searched_agents", **changes):
    fields = {
        "suite": "serving",
        "case": "search/agents/turns4/isl100+30/osl20/ttft500/share0.9",
        "metric": metric,
        "unit": "count",
        "value": 24.0,
        "low": 24.0,
        "high": 25.0,
        "labels": {**LOAD, "slo_ttft": 500.0, "goodput_share": 0.9, "valid": True},
    }
    return figure(**{**fields, **changes})


def power(watts, scope="chip", meter="dcgm total of 8", *, agents=24, **changes):
    labels = {**LOAD, "agents": agents, "meter": meter, "scope": scope}
    fields = {
        "suite": "serving",
        "case": f"agents/n{agents}/turns4/isl100+30/osl20",
        "metric": "power",
        "unit": "W",
        "value": watts,
        "low": 0.9 * watts,
        "high": 1.25 * watts,
        "labels": labels,
    }
    return figure(**{**fields, **changes})


def derive(*figures, kind="gpu", count=8):
    data = stated(*figures)
    data["predicate"]["run"]["suites"] = ["serving"]
    data["predicate"]["machine"]["chip"] |= {"kind": kind, "count": count, "name": "H100"}
    return within_limits(StatementV2.model_validate(data).predicate)


def test_a_searchs_figure_is_divided_by_chips_and_by_the_power_at_its_load():
    (derived,) = derive(searched(), power(4000.0), power(3000.0, agents=12))
    assert (derived.name, derived.load) == ("agents", Span(24.0, 24.0, 25.0))
    assert derived.per_chip == Span(3.0, 3.0, 25 / 8)
    assert derived.per_megawatt.value == pytest.approx(6000)
    # 24 at most 5,000 W, and below 25 at least 3,600 W.
    assert derived.per_megawatt.low == pytest.approx(4800)
    assert derived.per_megawatt.high == pytest.approx(25 / 3600 * 1e6)
    assert derived.how == "24 agents ÷ 8 chips; 24 agents ÷ 4000 W (chip, dcgm total of 8) × 10^6"


def test_the_widest_meter_counts_and_one_chip_of_several_is_not_all():
    chips = [power(500.0, meter=f"dcgm {place}") for place in range(2)]
    (derived,) = derive(searched(), *chips, power(6000.0, "node", "redfish 1"))
    assert derived.per_megawatt.value == pytest.approx(4000)
    (derived,) = derive(searched(), power(4000.0), power(6000.0, "node", "redfish 1"))
    assert derived.per_megawatt.value == pytest.approx(4000)
    (derived,) = derive(searched(), *chips)
    assert derived.per_megawatt is None
    (derived,) = derive(searched(), chips[0], count=1)
    assert derived.per_megawatt.value == pytest.approx(48_000)


@pytest.mark.parametrize(
    "other",
    [
        power(4000.0, agents=23),
        power(4000.0, labels={**power(1.0)["labels"], "turns": 5}),
        power(4000.0, method="modelled"),
        power(4000.0, metric="energy_per_output_token", unit="J/token"),
    ],
)
def test_another_points_power_or_a_modelled_one_is_not_that_of_the_load(other):
    (derived,) = derive(searched(), other)
    assert derived.per_megawatt is None
    assert derived.how.endswith("no meter saw the load found")


def test_cores_are_no_chips_and_a_search_that_is_not_valid_has_nothing_derived():
    (derived,) = derive(searched(), kind="cpu")
    assert derived.per_chip is None
    invalid = searched(labels={**LOAD, "valid": False, "invalid_because": "x"})
    assert derive(invalid, figure()) == []
    (rate,) = derive(searched("searched_rate", unit="1/s", high=None))
    assert (rate.name, rate.per_chip) == ("requests/s", Span(3.0, 3.0, None))
