"""Others' results stand in a view of their own: marked, attributed, never ranked."""

from __future__ import annotations

import csv
import gzip
import json
import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import expect
from typer.testing import CliRunner

from leaderboard import build
from leaderboard.base.text import figure
from leaderboard.figures.ranking import ranked
from leaderboard.figures.rows import frame
from leaderboard.output.reported_files import files
from leaderboard.read import reported
from leaderboard.read.evidence import evidence
from leaderboard.words import Words
from results import catalog
from results.reported import import_file
from runners.cli import app
from tests.site.conftest import BASE_URL, INFERENCEX, MLPERF, small_build

POINT = {
    "hardware": "b200", "framework": "trt", "model": "dsr1", "precision": "fp4",
    "disagg": "False", "num_decode_gpu": 4, "decode_tp": 4, "isl": 1024, "osl": 1000,
    "output_tput_per_gpu": 100.0, "input_tput_per_gpu": 100.0, "tput_per_gpu": 200.0,
    "median_e2el": 10.0, "median_ttft": 0.5,
}  # fmt: skip
EXCERPT = Path(__file__).parents[2] / "excerpts" / "measured_ttft_tpot.csv"


def text(page: Path) -> str:
    """What a page says, its markup taken out."""

    class Said(HTMLParser):
        words = ""

        def handle_data(self, data):
            self.words += data

    parser = Said()
    parser.feed(page.read_text(encoding="utf-8"))
    return " ".join(parser.words.split())


def test_a_page_of_reported_results_says_whose_they_are_in_both_languages(site):
    for prefix, mark in (("", "reported"), ("zh/", "第三方数据")):
        page = text(site / prefix / "reported" / "mlperf-h200-sxm" / "index.html")
        assert page.count(mark) > len(MLPERF)
        assert "not verified by MLCommons" in page
        assert "trademarks of the MLCommons Association in the United States" in page
        assert ("未经 MLCommons 验证" in page) == (prefix == "zh/")
        assert "5.1-0011/llama2-70b-99/Offline" in page
        assert "v5.1" in page
        assert "Apache-2.0" in page


def test_mlperf_shares_no_page_and_no_file_with_others(site):
    other = text(site / "reported" / "inferencex-h200-sxm" / "index.html")
    assert "MLPerf" not in other
    assert "llama2-70b-99" not in other
    files = site / "data" / "reported"
    for name in ("mlperf", "mlperf-h200-sxm"):
        assert set(pd.read_parquet(files / f"{name}.parquet")["view"]) == {"mlperf"}
    assert set(pd.read_csv(files / "inferencex.csv.gz")["view"]) == {"general"}


def test_reported_figures_are_on_no_board_and_in_no_answer(site):
    board = json.loads((site / "data" / "board" / "index.json").read_text())
    assert "llama2-70b-99" not in {model["id"] for model in board["models"]}
    for page in ("", "leaderboard/", "cost/", "compare/", "curves/", "history/"):
        assert "llama2-70b-99" not in text(site / page / "index.html")
    assert "reported" not in set(pd.read_parquet(site / "data" / "points.parquet")["method"])


def test_a_chip_s_page_leads_to_what_others_report_of_it(site):
    page = (site / "chips" / "h200-sxm" / "index.html").read_text(encoding="utf-8")
    assert 'href="../../reported/mlperf-h200-sxm/"' in page
    assert 'href="../../reported/inferencex-h200-sxm/"' in page
    assert "reported/" not in (site / "chips" / "h100-sxm" / "index.html").read_text().replace(
        'href="../../reported/"', ""
    )


def test_the_files_of_a_page_hold_its_figures_with_where_they_were_published(site):
    home = site / "data" / "reported"
    csv = pd.read_csv(home / "mlperf-h200-sxm.csv.gz")
    parquet = pd.read_parquet(home / "mlperf-h200-sxm.parquet")
    assert csv["value"].tolist() == pytest.approx(parquet["value"].tolist(), rel=1e-12)
    provenance = ["publisher", "licence", "file", "file_sha256", "id", "url", "date", "chips"]
    assert parquet[provenance].notna().all(axis=None)
    assert set(parquet["importer_version"]) == {catalog.newest_version()}
    rates = parquet[parquet["metric"] == "output_throughput"]
    assert set(rates["tokens"]) == {"output"}
    assert set(rates["method"]) == {"reported"}
    energy = parquet[parquet["metric"] == "energy_per_output_token"]
    assert set(energy["energy_scope"]) == {"wall"}
    rent = parquet[parquet["metric"] == "rental"]
    assert set(rent["method"]) == {"derived by Fenmark from reported figures"}


@pytest.mark.parametrize("name", ["mlperf-h200-sxm", "inferencex-h200-sxm"])
def test_the_files_of_a_page_hold_the_rows_it_shows(site, name):
    page_text = text(site / "reported" / name / "index.html")
    rows = pd.read_parquet(site / "data" / "reported" / f"{name}.parquet")
    shown = rows[rows["metric"].isin(["output_throughput", "energy_per_output_token", "rental"])]
    assert len(shown)
    for row in shown.itertuples():
        assert f"{figure(row.value)} {row.unit}" in page_text
    loads = rows.drop_duplicates("id")["load"]
    assert [page_text.index(load) for load in loads]
    heads = (site / "reported" / name / "index.html").read_text().count('scope="row"')
    assert heads == rows["id"].nunique()


def test_the_site_costs_reported_results_as_the_command_does(site, others):
    shown = pd.read_parquet(site / "data" / "reported" / "mlperf.parquet")
    done = CliRunner().invoke(app(), ["cost", "--results", str(others), "--json"])
    rows = [row for row in json.loads(done.stdout) if row["reported_by"] == "mlperf"]
    for metric, column in {
        "rental": "usd_per_mtok_output",
        "owned": "owned_usd_per_mtok",
        "energy": "kwh_per_mtok",
        "floor": "floor_usd_per_mtok",
    }.items():
        expected = [row[column] for row in rows if row[column] is not None]
        assert shown[shown["metric"] == metric]["value"].tolist() == expected, metric


def test_a_hostile_report_injects_nothing(site):
    page = (site / "reported" / "inferencex-h200-sxm" / "index.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "javascript:" not in page
    assert "\u202e" not in page


def test_a_second_build_touches_no_page_of_others(site, results, others):
    assert build([results], site, BASE_URL, others=[others]).written == 0


@pytest.mark.browser
def test_a_phone_reads_a_page_of_reported_results_without_sideways_scroll(plain, site, serve):
    plain.set_viewport_size({"width": 360, "height": 740})
    plain.goto(f"{serve(site)}reported/inferencex-h200-sxm/")
    assert plain.evaluate("document.documentElement.scrollWidth") <= 360
    assert plain.locator("table.board tbody tr").count() == len(INFERENCEX)


@pytest.fixture(scope="module")
def large(once) -> Path:
    """A site of as many rows as a whole published file has: the excerpt's, at other lengths."""
    return once("large", _large) / "out"


def _large(home: Path) -> None:
    home.mkdir()
    with EXCERPT.open(newline="") as file:
        rows = list(csv.DictReader(file))
    many = [
        {**row, "id": f"{row['id']}-{turn}", "isl": int(row["isl"]) + turn}
        for turn in range(300)
        for row in rows
    ]
    (home / "rows.json").write_text(json.dumps(many))
    imported = import_file("aiconfigurator", home / "rows.json")
    (home / "a.reported.json").write_text(imported.model_dump_json(), encoding="utf-8")
    assert small_build([home], home / "out").reported > 3000


def test_every_page_of_a_large_import_stays_small(large):
    pages = list((large / "reported").rglob("index.html"))
    styles = sum(
        len(gzip.compress(path.read_bytes())) for path in (large / "assets").rglob("*.css")
    )
    # A first view is to weigh at most 150 kB.
    assert max(len(gzip.compress(page.read_bytes())) for page in pages) + styles < 150_000


def test_no_page_is_above_five_thousand_nodes(site, large):
    for path in (path for root in (site, large) for path in root.rglob("*.html")):
        assert len(re.findall(rb"<[a-z]", path.read_bytes())) <= 5000, path


def sections(root: Path) -> dict[str, list[dict]]:
    return {
        path.parent.name: json.loads(path.read_text(encoding="utf-8"))
        for path in (root / "reported").glob("*/rows.json")
    }


def test_a_page_opens_with_fifty_rows_and_its_file_has_all_of_them(large):
    for name, rows in sections(large).items():
        page = (large / "reported" / name / "index.html").read_text(encoding="utf-8")
        assert page.count('scope="row"') == min(50, len(rows))
        assert [f'id="{row["id"]}"' in page for row in rows[:51]] == [True] * 50 + [False]
        assert len({row["id"] for row in rows}) == len(rows)
        assert {row["published"] for row in rows} == set(range(len(rows)))
        published = pd.read_parquet(large / "data" / "reported" / f"{name}.parquet")
        assert len(rows) == published["id"].nunique()


def test_the_cheapest_row_of_each_model_comes_first_and_mlperf_as_it_was_published(site):
    rows = sections(site)
    cheap, dear = (row["costs"][0]["rent"] for row in rows["inferencex-h200-sxm"])
    assert cheap < dear
    assert [row["published"] for row in rows["mlperf-h200-sxm"]] == [0, 1]
    # Two scenarios do not compare: no sorting mixes them.
    assert [row["group"] for row in rows["mlperf-h200-sxm"]] == [0, 1]


def test_an_anchor_outlives_the_place_of_its_row_in_the_file(tmp_path):
    def anchors(name: str, rows: list[dict]) -> list[str]:
        home = tmp_path / name
        home.mkdir()
        (home / "rows.json").write_text(json.dumps(rows))
        imported = import_file("mlperf", home / "rows.json")
        (home / "x.reported.json").write_text(imported.model_dump_json())
        (section,) = reported.read([home], None).sections
        return [line.anchor for line in section.lines]

    first, second = anchors("both", MLPERF)
    assert anchors("turned", MLPERF[::-1]) == [second, first]
    assert first.startswith("row-")


def test_evidence_leads_to_the_row_itself(tmp_path):
    path = tmp_path / "points.json"
    path.write_text(json.dumps([POINT | {"conc": 4}]))
    (tmp_path / "x.reported.json").write_text(import_file(None, path).model_dump_json())
    read = reported.read([tmp_path], catalog.latest_prices())
    (section,) = read.sections
    (line,) = section.lines
    places = {row.where for row in evidence(ranked(frame([])), read, "test")}
    assert places == {f"reported/{section.id}/#{line.anchor}"}


@pytest.mark.browser
def test_a_phone_filters_sorts_turns_pages_and_follows_a_row(tab, large, serve):
    name, rows = max(sections(large).items(), key=lambda item: len(item[1]))
    page = tab
    page.set_viewport_size({"width": 390, "height": 800})
    address = f"{serve(large)}reported/{name}/"

    def shown() -> list[str]:
        page.locator("fenmark-reported[ready]").wait_for()
        return page.locator("tbody tr").evaluate_all("rows => rows.map(({ id }) => id)")

    def becomes(want: list[dict]) -> None:
        page.locator(f"tbody tr:first-child#{want[0]['id']}").wait_for()
        assert shown() == [row["id"] for row in want[:50]]

    page.goto(address)
    becomes(rows)
    made = page.locator("tbody").inner_html()
    page.locator("button.after").click()
    becomes(rows[50:])
    assert "page=2" in page.evaluate("location.search")
    page.go_back()
    becomes(rows)
    # What the script draws is what the generator drew.
    plain = lambda markup: re.sub(r">\s+<", "><", markup.strip())  # noqa: E731
    assert plain(page.locator("tbody").inner_html()) == plain(made)
    page.locator("[name=sort]").select_option("-ttft")
    by_ttft = sorted(rows, key=lambda row: -row["figures"]["ttft"][0])
    page.locator(f"tbody tr:first-child#{by_ttft[0]['id']}").wait_for()
    assert page.locator("th[data-column=ttft]").get_attribute("aria-sort") == "descending"
    page.locator("th[data-column=ttft] button").focus()
    page.keyboard.press("Enter")
    becomes(sorted(rows, key=lambda row: row["figures"]["ttft"][0]))
    assert "sort=ttft" in page.evaluate("location.search")
    page.goto(address)
    page.locator("[name=precision]").select_option(rows[0]["precision"])
    page.locator("[name=q]").fill(rows[-1]["load"])
    want = [row for row in rows if row["precision"] == rows[0]["precision"]]
    want = [row for row in want if all(word in row["load"] for word in rows[-1]["load"].split())]
    page.wait_for_function("n => document.querySelectorAll('tbody tr').length === n", arg=len(want))
    assert page.locator(".count").inner_text() == f"{len(want)} rows"
    # A link to a row shows it, though the address names a filter that it does not pass.
    page.goto(f"{address}?q=nothing-like-it#{rows[-1]['id']}")
    assert rows[-1]["id"] in shown()
    assert page.locator("tr.asked").evaluate("row => row.id") == rows[-1]["id"]
    box = page.locator("tr.asked").bounding_box()
    assert 0 <= box["y"] <= 800
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # Without its file the page says so and keeps the rows that it has.
    page.route("**/rows.json", lambda route: route.abort())
    page.goto(f"{address}?page=2")
    assert shown() == [row["id"] for row in rows[:50]]
    assert "could not be loaded" in page.locator(".count").inner_text()


@pytest.mark.browser
def test_no_order_mixes_mlperf_s_scenarios_and_drawn_costs_follow_the_currency(tab, site, serve):
    rows = sections(site)
    tab.goto(f"{serve(site)}reported/mlperf-h200-sxm/?sort=-output_throughput")
    tab.locator("fenmark-reported[ready]").wait_for()
    shown = tab.locator("tbody tr").evaluate_all("rows => rows.map(({ id }) => id)")
    assert shown == [row["id"] for row in rows["mlperf-h200-sxm"]]
    tab.goto(f"{serve(site)}reported/inferencex-h200-sxm/?sort=-cost&currency=CNY")
    tab.locator("fenmark-reported[ready]").wait_for()
    table = tab.locator("tbody")
    assert table.locator("tr").first.get_attribute("id") == rows["inferencex-h200-sxm"][1]["id"]
    assert "CNY/Mtok" in table.inner_text()
    assert "USD/Mtok" not in table.inner_text()
    tab.locator("select[data-rates]").select_option("USD")
    expect(table).to_contain_text(figure(rows["inferencex-h200-sxm"][1]["costs"][0]["rent"]))
    assert "CNY/Mtok" not in table.inner_text()


def test_energy_of_the_chip_and_of_the_node_are_columns_of_their_own(tmp_path):
    rows = [
        {"vendor": "metax", "chip": "C550", "case": "add", "table": "t", "impl": "i",
         "metric": column, "value": "500W", "file": "README.md"}
        for column in ("单卡平均功耗", "系统平均功耗")
    ]  # fmt: skip
    path = tmp_path / "cells.json"
    path.write_text(json.dumps(rows))
    file = import_file(None, path)
    (tmp_path / "x.reported.json").write_text(file.model_dump_json())
    (section,) = reported.read([tmp_path], None).sections
    assert section.columns(Words.load("en")) == {
        "power of the chip": "Power (chip)",
        "power of the node": "Power (node)",
    }
    assert [list(line.figures) for line in section.lines] == [
        ["power of the chip"], ["power of the node"],
    ]  # fmt: skip


def test_a_flagged_row_is_shown_with_its_flag_here_and_in_the_files(tmp_path):
    # 400 tokens/s × 10 s ÷ 1000 tokens are 4 requests in flight.
    path = tmp_path / "points.json"
    path.write_text(json.dumps([POINT | {"conc": 4}, POINT | {"conc": 64}]))
    (tmp_path / "x.reported.json").write_text(import_file(None, path).model_dump_json())
    (section,) = reported.read([tmp_path], None).sections
    right, wrong = section.lines
    assert right.flags == []
    assert [flag.partition(":")[0] for flag in wrong.flags] == ["queueing"]
    table = pd.read_parquet(BytesIO(files(section.lines)[-1]))
    assert set(table["flags"]) == {"", *wrong.flags}
