"""`fenmark verify`: every signature and the whole log, offline."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress, TaskID

    from results.archive import verification

__all__ = ["verify"]

_LISTED = 200  # beyond it only what has problems, or a notice about it, is listed


def verify(
    paths: Annotated[list[Path], typer.Argument(help="Archive folders or *.dsse.json files.")],
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="A checkpoint of the same log seen earlier, which it must extend."),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="TOML file of the witnesses that must have cosigned.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Check signatures, log, checkpoint and figures of archives or results; never goes online.

    Exits 1 if anything does not verify, a law refuses a figure or a key file is broken; flags are
    shown. A single file without a log beside it has null for its inclusion. With --checkpoint a log
    that was rolled back or forked since fails. Two archives with one log's name must hold one log.

    Example: fenmark verify out/results --checkpoint checkpoint-seen-last-week
    """
    from datetime import UTC, datetime

    from results.archive import archive, verification
    from results.proof.cosignature import read_policy
    from suites.base.terminal import complain

    witnesses = read_policy(policy) if policy else None
    now = datetime.now(UTC)
    verdicts: list[verification.Verdict] = []
    for path in paths:
        with _bar(shown=not json_) as tell:
            verdicts += verification.verify(path, checkpoint, witnesses, clock=now, tell=tell)
    homes = [path if path.is_dir() else archive.home_of(path) for path in paths]
    errors = (error for home in homes for error in archive.broken_keys(home))
    broken = list(dict.fromkeys(map(str, errors)))
    forks = list(verification.forks(paths))
    ok = not (broken or forks or any(verdict.problems for verdict in verdicts))
    if json_:
        _print_json(verdicts, broken, ok=ok)
    else:
        _print(verdicts)
        _print_broken(broken)
    for fork in forks:
        complain(f"fenmark: {fork}")
    raise typer.Exit(0 if ok else 1)


@contextmanager
def _bar(*, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how far it is, and nothing in a pipe."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from suites.base.terminal import Terminal

    terminal = Terminal()
    with Progress(
        "{task.description}",
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=terminal,
        transient=True,
        disable=not (shown and terminal.is_terminal),
    ) as progress:
        task = progress.add_task("reading the log", total=None)
        yield partial(_advance, progress, task)


def _advance(progress: Progress, task: TaskID, done: int, total: int) -> None:
    progress.update(task, description="verifying", completed=done, total=total)


def _print_json(verdicts: list[verification.Verdict], broken: list[str], *, ok: bool) -> None:
    """One verdict a line, so that neither side must hold all of them as one text."""
    import sys

    from suites.base.printable import as_json

    head = f'{{"ok": {as_json(ok)}, "broken_key_files": {as_json(broken)}, "results": ['
    sys.stdout.write(f"{head}\n")
    for at, verdict in enumerate(verdicts, 1):
        sys.stdout.write(as_json(verdict.to_json()) + (",\n" if at < len(verdicts) else "\n"))
    refused = [verdict.digest for verdict in verdicts if verdict.refused]
    sys.stdout.write(f'], "refused": {as_json(refused)}}}\n')


def _tier(verdict: verification.Verdict) -> str:
    """Say also where its key is registered, and on whose machine a workflow ran."""
    place = verdict.claims.get("runner_environment")
    notes = [f"by the {verdict.registered_by}"] if verdict.registered_by else []
    notes += [f"{place} runner"] if place else []
    noted = f" ({', '.join(notes)})" if notes else ""
    return f"{verdict.tier or 'not signed'}{noted}"


def _print_broken(broken: list[str]) -> None:
    from suites.base.terminal import Terminal

    terminal = Terminal()
    for line in broken:
        terminal.say(f"broken key file: {line}")
    if broken:
        terminal.say(f"{len(broken)} broken key file{'s' if len(broken) > 1 else ''}")


def _notes(verdict: verification.Verdict) -> Iterator[str]:
    """Yield what there is to say of a verdict beside its tier and flags."""
    if verdict.tier_reason:
        yield f"{verdict.tier}: {verdict.tier_reason}"
    if verdict.objections:
        yield f"repeats {(verdict.reproduces or '')[:16]}…, and does not confirm it:"
    yield from (f"- {objection}" for objection in verdict.objections)
    if told := verdict.moderation.speaking:
        yield from told.lines()
    yield from verdict.problems
    # Of other laws, what could not be held is the same for every reader: `check` says it.
    yield from (line for line in verdict.unchecked if line.startswith("samples:"))


def _print(verdicts: list[verification.Verdict]) -> None:
    from suites.base.terminal import Terminal, styled

    terminal = Terminal()
    listed = len(verdicts) <= _LISTED
    for verdict in verdicts:
        good = not verdict.problems
        if good and not listed and not verdict.moderation.speaking:
            continue
        mark = styled("ok", "green") if good else styled("no", "red")
        logged = {True: "in the log", False: "not in the log", None: "no log beside it"}
        gone = verdict.moderation.removed and not verdict.signature and good
        how = f"{'removed' if gone else _tier(verdict)}, {logged[verdict.inclusion]}"
        if verdict.confirmed_by:
            how += f", reproduced by {', '.join(digest[:16] for digest in verdict.confirmed_by)}"
        terminal.say(mark, f"  {verdict.digest[:16]}…  {how}")
        for line in _notes(verdict):
            terminal.say(line, indent=4)
        for finding in verdict.findings:
            if finding.outcome == "flagged":
                terminal.say(styled("flag", "yellow"), f" {finding}", indent=4)
    bad = sum(bool(verdict.problems) for verdict in verdicts)
    flagged = sum(bool(verdict.flags) for verdict in verdicts)
    terminal.say(f"{len(verdicts)} results, {bad} with problems, {flagged} flagged")
