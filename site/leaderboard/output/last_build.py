"""Build a site, unless nothing that it is made of has changed since it was built: then it stands.

That is asked of the disk, not of the files: a build with nothing new reads none of them, and loads
little of this program.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Self

from leaderboard.base import kept
from leaderboard.base.unread import as_they_lie
from leaderboard.output.build_report import BuildReport
from leaderboard.output.output_tree import Tree, built_below
from leaderboard.pages import past
from suites.base import user_folders
from suites.base.errors import UserError
from suites.base.garbage import rarely

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from results.archive.past import Moment
    from results.proof.cosignature import Policy

__all__ = ["build"]


@rarely()  # looking for garbage was a fifth of a build
def build(
    results: Sequence[Path],
    out: Path,
    base_url: str | None = None,
    others: Sequence[Path] = (),
    policy: Policy | None = None,
    *,
    price_sheet: Path | None = None,
    moment: Moment | None = None,
    clock: datetime | None = None,
) -> BuildReport:
    """Build the site from archives into `out`, making and touching only what changes.

    Args:
        results: folders with `*.dsse.json`, `log/` and `runners/`.
        base_url: where the site will stand, for canonical links and citations; None leaves
            them out.
        others: further folders with `*.reported.json`.
        policy: witnesses that must have cosigned each archive's log.
        price_sheet: what every cost is computed with; without it our newest.
        moment: builds the board as it was then, at the prices of that day, from logs alone.
        clock: of the reader, UTC, which no run lies ahead of; by default this machine's.

    Raises:
        UserError: a folder is missing, the price sheet does not fit, a log never had so many
            entries, or `out` holds an archive or files no build wrote.
        CheckError: the documents cannot be rendered.
    """
    for folder in (*results, *others):
        _apart(out.resolve(), folder.resolve())
    if moment and moment.size and len(results) > 1:
        raise UserError(
            "counts the entries of one log", where="--as-of", expected="a day, or one --results"
        )
    now = clock or datetime.now(UTC)
    tree = Tree.open(out)
    asked = [base_url, [str(folder.resolve()) for folder in others], repr(policy), repr(moment)]
    read = [*results, *others]
    if price_sheet:  # a price of one's own that bears no date is of today
        read.append(price_sheet)
        asked.append(now.date().isoformat())
    last = _LastBuild.of(tree, read, asked)
    if report := last.report(tree, now):
        return report
    last.forget()
    from leaderboard.output.build import build_all

    report, lasts = build_all(
        tree, results, base_url, others, policy, price_sheet=price_sheet, moment=moment, clock=now
    )
    if lasts:
        last.keep(tree, now, report)
    return report


def _apart(out: Path, archive: Path) -> None:
    """Refuse to build where results lie.

    Raises:
        UserError: one folder is in the other's way.
    """
    inside = (archive / part for part in ("log", "runners", "samples", "submissions"))
    if out == archive or out in archive.parents or any(map(out.is_relative_to, inside)):
        raise UserError(
            "would be built into an archive" if out.is_relative_to(archive) else "holds an archive",
            where=str(out),
            expected="a folder apart from results",
            remedy="name another with --out",
        )


@dataclass(frozen=True, slots=True)
class _LastBuild:
    """What the last build of a folder was made of, and said; nothing while one is under way.

    Attributes:
        made_of: identifies all that this build will read; "" where that cannot be told.
    """

    path: Path
    made_of: str

    @classmethod
    def of(cls, tree: Tree, read: Iterable[Path], asked: object) -> Self:
        name = hashlib.sha256(str(tree.root.resolve()).encode()).hexdigest()[:16]
        packages = (Path(str(files(room))) for room in ("suites", "results", "leaderboard"))
        lies = as_they_lie([*packages, *read], but=tree.root)
        past_views = sorted(built_below(tree.root / past.FOLDER))
        told = f"{lies} {asked} {past_views} {sys.version} {_installed()}"
        made_of = hashlib.sha256(told.encode()).hexdigest() if lies else ""
        return cls(user_folders.cache() / f"built-{name}.json", made_of)

    def report(self, tree: Tree, now: datetime) -> BuildReport | None:
        """Return what the last build said, if this one would say the same."""
        told = json.loads(kept.load(self.path) or b"{}")
        same = self.made_of and told.get("made_of") == self.made_of
        # What no clock had against it then, none has later.
        later = same and datetime.fromisoformat(told["clock"]) <= now
        if not later or tree.standing != told["tree"]:
            return None
        report = told["report"]
        lists = {name: tuple(map(tuple, report[name])) for name in ("refused", "left_out")}
        return BuildReport(**report | lists | {"out": tree.root})

    def forget(self) -> None:
        """Let a build that is interrupted leave nothing to go by."""
        self.path.unlink(missing_ok=True)

    def keep(self, tree: Tree, clock: datetime, report: BuildReport) -> None:
        """Note what a build said, for the next."""
        if not self.made_of:
            return
        told = {
            "made_of": self.made_of,
            "clock": clock.isoformat(),
            "tree": tree.standing,
            "report": asdict(replace(report, written=0)),
        }
        kept.store(self.path, json.dumps(told, default=str).encode())


def _installed() -> list[str]:
    """Name every library and its version, as the folders beside them do."""
    return sorted(
        path.name
        for folder in map(Path, sys.path)
        if folder.is_dir()
        for path in folder.glob("*.dist-info")
    )
