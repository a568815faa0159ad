"""What is unchanged since the last build is not built again, and what may have changed is."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from leaderboard import BuildReport, build
from leaderboard.base import unread
from leaderboard.output import build as building
from leaderboard.output import last_build
from leaderboard.output.output_tree import Tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Site:
    """An archive, the site of it, and how often that was built: each file holds what it read."""

    def __init__(self, folder: Path) -> None:
        self.archive, self.out = folder / "results", folder / "site"
        self.times, self.lasts = 0, True
        for name in ("a.dsse.json", "log/entries", "samples/one.json"):
            path = self.archive / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)

    def build_all(self, tree: Tree, *_: object, **_more: object) -> tuple[BuildReport, bool]:
        self.times += 1
        for path in sorted(self.archive.rglob("*")):
            if path.is_file():
                tree.put(path.relative_to(self.archive).as_posix(), path.read_bytes())
        files = tree.finish()
        report = BuildReport(
            out=self.out, results=1, reported=0, chips=2, pages=3, files=files,
            written=len(tree.changed), refused=(("b", "is broken"),), left_out=(),
        )  # fmt: skip
        return report, self.lasts

    def build(self, **more: Any) -> BuildReport:
        return build([self.archive], self.out, **{"clock": NOON, **more})


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(unread, "SETTLING_S", -10)  # what was written just now is old
    package = tmp_path / "package"
    (package / "__pycache__").mkdir(parents=True)
    (package / "page.html").write_text("a")
    monkeypatch.setattr(last_build, "files", lambda _name: package)
    site = Site(tmp_path)
    monkeypatch.setattr(building, "build_all", site.build_all)
    return site


def test_what_stands_is_not_built_again_and_says_what_it_said(made: Site):
    first, second, third = made.build(), made.build(), made.build()
    assert made.times == 1
    assert first.written == first.files == 3
    assert second == third
    assert (second.written, second.files, second.results) == (0, 3, 1)
    assert second.refused == (("b", "is broken"),)


def _rewritten(site: Site) -> None:
    (site.archive / "log" / "entries").write_text("as long as ")


def _another_of_its_length_and_time(site: Site) -> None:
    path = site.archive / "a.dsse.json"
    lies = path.stat()
    (site.archive / "new").write_text("A.dsse.json")
    (site.archive / "new").replace(path)
    os.utime(path, ns=(lies.st_atime_ns, lies.st_mtime_ns))


CHANGES: dict[str, Callable[[Site], object]] = {
    "a file is new": lambda site: (site.archive / "b.dsse.json").touch(),
    "a folder is new": lambda site: (site.archive / "runners").mkdir(),
    "one is gone": lambda site: (site.archive / "samples" / "one.json").unlink(),
    "one was rewritten": _rewritten,
    "one was replaced by its like": _another_of_its_length_and_time,
    "a page is gone": lambda site: (site.out / "a.dsse.json").unlink(),
    "the list of the site is another": lambda site: (site.out / ".fenmark-site.json").write_text(
        '{"a.dsse.json": ["aa"]}'
    ),
    "a view of the past stands below": lambda site: Tree.open(site.out / "as-of" / "2026-11-20"),
    "a link leads elsewhere": lambda site: (site.archive / "link").symlink_to(site.out),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_built(made: Site, change: Callable[[Site], object]):
    made.build()
    change(made)
    made.build()
    assert made.times == 2


@pytest.mark.parametrize(
    "more",
    [
        {"base_url": "https://example.org"},
        {"clock": datetime(2026, 11, 25, 11, tzinfo=UTC)},
    ],
    ids=str,
)
def test_what_is_asked_otherwise_is_built(made: Site, more: dict[str, Any]):
    made.build()
    made.build(**more)
    assert made.times == 2


def test_a_later_clock_asks_again_only_where_a_run_lay_ahead_of_the_first(made: Site):
    later = datetime(2026, 11, 26, tzinfo=UTC)
    made.build()
    made.build(clock=later)
    assert made.times == 1
    (made.archive / "b.dsse.json").touch()
    made.lasts = False
    made.build()
    made.build(clock=later)
    assert made.times == 3


def test_another_price_sheet_and_one_that_changed_are_built(made: Site, tmp_path: Path):
    sheet = tmp_path / "prices.toml"
    sheet.write_text("a")
    made.build()
    made.build(price_sheet=sheet)
    made.build(price_sheet=sheet)
    assert made.times == 2
    sheet.write_text("b")
    made.build(price_sheet=sheet)
    assert made.times == 3
    # A price of one's own that bears no date is of today.
    made.build(price_sheet=sheet, clock=datetime(2026, 11, 26, tzinfo=UTC))
    assert made.times == 4


def test_other_code_builds_again(made: Site, tmp_path: Path):
    made.build()
    (tmp_path / "package" / "__pycache__" / "compiled.pyc").touch()
    made.build()
    assert made.times == 1
    (tmp_path / "package" / "page.html").write_text("b")
    made.build()
    assert made.times == 2


def test_what_changed_just_now_is_not_taken_for_settled(
    made: Site, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(unread, "SETTLING_S", 1000)
    made.build()
    made.build()
    assert made.times == 2


def test_a_build_that_was_interrupted_vouches_for_nothing(
    made: Site, monkeypatch: pytest.MonkeyPatch
):
    made.build()
    entries = made.archive / "log" / "entries"
    before = entries.read_text()
    entries.write_text("other")
    with monkeypatch.context() as patch:
        patch.setattr(Tree, "finish", lambda _tree: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            made.build()
    assert (made.out / "log" / "entries").read_text() == "other"
    entries.write_text(before)
    (made.archive / "samples" / "one.json").unlink()
    made.build()
    assert (made.out / "log" / "entries").read_text() == before
    assert not (made.out / "samples" / "one.json").exists()
