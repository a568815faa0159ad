"""Pictures of a built site for its own documents: `python -m leaderboard.pictures SITE`."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from leaderboard.preview import server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["main"]

_CHROMIUM = Path("/usr/bin/chromium")
_OUT = Path(__file__).parent / "docs" / "pictures"
_DESK, _PHONE = (1280, 800), (390, 780)
# Name, page, window, theme. Every kind of page is looked at by the tests; these four are shown.
_SHOWN = (
    ("overview", "", _DESK, "light"),
    ("leaderboard-dark", "leaderboard/", _DESK, "dark"),
    ("verify", "verify/?statement={digest}", _DESK, "light"),
    ("curves-phone", "curves/", _PHONE, "light"),
)


def main() -> None:
    """Photograph the pages in Chromium."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path, help="a site that `fenmark site` built")
    site = parser.parse_args().site
    digest = min((site / "statements").iterdir()).name.partition(".")[0]
    _OUT.mkdir(exist_ok=True)
    with server(site, 0) as listening, sync_playwright() as playwright:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{listening.server_port}/"
        browser = playwright.chromium.launch(
            executable_path=_CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        for name, page, window, theme in _SHOWN:
            _take(browser, base + page.format(digest=digest), _OUT / f"{name}.png", window, theme)
        browser.close()
        listening.shutdown()


def _take(browser: Browser, address: str, file: Path, window: tuple[int, int], theme: str) -> None:
    context = browser.new_context(
        viewport={"width": window[0], "height": window[1]},
        color_scheme="dark" if theme == "dark" else "light",
    )
    page = context.new_page()
    page.goto(address, wait_until="networkidle")
    page.screenshot(path=file)
    context.close()


if __name__ == "__main__":
    main()
