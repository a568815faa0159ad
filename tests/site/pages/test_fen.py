"""The one-fen page: charts, claims, and a checker in the browser that judges as Python does."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from leaderboard.base.text import figure
from leaderboard.figures.fen_axis import LAYERS, Line, picture
from leaderboard.pages.fen import known
from results import catalog
from results.catalog.claims_data import claims
from results.economy.claims import judge
from tests.results.economy.test_claims import ROW, claim
from tests.site.conftest import address

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

SHEET = catalog.latest_prices()
NAMES = {layer: layer for layer in LAYERS}


@pytest.fixture(scope="module")
def served(site: Path, serve: Callable[[Path], str]) -> str:
    return serve(site)


@pytest.fixture
def page(tab: Page) -> Page:
    tab.set_viewport_size({"width": 360, "height": 740})
    return tab


def test_every_layer_stands_at_its_place_on_the_log_axis():
    fens = {"Physical floor": 1.0, "Electricity": 10.0, "Owned": 100.0, "Rented": 1000.0}
    line = Line(chip="A <b>", fens=fens, words="w", where="x/", hollow=True)
    drawn = str(picture("t", "one fen", "fen/Mtok", NAMES, [line]))
    places = [float(x) for x in re.findall(r'hollow" transform="translate\(([\d.]+) ', drawn)]
    steps = [b - a for a, b in itertools.pairwise(sorted(places))]
    assert steps == pytest.approx([steps[0]] * 3, abs=0.2)
    assert "A &lt;b&gt;" in drawn
    assert "<b>" not in drawn


def test_the_page_and_a_page_of_each_claim_are_built(site: Path):
    page = (site / "fen" / "index.html").read_text(encoding="utf-8")
    for name in claims():
        assert f'href="../claims/{name}/"' in page
        assert (site / "claims" / name / "index.html").is_file()
        assert (site / "zh" / "claims" / name / "index.html").is_file()


JUDGE = """async ([claims, known]) => {
  const { judge } = await import("../assets/fenmark/claim.js");
  return claims.map((claim) => judge(claim, known));
}"""


@pytest.mark.browser
def test_the_checker_judges_as_python_does(page: Page, served: str):
    drafted = replace(ROW, owned_usd=0.03, tokens_per_s_per_chip=9600.0, drafts="mtp 3")
    rows = [ROW, ROW.of_all_tokens(isl=3000, osl=1000), drafted]
    asked = [
        claim(
            value=value,
            unit=unit,
            tokens=tokens,
            unstated=["token kind"] if tokens == "unstated" else [],
            model=model,
            chip=chip,
            precision=precision,
        )
        for value, unit, tokens, model, chip, precision in itertools.product(
            (1e-6, 0.0124, 0.049, 0.06, 9500.0, 1e8),
            ("USD/Mtok", "CNY/Mtok", "J/token", "tokens/s per chip", "tokens/s per user"),
            ("output", "input", "total", "unstated", "cached"),
            ("llama-3.1-8b", None),
            ("h100-sxm", "b200-sxm", None),
            ("bf16", "fp8", None),
        )
    ]
    bits = {"bf16": 16, "fp8": 8, None: None}
    plain = [
        {
            "value": question.value,
            "unit": question.unit,
            "tokens": question.tokens,
            "model": question.model or "",
            "chip": question.chip or "",
            "bits": bits[question.precision],
        }
        for question in asked
    ]
    page.goto(f"{served}fen/")
    answers: list[dict[str, Any]] = page.evaluate(JUDGE, [plain, known(rows, SHEET)])
    for question, answer in zip(asked, answers, strict=True):
        judged = judge(question, rows, SHEET)
        assert answer["verdict"] == judged.verdict, question
        assert (answer["bound"] or {}).get("chip") == (judged.bound and judged.bound.chip), question
        if judged.bound:
            assert answer["bound"]["value"] == pytest.approx(judged.bound.value)
        for name, best in (("best", judged.best), ("drafted", judged.drafted)):
            value = answer[name] and answer[name]["value"]
            assert value == (best and pytest.approx(best.value)), (name, question)
        if judged.needs:
            assert answer["needs"]["joules"] == pytest.approx(judged.needs.joules_per_token)


@pytest.mark.browser
def test_a_reader_checks_a_claim_and_can_pass_it_on(page: Page, served: str):
    page.goto(f"{served}fen/")
    page.locator("fenmark-claim[ready]").wait_for()
    page.locator("fenmark-claim [name=value]").fill("0.1")
    page.locator("fenmark-claim [name=model]").select_option("llama-3.1-70b")
    answer = page.locator("fenmark-claim .answer")
    assert "below the physical floor" in answer.inner_text()
    joules = 0.001 / SHEET.cny_per_usd.value / (SHEET.usd_per_kwh * SHEET.pue.value) * 3.6
    assert f"{figure(joules)} J" in answer.inner_text()
    page.goto(address(page))
    page.locator("fenmark-claim[ready]").wait_for()
    assert "below the physical floor" in answer.inner_text()
