"""The choose page: the answers of Python, a form whose state is the address, and plain refusals."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from leaderboard.bench.parity import IN_BROWSER, chosen, differences, tables, workloads
from leaderboard.pages import choose
from results import catalog
from results.prediction.market import owning
from results.prediction.own import EngineLoad, OwnEngine
from results.prediction.own_tables import tables_of
from results.prediction.own_width import errors_of
from tests.site.conftest import address

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

SHEET = catalog.latest_prices()
SECTIONS = (".headline", ".ranked", ".more", ".apart", ".ways", ".worth", ".losers")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e-?\d+)?")
# Words, addresses and titles of each section, in the order that a reader meets them.
SHOWN = """(answer, sections) => Object.fromEntries(sections.map((name) => {
  const told = (one) => one.nodeType === Node.TEXT_NODE ? one.data : [
    "", one.title, one.dataset.label, one.getAttribute("href"), one.hidden ? "hidden" : "",
    one.className, one.lang, ...[...one.childNodes].map(told)].join(" ");
  return [name, told(answer.querySelector(name))];
}))"""
ASK_AGAIN = """async () => {
  const choose = document.querySelector("fenmark-choose");
  const last = choose.querySelector(".losers ul");
  last.textContent = "not yet";
  await choose.loading();
  await choose.show();
  while (last.textContent === "not yet") await new Promise((done) => setTimeout(done, 5));
}"""


@pytest.fixture(scope="module")
def served(site: Path, serve: Callable[[Path], str]) -> str:
    return serve(site)


def opened(page: Page, address: str) -> str:
    """Open the page and return what it answers in a line."""
    page.goto(address)
    page.locator("fenmark-choose[ready]").wait_for()
    return page.locator(".headline").inner_text()


@pytest.mark.browser
def test_the_page_chooses_as_python_does(tab: Page, served: str):
    asked = [own for own in workloads(60, seed=4) if own.kind != "marketplace"][::12]
    tab.goto(f"{served}choose/")
    script = IN_BROWSER.replace("./choose-rank.js", f"{served}assets/fenmark/choose-rank.js")
    plain = [own.as_json() for own in asked]
    answers = tab.evaluate(script, [choose.common(), tables(asked), plain])
    told = [chosen(own) for own in asked]
    assert sum(len(own["ranked"]) for own in told) > 50
    for own, python, browser in zip(asked, told, answers, strict=True):
        assert differences(python, browser) < 1e-3, own


def test_a_difference_is_told():
    python: dict[str, Any] = {"ranked": [["a", 1, 100.0]], "measure": ["a"], "losers": ["b"]}
    assert differences(python, python) == 0
    assert differences(python, python | {"ranked": [["a", 1, 101.0]]}) == pytest.approx(0.01)
    for other in ({"losers": []}, {"ranked": []}, {"ranked": [["c", 1, 100.0]]}):
        assert differences(python, python | other) == float("inf")


def parts(text: str) -> tuple[list[str], list[float]]:
    """A text as its words, and its numbers."""
    numbers = [float(number.replace(",", "")) for number in NUMBER.findall(text)]
    return NUMBER.sub("#", text).split(), numbers


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["", "zh/"])
def test_the_answer_in_the_page_is_the_one_its_scripts_give(tab: Page, served: str, lang: str):
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    opened(tab, f"{served}{lang}choose/")
    assert [url for url in asked if "/data/choose/" in url or "predict" in url] == []
    shown = tab.locator(".chosen").evaluate(SHOWN, SECTIONS)
    # The same question, asked of the scripts.
    tab.locator("fenmark-choose [name=isl]").evaluate("own => own.focus()")
    tab.evaluate(ASK_AGAIN)
    again = tab.locator(".chosen").evaluate(SHOWN, SECTIONS)
    assert shown.keys() == again.keys() == {*SECTIONS}
    for section, text in shown.items():
        (words, numbers), (other_words, others) = parts(text), parts(again[section])
        assert words == other_words, section
        # A figure in its third digit: the formulas agree within 1.1e-4.
        assert numbers == pytest.approx(others, rel=1.1e-2), section


@pytest.mark.browser
def test_a_question_is_answered_and_can_be_passed_on(tab: Page, served: str):
    first = opened(tab, f"{served}choose/")
    assert first.startswith("Least: ")
    tab.locator("fenmark-choose [name=model]").select_option("llama-3.1-70b")
    tab.locator("fenmark-choose [name=volume]").fill("1000")
    tab.locator("fenmark-choose [name=percentile]").select_option("99")
    tab.wait_for_function(
        "(before) => !['', before].includes(document.querySelector('.headline').innerText)",
        arg=first,
    )
    answer = tab.locator(".headline").inner_text()
    assert "model=llama-3.1-70b" in address(tab)
    assert opened(tab, address(tab)) == answer
    expect(tab.locator(".worth li")).to_have_count(3)
    losers = tab.locator(".missed li")
    losers.first.wait_for(state="attached")
    assert all(": " in text for text in losers.all_inner_texts())


@pytest.mark.browser
@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("chips=h900", "no chip h900"),
        ("chips=l40s:0", "no chip l40s:0"),
        ("price=2", "name it under chips at hand"),
        ("isl=0", "Tokens in"),
    ],
)
def test_what_cannot_be_meant_is_one_line(tab: Page, served: str, query: str, told: str):
    opened(tab, f"{served}choose/?{query}")
    problem = tab.locator("fenmark-choose .problem")
    assert problem.is_visible()
    assert told in problem.inner_text()
    assert "\n" not in problem.inner_text()


@pytest.mark.browser
def test_chips_at_hand_at_ones_own_price_make_the_bill(tab: Page, served: str):
    """16 chips that cost 2.00 an hour cost 2 × 730.5 × chips a month, whatever the sheet says."""
    opened(tab, f"{served}choose/?chips=b200-sxm:64&price=2&volume=1&currency=USD")
    row = tab.locator(".ranked tbody tr").first
    bill, chips = (
        row.locator(f"td[data-label='{name}']").inner_text().splitlines()[0].replace(",", "")
        for name in ("A month", "Chips")
    )
    assert float(bill) == pytest.approx(2 * 730.5 * int(chips), rel=5e-3)
    expect(tab.locator(".ways")).to_be_hidden()


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    """A machine whose steps take 10 ms alone and 20 ms of four, and a prompt of 16 tokens 30 ms."""
    own = OwnEngine(
        machine="a <b>desk</b>", engine="e", version="1", model="qwen2.5-0.5b", precision="bf16",
        times={
            EngineLoad("decode", 1, 64): 10.0, EngineLoad("decode", 4, 64): 20.0,
            EngineLoad("prefill", 1, 16): 30.0,
        },
    )  # fmt: skip
    file = tmp_path / "own.json"
    file.write_text(json.dumps(tables_of([(own, own.home, errors_of(own, [own]))])))
    return file


@pytest.mark.browser
def test_an_own_machine_is_predicted_from_its_file_and_nothing_is_sent(
    tab: Page, served: str, own_file: Path
):
    opened(tab, f"{served}choose/?isl=64&osl=128&volume=100&margin=1&ttft=")
    asked: list[tuple[str, str]] = []
    tab.on("request", lambda request: asked.append((request.method, request.url)))
    tab.locator(".own input").set_input_files(own_file)
    row = tab.locator(".own tbody tr")
    row.wait_for()
    # Four answers take 20 ms a step and a little more cache; a prompt four times as long 120 ms.
    name = row.locator("th").inner_text()
    assert "◈ a <b>desk</b> · e 1 · qwen2.5-0.5b · bf16" in name
    assert "predicted, own" in name
    assert "4 at once" in name
    tokens, machines, ttft, tpot = (
        cell.inner_text().split()[0] for cell in row.locator("td").all()
    )
    assert float(tpot) == pytest.approx(20.0, rel=0.02)
    assert float(ttft) == pytest.approx(120.0, rel=0.05)
    rate = 4 * 128 * 1e3 / (4 * float(ttft) + 127 * float(tpot))
    assert float(tokens) == pytest.approx(rate, rel=0.01)
    assert int(machines) == pytest.approx(100 / (rate / 128), abs=1)
    for limit, answer in (("12", "1 at once"), ("5", "TPOT is 10.0 ms at best, over 5.00 ms")):
        tab.locator("fenmark-choose [name=tpot]").fill(limit)
        tab.locator(".own tbody th", has_text=answer).wait_for()
    # The browser may still be asking for the page's own mark.
    assert all(pair == ("GET", f"{served}assets/fenmark/mark.svg") for pair in asked), asked


@pytest.mark.browser
def test_another_file_is_refused_in_a_line(tab: Page, served: str, tmp_path: Path, own_file: Path):
    opened(tab, f"{served}choose/")
    told = json.loads(own_file.read_text())
    told["engines"][0]["decode"][0][0] = [-1, 1]
    for text in ("{}", json.dumps(told), "no"):
        other = tmp_path / "other.json"
        other.write_text(text)
        tab.locator(".own input").set_input_files(other)
        wrong = tab.locator(".own .wrong")
        wrong.wait_for()
        assert wrong.inner_text() == "other.json holds no tables of an own machine."
        assert tab.locator(".own .scroll").is_hidden()
        tab.locator(".own input").set_input_files(own_file)
        tab.locator(".own tbody tr").wait_for()
        assert wrong.is_hidden()


def test_an_owned_hour_is_the_sheets_capital_and_electricity():
    told = choose.market(SHEET)
    own = owning("b200-sxm", SHEET)
    assert own is not None
    assert told["owned"]["b200-sxm"][:3] == [own.usd_per_hour, own.kw, own.label]
    assert told["classes"]["on-demand"]["b200-sxm"][2].startswith("按需，")
    assert {region["grid"] for region in told["regions"]} >= {"USA", "CHN"}


def test_the_tables_are_json_and_name_a_grid_for_each_shape():
    common = json.loads(json.dumps(choose.common(), allow_nan=False))
    told = json.loads(json.dumps(choose.of_model("deepseek-v3", []), allow_nan=False))
    for source, shapes in told["shapes"].items():
        held = shapes["grids"].keys() | common["grids"][source].keys()
        assert {name for name in shapes["like"].values() if name} <= held
    assert {chip for chip, own in common["chips"].items() if "refused" not in own} == {
        chip for chip, own in told["dtypes"].items() if own
    }
