"""What owning takes besides the chip: power all in, staff, space; and what it emits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from results import catalog
from results.catalog.carbon_data import grid, grids
from results.catalog.power_data import all_in
from results.catalog.prices_data import Yearly
from results.commands.cost_table import carbon
from results.economy import costs
from suites.base.errors import UserError
from tests.results.economy.test_economics import row

HOURS = 8766
PER_HOUR = 1e6 / (1000 * 3600)  # hours that a million tokens take at 1000 tokens/s


@pytest.fixture
def sheet():
    return catalog.price_sheets()["2026-11-28"]


def h100(sheet, *rows):
    rate = row("decode_throughput", 1000.0)
    [cost] = costs.cost_rows([rate, *rows], chip="h100-sxm", count=2, sheet=sheet)
    return cost


def capital(sheet):
    bought = sheet.purchase("h100-sxm")
    return (bought.usd_low + bought.usd_high) / (5 * HOURS * 0.4)  # two chips, the middle


def test_every_all_in_figure_is_of_a_listed_chip_and_above_its_nameplate():
    table = all_in()
    assert (table.date, len(table.kw)) == ("2026-07-14", 10)
    assert table.kw["instinct-mi355x"] == 2.09
    for chip, kw in table.kw.items():
        assert kw * 1e3 > catalog.chips()[chip].tdp_w


def test_owning_all_in_has_no_pue_on_top(sheet):
    owned = h100(sheet).owned
    assert owned.usd.value == pytest.approx((capital(sheet) + 1.4 * 1.54 * 0.0872) * PER_HOUR)
    assert owned.all_in_usd == pytest.approx((capital(sheet) + 2 * 1.37 * 0.0872) * PER_HOUR)


def test_staff_and_space_are_spent_in_idle_hours_too(sheet):
    def yearly(usd):
        return Yearly(value=usd, date="2026-01", source="our books")

    terms = sheet.ownership.model_copy(
        update={
            "staff_usd_per_chip_year": yearly(876.6),
            "space_usd_per_kw_year": yearly(1500.0),
        }
    )
    bare = h100(sheet).owned
    full = h100(sheet.model_copy(update={"ownership": terms})).owned
    hourly = (2 * 876.6 + 2.74 * 1500) / HOURS
    assert full.usd.value - bare.usd.value == pytest.approx(hourly / 0.4 * PER_HOUR)
    assert full.full_usd - bare.full_usd == pytest.approx(hourly * PER_HOUR)


def test_a_chip_that_no_source_measured_all_in_has_no_such_cost(sheet):
    [cost] = costs.cost_rows([row("decode_throughput", 9.0)], chip="l4", count=1, sheet=sheet)
    assert (cost.owned is None) or (cost.owned.all_in_usd is None)


def test_carbon_is_energy_at_the_socket_times_the_grid(sheet):
    cost = h100(sheet, row("energy_per_output_token", 3.6))
    # 3.6 J/token is 1 kWh per million; x 1.54 x 582.317 g.
    assert carbon(cost, grid("CHN")).value == pytest.approx(1.54 * 0.582317)
    assert carbon(h100(sheet), grid("CHN")) is None


def test_owning_is_shared_among_kinds_capital_by_time_and_electricity_by_energy(sheet):
    load = {"isl": 300, "osl": 100, "concurrency": 8}
    served = replace(row("output_throughput", 50.0, case="closed/c8", **load), suite="serving")
    metered = replace(row("power", 700.0, case="closed/c8"), suite="serving")
    windows = [
        row("prefill_throughput", 3000.0, case="prefill/isl256", isl=256),
        row("decode_throughput", 200.0, case="decode/b8", batch=8),
        row("energy_per_input_token", 0.2, case="prefill/isl256"),
        row("energy_per_output_token", 0.9, case="decode/b8"),
    ]
    rows = [served, metered, *windows]
    every_cost = costs.cost_rows(rows, chip="h100-sxm", count=1, sheet=sheet)
    owned = next(cost.owned for cost in every_cost if cost.suite == "serving")
    power = 700 / 50 / 3.6 * 1.54 * sheet.usd_per_kwh
    capital = owned.usd.value - power
    # Of a request's seconds 5 of 6 are answer, of its joules 3 of 5.
    assert owned.apart.output == pytest.approx(capital * 5 / 6 + power * 3 / 5)
    assert owned.apart.input * 3 == pytest.approx(capital / 6 + power * 2 / 5)


def test_a_grid_is_found_by_code_or_name_and_an_unknown_one_is_refused():
    assert grid("chn") is grid("China")
    assert all(held.year >= 2022 for held in grids().grids)
    with pytest.raises(UserError, match=r"--grid.*did you mean 'GERMANY'"):
        grid("Germny")


def test_an_older_sheet_has_no_euro(sheet):
    rates = {"EUR": sheet.eur_per_usd.value, "CNY": sheet.cny_per_usd.value, "USD": 1.0}
    assert {name: sheet.per_usd(name) for name in rates} == rates
    with pytest.raises(UserError, match="no rate of EUR"):
        catalog.price_sheets()["2026-11"].per_usd("EUR")
