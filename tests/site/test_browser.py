"""The built site in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from tests.site.conftest import look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

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
    "data/",
    "methodology/",
)


@pytest.fixture(scope="module")
def base(site: Path, serve: Callable[[Path], str]) -> str:
    return serve(site)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


def visit(page: Page, base: str, url: str) -> list[str]:
    """Open a page and return everything the browser complained about or fetched elsewhere."""
    complaints: list[str] = []
    page.on("console", lambda m: m.type in {"error", "warning"} and complaints.append(m.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda r: r.url.startswith(base) or complaints.append(f"asked {r.url}"))
    page.on("response", lambda r: r.ok or complaints.append(f"{r.status} {r.url}"))
    look(page, urljoin(base, url))
    return complaints


@pytest.mark.parametrize("url", [f"{lang}{url}" for lang in ("", "zh/") for url in PAGES])
def test_a_page_loads_without_a_complaint_or_a_request_elsewhere(page, base, url):
    assert visit(page, base, url) == []
    assert page.locator("h1").count() == 1


@pytest.mark.parametrize("url", PAGES)
def test_a_phone_needs_no_sideways_scroll(browser, base, url):
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(urljoin(base, url))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()


def test_without_javascript_the_figures_are_all_there(browser, base):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(urljoin(base, "leaderboard/"))
    assert page.locator("table.board tbody tr").count() >= 4
    assert page.get_by_text("llama-3.1-8b").first.is_visible()
    context.close()


def test_the_page_follows_the_system_into_the_dark_and_the_reader_may_disagree(browser, base):
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(base)
    colour = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(colour)
    page.locator(".fm-theme").click()
    assert page.evaluate(colour) != dark
    page.reload()
    assert page.evaluate(colour) != dark
    context.close()
