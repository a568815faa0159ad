"""The page of forecasts, in both languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaderboard.read import forecasts as reading
from results.archive import forecasts
from tests.builders import forecast
from tests.site.conftest import SIGNER

if TYPE_CHECKING:
    from pathlib import Path


def test_a_forecast_waits_with_its_interval_and_level(site: Path):
    page = (site / "forecasts" / "index.html").read_text(encoding="utf-8")
    assert page.count("nobody has measured it yet") == 2
    assert "◈ 10.0" in page
    assert "8.00 – 20.0" in page
    assert "datasheet" in page
    assert "a feeling" in page


def test_the_chinese_page_says_it_in_chinese(site: Path):
    page = (site / "zh" / "forecasts" / "index.html").read_text(encoding="utf-8")
    assert page.count("尚无人测量") == 2
    assert "规格书" in page


def test_what_does_not_verify_is_named_and_two_archives_count_once(tmp_path: Path):
    for name in ("one", "other"):
        forecasts.enter(tmp_path / name, [forecast()], SIGNER, SIGNER)
    broken = tmp_path / "one" / forecasts.FOLDER / f"{'0' * 64}{forecasts.SUFFIX}"
    broken.write_text("{}")
    read = reading.read([tmp_path / "one", tmp_path / "other"])
    assert len(read.scored) == 1
    assert [where for where, _ in read.refused] == [str(broken)]
    assert reading.read([]).made_of != read.made_of
