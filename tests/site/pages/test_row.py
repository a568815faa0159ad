"""A row's own page: all it shows, the samples it was computed from, and the lines that fetch it."""

from __future__ import annotations

import json
import re
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from leaderboard.figures.rows import address, page_names
from leaderboard.output import page_list
from leaderboard.pages.row import bibtex
from results.archive import archive
from runners.ci.regression import find
from tests.site.conftest import PUBLIC

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.site.conftest import Build


def points(*cases: tuple[str, str]) -> list[SimpleNamespace]:
    return [SimpleNamespace(suite=suite, case=case) for suite, case in cases]


def test_a_page_is_named_by_its_case_and_no_two_share_one():
    plain = page_names(points(("serving", "closed/c4"), ("kernels", "gemm/f32")))
    assert plain == {("serving", "closed/c4"): "serving-closed-c4"}
    alike = page_names(points(("serving", "a/b"), ("serving", "a-b"), ("serving", "../Ü")))
    assert len(set(alike.values())) == 3
    assert all(re.fullmatch(r"[a-z0-9.-]+", name) and ".." not in name for name in alike.values())


def test_a_row_without_a_page_stands_at_its_proof():
    assert address("d", "") == "verify/?statement=d"
    assert address("d", "serving-c4") == "r/d/serving-c4/"


def first(site: Path) -> Path:
    return min((site / "r").glob("*/serving-*/index.html"))


def test_a_row_shows_every_percentile_that_was_signed(published: Path):
    page = first(published)
    digest = page.parent.parent.name
    signed = archive.open_result(find(digest, [PUBLIC]))
    case = re.search(r'class="mono">serving ([^<]+)<', page.read_text("utf-8"))
    assert case
    own = [row for row in signed.predicate.measurements if row.case == case[1]]
    assert own
    assert page.read_text("utf-8").count('scope="row"') >= len(own)
    assert "p99" in page.read_text("utf-8")


def test_its_samples_are_published_byte_for_byte(published: Path):
    for path in (published / "samples").iterdir():
        assert path.read_bytes() == (PUBLIC / "samples" / path.name).read_bytes()
    assert list((published / "samples").iterdir())


def test_the_lines_on_the_page_fetch_what_verifies(published: Path, tmp_path: Path):
    lines = re.search(
        r"<code tabindex=\"0\">(mkdir.*?)</code>", first(published).read_text("utf-8"), re.DOTALL
    )
    assert lines
    for to, url in re.findall(r"curl -fo (\S+) https://example.org/fenmark/(\S+)", lines[1]):
        (tmp_path / to).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(published / url, tmp_path / to)
    digest, folder = re.findall(r"fenmark reproduce (\S+) --results (\S+)", lines[1])[0]
    again = archive.open_result(find(digest, [tmp_path / folder]))
    assert again.evidence.absent == ""


def test_beyond_a_limit_only_the_newest_results_have_pages(
    results: Path, quick_build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(page_list, "_ROW_PAGES", 6)
    quick_build([results], tmp_path / "out")
    pages = list((tmp_path / "out" / "r").glob("*/*/index.html"))
    assert 0 < len(pages) <= 6
    shard = json.loads((tmp_path / "out/data/board/qwen2.5-0.5b.json").read_text("utf-8"))
    assert "" in shard["strings"]["page"]["values"]


def test_a_citation_holds_nothing_that_tex_would_run():
    row = SimpleNamespace(
        chip="\\input{x}", model="m$", precision="q", engine="e#", load="1→2", digest="d" * 64,
        page="serving-c1", date="2026-11-20", where="r/d/",
    )  # fmt: skip
    title = re.search(r"title = \{(.*)\},", bibtex(row, ""))
    assert title
    assert not set("\\{}$#") & set(title[1])


@pytest.mark.browser
@pytest.mark.parametrize(("changed", "verdict"), [(False, "good"), (True, "bad")])
def test_the_browser_holds_the_samples_to_their_digest(
    tab: Page, published: Path, serve: Callable[[Path], str], *, changed: bool, verdict: str
):
    if changed:
        tab.route("**/samples/*.json", lambda route: route.fulfill(body="{}"))
    tab.goto(serve(published) + str(first(published).parent.relative_to(published)) + "/")
    tab.locator("fenmark-samples[ready]").wait_for()
    tab.get_by_role("button", name="Load them and check their digest").click()
    tab.locator(f"fenmark-samples .verdict.{verdict}").wait_for()
    assert (tab.locator("fenmark-samples tbody tr").count() > 0) is not changed
