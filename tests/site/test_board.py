"""The live leaderboard: the same figures as the static one, and every view a link."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.site.conftest import look

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def base(site, serve):
    return serve(site)


def open_board(browser, address: str):
    page = browser.new_page()
    page.goto(address)
    page.locator("fenmark-board[ready]").wait_for()
    return page


def cells(page) -> list[list[str]]:
    rows = "[...document.querySelectorAll('table.board tbody tr')]"
    text = "[...row.cells].map(cell => cell.innerText.replace(/\\s+/g, ' ').trim())"
    return page.evaluate(f"{rows}.map(row => {text})")


@pytest.mark.parametrize("url", ["leaderboard/", "zh/leaderboard/"])
def test_the_live_table_shows_what_the_static_one_shows(browser, base, url):
    context = browser.new_context(java_script_enabled=False)
    static = context.new_page()
    static.goto(base + url)
    expected = cells_without_script(static)
    context.close()
    # Any query: without one the live board leaves the table as it stands.
    live = open_board(browser, f"{base}{url}?suite=serving")
    assert cells(live) == expected
    live.close()


def cells_without_script(page) -> list[list[str]]:
    rows = page.locator("table.board tbody tr").all()
    return [
        [" ".join(text.split()) for text in row.locator("td").all_inner_texts()] for row in rows
    ]


def test_a_filter_is_a_link_and_the_back_button_undoes_it(browser, base):
    page = open_board(browser, f"{base}leaderboard/")
    everything = len(cells(page))
    page.select_option("select[name=chip]", label="Prototype X")
    expect(page.locator("table.board tbody tr")).to_have_count(3)
    assert "chip=Prototype" in page.url
    again = open_board(browser, page.url)
    assert cells(again) == cells(page)
    page.go_back()
    expect(page.locator("table.board tbody tr")).to_have_count(everything)
    again.close()
    page.close()


def test_sorting_turns_round_and_rows_without_a_figure_stay_last(browser, base):
    page = open_board(browser, f"{base}leaderboard/?suite=&sort=ttft")
    up = [row[4].split()[0] for row in cells(page)]
    page.locator("th[data-column=ttft] button").click()
    assert "sort=-ttft" in page.url
    down = [row[4].split()[0] for row in cells(page)]
    assert up[-1] == down[-1] == "–"
    assert up[0] == "310"
    assert down[0] != "310"
    expect(page.locator("th[data-column=ttft]")).to_have_attribute("aria-sort", "descending")
    page.close()


def test_search_narrows_and_dollars_replace_yuan(browser, base):
    page = open_board(browser, f"{base}leaderboard/?q=h100&currency=usd")
    rows = cells(page)
    assert len(rows) == 3
    assert all("USD/Mtok" in row[7] for row in rows)
    page.close()


def test_columns_are_the_readers_choice(browser, base):
    page = open_board(browser, f"{base}leaderboard/?hide=ttft,energy")
    expect(page.locator("th[data-column=ttft]")).to_be_hidden()
    expect(page.locator("th[data-column=tpot]")).to_be_visible()
    page.close()


def test_numbers_read_the_same_in_both_languages_of_the_code(browser, base):
    from leaderboard.text import figure

    page = browser.new_page()
    page.goto(base)
    values = [0, 12345.6, 999.6, 61.44, 0.05, 0.0000123, 2.5e12, -4, 0.00995, 1e9, 99.95, 1.005]
    shown = page.evaluate(
        "async values => {"
        " const {figure} = await import('/assets/fenmark/format.js');"
        " return values.map(v => figure(v))}",
        values,
    )
    # A tie (12345.5) may round either way in either language; no value here is one.
    assert shown == [figure(value) for value in values]
    page.close()


@pytest.mark.parametrize("url", ["leaderboard/?sort=ttft", "zh/leaderboard/?sort=-energy&suite="])
def test_the_view_can_be_saved_as_it_is_shown(browser, base, url):
    page = open_board(browser, base + url)
    saved = {}
    for kind in ("csv", "json"):
        with page.expect_download() as waiting:
            page.locator(f"[data-save={kind}]").click()
        saved[kind] = Path(waiting.value.path()).read_text(encoding="utf-8")
    rows = json.loads(saved["json"])["rows"]
    lines = list(csv.DictReader(io.StringIO(saved["csv"])))
    assert [row["statement_sha256"] for row in rows] == [row["statement_sha256"] for row in lines]
    shown = page.evaluate("[...document.querySelectorAll('td a.mono')].map(a => a.innerText)")
    assert [row["statement_sha256"][:8] for row in rows] == shown
    methods = {"measured", "modelled", None}
    assert {row["energy_j_per_output_token_method"] for row in rows} <= methods
    assert all(row["meter"] and row["tier"] for row in rows if row["energy_j_per_output_token"])
    page.close()


def test_energy_can_be_read_per_million_tokens(browser, base):
    page = open_board(browser, f"{base}leaderboard/?q=h100&unit=kwh")
    joules = open_board(browser, f"{base}leaderboard/?q=h100&unit=")
    [kwh, j] = [float(cells(one)[0][6].split()[0]) for one in (page, joules)]
    assert kwh == pytest.approx(j / 3.6, rel=0.01)
    page.close()
    joules.close()


@pytest.mark.parametrize("url", ["compare/", "cost/", "zh/compare/", "zh/cost/"])
def test_compare_and_cost_show_alive_what_they_show_without_script(browser, base, url):
    context = browser.new_context(java_script_enabled=False)
    static = context.new_page()
    static.goto(base + url)
    expected = cells_without_script(static)
    context.close()
    live = browser.new_page()
    look(live, base + url)
    assert cells_without_script(live) == expected
    live.close()
