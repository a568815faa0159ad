"""What is known of each model, load and chip: better evidence stands, and nothing is merged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from leaderboard.figures.front import ConfigurationPoint
from leaderboard.pages.best import BestQuery, as_file, best_known, cells, context, g_per_joule
from leaderboard.words import Words
from results import catalog
from tests.site.conftest import address

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

ENGLISH = Words.load("en")
FIELDS: dict[str, Any] = {
    "chip": "h100-sxm", "chip_name": "NVIDIA H100", "kind": "reported", "load": "1024→1024",
    "per_user": 50.0, "rate": 1000.0, "usd": {"owned": 0.5, "on-demand": 1.0}, "tpot": 20.0,
    "statistic": "median", "where": "reported/x/",
}  # fmt: skip


def point(**changes: Any) -> ConfigurationPoint:
    return ConfigurationPoint(**FIELDS | changes)


def best(*points: ConfigurationPoint, **asked: Any) -> dict[str, Any]:
    [row] = best_known({"m": points}, BestQuery(**asked), g_per_joule=100.0)
    return dict(row.cells)


def test_measured_beats_attested_beats_reported_beats_predicted():
    own = [
        point(kind=kind, usd={"owned": usd}, where=kind)
        for kind, usd in (("predicted", 1), ("reported", 2), ("attested", 3), ("measured", 4))
    ]
    marks = []
    while own:
        cell = best(*own)["h100-sxm"]
        marks.append(cell.mark)
        own.remove(cell.point)
    assert marks == ["●", "◐", "◇", "◈"]


def test_a_prediction_fills_a_cell_that_nobody_ran_unless_better_evidence_is_asked_for():
    guess = point(kind="predicted", chip="b", usd={"owned": 0.1}, low=500.0, high=2000.0)
    cells_of = best(point(), guess)
    assert (cells_of["b"].mark, cells_of["b"].low, cells_of["b"].high) == ("◈", 0.05, 0.2)
    # The best of a row is one that somebody ran.
    assert (cells_of["h100-sxm"].ratio, cells_of["b"].ratio) == (1, pytest.approx(0.2))
    assert set(best(point(), guess, evidence="reported")) == {"h100-sxm"}


def test_limits_hold_at_the_percentile_that_is_asked_for():
    own = point(ttft=900.0, ttft_p99=2500.0)
    assert best_known({"m": [own]}, BestQuery(ttft=500)) == []
    assert best(own, ttft=1000, tpot=20)
    assert best_known({"m": [own]}, BestQuery(ttft=1000, p99=True)) == []
    assert best(own, ttft=3000, p99=True)
    # Who says nothing of the 99th percentile keeps no limit there.
    assert best_known({"m": [own]}, BestQuery(tpot=100, p99=True)) == []
    assert best_known({"m": [point(tpot=None)]}, BestQuery(tpot=100)) == []


def test_each_measure_has_its_own_best_and_its_own_tokens():
    frugal = point(rate=500.0, joules=2.0, usd={"owned": 1.0}, where="a", low=400.0, high=600.0)
    greedy = point(rate=900.0, joules=3.0, where="b")

    def value(**asked: Any) -> float:
        return float(best(frugal, greedy, **asked)["h100-sxm"].value)

    assert value() == 0.5
    assert value(price_class="on-demand") == 1.0
    assert value(measure="rate") == 900.0
    assert (value(measure="energy"), value(measure="co2e")) == (2.0, 200.0)
    assert best(frugal, measure="energy")["h100-sxm"].low is None
    # One output token in two: twice the tokens at half the price.
    assert (value(tokens="total"), value(measure="rate", tokens="total")) == (0.25, 1800.0)
    assert best_known({"m": [point(load="gpqa")]}, BestQuery(tokens="total")) == []


def test_rows_under_a_condition_do_not_compete_with_rows_without():
    drafted = point(load="1024→1024, drafts by mtp", usd={"owned": 0.1}, chip="b")
    rows = best_known({"m": [point(), drafted]}, BestQuery())
    assert [(row.load, list(row.cells)) for row in rows] == [
        ("1024→1024", ["h100-sxm"]), ("1024→1024, drafts by mtp", ["b"]),
    ]  # fmt: skip
    assert best_known({"m": [drafted]}, BestQuery(tokens="total"))[0].cells["b"].value == 0.05


def test_answers_that_are_not_known_to_be_good_are_left_out_on_request():
    assert set(best(point(), point(chip="b", kept=True), kept=True)) == {"b"}


def test_a_gram_is_of_the_energy_with_its_losses_on_the_grid_of_the_sheet():
    sheet = catalog.latest_prices()
    # A joule for each of a million tokens is 0.2778 kWh; a grid has 20 to 900 g/kWh.
    assert 0.2778 * 20 * sheet.pue.value < g_per_joule(sheet) < 0.2778 * 900 * sheet.pue.value


def test_the_page_opens_with_the_rows_that_most_chips_ran():
    known = {"m": [point(), point(chip="b")], "n": [point(), point(kind="predicted", chip="c")]}
    shown = context(ENGLISH, best_known(known, BestQuery()), {"m": "Model M"}, {"owned"})
    assert [row.model for row in shown["rows"]] == ["m", "n"]
    assert [chip for chip, _ in shown["chips"]] == ["h100-sxm", "b", "c"]
    assert (shown["names"], list(shown["classes"])) == ({"m": "Model M", "n": "n"}, ["owned"])


def test_the_file_says_of_each_cell_what_it_is():
    quick = point(kind="measured", profile="quick", date="2026-11-20", joules=2.0, ttft=900.0)
    told = list(cells(ENGLISH, {"m": [quick]}, catalog.latest_prices()))
    assert {(cell.measure, cell.price_class) for cell in told} == {
        ("cost", "owned"), ("cost", "on-demand"), ("rate", None), ("energy", None), ("co2e", None),
    }  # fmt: skip
    first = told[0]
    assert (first.evidence, first.value, first.percentile) == ("measured", 0.5, "median")
    assert (first.ttft_ms, first.date, first.quick) == (900.0, "2026-11-20", True)


def test_the_live_table_has_every_point_by_its_fields():
    own = [point(), point(kind="predicted", chip="b", basis="kernels")]
    told = json.loads(as_file(ENGLISH, {"m": own}, best_known({"m": own}, BestQuery()), {}, None))
    named = [dict(zip(told["fields"], listed, strict=True)) for listed in told["points"]]
    assert [told["kinds"][entry["kind"]] for entry in named] == ["reported", "predicted"]
    assert [told["chips"][entry["chip"]][0] for entry in named] == ["h100-sxm", "b"]
    assert told["shares"] == [0.5]


@pytest.mark.browser
def test_the_browser_shows_the_table_of_the_page(
    tab: Page, site: Path, serve: Callable[[Path], str]
):
    tab.goto(serve(site))
    tab.locator("fenmark-best[ready]").wait_for()
    table = tab.locator("fenmark-best table")
    made = table.inner_text()
    assert "●" in made
    measure = tab.locator("fenmark-best [name=measure]")
    measure.select_option("rate")
    tab.wait_for_function("() => document.querySelector('.best').innerText.includes('tokens/s')")
    assert "measure=rate" in address(tab)
    measure.select_option("cost")
    tab.wait_for_function("() => location.search === ''")
    tab.wait_for_function("() => !document.querySelector('.best').innerText.includes('tokens/s')")
    assert table.inner_text() == made


@pytest.mark.browser
def test_an_address_holds_what_a_reader_asked_for(
    tab: Page, site: Path, serve: Callable[[Path], str]
):
    tab.set_viewport_size({"width": 390, "height": 800})
    tab.goto(f"{serve(site)}zh/?evidence=measured&tpot=100&at=p99&measure=rate")
    tab.locator("fenmark-best[ready]").wait_for()
    shown = tab.locator("fenmark-best tbody").inner_text()
    assert "●" in shown
    assert "◈" not in shown
    tab.locator("fenmark-best [name=quality]").select_option("kept")
    empty = Words.load("zh")(
        "Nothing is known within these limits; wider ones, or other evidence, may be."
    )
    tab.wait_for_function("text => document.body.innerText.includes(text)", arg=empty)
