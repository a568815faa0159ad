"""A signed result may say anything: it can neither break a page nor put anything into it."""

from __future__ import annotations

import json
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaderboard.figures.figures import Result, points_of
from leaderboard.figures.ranking import ranked
from leaderboard.figures.rows import frame, rows_of, shown
from leaderboard.pages.page_shells import Shells
from leaderboard.pages.pages import Page, Pages
from leaderboard.words import Words
from results.statement.statement import Statement
from tests.site.conftest import accept, statement, visit

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = [
    "<script>window.hit=1</script>",
    '"><img src=x onerror=window.hit=1>',
    "javascript:window.hit=1",
    "../../../../etc/passwd",
    "{{ 7*7 }}{% for x in y %} @@content@@ @@title@@ {0} %s",
    "\u202egnp.exe\u202c\u0007\n\r\u2028",
    "=HYPERLINK(A1)",
    "A" * 256,
    "\U0001f4a9" * 100,
    ".",
    "..",
    "con",
]


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory, quick_build) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    accept(folder, *(statement(number=n, text=text) for n, text in enumerate(HOSTILE)))
    accept(folder, statement(number=90, value=1e308), statement(number=91, value=1e-300))
    accept(folder, statement(number=92, value=0.0), statement(number=93, value=-1.0))
    out = tmp_path_factory.mktemp("hostile-site") / "a" / "b" / "out"
    quick_build([folder], out)
    return out


def test_a_path_in_a_name_stays_inside_the_site(hostile_site: Path):
    outside = {p for p in hostile_site.parents[1].rglob("*") if p.is_file()} - set(
        hostile_site.rglob("*")
    )
    assert outside == set()
    for path in hostile_site.rglob("*"):
        assert path.resolve().is_relative_to(hostile_site.resolve())


@pytest.mark.browser
@pytest.mark.parametrize("url", ["", "leaderboard/", "runners/", "history/", "cost/", "compare/"])
def test_no_page_runs_or_draws_what_a_name_says(tab, serve, hostile_site, url):
    assert visit(tab, serve(hostile_site), url) == []
    assert tab.evaluate("window.hit") is None
    assert tab.locator("img, iframe, object").count() == 0
    text = tab.locator("body").inner_text()
    assert "\u202e" not in text
    assert "@@" not in tab.title()


@pytest.mark.browser
def test_the_verify_page_shows_hostile_names_as_text(tab, serve, hostile_site):
    digest = min((hostile_site / "statements").glob("*")).name.split(".")[0]
    tab.goto(f"{serve(hostile_site)}verify/?statement={digest}")
    tab.locator(".verdict.good").wait_for()
    assert tab.evaluate("window.hit") is None
    assert tab.locator("img").count() == 0


def test_no_cell_of_the_csv_is_a_formula(hostile_site: Path):
    table = pd.read_csv(hostile_site / "data" / "points.csv", dtype=str, keep_default_na=False)
    texts = table.drop(columns=["value", "low", "high"])
    assert not texts.map(lambda cell: cell.startswith(("=", "+", "-", "@"))).any(axis=None)


def test_every_data_file_is_strict_json(hostile_site: Path):
    for path in (hostile_site / "data").rglob("*.json"):
        json.loads(path.read_bytes(), parse_constant=pytest.fail)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)


BARE = Shells(
    lang="en",
    root=None,
    by_depth={1: "<title>@@title@@</title><main>@@content@@</main>"},
    urls={1: ""},
    documents=frozenset(),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_whatever_a_name_is_the_page_has_the_same_tags(name):
    assert tags(name) == plain_tags()


@cache
def plain_tags() -> list[str]:
    return tags("plain")


def tags(text: str) -> list[str]:
    """Name the elements of a chip's page on which everything is called so."""
    data = Statement.model_validate(statement(text=text))
    result = Result(
        digest="0" * 64,
        keyid="0" * 64,
        runner="runner-0",
        key_tier="registered",
        log="",
        index=None,
        predicate=data.predicate,
    )
    context = {
        "chip": type("Chip", (), {"name": text, "entry": None, "id": "x"}),
        "rows": shown(ranked(frame(rows_of(result, None)).assign(tier="registered"))),
        "total": 0,
        "prefills": [],
        "site_url": "",
        "kernels": [p for p in points_of(result) if p.suite == "kernels"],
        "results": [result],
        "roofline": None,
        "lines": [],
        "verdicts": {},
        "reported": [],
        "priced": [],
        "past": {},
        "past_drawn": {},
        "curved": True,
        "badged": True,
        "capped": [],
        "timelines": {},
        "answers": [],
        "price_class": "",
        "names": {},
        "relatives": [],
        "floors": [],
        "claims": [],
        "curve": None,
        "curve_model": "",
        "owner_of": lambda _: None,
    }
    page = Page(template="chip", url="chips/", title=text, context=lambda: context)
    html = Pages(Words.load("en"), BARE).make(page)
    parsed = Tags()
    parsed.feed(html)
    return parsed.tags
