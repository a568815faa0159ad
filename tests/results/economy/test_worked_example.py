"""The example in the documents: its figures are those that ship, and its arithmetic holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import leaderboard
from results import catalog
from results.catalog.api_data import api_price, api_sheet
from results.reported import read_folder
from results.reported.costing import reported_cost_rows
from results.reported.shipping import DATA

PAGE = Path(leaderboard.__file__).parent / "docs" / "energy-and-cost.md"
ROW = "mlenergy/meta-llama/Llama-3.1-70B-Instruct/lm-arena-chat/b1024/x4/H100#419"


@pytest.fixture(scope="module")
def written():
    """First number of each line of the example's tables, by what the line is about."""
    section = PAGE.read_text().partition("#### One example")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| ([^|]+) \| ([\d.,]+)[^|]*\|", section, re.MULTILINE)
    return {name: float(value.replace(",", "")) for name, value in lines}


@pytest.fixture(scope="module")
def row(tmp_path_factory):
    """The published row, from what ships; the folder holds nothing but that publisher's file."""
    folder = tmp_path_factory.mktemp("mlenergy")
    for path in DATA.glob("mlenergy-*.json.gz"):
        (folder / path.name).symlink_to(path)
    [file] = read_folder(folder, pytest.fail)
    return next(result for result in file.results if result.id == ROW)


def test_what_goes_in_is_what_ships(written, row):
    sheet = catalog.price_sheets()["2026-11-28"]
    figures = {figure.metric: figure.value for figure in row.measurements}
    rent, bought = sheet.rental("h100-sxm"), sheet.purchase("h100-sxm")
    expected = {
        "output tokens per second": figures["output_throughput"],
        "energy, J per output token": figures["energy_per_output_token"],
        "rent, USD per chip and hour": rent.usd_per_hour,
        "purchase, USD per chip": bought.usd_low,
        "life, years; busy": sheet.ownership.life_years.value,
        "electricity, USD per kWh; PUE": sheet.usd_per_kwh,
        "API, USD per million output tokens": api_price(
            api_sheet(sheet.id), "llama-3.1-70b", "output"
        ).usd,
    }
    assert {name: written[name] for name in expected} == {
        name: pytest.approx(value, rel=5e-4) for name, value in expected.items()
    }
    assert (rent.offers, sheet.ownership.utilization.value, sheet.pue.value) == (7, 0.4, 1.54)
    assert row.chip.count == 4


def test_what_comes_out_is_computed_from_it_by_hand_and_by_the_command(written, row):
    per_mtok = 1e6 / (6827.208 * 3600)
    electricity = 0.373142 / 3.6 * 1.54 * 0.0872
    full = 120_000 / (5 * 8766) * per_mtok + electricity
    rented = 3.99 * 4 * per_mtok
    expected = {
        "rented": rented,
        "electricity alone": electricity,
        "owned, busy 40% of the time": 120_000 / (5 * 8766 * 0.4) * per_mtok + electricity,
        "owned, never idle": full,
        "rented beats the API from": 100 * rented / 0.715,
        "owned beats the API from": 100 * full / 0.715,
    }
    assert {name: written[name] for name in expected} == {
        name: pytest.approx(value, rel=5e-3) for name, value in expected.items()
    }
    [cost] = reported_cost_rows(row, catalog.price_sheets()["2026-11-28"])
    assert cost.rental_usd.value == pytest.approx(rented, rel=1e-6)
    assert cost.owned.full_usd == pytest.approx(full, rel=1e-3)
    assert 100 * cost.breakeven_utilization == pytest.approx(100 * rented / 0.715, rel=1e-6)
