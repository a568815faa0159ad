"""Faults that the site had, each held to be gone: in the HTML as built, or in a page as opened."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from leaderboard.base.text import stated
from leaderboard.figures import plots, ranking
from leaderboard.figures.rows import FIGURES, frame
from leaderboard.pages import badges, sidebyside
from leaderboard.pages.reported import _figure
from leaderboard.words import Words
from results import catalog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd
    from playwright.sync_api import Page

ENGLISH = Words.load("en")
MOST_NODES, MOST_BYTES = 5000, 500_000
ROW: dict[str, Any] = {
    "digest": "d", "chip_id": "h100-sxm", "chip": "H100", "model": "llama-3.1-8b",
    "model_id": "llama-3.1-8b", "precision": "bf16", "engine": "e 1", "suite": "serving",
    "case": "c1", "finished_at": "2026-11-20", "load": "128→64 tokens · concurrency 4",
    "throughput": 400.0, "throughput_method": "measured", "valid": True, "profile": "full",
}  # fmt: skip


def ranked(*rows: dict[str, Any]) -> pd.DataFrame:
    """Rows as an archive's are: each figure with a count and a method."""
    told = {
        f"{name}_{end}": value
        for name in FIGURES
        for end, value in (("n", 5), ("method", "measured"))
    }
    return ranking.ranked(frame([told | row for row in rows]).assign(tier="self-signed"))


class Tables(HTMLParser):
    """Counts elements, and notes tables of figures without a name and rows without a head."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes = 0
        self.faults: list[str] = []
        self.inside = ""
        self.unnamed = self.unheaded = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.nodes += 1
        own = dict(attrs)
        if tag == "table":
            self.inside = "table" if "board" in (own.get("class") or "") else ""
            self.unnamed = bool(self.inside)
        elif tag == "caption":
            self.unnamed = False
        elif self.inside and tag == "tbody":
            self.inside = "body"
            if self.unnamed:
                self.faults.append("a table without a caption")
        elif tag == "tr":
            self.unheaded = self.inside == "body"
        elif tag in {"td", "th"} and self.unheaded:
            # A place in a ranking may stand before what is ranked.
            ranked = own.get("data-label") in {"Rank", "排名"}
            self.unheaded = ranked
            if own.get("scope") != "row" and not ranked:
                self.faults.append(f"a row that begins with {self.get_starttag_text()}")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.inside = ""


def test_no_page_is_too_large_and_every_table_has_a_name_and_row_heads(site: Path):
    faults: dict[str, list[str]] = {}
    for path in sorted(site.rglob("index.html")):
        read = Tables()
        text = path.read_text("utf-8")
        read.feed(text)
        if read.faults or read.nodes > MOST_NODES or len(text.encode()) > MOST_BYTES:
            faults[str(path.relative_to(site))] = [*read.faults[:2], str(read.nodes)]
    assert faults == {}


def test_an_interval_is_said_to_be_one(site: Path):
    for page in ("leaderboard", "compare", "chips/h100-sxm"):
        text = (site / page / "index.html").read_text("utf-8")
        ends = re.findall(
            r'<span class="ci">(?:<span class="fm-hidden">([^<]*)</span>)?[\d.,]+ – ', text
        )
        assert ends
        assert set(ends) == {"95% interval "}


@pytest.mark.parametrize(("value", "shown"), [(2516.6, "2,516.6"), (2516, "2,516"), (0.5, "0.5")])
def test_a_datasheet_is_quoted_as_published(value: float, shown: str):
    assert stated(value) == shown


def test_a_chip_page_quotes_its_datasheet_and_says_whose_it_is(site: Path):
    for entry in catalog.chips().values():
        text = (site / "chips" / entry.id / "index.html").read_text("utf-8")
        assert ("Stated by the maker" in text) == (entry.confidence == "high"), entry.id
        for peak in entry.peak_tflops.values():
            assert f"<dd>{stated(peak)} <" in text, entry.id


def test_money_is_derived_in_cards_and_badges(site: Path):
    home = (site / "index.html").read_text("utf-8")
    cards = re.findall(r'<section class="answer">.*?</section>', home, re.DOTALL)
    priced = [card for card in cards if "USD" in card or "× one fen" in card]
    assert priced
    assert all('class="tag method derived"' in card for card in priced)
    rent = SimpleNamespace(cny=SimpleNamespace(value=2.0))
    row = SimpleNamespace(chip="X", date="2026-11-20", rent=rent)
    assert "derived" in badges.badge(row)


LATE = {"ttft": 100.0, "tpot": 20.0, "rent_cny": 1.0, "rent_usd": 0.1}


@pytest.mark.parametrize(
    ("tail", "holds"),
    [
        ({}, False),
        ({"ttft_p90": 100.0, "tpot_p90": 100.0}, True),
        ({"ttft_p90": 100.0, "tpot_p90": 100.1}, False),
        ({"ttft_p90": 100.0, "tpot_p90": 90.0, "tpot_p90_high": 101.0}, False),
        ({"ttft_p90": 100.0, "tpot_p90": 90.0, "tpot_p99": 101.0}, False),
        ({"ttft_p99": 100.0, "tpot_p99": 90.0, "tpot_p99_high": 110.0}, False),
        ({"ttft_p99": 100.0, "tpot_p99": 90.0, "tpot_p99_high": 99.0}, True),
    ],
)
def test_a_limit_is_kept_by_a_tail_and_its_bound_never_by_the_median(
    tail: dict[str, float], *, holds: bool
):
    rows = ranked(ROW | LATE | tail)
    assert (ranking.answers(rows).cheapest is not None) is holds


def test_a_reported_latency_shows_its_p99_beside_the_median():
    def told(value: float, statistic: str) -> SimpleNamespace:
        return SimpleNamespace(
            metric="tpot", value=value, unit="ms", labels={"statistic": statistic}
        )

    median, tail = told(20.0, "median"), told(55.0, "p99")
    assert _figure(ENGLISH, median, {"tpot": tail}) == [20.0, "ms", "median", "p99 55.0 ms"]
    assert _figure(ENGLISH, tail, {"tpot": tail}) == [55.0, "ms", "p99"]


def test_a_comparison_says_what_differs():
    rows = ranked(ROW | {"digest": "a"}, ROW | {"digest": "b", "chip": "Other", "engine": "e 2"})
    differing = sidebyside.context(ENGLISH, rows)["differing"]
    assert any("different chips" in line for line in differing)
    assert any("different engines" in line for line in differing)
    assert not any("different models" in line for line in differing)


def figure_of(value: float) -> SimpleNamespace:
    return SimpleNamespace(value=value, low=None, high=None)


def kernel(case: str, labels: dict[str, object] | None = None, **figures: float) -> SimpleNamespace:
    readings = {name: figure_of(value) for name, value in figures.items()}
    return SimpleNamespace(
        case=case, labels=labels or {}, figures=readings, result=SimpleNamespace(digest="d")
    )


def test_a_roofline_contains_its_marks():
    points = [
        kernel("roofline/cpu/memory", bandwidth=100.0),
        kernel("roofline/cpu/peak/f32", compute_rate=1.0),
        # Out of a cache, twice as fast as memory; and faster than the probe of the peak.
        kernel("read/hot", {"intensity_flop_per_byte": 0.5}, time=1.0, compute_rate=0.1),
        kernel("gemm", {"intensity_flop_per_byte": 100.0}, time=1.0, compute_rate=1.2),
    ]
    drawn = str(plots.roofline(ENGLISH, points, ""))
    roofs = [
        [tuple(map(float, corner.split())) for corner in path.split("L")]
        for path in re.findall(r'class="roof[^"]*" d="M([^"]+)"', drawn)
    ]
    assert len(roofs) == 2
    for x, y in re.findall(r"translate\(([\d.]+) ([\d.]+)\)", drawn):
        # A picture's y grows downwards: no mark lies above the highest roof.
        assert float(y) >= min(height(roof, float(x)) for roof in roofs) - 0.2


def height(roof: list[tuple[float, ...]], x: float) -> float:
    (x0, y0), (x1, y1), *_ = roof
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0) if x < x1 else y1


@pytest.fixture
def phone(tab: Page, site: Path, serve: Callable[[Path], str]) -> tuple[Page, str]:
    tab.set_viewport_size({"width": 390, "height": 844})
    return tab, serve(site)


@pytest.mark.browser
def test_navigation_fits_a_phone_and_its_board_sorts(phone: tuple[Page, str]):
    page, base = phone
    page.goto(f"{base}leaderboard/?model=&suite=")
    page.locator("fenmark-board[ready]").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator(".fm-nav").evaluate("nav => nav.scrollWidth <= nav.clientWidth")
    page.locator("select[name=sort]").select_option("-throughput")
    page.locator("th[data-column=throughput][aria-sort=ascending]").wait_for(state="attached")
    rates = [
        float(text.split()[0].replace(",", ""))
        for text in page.locator("tbody td.n:nth-child(4) b").all_inner_texts()
    ]
    assert len(rates) > 1
    assert rates == sorted(rates)


@pytest.mark.browser
def test_an_empty_view_says_what_exists_and_leads_there(phone: tuple[Page, str]):
    page, base = phone
    page.goto(f"{base}leaderboard/?q=nothing-is-called-so")
    page.locator("fenmark-board[ready]").wait_for()
    assert re.search(r"there are \d+", page.locator(".count").inner_text())
    page.get_by_role("button", name="Show them all").click()
    page.locator("tbody tr").first.wait_for()
    assert page.locator(".reset").is_hidden()


@pytest.mark.browser
def test_the_other_language_shows_the_same_view(phone: tuple[Page, str]):
    page, base = phone
    page.goto(f"{base}leaderboard/?model=&sort=ttft#content")
    page.locator("fenmark-board[ready]").wait_for()
    page.locator(".fm-lang").click()
    page.wait_for_url("**/zh/leaderboard/?model=&sort=ttft#content")


@pytest.mark.browser
def test_a_row_whose_page_is_gone_leads_to_its_proof(
    phone: tuple[Page, str], site: Path, serve: Callable[[Path], str], tmp_path: Path
):
    page, _ = phone
    # A host answers with its root's 404.html, whose links are those of the site's address.
    (tmp_path / "fenmark").symlink_to(site)
    (tmp_path / "404.html").symlink_to(site / "404.html")
    digest = next((site / "statements").iterdir()).name.partition(".")[0]
    page.goto(f"{serve(tmp_path)}fenmark/zh/r/{digest}/serving-gone/")
    page.wait_for_url(f"**/fenmark/zh/verify/?statement={digest}")


def test_a_best_figure_of_a_quick_run_says_so(site: Path):
    known = json.loads((site / "data/board/best.json").read_text("utf-8"))
    quick = [cell for cell in known if cell["quick"]]
    assert quick
    assert "· quick</span>" in (site / "index.html").read_text("utf-8")
