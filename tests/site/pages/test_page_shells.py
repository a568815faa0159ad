"""Shells are rendered once for each address, and the newest of several addresses stay."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from leaderboard.pages import page_shells

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_sites_at_several_addresses_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rendered: list[str] = []

    def mkdocs(_: str, base_url: str, __: Path, out: Path) -> None:
        rendered.append(base_url)
        for url in page_shells.SHELL_URLS.values():
            (out / url).mkdir(parents=True, exist_ok=True)
            (out / url / "index.html").write_text(base_url)

    def render(base_url: str) -> str:
        before = len(rendered)
        shells = page_shells.render("en", base_url, tmp_path)
        if len(rendered) > before:  # however coarse the file system's clock is
            os.utime(shells.root, (before, before))
        return shells.by_depth[0]

    monkeypatch.setattr(page_shells, "_mkdocs", mkdocs)
    asked = ["a", "b", "a", "c", "d", "a", "e", "d", "b", "a"]
    assert [render(base_url) for base_url in asked] == asked
    # With the fifth address the oldest shells went, those of the first.
    assert rendered == ["a", "b", "c", "d", "e", "a"]
    assert len(list(tmp_path.glob("shells-en-*"))) == 4
