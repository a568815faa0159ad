"""The page of forecasts, in both languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from leaderboard import build
from results.archive import forecasts
from results.keys import keyfile
from tests.results.archive.test_forecasts import made

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("forecasts")
    signer = keyfile.create(home / "key.pem")
    forecasts.enter(home / "archive", [made(), made(level="a feeling")], signer, signer)
    (home / "archive" / forecasts.FOLDER / f"{'0' * 64}{forecasts.SUFFIX}").write_text("{}")
    report = build([home / "archive"], home / "site")
    assert len(report.refused) == 1
    return home / "site"


def test_a_forecast_waits_with_its_interval_and_level(pages: Path):
    page = (pages / "forecasts" / "index.html").read_text(encoding="utf-8")
    assert page.count("nobody has measured it yet") == 2
    assert "◈ 10" in page
    assert "8 – 20" in page
    assert "datasheet" in page
    assert "a feeling" in page


def test_the_chinese_page_says_it_in_chinese(pages: Path):
    page = (pages / "zh" / "forecasts" / "index.html").read_text(encoding="utf-8")
    assert page.count("尚无人测量") == 2
    assert "规格书" in page
