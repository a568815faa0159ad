"""The built site in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def base(site: Path, serve: Callable[[Path], str]) -> str:
    return serve(site)


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
