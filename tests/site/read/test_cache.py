"""Rows kept between builds: quicker, and never a reason to show what was not verified now."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from jinja2 import DictLoader, Environment

from leaderboard.base import unread
from leaderboard.base.workers import Workers
from leaderboard.read import archives
from leaderboard.read import cache as cache_module
from leaderboard.read.cache import Kept, Seen, Templates
from leaderboard.read.loads import ReportedLoads
from results import catalog
from results.prediction.choose import Setup, SetupOption
from results.prediction.observed import Observed
from results.prediction.plan import Layout
from suites.base import user_folders
from suites.base.files import read_limited
from tests.site.conftest import accept, small_build, statement

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.site.conftest import Build


@pytest.fixture
def own_cache(tmp_path: Path, begun: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own, with the shells the other tests have rendered."""
    begun(tmp_path / "another")
    shared = user_folders.cache()
    folder = tmp_path / "cache" / "fenmark"
    folder.mkdir(parents=True)
    for shells in shared.glob("shells-*"):
        (folder / shells.name).symlink_to(shells)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_damaged_kept_rows_are_made_anew(own_cache: Path, quick_build: Build, tmp_path: Path):
    folder = accept(tmp_path / "results", statement(number=1))
    quick_build([folder], tmp_path / "out")
    before = contents(tmp_path / "out")
    [kept] = own_cache.glob("rows-*.parquet")
    whole = kept.read_bytes()
    middle = len(whole) // 3
    flipped = whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :]
    for damaged in (b"", whole[:middle], flipped):
        kept.write_bytes(damaged)
        assert len(Kept([folder]).load()) == 0
    small_build([folder], tmp_path / "out")
    assert contents(tmp_path / "out") == before
    assert kept.read_bytes() == whole


def test_a_kept_template_is_taken_for_its_own_text_alone_and_only_whole(own_cache: Path):
    def rendered(text: str) -> str:
        loader = DictLoader({"page.html": text})
        return (
            Environment(loader=loader, bytecode_cache=Templates())
            .get_template("page.html")
            .render()
        )

    assert rendered("one") == "one"
    [kept] = own_cache.glob("template-*")
    whole = kept.read_bytes()
    assert rendered("two") == "two"
    assert rendered("one") == "one"
    assert kept.read_bytes() == whole
    # One letter of the page itself: Jinja alone would show it.
    for damaged in (b"", whole[:40], whole.replace(b"one", b"own")):
        assert damaged != whole
        kept.write_bytes(damaged)
        assert rendered("one") == "one"
    assert kept.read_bytes() == whole


def test_kept_rows_do_not_vouch_for_other_bytes(
    own_cache: Path, quick_build: Build, tmp_path: Path
):
    folder = accept(tmp_path / "results", statement(number=1), statement(number=2, chip="Other"))
    assert quick_build([folder], tmp_path / "out").results == 2
    victim = next(folder.glob("*.dsse.json"))
    victim.write_bytes(victim.read_bytes().replace(b'"payload":"e', b'"payload":"f'))
    report = small_build([folder], tmp_path / "out")
    assert report.results == 1
    assert not (tmp_path / "out" / "statements" / victim.name).exists()


def test_kept_rows_do_not_outlive_the_key_that_signed(
    own_cache: Path, quick_build: Build, tmp_path: Path
):
    folder = accept(tmp_path / "results", statement(number=1))
    assert quick_build([folder], tmp_path / "out").results == 1
    for key in (folder / "runners").iterdir():
        key.unlink()
    report = small_build([folder], tmp_path / "out")
    assert report.results == 0
    assert report.refused


def test_what_the_clock_says_is_asked_again_by_each_build(
    own_cache: Path, quick_build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(unread, "SETTLING_S", -10)  # what was written just now is old
    folder, out = accept(tmp_path / "results", statement(date="2026-11-20")), tmp_path / "out"
    told = "ahead of this reader"
    seen, flags = [], []
    for day in (25, 17, 25):
        clock = datetime(2026, 11, day, tzinfo=UTC)
        quick_build([folder], out, clock=clock)
        [page, *_] = sorted(out.glob("r/*/*/index.html"))
        seen.append(told in page.read_text())
        with Workers() as workers:  # from the rows that were kept
            sheet = catalog.latest_prices()
            flags.append(archives.read([folder], sheet, workers, clock=clock).rows["flags"].max())
    assert seen == [False, True, False]
    assert flags == [0, 1, 0]


@pytest.fixture
def read_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are read, with an empty cache."""
    names: list[str] = []

    def counted(path: Path, *, follow: bool) -> bytes:
        names.append(path.name)
        return read_limited(path, follow=follow)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(cache_module.plain, "read_limited", counted)
    return names


def digests(folder: Path) -> dict[str, str]:
    seen = Seen(folder)
    told = {path.name: seen.digest(path) for path in sorted(folder.iterdir())}
    seen.store()
    return told


def test_a_file_is_read_again_only_where_it_does_not_lie_as_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_files: list[str]
):
    monkeypatch.setattr(unread, "SETTLING_S", -10)  # what was written just now is old
    folder = tmp_path / "results"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).write_text(name)
        os.utime(folder / name, ns=(1, 1))
    before = digests(folder)
    assert digests(folder) == before
    assert read_files == ["a", "b"]
    (folder / "b").write_text("c")  # as long, and of another time
    after = digests(folder)
    assert read_files == ["a", "b", "b"]
    assert after == before | {"b": hashlib.sha256(b"c").hexdigest()}
    # Another file of the same length and time.
    (folder / "new").write_text("d")
    os.utime(folder / "new", ns=(1, 1))
    (folder / "new").replace(folder / "a")
    assert digests(folder)["a"] == hashlib.sha256(b"d").hexdigest()


def test_what_changed_just_now_is_not_trusted_and_a_link_is_refused(
    tmp_path: Path, read_files: list[str]
):
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "a").write_text("a")
    assert digests(folder) == digests(folder)
    assert read_files == ["a", "a"]
    (folder / "link").symlink_to(folder / "a")
    with pytest.raises(OSError, match="is a link"):
        Seen(folder).digest(folder / "link")


def test_kept_loads_are_the_ones_that_were_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    option = SetupOption(
        setup=Setup("h200-sxm", "vllm", "fp8", Layout(8, 1, 8, 1)),
        concurrency=64.0,
        kind="reported",
        basis="reported/x/#row-1",
    )
    load = Observed(
        option=option, isl=1024.0, osl=256.0, ttft=(2.0, 1.0, 3.0), tpot=(5.0, 4.0, 6.0),
        at={"ttft": {0.0: 2.0, 99.9: 7.0}, "tpot": {}},
    )  # fmt: skip
    answers = [[load], []]
    monkeypatch.setattr(ReportedLoads, "_read", lambda _own, _model: answers.pop(0))
    for _ in range(2):
        loads = ReportedLoads(SimpleNamespace(made_of="these rows"))
        assert list(loads.of_model("llama-3.1-8b")) == [load]
    other = ReportedLoads(SimpleNamespace(made_of="other rows"))
    assert list(other.of_model("llama-3.1-8b")) == []


def test_a_relative_cache_folder_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert user_folders.cache() == tmp_path / ".cache" / "fenmark"
