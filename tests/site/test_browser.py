"""The built site in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from tests.site.conftest import visit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


pytestmark = pytest.mark.browser

PAGES = (
    "",
    "leaderboard/",
    "curves/",
    "chips/",
    "models/",
    "choose/",
    "fen/",
    "claims/lmsys-h100-20-cents/",
    "forecasts/",
    "verify/",
    "runners/",
    "as-of/",
    "data/",
    "methodology/",
)


@pytest.fixture(scope="module")
def base(site: Path, serve: Callable[[Path], str]) -> str:
    return serve(site)


@pytest.mark.parametrize("url", [f"{lang}{url}" for lang in ("", "zh/") for url in PAGES])
def test_a_page_loads_without_a_complaint_or_a_request_elsewhere(tab, base, url):
    assert visit(tab, base, url) == []
    assert tab.locator("h1").count() == 1


@pytest.mark.parametrize("url", PAGES)
def test_a_phone_needs_no_sideways_scroll(tab, base, url):
    tab.set_viewport_size({"width": 360, "height": 740})
    tab.goto(urljoin(base, url))
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360


def test_without_javascript_the_figures_are_all_there(plain, base):
    plain.goto(urljoin(base, "leaderboard/"))
    assert plain.locator("table.board tbody tr").count() >= 4
    assert plain.get_by_text("llama-3.1-8b").first.is_visible()


def test_the_page_follows_the_system_into_the_dark_and_the_reader_may_disagree(tab, base):
    tab.emulate_media(color_scheme="dark")
    tab.goto(base)
    colour = "getComputedStyle(document.body).backgroundColor"
    dark = tab.evaluate(colour)
    tab.locator(".fm-theme").click()
    assert tab.evaluate(colour) != dark
    tab.reload()
    assert tab.evaluate(colour) != dark
