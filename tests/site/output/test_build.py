"""What a build leaves on disk."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from leaderboard import BuildReport, build
from results.archive import archive
from results.catalog import latest_prices
from results.proof import envelope, moderation, notice
from suites.base import user_folders
from suites.base.errors import UserError
from tests.site.conftest import SIGNER, accept, small_build, statement
from tests.site.figures.test_ranking import gpu
from tests.site.figures.test_standing import GOOD, asked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.site.conftest import Build


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_every_page_of_the_contract_is_there_in_both_languages(site: Path):
    for prefix in ("", "zh/"):
        for page in ("", "leaderboard/", "chips/", "models/", "methodology/", "runners/", "data/"):
            assert (site / prefix / page / "index.html").is_file(), prefix + page


def from_nothing(folder: Path, *results: Path) -> BuildReport:
    """Build with a cache that keeps the shells alone."""
    (folder / "fenmark").mkdir(parents=True)
    for shells in user_folders.cache().glob("shells-*"):
        (folder / "fenmark" / shells.name).symlink_to(shells)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        return small_build(results, folder / "out")


@pytest.fixture(scope="module")
def first(
    begun: Callable[..., Path], results: Path, tmp_path_factory: pytest.TempPathFactory
) -> BuildReport:
    folder = tmp_path_factory.mktemp("first")
    begun(folder / "another")  # has the shells rendered
    return from_nothing(folder / "cache", results)


def test_a_build_upon_two_others_is_the_build_from_nothing(
    results: Path, first: BuildReport, tmp_path: Path, quick_build: Build
):
    folder = accept(tmp_path / "results", statement(number=1), statement(number=2, chip="Other"))
    quick_build([folder], tmp_path / "out")
    shutil.rmtree(folder)
    shutil.copytree(results, folder)
    small_build([folder], tmp_path / "out")
    assert contents(first.out) == contents(tmp_path / "out")


def test_upon_each_change_a_build_is_the_build_from_nothing(
    others: Path, tmp_path: Path, quick_build: Build
):
    folder = accept(tmp_path / "results", gpu(number=1, speed=700.0), asked(2, "fp8", {}))
    quick_build([folder], tmp_path / "out")
    changes: dict[str, Callable[[], object]] = {
        "the best of all": lambda: accept(folder, gpu(number=3, speed=880.0)),
        "answers that tell of another": lambda: accept(folder, asked(5, "bf16", GOOD, speed=800.0)),
        "disputed, of one that never ranked": lambda: _dispute(folder, 1),
        "published by others": lambda: shutil.copytree(others, folder, dirs_exist_ok=True),
    }
    for place, (name, change) in enumerate(changes.items()):
        change()
        small_build([folder], tmp_path / "out")
        whole = contents(from_nothing(tmp_path / f"{place}", folder).out)
        built = contents(tmp_path / "out")
        assert {path for path in whole if whole[path] != built.get(path)} == set(), name


def _dispute(folder: Path, index: int) -> None:
    """Dispute the result at a place of an archive's log."""
    places = archive.surroundings(folder).places or {}
    [digest] = (digest for digest, place in places.items() if place == index)
    day, why = datetime(2026, 11, 28, tzinfo=UTC), {"evidence": "https://example.org/why"}
    draft = moderation.draft("disputed", digest, day, reason="so", **why)
    notice.lay(folder, envelope.sign(draft, SIGNER))
    archive.enter_notices(folder, SIGNER)


def test_a_second_build_touches_nothing(results: Path, first: BuildReport):
    second = small_build([results], first.out)
    assert first.written == first.files
    assert second.written == 0


def test_a_new_result_rewrites_only_pages_that_show_it(quick_build: Build, tmp_path: Path):
    folder = tmp_path / "results"
    accept(folder, statement(number=1), statement(number=2, chip="Other"))
    quick_build([folder], tmp_path / "out")
    other = next((tmp_path / "out" / "chips").glob("*other*")) / "index.html"
    before = other.stat().st_mtime_ns
    accept(folder, statement(number=3, date="2026-11-22"))
    report = small_build([folder], tmp_path / "out")
    assert other.stat().st_mtime_ns == before
    assert 0 < report.written < report.files / 2


def test_a_result_that_is_gone_takes_its_page_with_it(quick_build: Build, tmp_path: Path):
    accept(tmp_path / "both", statement(number=1), statement(number=2, chip="Other"))
    accept(tmp_path / "one", statement(number=1))
    quick_build([tmp_path / "both"], tmp_path / "out")
    small_build([tmp_path / "one"], tmp_path / "out")
    assert not [*(tmp_path / "out").glob("chips/*other*")]


def test_a_folder_with_foreign_files_is_refused_and_left_alone(results: Path, tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="did not write"):
        build([results], tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_missing_archive_is_named(tmp_path: Path):
    with pytest.raises(UserError, match="nowhere"):
        build([tmp_path / "nowhere"], tmp_path / "out")


def test_without_any_result_the_overview_says_so(quick_build: Build, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    report = quick_build([tmp_path / "empty"], tmp_path / "out")
    assert report.results == 0
    assert "No measured result yet" in (tmp_path / "out" / "index.html").read_text()


def test_an_envelope_that_does_not_verify_is_named_and_not_shown(
    quick_build: Build, tmp_path: Path
):
    folder = accept(tmp_path / "results", statement(number=1), statement(number=2, chip="Other"))
    victim = next(p for p in folder.glob("*.dsse.json"))
    victim.write_bytes(victim.read_bytes().replace(b'"payload":"e', b'"payload":"f'))
    report = quick_build([folder], tmp_path / "out")
    assert report.results == 1
    assert victim.name.split(".")[0] not in (tmp_path / "out" / "index.html").read_text()
    assert report.refused


def test_the_three_downloads_hold_the_same_rows(site: Path):
    csv = pd.read_csv(site / "data" / "points.csv")
    parquet = pd.read_parquet(site / "data" / "points.parquet")
    records = pd.read_json(site / "data" / "points.json", orient="split")
    assert len(csv) == len(parquet) == len(records) > 0
    exact = parquet["value"].tolist()
    assert csv["value"].tolist() == pytest.approx(exact, rel=1e-12)
    assert records["value"].tolist() == pytest.approx(exact, rel=1e-12)
    provenance = ["method", "trust", "measured_at", "suite_version", "statement_sha256", "meters"]
    assert parquet[provenance].notna().all(axis=None)


def test_a_run_of_a_plan_names_plan_and_cell_on_its_chips_page(quick_build: Build, tmp_path: Path):
    planned = statement()
    planned["predicate"]["run"]["plan"] = {"name": "<b>", "cell": "cell-1", "sha256": "ab" * 32}
    quick_build([accept(tmp_path / "results", planned)], tmp_path / "out")
    for prefix, sentence in (("", "cell cell-1 of &lt;b&gt;"), ("zh/", "&lt;b&gt; 的单元 cell-1")):
        [page] = (tmp_path / "out" / prefix / "chips").glob("*cpu-9000*/index.html")
        assert sentence in page.read_text(encoding="utf-8")
        assert "abababababababab" in page.read_text(encoding="utf-8")


def test_every_published_envelope_is_the_signed_one(site: Path, results: Path):
    for sealed in results.glob("*.dsse.json"):
        assert (site / "statements" / sealed.name).read_bytes() == sealed.read_bytes()


def test_a_price_sheet_of_one_s_own_recosts_every_row(quick_build: Build, tmp_path: Path):
    sheet = tmp_path / "mine.toml"
    sheet.write_text('[[rentals]]\nchip = "h100-sxm"\nusd_per_hour = 7\n')
    accept(
        tmp_path / "gpus",
        statement(chip="NVIDIA H100 80GB HBM3", catalog_id="h100-sxm", kind="gpu"),
    )
    site = quick_build([tmp_path / "gpus"], tmp_path / "out").out
    rent = _rent(site)
    small_build([tmp_path / "gpus"], site, price_sheet=sheet)
    usual = latest_prices().rental("h100-sxm").usd_per_hour
    assert _rent(site) == pytest.approx(rent * 7 / usual, rel=1e-4)
    page = (site / "chips" / "h100-sxm" / "index.html").read_text()
    assert "the reader&#39;s own" in page


def test_a_machine_s_own_price_is_no_price_of_a_site(results: Path, tmp_path: Path):
    (tmp_path / "mine.toml").write_text('[own]\nprice = "1/h"\n')
    with pytest.raises(UserError, match=r"mine.toml:own: is of one machine"):
        build([results], tmp_path / "out", price_sheet=tmp_path / "mine.toml")


def _rent(site: Path) -> float:
    """What a million output tokens cost in the first row of the board's one model."""
    others = {
        "index.json",
        "best.json",
        *(path.name for path in site.glob("data/board/*.digests.json")),
    }
    [shard] = [path for path in site.glob("data/board/*.json") if path.name not in others]
    return next(filter(None, json.loads(shard.read_text())["numbers"]["rent_usd"]))
