"""The live leaderboard: the same figures as the static one, and every view a link."""

from __future__ import annotations

import csv
import io
import json

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import expect

from results.catalog import latest_prices
from tests.site.conftest import PATIENCE_MS, address, look, saved

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def base(site, serve):
    return serve(site)


def open_board(page, address: str) -> None:
    page.goto(address)
    page.locator("fenmark-board[ready]").wait_for()


def cells(page) -> list[list[str]]:
    rows = "[...document.querySelectorAll('table.board tbody tr')]"
    text = "[...row.cells].map(cell => cell.innerText.replace(/\\s+/g, ' ').trim())"
    return page.evaluate(f"{rows}.map(row => {text})")


@pytest.mark.parametrize("url", ["leaderboard/", "zh/leaderboard/"])
def test_the_live_table_shows_what_the_static_one_shows(tab, plain, base, url):
    plain.goto(base + url)
    # Any query: without one the live board leaves the table as it stands.
    open_board(tab, f"{base}{url}?suite=serving")
    assert cells(tab) == cells(plain)


def test_the_page_asks_at_once_for_every_script_it_will_need(browser, base):
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    asked = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    look(page, f"{base}leaderboard/?suite=")
    named = page.evaluate("[...document.querySelectorAll('[rel=modulepreload]')].map(l => l.href)")
    modules = {url.rpartition("/")[2] for url in named} | {"theme.js", "board.js"}
    assert {name for name in asked if name.endswith(".js")} == modules
    page.close()


def test_a_filter_is_a_link_and_the_back_button_undoes_it(tab, another, base):
    open_board(tab, f"{base}leaderboard/")
    everything = len(cells(tab))
    tab.select_option("select[name=chip]", label="Prototype X")
    expect(tab.locator("table.board tbody tr")).to_have_count(3)
    assert "chip=Prototype" in address(tab)
    open_board(another, address(tab))
    assert cells(another) == cells(tab)
    tab.go_back()
    expect(tab.locator("table.board tbody tr")).to_have_count(everything)


def test_sorting_turns_round_and_rows_without_a_figure_stay_last(tab, base):
    open_board(tab, f"{base}leaderboard/?suite=&sort=ttft")
    up = [row[4].split()[0] for row in cells(tab)]
    tab.locator("th[data-column=ttft] button").click()
    expect(tab.locator("th[data-column=ttft]")).to_have_attribute("aria-sort", "descending")
    assert "sort=-ttft" in address(tab)
    down = [row[4].split()[0] for row in cells(tab)]
    assert up[-1] == down[-1] == "–"
    assert up[0] == "31.0"
    assert down[0] != "31.0"


def test_a_column_is_marked_as_sorted_with_its_rows(tab, base):
    late, files = [], "**/*.digests.json"

    def hold(route):
        late.append(route)

    def pass_on(route):
        route.continue_()

    tab.route(files, hold)
    with tab.expect_request(files):
        open_board(tab, f"{base}leaderboard/")
    tab.locator("th[data-column=ttft] button").click()
    mark = tab.locator("th[data-column=ttft][aria-sort]")
    assert mark.count() == 0
    tab.route(files, pass_on)  # the later one counts
    for route in late:
        route.continue_()
    mark.wait_for(state="attached")
    waits = [float(row[4].split()[0]) for row in cells(tab) if row[4] != "–"]
    assert len(waits) > 1
    assert waits == sorted(waits)


def test_search_narrows_and_another_currency_is_one_choice_away(tab, base):
    open_board(tab, f"{base}leaderboard/?q=h100&currency=cny")
    rows = cells(tab)
    assert len(rows) == 3
    assert all("CNY/Mtok" in row[7] for row in rows)
    yuan = [float(row[7].split()[0]) for row in rows]
    tab.locator("select[data-rates]").select_option("EUR")
    assert "currency=EUR" in address(tab)
    sheet = latest_prices()
    rate = sheet.eur_per_usd.value / sheet.cny_per_usd.value
    euro = [float(row[7].split()[0]) for row in cells(tab)]
    assert euro == pytest.approx([value * rate for value in yuan], rel=5e-3)
    # The choice holds on every page, without being in its address; Chinese pages open in yuan.
    look(tab, f"{base}compare/")
    assert "EUR/Mtok" in tab.locator("table").inner_text()
    tab.goto(f"{base}chips/h100-sxm/")
    expect(tab.locator("#prices ~ .scroll [data-per]").first).to_have_text("EUR/h")
    tab.evaluate("localStorage.clear()")
    look(tab, f"{base}zh/cost/")
    assert "元/百万 Token" in tab.locator("tbody tr").first.inner_text()


def test_columns_are_the_readers_choice(tab, base):
    open_board(tab, f"{base}leaderboard/?hide=ttft,energy")
    expect(tab.locator("th[data-column=ttft]")).to_be_hidden()
    expect(tab.locator("th[data-column=tpot]")).to_be_visible()


def test_owned_cost_and_floor_come_when_asked_for(tab, base):
    open_board(tab, f"{base}leaderboard/?q=h100")
    expect(tab.locator("th[data-column=owned]")).to_be_hidden()
    tab.locator(".columns summary").click()
    tab.locator(".columns input[value=owned]").check()
    expect(tab.locator("th[data-column=owned]")).to_be_visible()
    expect(tab.locator("th[data-column=floor]")).to_be_hidden()
    assert "show=owned" in address(tab)
    open_board(tab, f"{base}leaderboard/?q=h100&show=owned,floor&sort=-floor")
    shown = tab.locator("tbody tr").all()
    floors = [float(row.locator("th, td").nth(9).inner_text().split()[0]) for row in shown]
    owned = [float(row.locator("th, td").nth(8).inner_text().split()[0]) for row in shown]
    assert floors == sorted(floors, reverse=True)
    assert all(0 < floor < cost for floor, cost in zip(floors, owned, strict=True))


def test_numbers_read_the_same_in_both_languages_of_the_code(tab, base):
    from leaderboard.base.text import figure

    tab.goto(base)
    values = [0, 12345.6, 999.6, 61.44, 0.05, 0.0000123, 2.5e12, -4, 0.00995, 1e9, 99.95, 1.005]
    values += [614.5, 12345.5, -0.125, 0.0625, 1.7976931348623157e308]  # exact halves, and the most
    shown = tab.evaluate(
        "async values => {"
        " const {figure} = await import('/assets/fenmark/format.js');"
        " return values.map(v => figure(v))}",
        values,
    )
    assert shown == [figure(value) for value in values]


VIEWS = [
    "leaderboard/?sort=ttft",
    "zh/leaderboard/?sort=-energy&suite=",
    "leaderboard/?q=nothing-of-that-name",
    "cost/",
    "zh/cost/?price=3&tariff=0.2&life=2",
    "compare/",
    "zh/compare/",
]


@pytest.mark.parametrize("url", ["history/", "zh/curves/", "models/llama-3.1-8b/"])
def test_what_a_page_shows_can_be_saved_from_the_board(tab, base, url):
    tab.goto(base + url)
    tab.locator("main details").evaluate_all("all => all.forEach(one => { one.open = true })")
    link = tab.locator("a[href*='leaderboard/?suite=&model=']").first
    table = link.locator("xpath=preceding::table[1]")
    digests = table.locator("a.mono").all_inner_texts()
    link.click()
    tab.locator("fenmark-board[ready]").wait_for()
    rows = json.loads(saved(tab, "json"))["rows"]
    assert digests
    assert {row["statement_sha256"][:8] for row in rows} >= set(digests)


@pytest.mark.parametrize("url", VIEWS)
def test_a_view_can_be_saved_in_three_kinds_that_hold_the_same(tab, base, url):
    look(tab, base + url)
    files = {kind: saved(tab, kind) for kind in ("csv", "json", "parquet")}
    document = json.loads(files["json"])
    rows = document["rows"]
    shown = tab.evaluate("[...document.querySelectorAll('table a.mono')].map(a => a.innerText)")
    assert [row["statement_sha256"][:8] for row in rows] == shown
    assert all(row["tier"] and row["date"] and row["engine"] for row in rows)
    lines = list(csv.DictReader(io.StringIO(files["csv"].decode())))
    assert lines == [
        {name: "" if value is None else str(value) for name, value in row.items()}
        for row in json.loads(files["json"], parse_float=str, parse_int=str)["rows"]
    ]
    table = pq.read_table(io.BytesIO(files["parquet"]))
    assert table.to_pylist() == rows
    assert table.schema.metadata[b"view"].decode() == document["view"] == address(tab)


def test_the_saved_board_says_how_each_figure_came_about(tab, base):
    open_board(tab, f"{base}leaderboard/?suite=")
    rows = json.loads(saved(tab, "json"))["rows"]
    methods = {"measured", "modelled", None}
    money = [
        method for row in rows for name, method in row.items() if name.endswith("_per_mtok_method")
    ]
    assert any(money)
    assert all(method is None or method.startswith("derived") for method in money)
    assert {row["energy_j_per_output_token_method"] for row in rows} <= methods
    assert all(row["meter"] and row["tier"] for row in rows if row["energy_j_per_output_token"])


def test_energy_can_be_read_per_million_tokens(tab, base):
    energy = {}
    for unit in ("kwh", ""):
        open_board(tab, f"{base}leaderboard/?q=h100&unit={unit}")
        energy[unit] = float(cells(tab)[0][6].split()[0])
    assert energy["kwh"] == pytest.approx(energy[""] / 3.6, rel=0.01)


@pytest.mark.parametrize("url", ["compare/", "cost/", "zh/compare/", "zh/cost/"])
def test_compare_and_cost_show_alive_what_they_show_without_script(tab, plain, base, url):
    plain.goto(base + url)
    look(tab, base + url)
    shown, expected = ([page.locator("thead").inner_text(), *cells(page)] for page in (tab, plain))
    assert shown == expected
