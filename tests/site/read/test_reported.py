"""Others' results stand in a view of their own: marked, attributed, never ranked."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from leaderboard import build
from leaderboard.base.text import figure
from leaderboard.output.reported_files import files
from leaderboard.read import reported
from leaderboard.words import Words
from results.reported import import_file
from runners.cli import app
from tests.site.conftest import BASE_URL, INFERENCEX, MLPERF

EXCERPT = Path(__file__).parents[2] / "excerpts" / "measured_ttft_tpot.csv"


def text(page: Path) -> str:
    """What a page says, its markup taken out."""

    class Said(HTMLParser):
        said = ""

        def handle_data(self, data):
            self.said += data

    parser = Said()
    parser.feed(page.read_text(encoding="utf-8"))
    return " ".join(parser.said.split())


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
    assert set(parquet["importer_version"]) == {version("fenmark")}
    rates = parquet[parquet["metric"] == "output_throughput"]
    assert set(rates["tokens"]) == {"output"}
    assert set(rates["method"]) == {"reported"}
    energy = parquet[parquet["metric"] == "energy_per_output_token"]
    assert set(energy["energy_scope"]) == {"wall"}
    rent = parquet[parquet["metric"] == "rental"]
    assert set(rent["method"]) == {"derived by Fenmark from reported figures"}


@pytest.mark.parametrize("name", ["mlperf-h200-sxm", "inferencex-h200-sxm"])
def test_the_files_of_a_page_hold_the_rows_it_shows(site, name):
    said = text(site / "reported" / name / "index.html")
    rows = pd.read_parquet(site / "data" / "reported" / f"{name}.parquet")
    shown = rows[rows["metric"].isin(["output_throughput", "energy_per_output_token", "rental"])]
    assert len(shown)
    for row in shown.itertuples():
        assert f"{figure(row.value)} {row.unit}" in said
    loads = rows.drop_duplicates("id")["load"]
    assert [said.index(load) for load in loads]
    heads = (site / "reported" / name / "index.html").read_text().count('<td class="head">')
    assert heads == rows["id"].nunique()


def test_the_site_costs_reported_results_as_the_command_does(site, others):
    shown = pd.read_parquet(site / "data" / "reported" / "mlperf.parquet")
    found = CliRunner().invoke(app(), ["cost", "--results", str(others), "--json"])
    rows = [row for row in json.loads(found.stdout) if row["reported_by"] == "mlperf"]
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
def test_a_phone_reads_a_page_of_reported_results_without_sideways_scroll(browser, site, serve):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(f"{serve(site)}reported/inferencex-h200-sxm/")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator("table.board tbody tr").count() == len(INFERENCEX)
    context.close()


def test_every_page_of_a_large_import_stays_small(tmp_path):
    import csv
    import gzip

    # As many rows as the whole published file has: the excerpt's, at other prompt lengths.
    with EXCERPT.open(newline="") as file:
        rows = list(csv.DictReader(file))
    many = [
        {**row, "id": f"{row['id']}-{turn}", "isl": int(row["isl"]) + turn}
        for turn in range(300)
        for row in rows
    ]
    (tmp_path / "rows.json").write_text(json.dumps(many))
    imported = import_file("aiconfigurator", tmp_path / "rows.json")
    (tmp_path / "a.reported.json").write_text(imported.model_dump_json(), encoding="utf-8")
    assert build([tmp_path], tmp_path / "out").reported > 3000
    pages = list((tmp_path / "out" / "reported").rglob("index.html"))
    styles = sum(
        len(gzip.compress(path.read_bytes()))
        for path in (tmp_path / "out" / "assets").rglob("*.css")
    )
    # A first view is to weigh at most 150 kB.
    assert max(len(gzip.compress(page.read_bytes())) for page in pages) + styles < 150_000


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
    row = {
        "hardware": "b200", "framework": "trt", "model": "dsr1", "precision": "fp4",
        "disagg": "False", "num_decode_gpu": 4, "decode_tp": 4, "isl": 1024, "osl": 1000,
        "output_tput_per_gpu": 100.0, "input_tput_per_gpu": 100.0, "tput_per_gpu": 200.0,
        "median_e2el": 10.0, "median_ttft": 0.5,
    }  # fmt: skip
    # 400 tokens/s × 10 s ÷ 1000 tokens are 4 requests in flight.
    path = tmp_path / "points.json"
    path.write_text(json.dumps([row | {"conc": 4}, row | {"conc": 64}]))
    (tmp_path / "x.reported.json").write_text(import_file(None, path).model_dump_json())
    (section,) = reported.read([tmp_path], None).sections
    right, wrong = section.lines
    assert right.flags == []
    assert [flag.partition(":")[0] for flag in wrong.flags] == ["queueing"]
    table = pd.read_parquet(BytesIO(files(section.lines)[-1]))
    assert set(table["flags"]) == {"", *wrong.flags}
