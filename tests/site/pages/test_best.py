"""What is known of each model on each chip: measured before reported, never merged."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from leaderboard.pages.best import best_known, context, flat
from tests.results.economy.test_claims import ROW

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

OTHER = replace(ROW, chip="b200-sxm", chip_name="NVIDIA B200", owned_usd=0.02, where="reported/b/")


def test_a_measured_figure_stands_though_a_reported_one_is_better():
    measured = replace(ROW, kind="measured", owned_usd=0.4, where="verify/?statement=a")
    cell = best_known([ROW, measured, OTHER], "owned")["llama-3.1-8b"]["h100-sxm"]
    assert (cell.value, cell.mark) == (0.4, "●")
    assert cell.ratio == pytest.approx(20)
    assert best_known([ROW, OTHER], "owned")["llama-3.1-8b"]["h100-sxm"].mark == "◇"


def test_a_row_that_shows_no_pace_meets_no_limit():
    rows = [replace(ROW, tokens_per_s_per_user=None), replace(OTHER, tokens_per_s_per_user=55.0)]
    assert set(best_known(rows, "rate", 0)["llama-3.1-8b"]) == {"h100-sxm", "b200-sxm"}
    assert set(best_known(rows, "rate", 50)["llama-3.1-8b"]) == {"b200-sxm"}
    assert best_known(rows, "rate", 100) == {}


def test_more_tokens_a_second_are_better_and_less_money_and_joules():
    rows = [ROW, replace(ROW, tokens_per_s_per_chip=1.0, owned_usd=9.0, where="z/")]
    assert best_known(rows, "rate")["llama-3.1-8b"]["h100-sxm"].value == 9000
    assert best_known(rows, "owned")["llama-3.1-8b"]["h100-sxm"].value == 0.05
    assert best_known([replace(ROW, tokens="total")], "owned") == {}


def test_the_file_says_of_each_cell_what_it_is():
    told = flat([ROW, OTHER], "on-demand")
    assert {cell["price_class"] for cell in told if cell["measure"] == "rented"} == {"on-demand"}
    one = next(c for c in told if (c["measure"], c["chip"]) == ("owned", "b200-sxm"))
    assert (one["value"], one["evidence"], one["id"]) == (0.02, "reported", "reported/b/")


def test_the_page_opens_with_the_models_that_most_chips_have():
    shown = context([ROW, OTHER, replace(ROW, model="qwen3-8b")])
    assert [model for model, _, _ in shown["models"]] == ["llama-3.1-8b", "qwen3-8b"]
    assert shown["models"][1][2].count(None) == 1


@pytest.mark.browser
def test_a_reader_asks_for_another_figure_and_passes_it_on(
    tab: Page, site: Path, serve: Callable[[Path], str]
):
    known = json.loads((site / "data" / "board" / "best.json").read_text(encoding="utf-8"))
    rates = [cell for cell in known if cell["measure"] == "rate"]
    assert rates
    tab.set_viewport_size({"width": 390, "height": 800})
    tab.goto(f"{serve(site)}?measure=rate")
    tab.locator("fenmark-best[ready]").wait_for()
    shown = {cell["chip"] for cell in rates if cell["tokens_per_s_per_user_at_least"] == 0}
    assert tab.locator("fenmark-best thead th").count() == 1 + min(8, len(shown))
    assert "tokens/s" in tab.locator("fenmark-best tbody").inner_text()
    tab.locator("fenmark-best [name=limit]").select_option("100")
    tab.wait_for_function("() => document.querySelector('fenmark-best tbody').innerText !== ''")
    assert "limit=100" in tab.url
