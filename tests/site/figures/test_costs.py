"""The command, the page and the board's data say the same money."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from leaderboard.base.text import figure
from leaderboard.words import Words
from results import catalog
from runners.cli import app
from tests.site.conftest import look, saved
from tests.site.read.test_reported import text

CHIP = "h100-sxm"
YUAN = catalog.latest_prices().cny_per_usd.value


@pytest.fixture(scope="module")
def told(results):
    """What `fenmark cost` says of the serving rows of one chip, by the rate's case."""
    done = CliRunner().invoke(app(), ["cost", "--results", str(results), "--json"])
    rows = [row for row in json.loads(done.stdout) if row["chip"] == CHIP]
    return [row for row in rows if row["suite"] == "serving"]


def test_the_board_s_data_holds_the_command_s_figures(site, told):
    shard = json.loads((site / "data" / "board" / "llama-3.1-8b.json").read_text())
    column, numbers = shard["strings"]["case"], shard["numbers"]
    at = {column["values"][code]: row for row, code in enumerate(column["codes"])}
    assert told
    for row in told:
        for board_column, field in {
            "rent_usd": "usd_per_mtok_output",
            "owned_usd": "owned_usd_per_mtok",
            "floor_usd": "floor_usd_per_mtok",
        }.items():
            assert row[field] is not None
            assert numbers[board_column][at[row["case"]]] == pytest.approx(row[field], rel=1e-4)


@pytest.mark.browser
def test_the_reader_s_own_terms_are_computed_with(tab, serve, site):
    terms = "price=3&utilization=50&capex=20000&life=3&tariff=0.2&pue=1.2"
    look(tab, f"{serve(site)}cost/?{terms}")
    every = json.loads(saved(tab, "json"))["rows"]
    rows = [row for row in every if row["chip_id"] == CHIP]
    look(tab, f"{serve(site)}cost/?class=reserved-3y")
    saved_rows = [row for row in json.loads(saved(tab, "json"))["rows"] if row["chip_id"] == CHIP]
    reserved = {row["case"]: row for row in saved_rows}
    look(tab, f"{serve(site)}cost/?as_of=2026-11-10&tariff=0.2")
    assert tab.locator("[name=as_of]").input_value() == "2026-11"
    earlier = {
        row["case"]: row for row in json.loads(saved(tab, "json"))["rows"] if row["chip_id"] == CHIP
    }
    shard = json.loads((site / "data" / "board" / "llama-3.1-8b.json").read_text())
    column, numbers = shard["strings"]["case"], shard["numbers"]
    at = {column["values"][code]: row for row, code in enumerate(column["codes"])}
    sheet = catalog.latest_prices()
    dearer = (0.2 * 1.2) / (sheet.usd_per_kwh * sheet.pue.value)
    assert rows
    three_years = sheet.rental(CHIP, "reserved-3y")
    for row in rows:
        facts = {name: values[at[row["case"]]] for name, values in numbers.items()}
        mtok_hours = 1e6 / (facts["throughput"] * 3600)
        electricity = facts["energy"] * 1e6 / 3.6e6 * 0.2 * 1.2
        capital = 20000 * facts["count"] / (3 * 365.25 * 24 * 0.5) * mtok_hours
        expected = {
            "rented": 3 * facts["count"] * mtok_hours / 0.5,
            "electricity": electricity,
            "owned": capital + electricity,
            "floor": facts["floor_usd"] * dearer,
        }
        for name, usd in expected.items():
            assert row[f"{name}_usd_per_mtok"] == pytest.approx(usd, rel=1e-9), name
        old, then = earlier[row["case"]], catalog.price_sheets()["2026-11"]
        bought, busy = then.purchase(CHIP), then.ownership.utilization.value
        usd = then.rental(CHIP, "on-demand").usd_per_hour * facts["count"] * mtok_hours
        assert old["rented_usd_per_mtok"] == pytest.approx(usd, rel=1e-9)
        assert (old["prices_as_of"], old["rent_price"]) == (
            then.id,
            then.rental(CHIP, "on-demand").label,
        )
        power = facts["energy"] * 1e6 / 3.6e6 * 0.2 * then.pue.value
        middle = (bought.usd_low + bought.usd_high) / 2 * facts["count"]
        life = then.ownership.life_years.value * 365.25 * 24
        owned = middle / (life * busy) * mtok_hours + power
        assert old["owned_usd_per_mtok"] == pytest.approx(owned, rel=1e-9)
        same = reserved[row["case"]]
        usd = three_years.usd_per_hour * facts["count"] * mtok_hours
        assert same["rented_usd_per_mtok"] == pytest.approx(usd, rel=1e-9)
        assert same["rent_price"] == three_years.label

    # A CPU's cores are rented each; what is bought is the machine, however many of them worked.
    cores = [row for row in every if row["chip"] == "Test CPU 9000"]
    assert cores
    for row in cores:
        mtok_hours = 1e6 / (row["output_throughput_tokens_per_s"] * 3600)
        capital = 20000 / (3 * 365.25 * 24 * 0.5) * mtok_hours
        for end in ("low", "high"):
            owned = capital + row[f"electricity_usd_per_mtok_{end}"]
            assert row[f"owned_usd_per_mtok_{end}"] == pytest.approx(owned, rel=1e-9)


def money_of(page):
    """A dollar in the page's currency, how it is written for a million tokens, and its words."""
    zh = page.startswith("zh")
    words = Words.load("zh" if zh else "en")
    return YUAN if zh else 1, "元/百万 Token" if zh else "USD/Mtok", words


@pytest.mark.parametrize("page", ["cost/", f"chips/{CHIP}/", f"zh/chips/{CHIP}/"])
def test_a_page_shows_rent_owned_cost_and_floor_as_the_command_does(site, told, page):
    page_text = text(site / page / "index.html")
    for row in told:
        rate, unit, words = money_of(page)
        for name in ("usd_per_mtok_output", "owned_usd_per_mtok", "floor_usd_per_mtok"):
            assert f"{figure(row[name] * rate)} {unit}" in page_text, name
        assert words("{n}× one fen", n=figure(row["floor_fen_multiple"])) in page_text
        assert words.listed(row["floor_method"]) in page_text
        assert words.listed(row["rental"]) in page_text


def test_a_floor_is_below_everything_a_chip_was_measured_to_cost(told):
    for row in told:
        bound = min(row["usd_per_mtok_output"], row["owned_usd_per_mtok"])
        assert 0 < row["floor_usd_per_mtok"] < bound


@pytest.mark.parametrize("page", ["cost/", "zh/cost/"])
def test_the_break_even_is_drawn_where_hosts_sell_the_model(site, told, page):
    drawn = (site / page / "index.html").read_text()
    assert drawn.count('id="break-even"') == 1
    rate, unit, _words = money_of(page)
    assert f"{figure(told[0]['api_usd'] * rate)} {unit}" in drawn
    # The curve ends, always busy, at the cheapest row's cost, and has a mark where both meet.
    least = min(row["usd_per_mtok_output"] for row in told)
    best = next(row for row in told if row["usd_per_mtok_output"] == least)
    busy = re.findall(rf"<title>[^<]*?([\d.]+)%[^<]*?([\d.,]+) {unit}</title>", drawn)
    assert ("100", figure(least * rate)) in busy
    even = best["breakeven_utilization"]
    assert ((figure(100 * even), figure(best["api_usd"] * rate)) in busy) == (0.1 <= even <= 1)
    assert "style=" not in drawn.split('id="break-even"')[1].split("</svg>")[0]


@pytest.mark.parametrize("page", [f"chips/{CHIP}/", f"zh/chips/{CHIP}/"])
def test_a_chip_s_page_has_its_power_all_in_beside_the_nameplate(site, page):
    page_text = text(site / page / "index.html")
    assert "700 W" in page_text
    assert "1,370 W" in page_text
    assert "2026-07-14: InferenceX" in page_text
