"""Pictures of a built site for its own documents: `python -m leaderboard.bench.pictures SITE`."""

from __future__ import annotations

import argparse
import base64
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from leaderboard.output.preview import server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

__all__ = ["Shot", "main", "shots", "take"]

_CHROMIUM = Path("/usr/bin/chromium")
_OUT = Path(__file__).parent.parent / "docs" / "pictures"
_WINDOWS = {"desktop": (1280, 800), "phone": (390, 780)}
_THEMES = ("light", "dark")
# Of WebP, out of 100: text is still sharp, and all pictures together stay below 3 MB.
_QUALITY = 55


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A picture to be taken: a kind of page in a window and a theme."""

    kind: str
    url: str
    window: str
    theme: str

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.window}-{self.theme}.webp"


def shots(site: Path) -> Iterator[Shot]:
    """Yield a shot of every kind of page the site has, in both windows and both themes."""
    for kind, url in _pages(site).items():
        for window in _WINDOWS:
            for theme in _THEMES:
                yield Shot(kind=kind, url=url, window=window, theme=theme)


def take(browser: Browser, base: str, shot: Shot) -> bytes:
    """Photograph a page in Chromium as WebP, once it asks for nothing more."""
    width, height = _WINDOWS[shot.window]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if shot.theme == "dark" else "light",
    )
    page = context.new_page()
    page.goto(urljoin(base, shot.url), wait_until="networkidle")
    # Playwright's own screenshots are PNG or JPEG; the browser itself knows WebP.
    session = context.new_cdp_session(page)
    taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": _QUALITY})
    context.close()
    return base64.b64decode(taken["data"])


def main() -> None:
    """Photograph every kind of page of a built site."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path, help="a site that `fenmark site` built")
    parser.add_argument("--out", type=Path, default=_OUT, help="folder for the pictures")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with server(arguments.site, 0) as listening, sync_playwright() as playwright:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{listening.server_port}/"
        browser = playwright.chromium.launch(
            executable_path=_CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        for shot in shots(arguments.site):
            (arguments.out / shot.name).write_bytes(take(browser, base, shot))
        browser.close()
        listening.shutdown()


def _pages(site: Path) -> dict[str, str]:
    """Name every kind of page by its URL; a measured chip and a served model stand for all."""
    digest = min(path.name for path in (site / "statements").iterdir()).partition(".")[0]
    chip = min(path.stem for path in (site / "badges").iterdir())
    model = min(path.stem for path in (site / "data" / "board").glob("*.digests.json"))
    reported = sorted(path.parent.name for path in (site / "reported").glob("*/index.html"))
    return {
        "overview": "",
        "leaderboard": "leaderboard/",
        "curves": "curves/",
        "chips": "chips/",
        "chip": f"chips/{chip}/",
        "models": "models/",
        "model": f"models/{model.removesuffix('.digests')}/",
        "compare": "compare/",
        "cost": "cost/",
        "history": "history/",
        "reported": "reported/",
        **({"reported-chip": f"reported/{reported[0]}/"} if reported else {}),
        "runners": "runners/",
        "verify": f"verify/?statement={digest}",
        "data": "data/",
        "docs": "docs/",
        "methodology": "methodology/",
        "chinese": "zh/",
    }


if __name__ == "__main__":
    main()
