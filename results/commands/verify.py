"""`fenmark verify`: every signature and the whole log, offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from results import verification

__all__ = ["verify"]

_LISTED = 200  # beyond it only what has problems is listed


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
    """Check signatures, log and checkpoint of archives or single results; never goes online.

    Exits 1 if anything does not verify. A single file without a log beside it is judged by its
    signature alone, and its inclusion is given as null. With --checkpoint a log that was rolled
    back or forked since is found out. Two archives with one log's name must hold one log.

    Example: fenmark verify out/results --checkpoint checkpoint-seen-last-week
    """
    from results import verification
    from results.cosignature import read_policy

    witnesses = read_policy(policy) if policy else None
    verdicts = [
        verdict for path in paths for verdict in verification.verify(path, checkpoint, witnesses)
    ]
    forks = list(verification.forks(paths))
    ok = not forks and not any(verdict.problems for verdict in verdicts)
    if json_:
        _print_json(verdicts, ok=ok)
    else:
        _print(verdicts)
    for fork in forks:
        typer.echo(f"fenmark: {fork}", err=True)
    raise typer.Exit(0 if ok else 1)


def _print_json(verdicts: list[verification.Verdict], *, ok: bool) -> None:
    """One verdict a line, so that neither side must hold all of them as one text."""
    import json

    print(f'{{"ok": {json.dumps(ok)}, "results": [')
    for at, verdict in enumerate(verdicts, 1):
        print(json.dumps(verdict.to_json()) + ("," if at < len(verdicts) else ""))
    print("]}")


def _tier(verdict: verification.Verdict) -> str:
    """Say also where its key is registered, and on whose machine a workflow ran."""
    place = verdict.claims.get("runner_environment")
    notes = [f"by the {verdict.registered_by}"] if verdict.registered_by else []
    notes += [f"{place} runner"] if place else []
    said = f" ({', '.join(notes)})" if notes else ""
    return f"{verdict.tier or 'not signed'}{said}"


def _print(verdicts: list[verification.Verdict]) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    listed = len(verdicts) <= _LISTED
    for verdict in verdicts:
        good = not verdict.problems
        if good and not listed:
            continue
        mark = "[green]ok[/]" if good else "[red]no[/]"
        logged = {True: "in the log", False: "not in the log", None: "no log beside it"}
        how = f"{_tier(verdict)}, {logged[verdict.inclusion]}"
        if verdict.confirmed_by:
            how += f", reproduced by {', '.join(one[:16] for one in verdict.confirmed_by)}"
        console.print(f"{mark}  {verdict.digest[:16]}…  {how}", soft_wrap=True)
        if verdict.tier_reason:
            console.print(f"    {verdict.tier}: {escape(verdict.tier_reason)}", soft_wrap=True)
        if verdict.objections:
            of = (verdict.reproduces or "")[:16]
            console.print(f"    repeats {of}…, and does not confirm it:", soft_wrap=True)
        for objection in verdict.objections:
            console.print(f"    - {escape(objection)}", soft_wrap=True)
        for problem in verdict.problems:
            console.print(f"    {escape(problem)}", soft_wrap=True)
        for flag in verdict.flags:
            told = escape(f"{flag.rule}: {flag.where} {flag.reason}")
            console.print(f"    [yellow]flag[/] {told}", soft_wrap=True)
    bad = sum(bool(verdict.problems) for verdict in verdicts)
    flagged = sum(bool(verdict.flags) for verdict in verdicts)
    console.print(f"{len(verdicts)} results, {bad} with problems, {flagged} flagged")
