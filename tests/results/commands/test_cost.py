"""`fenmark cost`: derived from signed results, by our sheet or the reader's own."""

import json
from pathlib import Path

import pytest

from results.catalog import latest_prices

# Wide enough that no column title is broken.
PUBLIC = Path(__file__).parents[3] / "results" / "public"
KEYS = {
    "usd_per_mtok_output",
    "usd_per_mtok_input",
    "kwh_per_mtok",
    "fen_multiple",
    "floor_usd_per_mtok",
    "floor_fen_multiple",
    "floor_method",
    "owned_usd_per_mtok",
    "method",
    "price_sheet",
    "price_class",
    "offers",
    "as_of",
    "price_low",
    "price_high",
    "input_usd",
    "cached_usd",
    "output_usd",
    "api_usd",
    "breakeven_utilization",
}
SHEET = """
id = "mine"
reference_tariff = "home"
pue = {value = 1.0, date = "2026-01", source = "my meter"}
cny_per_usd = {value = 7.0, date = "2026-01", source = "my bank"}
tariffs = [{region = "home", usd_per_kwh = 0.3, date = "2026-01", source = "my bill"}]
[[rentals]]
chip = "epyc-9004"
per = "core"
kind = "marketplace"
usd_per_hour_low = 3.6
usd_per_hour_high = 3.6
date = "2026-01"
source = "my contract"
"""


@pytest.fixture
def cost(fenmark, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    return lambda *arguments: fenmark("cost", *arguments)


def test_the_published_results_are_costed_with_the_promised_fields(cost):
    rows = json.loads(cost("--results", PUBLIC, "--json").stdout)
    assert rows
    assert all(row.keys() >= KEYS for row in rows)
    assert all(
        (row["usd_per_mtok_output"] is None) or row["usd_per_mtok_input"] is None for row in rows
    )


def test_a_reader_s_own_price_changes_the_cost_and_is_named(cost, tmp_path):
    (tmp_path / "mine.toml").write_text(SHEET)
    shipped = json.loads(cost("--results", PUBLIC, "--json").stdout)
    own = json.loads(
        cost("--results", PUBLIC, "--price-sheet", tmp_path / "mine.toml", "--json").stdout
    )
    assert {row["price_sheet"] for row in own} == {"mine"}
    # 3.6 USD per core and hour against the sheet's 0.05873, at 7 yuan instead of the sheet's.
    expected = 3.6 / 0.05873 * 7.0 / latest_prices().cny_per_usd.value
    for shipped_row, own_row in zip(shipped, own, strict=True):
        ratio = own_row["fen_multiple"] / shipped_row["fen_multiple"]
        assert ratio == pytest.approx(expected)


def test_the_table_is_in_the_currency_asked_for(cost):
    shown = cost("--results", PUBLIC, "--currency", "CNY").stdout
    assert "rental, CNY" in shown
    assert "floor: datasheet bandwidth alone at nameplate power" in shown
    assert "rental: on-demand, 2026-07-20, 8 offers" in shown


def test_an_older_day_has_the_prices_known_then(cost):
    day = ("--as-of", "2026-11-01", "--class", "on-demand")
    rows = json.loads(cost("--results", PUBLIC, *day, "--json").stdout)
    assert {(row["price_sheet"], row["as_of"]) for row in rows} == {("2026-11", "2023-08")}
    assert {row["price_usd_per_hour"] for row in rows} == {0.05132}


def test_a_reader_s_hour_and_purchase_and_tariff(cost):
    told = ("--price", "0.12/h", "--owned", "1500", "--life", "4y", "--tariff", "0.6CNY/kWh")
    rows = json.loads(cost("--results", PUBLIC, *told, "--json").stdout)
    assert {(row["price_class"], row["price_per"]) for row in rows} == {("own", "machine")}
    for row in rows:
        rent = row["usd_per_mtok_output"] or row["usd_per_mtok_input"]
        # Both are over the same tokens: the hour costs 12 cents, and owning it over 3.7.
        hours = rent / 0.12
        capital = 1500 / (4 * 8766 * 0.4)
        power = row["kwh_per_mtok"] / hours
        each = capital + power * 1.54 * 0.6 / latest_prices().cny_per_usd.value
        assert row["owned_usd_per_mtok"] == pytest.approx(each * hours)


def test_another_class_is_dashes_that_say_what_there_is(cost):
    rows = json.loads(cost("--results", PUBLIC, "--class", "spot", "--json").stdout)
    assert {row["rental_missing"] for row in rows} == {
        "no spot price of epyc-9004; it has on-demand"
    }


def test_an_empty_folder_is_one_line(cost, tmp_path):
    done = cost("--results", tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_every_row_of_a_known_model_has_a_floor_below_its_rent(cost):
    for row in json.loads(cost("--results", PUBLIC, "--json").stdout):
        rent = row["usd_per_mtok_output"] or row["usd_per_mtok_input"]
        assert 0 < row["floor_usd_per_mtok"] < rent
        assert "nameplate" in row["floor_method"]


def test_rows_are_counted_by_source_and_figure(cost):
    (counted,) = json.loads(cost("--results", PUBLIC, "--count", "--json").stdout)
    assert counted.keys() == {"source", "rows", "rental", "owned", "kwh", "floor"}
    assert counted["source"] == "measured"
    assert counted["rows"] == counted["rental"] == counted["floor"] > 0


def test_a_class_of_rental_that_is_none_is_one_line(cost):
    done = cost("--results", PUBLIC, "--rental", "free")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "marketplace" in done.stderr


def test_a_mix_is_blended_and_named(cost):
    rows = json.loads(cost("--results", PUBLIC, "--mix", "3:1", "--json").stdout)
    assert {row["mix"] for row in rows} == {"3:0:1"}
    for row in rows:
        assert row["blended_usd"] == pytest.approx((3 * row["input_usd"] + row["output_usd"]) / 4)
        assert {part.partition("/")[0] for part in row["apart_by"][8:].split(" and ")} == {
            "prefill",
            "decode",
        }
    shown = cost("--results", PUBLIC, "--mix", "3:1").stdout
    assert "blended 3:0:1, USD" in shown
    assert "blended: rent of input:cached:output 3:0:1, by time of " in shown


@pytest.mark.parametrize("flag", ["--mix", "--split", "--volume"])
def test_what_no_flag_means_is_one_line(cost, flag):
    done = cost("--results", PUBLIC, flag, "cheap")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert flag in done.stderr


def test_the_table_counts_carbon_and_takes_euros(cost):
    shown = cost("--results", PUBLIC, "--currency", "EUR", "--grid", "CHN").stdout
    assert "rental, EUR" in shown
    assert "kg CO2e, CHN" in shown
    for row in json.loads(cost("--results", PUBLIC, "--grid", "CHN", "--json").stdout):
        assert row["grid"] == "China, 2023: 582.317 gCO2e/kWh"
        assert row["kgco2e_per_mtok"] == pytest.approx(row["kwh_per_mtok"] * 1.54 * 0.582317)
