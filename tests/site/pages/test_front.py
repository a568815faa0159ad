"""The front on a model's page: drawn here and in the browser alike, shared, saved and embedded."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from leaderboard.figures.rows import frame
from leaderboard.read.front_points import points
from leaderboard.read.reported import Reported
from leaderboard.words import Words
from results import catalog
from tests.site.conftest import saved

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import ConsoleMessage, Page

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
ROW: dict[str, Any] = {
    "digest": "d", "chip_id": "h100-sxm", "chip": "H100", "model": "llama-3.1-8b",
    "model_id": "llama-3.1-8b", "suite": "serving", "case": "c1", "finished_at": "2026-11-20",
    "load": "128→64 tokens · concurrency 4", "throughput": 400.0, "throughput_method": "measured",
    "interactivity": 100.0, "chips": 2, "valid": True, "profile": "full", "rent_usd": 5.0,
}  # fmt: skip


def of_rows(*rows: dict[str, Any]) -> list[Any]:
    table = frame([ROW | row for row in rows])
    ranked = table.assign(shape=table["load"].str.split(" · ", n=1).str[0], barred=False)
    nothing = Reported(publishers=[], made_of="")
    made = points(pd.DataFrame(ranked), nothing, catalog.latest_prices(), "test")
    return [point for point in made.of_model("llama-3.1-8b") if point.kind != "predicted"]


def test_a_signed_row_is_a_point_per_chip():
    [point] = of_rows({})
    assert (point.rate, point.per_user, point.load, point.concurrency) == (200, 100, "128→64", 4)
    assert point.usd["on-demand"] == 5.0
    # Of another class: its price over the tokens of an hour, 200 a second.
    sheet = catalog.latest_prices()
    reserved = sheet.rental("h100-sxm", "reserved-3y")
    assert point.usd["reserved-3y"] == pytest.approx(reserved.usd_per_hour / 0.72)


@pytest.mark.parametrize(
    "fault",
    [{"flags": 1}, {"valid": False}, {"moderated": "disputed"}, {"throughput_method": "modelled"}],
)
def test_a_row_that_is_doubted_is_no_point(fault: dict[str, Any]):
    assert of_rows(fault) == []


def test_a_row_that_another_beats_in_both_is_no_point():
    slower = {"case": "c0", "throughput": 300.0, "interactivity": 90.0}
    faster = {"case": "c2", "throughput": 300.0, "interactivity": 120.0}
    assert [point.per_user for point in of_rows({}, slower, faster)] == [120, 100]


def test_what_a_harness_measured_is_attested():
    assert [p.kind for p in of_rows({"throughput_method": "attested"})] == ["attested"]


def test_the_file_has_every_point_with_its_mark(site: Path):
    known = json.loads((site / "models" / "llama-3.1-8b" / "front.json").read_text("utf-8"))
    kinds = {point["kind"] for point in known["points"]}
    assert kinds == {"measured", "predicted"}
    assert all(len(point["usd"]) == len(known["classes"]) for point in known["points"])
    told = (site / "zh" / "models" / "llama-3.1-8b" / "front.json").read_text("utf-8")
    assert Words.load("zh")("predicted from: {basis}", basis="") in told


@pytest.fixture(scope="module")
def address(site: Path, serve: Callable[[Path], str]) -> str:
    return serve(site) + "models/llama-3.1-8b/"


@pytest.fixture
def page(tab: Page) -> Page:
    tab.set_viewport_size({"width": 390, "height": 800})
    return tab


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    page.locator("fenmark-front[ready]").wait_for()
    return page


def drawn(page: Page) -> str:
    return str(page.locator(".drawn").evaluate("own => own.innerHTML"))


@pytest.mark.browser
def test_the_browser_draws_the_picture_of_the_page(page: Page, address: str):
    opened(page, address)
    made = drawn(page)
    rows = page.locator("fenmark-front tbody").evaluate("own => own.innerText")
    # Chosen and taken back: everything is drawn anew.
    page.locator("[name=evidence]").select_option("predicted")
    page.wait_for_function(
        "before => document.querySelector('.drawn').innerHTML !== before", arg=made
    )
    page.locator("[name=evidence]").select_option("reported")
    page.wait_for_function("() => location.search === ''")
    page.locator(".drawn svg.chart .mark").nth(0).wait_for()
    again = drawn(page)
    assert NUMBER.sub("#", again) == NUMBER.sub("#", made)
    in_browser, on_page = (list(map(float, NUMBER.findall(text))) for text in (again, made))
    assert in_browser == pytest.approx(on_page, abs=0.11)
    assert page.locator("fenmark-front tbody").evaluate("own => own.innerText") == rows


@pytest.mark.browser
def test_an_address_holds_what_was_chosen_and_the_lines_to_embed_do_too(page: Page, address: str):
    opened(page, f"{address}?load=8192→1024&evidence=predicted")
    assert page.locator(".drawn .legend li").count() > 5
    assert "◈" in page.locator(".drawn .legend").inner_text()
    mark = page.locator(".drawn a").first
    mark.focus()
    assert page.locator(".told").inner_text() == mark.locator("title").text_content()
    assert "evidence=predicted" in page.locator(".embedding").text_content()
    told = json.loads(saved(page, "json"))["rows"]
    assert {row["load"] for row in told} == {"8192→1024"}


@pytest.mark.browser
@pytest.mark.parametrize(("kind", "begins"), [("svg", b"<svg"), ("png", b"\x89PNG")])
def test_a_picture_is_saved(page: Page, address: str, kind: str, begins: bytes):
    opened(page, address)
    with page.expect_download() as waiting:
        page.locator(f"[data-picture={kind}]").click()
    assert waiting.value.path().read_bytes().startswith(begins)


@pytest.mark.browser
def test_an_embedded_front_follows_its_address(page: Page, address: str):
    complaints: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        complaints.append(message.text)

    page.on("console", complain)
    opened(page, f"{address.replace('/models', '/zh/models')}embed/?evidence=predicted")
    assert page.locator(".drawn .legend li").count() >= 1
    assert "元/百万输出 Token" in page.locator(".drawn").inner_text()
    page.remove_listener("console", complain)
    assert complaints == []
