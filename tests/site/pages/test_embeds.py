"""A chip's picture, shown elsewhere: one file that needs nothing."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest


def test_a_chart_stands_alone(site):
    for chart in (site / "charts").glob("*.svg"):
        text = chart.read_text(encoding="utf-8")
        root = ET.fromstring(text)
        names = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert {"svg", "style", "path", "text"} <= names
        assert not {"script", "image", "use", "foreignObject"} & names
        assert re.findall(r"url\(|@import|\bon\w+=", text) == []
        assert "prefers-color-scheme:dark" in text


def test_every_measured_chip_has_a_badge_and_a_chart_and_no_other_has(site):
    charts = {path.name for path in (site / "charts").iterdir()}
    assert "h100-sxm.svg" in charts
    assert charts == {path.name for path in (site / "badges").iterdir()}


def test_a_chart_leads_to_the_pages_of_its_rows(site):
    text = (site / "charts" / "h100-sxm.svg").read_text(encoding="utf-8")
    links = re.findall(r'href="\.\./(r/[0-9a-f]{64}/[^"]+/)"', text)
    assert links
    assert all((site / link / "index.html").is_file() for link in links)


def test_a_chip_s_page_says_how_to_embed_its_chart(site):
    page = (site / "chips" / "h100-sxm" / "index.html").read_text(encoding="utf-8")
    address = "https://example.org/fenmark/charts/h100-sxm.svg"
    assert f"&lt;img src=&#34;{address}&#34;" in page
    assert f"]({address})](https://example.org/fenmark/chips/h100-sxm/)" in page


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_chart_follows_the_reader_s_theme(tab, site, serve, theme):
    tab.emulate_media(color_scheme=theme)
    tab.goto(f"{serve(site)}charts/h100-sxm.svg")
    paper = tab.evaluate("getComputedStyle(document.querySelector('.paper')).fill")
    assert (sum(map(int, re.findall(r"\d+", paper))) > 384) == (theme == "light")
