"""A chip's prices over the dated sheets: one line a class, each price at its own date."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from leaderboard.base.text import figure
from leaderboard.figures.price_history import drawn, past_prices
from leaderboard.words import Words
from results import catalog
from results.catalog import RentalPrice


def price(usd, date, kind="on-demand", **given):
    return RentalPrice.model_validate(
        {
            "chip": "h100-sxm",
            "kind": kind,
            "usd_per_hour": usd,
            "date": date,
            "source": "s",
            **given,
        }
    )


def sheet(*prices):
    return catalog.latest_prices().model_copy(update={"rentals": list(prices)})


def test_each_class_has_the_price_that_was_computed_with_at_its_own_date():
    first = sheet(
        price(4.0, "2026-05", "hyperscaler on demand"),
        price(2.5, "2026-05", "neocloud on demand"),
        price(1.3, "2026-04", "reserved-3y"),
    )
    # The three-year price was kept from the sheet before: it is not a second point.
    second = sheet(price(3.0, "2026-10-01"), price(1.3, "2026-04", "reserved-3y"))
    past = past_prices("h100-sxm", [first, second])
    assert {
        name: [(dated.date, dated.usd_per_hour) for dated in own] for name, own in past.items()
    } == {
        "on-demand": [("2026-05", 4.0), ("2026-10-01", 3.0)],
        "reserved-3y": [("2026-04", 1.3)],
    }
    assert past_prices("b200-sxm", [first]) == {}


def test_a_single_date_is_no_history():
    past = past_prices("h100-sxm", [sheet(price(3.0, "2026-10-01"))])
    assert drawn(Words.load("en"), "H100", past, {"USD": 1.0}) == {}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_it_is_drawn_in_every_currency_with_its_range(lang):
    wide = price(3.0, "2026-10-01", usd_per_hour_low=2.0, usd_per_hour_high=6.0)
    past = past_prices("h100-sxm", [sheet(price(4.0, "2026-05")), sheet(wide)])
    words = Words.load(lang)
    charts = drawn(words, "H100", past, {"USD": 1.0, "CNY": 7.0})
    asked = "按需，2026-10-01" if lang == "zh" else "on-demand, 2026-10-01"
    paid = "：21.0 元/小时" if lang == "zh" else ": 21.0 CNY/h"  # noqa: RUF001 - Chinese
    assert f"{asked}{paid}" in charts["CNY"]
    for unit, ends in (("USD", ("2.00", "6.00")), ("CNY", ("14.0", "42.0"))):
        title = re.search(rf"<title>({asked}[^<]*)", charts[unit])[1]
        assert all(end in title for end in ends)
        assert charts[unit].count('class="bar"') == 1
        assert "2026-05<" in charts[unit]


class Table(HTMLParser):
    """The cells of the table after the heading of prices."""

    def __init__(self):
        super().__init__()
        self.rows, self.inside = [], False

    def handle_starttag(self, tag, attrs):
        if dict(attrs).get("id") == "prices":
            self.inside = True
        if self.inside and tag == "tr":
            self.rows.append([])
        if self.inside and tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        if self.inside and tag == "table":
            self.inside = False

    def handle_data(self, data):
        if self.inside and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


@pytest.mark.parametrize(("tree", "unit"), [("", "USD"), ("zh/", "CNY")])
def test_the_page_has_the_same_prices_as_a_table(site, tree, unit):
    page = (site / tree / "chips" / "h100-sxm" / "index.html").read_text(encoding="utf-8")
    table = Table()
    table.feed(page)
    rate = catalog.latest_prices().per_usd(unit)
    past = past_prices("h100-sxm", catalog.price_sheets().values())
    words = Words.load("zh" if tree else "en")
    expected = [
        (words(name), dated.date, f"{figure(dated.usd_per_hour * rate)} {words(unit)}/{words('h')}")
        for name, own in past.items()
        for dated in own
    ]
    assert len(expected) > 2
    assert [tuple(row[:3]) for row in table.rows[1:]] == expected
    chart = page.split('id="prices"')[1]
    assert chart.count(f'<div data-currency="{unit}">') == 1
    assert chart.count("<div data-currency=") == 3
