"""Eight questions of readers, each answered in two clicks from home, of the site that is published.

A click follows a link, starts a download or presses a button; an option taken or a field filled on
the page one is on is a choice, and is counted apart; scrolling is neither.
"""

from __future__ import annotations

import csv
import hashlib
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from leaderboard.bench.pages import heaviest
from leaderboard.bench.questions import CHIP, MOST_CLICKS, WALKS, Walk, ask
from leaderboard.words import Words
from tests.site.conftest import address

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page


LANGUAGES = {"en": "", "zh": "zh/"}
MOST_NODES = 5000
MOST_KB = 500


def numbers(page: Page, column: str) -> list[float]:
    """First numbers of a column of the ranked table, by its label."""
    cells = page.locator(f".ranked tbody td[data-label='{column}']").all_inner_texts()
    return [float(cell.split()[0].replace(",", "")) for cell in cells]


def field(page: Page, name: str) -> str:
    return page.locator(f"form [name={name}]").input_value()


def check_best(walk: Walk, answer: str, _: Words, site: Path) -> None:
    asked = {"model": "deepseek-v3", "isl": "8192", "osl": "1024", "ttft": "3000"}
    assert {name: field(walk.page, name) for name in asked} == asked
    assert _("CNY") in answer
    waits = numbers(walk.page, "TTFT, ms")
    assert len(waits) > 5
    assert max(waits) <= 3000
    # The reason why the others are not ranked stands below.
    walk.page.locator(".missed li").first.wait_for(state="attached")


def check_rented(walk: Walk, answer: str, _: Words, site: Path) -> None:
    asked = {"model": "gpt-oss-120b", "ttft": "", "tpot": "50", "percentile": "99"}
    assert {name: field(walk.page, name) for name in asked} == asked
    assert field(walk.page, "class") == "on-demand"
    times = numbers(walk.page, "TPOT, ms")
    assert len(times) > 5
    assert max(times) <= 50


def check_chart(walk: Walk, answer: str, _: Words, site: Path) -> None:
    assert walk.page.locator(".drawn .legend li").count() >= 5
    walk.page.goto(address(walk.page))  # what a manager gets
    walk.page.locator("fenmark-front[ready]").wait_for()
    assert walk.read(".drawn .legend") == answer


def check_claim(walk: Walk, answer: str, _: Words, site: Path) -> None:
    assert answer == _("below all evidence")
    for fens, verdict in (
        ("1e-9", "below the physical floor"),
        ("1e6", "consistent with evidence"),
    ):
        walk.page.locator("fenmark-claim [name=value]").fill(fens)
        assert walk.read("fenmark-claim .answer .tag") == _(verdict)


def check_correct(walk: Walk, answer: str, _: Words, site: Path) -> None:
    assert f"results/catalog/chips/{CHIP}.toml" in answer
    assert address(walk.page).endswith(f"/chips/{CHIP}/")
    guide = walk.page.locator("#correct + p a").first.get_attribute("href")
    assert guide is not None
    assert walk.page.request.get(f"{address(walk.page)}{guide}").ok


def check_samples(walk: Walk, answer: str, _: Words, site: Path) -> None:
    told = "These are the samples that were signed: their SHA-256 is the one the statement names."
    assert answer == _(told)
    place = walk.page.locator("fenmark-samples").first
    digest = place.get_attribute("data-digest")
    file = site / "samples" / f"{digest}.json"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == digest
    assert place.locator("tbody tr").count() > 0


def check_data(walk: Walk, answer: str, _: Words, site: Path) -> None:
    with (site / "data" / "points.csv").open(encoding="utf-8", newline="") as lines:
        rows = sum(1 for _line in csv.DictReader(lines))
    assert answer == f"points.parquet: {rows} rows"
    links = walk.page.locator("a[href*='data/reported/'][href$='.parquet']").all()
    files = [site / str(link.get_attribute("href")).lstrip("./") for link in links]
    assert sum(pq.ParquetFile(file).metadata.num_rows for file in files) > 7000


def check_board(walk: Walk, answer: str, _: Words, site: Path) -> None:
    assert walk.page.evaluate("innerWidth") == 390
    assert walk.page.evaluate("document.documentElement.scrollWidth") <= 390
    cells = walk.page.locator(f"fenmark-board td[data-label^='{_('TPOT, median')}']")
    times = [float(text.split()[0].replace(",", "")) for text in cells.all_inner_texts()]
    assert len(times) > 1
    assert times == sorted(times)


CHECKS: dict[str, Callable[[Walk, str, Words, Path], None]] = {
    "best": check_best,
    "chart": check_chart,
    "rented": check_rented,
    "claim": check_claim,
    "correct": check_correct,
    "samples": check_samples,
    "data": check_data,
    "board": check_board,
}


@pytest.mark.browser
def test_each_is_answered_in_two_clicks_in_both_languages(
    tab: Page, published: Path, serve: Callable[[Path], str]
) -> None:
    for lang, prefix in LANGUAGES.items():
        for question in WALKS:
            walk, answer = ask(tab, f"{serve(published)}{prefix}", question)
            assert walk.clicks <= MOST_CLICKS, (lang, question)
            assert f"/{prefix}" in address(walk.page), question
            CHECKS[question](walk, answer, Words.load(lang), published)


def test_no_published_page_is_heavy(published: Path) -> None:
    (most_nodes, crowded), (most_kb, large) = heaviest(published)
    assert 1000 < most_nodes <= MOST_NODES, crowded
    assert 100 < most_kb <= MOST_KB, large
