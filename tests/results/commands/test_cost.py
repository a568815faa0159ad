"""`fenmark cost`: derived from signed results, by our sheet or the reader's own."""

import json
from pathlib import Path

import pytest

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
    ours = json.loads(cost("--results", PUBLIC, "--json").stdout)
    theirs = json.loads(
        cost("--results", PUBLIC, "--price-sheet", tmp_path / "mine.toml", "--json").stdout
    )
    assert {row["price_sheet"] for row in theirs} == {"mine"}
    # 3.6 USD per core and hour against the sheet's 0.05132, at 7 yuan instead of 7.055.
    expected = 3.6 / 0.05132 * 7.0 / 7.055
    for ours_row, theirs_row in zip(ours, theirs, strict=True):
        ratio = theirs_row["fen_multiple"] / ours_row["fen_multiple"]
        assert ratio == pytest.approx(expected)


def test_the_table_is_in_the_currency_asked_for(cost):
    shown = cost("--results", PUBLIC, "--currency", "CNY").stdout
    assert "rental, CNY" in shown
    assert "floor: datasheet bandwidth alone at nameplate power" in shown
    assert "rental: hyperscaler on demand, 2023-08" in shown


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
