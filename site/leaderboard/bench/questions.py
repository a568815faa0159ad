"""Eight questions that readers bring, asked of a built site in a browser, with every step counted.

A click follows a link, starts a download or presses a button. A choice takes an option or fills a
field of the page that the reader is on. Scrolling counts as neither. Each walk begins on the home
page and goes only by what can be seen there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page, ViewportSize

__all__ = ["CHIP", "MOST_CLICKS", "WALKS", "Walk", "ask"]

MOST_CLICKS = 2
# Whose page is to be corrected.
CHIP = "h200-sxm"
_TEXT = re.compile(r"\S")
_DESK: ViewportSize = {"width": 1280, "height": 800}
_PHONE: ViewportSize = {"width": 390, "height": 844}


@dataclass(slots=True)
class Walk:
    """A reader on their way.

    Attributes:
        page: what they see.
        clicks, choices: how many it took so far.
    """

    page: Page
    clicks: int = 0
    choices: int = 0

    def click(self, selector: str) -> None:
        self.page.locator(selector).first.click()
        self.clicks += 1

    def choose(self, selector: str, value: str) -> None:
        self.page.locator(selector).select_option(value)
        self.choices += 1

    def read(self, selector: str) -> str:
        """Wait until some text can be seen there, and return it in one line."""
        place = self.page.locator(selector).filter(has_text=_TEXT).first
        place.wait_for()
        return " ".join(place.inner_text().split())


def ask(page: Page, home: str, question: str) -> tuple[Walk, str]:
    """Walk from the home page to a question's answer; return the steps and the answer.

    Raises:
        playwright.sync_api.TimeoutError: something on the way cannot be seen.
    """
    page.set_viewport_size(_PHONE if question == "board" else _DESK)
    page.goto(home)
    walk = Walk(page)
    walk.click(f"#ask-{question}")
    return walk, WALKS[question](walk)


def _choice(walk: Walk) -> str:
    walk.page.locator("fenmark-choose[ready]").wait_for()
    return walk.read(".headline")


def _claim(walk: Walk) -> str:
    return walk.read("fenmark-claim .answer .tag")


def _chart(walk: Walk) -> str:
    walk.page.locator("fenmark-front[ready] .drawn svg.chart").wait_for()
    return walk.read(".drawn .legend")


def _board(walk: Walk) -> str:
    walk.page.locator("fenmark-board[ready]").wait_for()
    walk.choose("fenmark-board [name=sort]", "tpot")
    walk.page.locator("th[data-column=tpot][aria-sort]").wait_for(state="attached")
    return walk.read("fenmark-board tbody tr")


def _samples(walk: Walk) -> str:
    walk.page.locator("fenmark-samples[ready]").first.wait_for()
    walk.click("fenmark-samples button")
    return walk.read("fenmark-samples .verdict.good")


def _data(walk: Walk) -> str:
    with walk.page.expect_download() as waiting:
        walk.click("a[href$='data/points.parquet']")
    rows = pq.ParquetFile(Path(waiting.value.path())).metadata.num_rows
    return f"{waiting.value.suggested_filename}: {rows} rows"


def _correct(walk: Walk) -> str:
    walk.click(f"tbody th a[href$='chips/{CHIP}/']")
    return walk.read("#correct + p")


# From the link on the home page on, by the question's id there.
WALKS: dict[str, Callable[[Walk], str]] = {
    "best": _choice,
    "chart": _chart,
    "rented": _choice,
    "claim": _claim,
    "correct": _correct,
    "samples": _samples,
    "data": _data,
    "board": _board,
}
