"""The search in the header: what it finds in both languages, by keyboard, on a phone."""

from __future__ import annotations

import json
from importlib.resources import files
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from leaderboard.output import search_index
from leaderboard.pages.pages import Page
from leaderboard.words import Words
from leaderboard.words.names import in_chinese
from results import catalog
from tests.site.conftest import look
from tests.site.words.test_english_left import UNTRANSLATED_MAKERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FIELD = ".fm-search input"
HITS = ".fm-search ul a"
# What a reader types -> the place that they mean, the same in both languages.
QUERIES = {
    "昇腾 910B": "chips/ascend-910b/",
    "华为昇腾910b": "chips/ascend-910b/",
    "Ascend 910B": "chips/ascend-910b/",
    "ascend910b": "chips/ascend-910b/",
    "\uff19\uff11\uff10\uff22": "chips/ascend-910b/",  # letters of full width
    "英伟达 h20": "chips/h20/",
    "H100 SXM": "chips/h100-sxm/",
    "h100sxm": "chips/h100-sxm/",
    "epyc 9654": "chips/epyc-9004/",
    "启望 S3": "chips/sunrise-s3/",
    "至强 6980p": "chips/xeon-6980p/",
    "deepseek v3": "models/deepseek-v3/",
    "深度求索 v3": "models/deepseek-v3/",
    "通义千问 32b": "models/qwen3-32b/",
    "llama 3.1 8b": "models/llama-3.1-8b/",
    "Prototype X": "chips/unlisted-prototype-x-",
    "cost": "cost/",
    "成本": "cost/",
    "一分钱": "fen/",
    "methodology": "methodology/",
    "方法": "methodology/",
    "昇腾 指南": "guide-ascend/",
    "LMSYS": "claims/lmsys-",
    "mlperf h200": "reported/mlperf-h200-sxm/",
}
# In one go: a call into the browser takes longer than a search.
TYPE_ALL = """async (queries) => {
  const field = document.querySelector(".fm-search input");
  const list = document.querySelector(".fm-search ul");
  const type = (text) => {
    field.value = text;
    field.dispatchEvent(new Event("input"));
  };
  const first = {};
  for (const query of queries) {
    type("");
    type(query);
    while (!list.children.length) await new Promise((resolve) => setTimeout(resolve));
    first[query] = list.querySelector("a")?.href ?? "";
  }
  return first;
}"""


@pytest.fixture(scope="module")
def base(site: Path, serve: Callable[[Path], str]) -> str:
    return serve(site)


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["", "zh/"])
def test_a_name_in_either_language_finds_its_place_first(tab, base, lang):
    tab.goto(f"{base}{lang}chips/h100-sxm/")
    tab.locator(FIELD).focus()
    first = tab.evaluate(TYPE_ALL, list(QUERIES))
    wrong = {query: at for query, at in first.items() if f"/{QUERIES[query]}" not in at}
    assert wrong == {}


@pytest.mark.browser
def test_it_is_fetched_when_the_field_has_the_focus_and_not_before(tab, base):
    asked, complaints = [], []
    watchers = {
        "request": lambda request: asked.append(request.url),
        "console": lambda told: complaints.append(told.text),
    }
    for event, watcher in watchers.items():
        tab.on(event, watcher)
    look(tab, f"{base}chips/")
    assert not [url for url in asked if "search" in url]
    tab.keyboard.press("/")
    tab.keyboard.type("h20")
    tab.locator(HITS).first.wait_for()
    for event, watcher in watchers.items():
        tab.remove_listener(event, watcher)
    assert tab.locator(FIELD).input_value() == "h20"
    wanted = [f"{base}assets/fenmark/search.js", f"{base}search.json"]
    assert [url for url in asked if "search" in url] == wanted
    assert complaints == []


@pytest.mark.browser
def test_keys_move_among_the_hits_and_open_one(tab, base):
    focused = "document.activeElement.textContent"
    tab.goto(f"{base}zh/chips/")
    tab.keyboard.press("/")
    tab.keyboard.type("h200")
    hits = tab.locator(HITS)
    hits.first.wait_for()
    assert tab.locator(".fm-search [role=status]").text_content() == f"有 {hits.count()} 处匹配"
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowDown")
    assert tab.evaluate(focused) == hits.nth(1).text_content()
    tab.keyboard.press("ArrowUp")
    assert tab.evaluate(focused) == hits.nth(0).text_content()
    tab.keyboard.press("Escape")
    assert not tab.locator(".fm-search ul").is_visible()
    assert tab.evaluate("document.activeElement.matches('.fm-search input')")
    tab.keyboard.type("昇腾910b")
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"{base}zh/chips/ascend-910b/")


@pytest.mark.browser
def test_a_phone_sees_the_hits_whole_and_axe_finds_nothing_in_them(tab, base):
    tab.emulate_media(color_scheme="dark")
    tab.set_viewport_size({"width": 390, "height": 740})
    tab.goto(f"{base}zh/methodology/")
    tab.locator(FIELD).fill("h")
    tab.locator(HITS).first.wait_for()
    box = tab.locator(".fm-search ul").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert box["y"] + box["height"] <= 740
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    report = tab.evaluate("axe.run('.fm-header', {resultTypes: ['violations']})")
    assert report["violations"] == []


@pytest.mark.browser
def test_it_says_when_nothing_matches_and_when_it_cannot_be_loaded(tab, base):
    told = tab.locator(".fm-search .told")
    tab.route("**/search.json", lambda route: route.abort())
    tab.goto(f"{base}chips/")
    tab.locator(FIELD).fill("h100")
    told.wait_for()
    assert told.text_content() == "The search could not be loaded."
    tab.unroute("**/search.json")
    tab.locator(FIELD).fill("<b>no such chip")
    tab.get_by_text("Nothing on this site has this name.").last.wait_for()
    assert tab.locator(HITS).count() == 0


def test_without_javascript_there_is_no_field_and_never_the_themes_own(site: Path):
    page = (site / "methodology" / "index.html").read_text(encoding="utf-8")
    assert "fm-search" in page
    assert "md-search" not in page
    assert not (site / "search").exists()
    assert ".no-js :is(.fm-search, .fm-theme) { display: none; }" in (
        site / "assets" / "fenmark" / "fenmark.css"
    ).read_text(encoding="utf-8")


def test_the_page_that_says_there_is_none_knows_where_the_names_are(site: Path):
    page = (site / "404.html").read_text(encoding="utf-8")
    assert 'data-index="/fenmark/search.json"' in page
    assert 'class="fm-lang" href="/fenmark/zh/"' in page


@pytest.mark.parametrize("lang", ["", "zh/"])
def test_every_place_of_the_index_is_there(site: Path, lang: str):
    index = json.loads((site / lang / "search.json").read_text(encoding="utf-8"))
    missing = set()
    for kind, title, url, *_ in index["places"]:
        path, _, anchor = url.partition("#")
        page = (site / lang / path / "index.html").resolve()
        held = page.read_text(encoding="utf-8") if page.is_file() else ""
        if not held or (anchor and f'id="{anchor}"' not in held):
            missing.add(url)
        assert title
        assert kind in index["words"]
    assert missing == set()


def test_models_are_found_by_the_names_that_others_publish(site: Path):
    published = ("deepseek-ai/DeepSeek-R1-0528", "dsr1", "DeepSeek-V3", "nvidia/DeepSeek-V3\u202e")
    results = [(None, SimpleNamespace(model=name)) for name in published]
    section = SimpleNamespace(id="x", chip="NVIDIA H200", results=results)
    content = SimpleNamespace(
        chips={},
        models={},
        claims=(),
        names_of_geometry={},
        reported=SimpleNamespace(sections=[section]),
    )
    page = Page(template="model", url="models/deepseek-v3/", title="DeepSeek-V3")
    embedded = Page(template="front_embed", url="models/x/embed/", title="X", bare=True)
    row = Page(template="row", url="r/x/y/", title="a row")
    shells = SimpleNamespace(root=site)
    entries = list(search_index.entries(Words.load("en"), content, [page, embedded, row], shells))
    # A stranger's name is shown as what it is; one that the title holds already is left out.
    assert entries[0].names == ["deepseek-ai/DeepSeek-R1-0528", "dsr1", r"nvidia/DeepSeek-V3\u202e"]
    assert {own.kind for own in entries[1:]} == {"document", "section"}


def test_every_maker_is_found_by_its_chinese_name():
    words = Words.load("zh")
    missing = {
        entry.name
        for entry in catalog.chips().values()
        if entry.vendor not in UNTRANSLATED_MAKERS
        and words(entry.vendor).partition("\uff08")[0] not in in_chinese(entry.name)
    }
    assert missing == set()
    assert in_chinese("Huawei Ascend 910B") == "华为 昇腾 910B"
    assert in_chinese("Cores of Intelligence") == "Cores of Intelligence"
