"""`fenmark reproduce`: repeat a published result here, and say whether its figures hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from runners.submit.reproduce import Reproduction
    from suites.base.terminal import Terminal

__all__ = ["reproduce"]


def reproduce(
    digest: Annotated[str, typer.Argument(help="Of the result, or the beginning of it.")],
    results: Annotated[Path, typer.Option(help="Archive that holds the result.")] = Path(
        "results/public"
    ),
    out: Annotated[Path, typer.Option(help="Archive the new result is added to.")] = Path(
        "out/results"
    ),
    to: Annotated[str | None, typer.Option(help="Submission API that gets the new result.")] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Server to measure, where the first run had one.")
    ] = None,
    api_key_env: Annotated[
        str | None, typer.Option(help="Variable that holds its API key.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="The weight file, where the first run had real weights.")
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="The tokenizer.json, where the first run had one.")
    ] = None,
    allow_engine_flags: Annotated[
        bool, typer.Option(help="Give the engine the flags that the first run states.")
    ] = False,
    force: Annotated[
        bool, typer.Option(help="Run although chip or versions differ; confirms nothing.")
    ] = False,
    resume: Annotated[bool, typer.Option(help="Go on with an interrupted repetition.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Repeat a result with its own options and seed, sign the new one, compare each figure.

    The first result's figures are computed again from the raw samples beside it, where they lie
    there: one that they do not give is refused, and nothing is run.

    The statement is a stranger's: an option in it that names a file, a program, an address or a
    secret is refused, and engine flags are shown and need your --allow-engine-flags.

    Exits 1 unless the figures agree: none may differ by more than 5% beyond both runs' noise,
    and most must be sharp enough to say so. With --to the run is measured for that log's challenge;
    the first result is then "reproduced" if both keys are registered, to two owners, the
    hardware is another, and the log held the first when the challenge was issued.

    Example: fenmark reproduce 07a1d035bbf6 --results results/public --to https://log.example.org
    """
    from results.archive import archive
    from runners.ci.regression import find
    from runners.submit.reproduce import reproduce as repeat
    from runners.submit.submit import connect
    from suites.base.terminal import Terminal, print_json

    first = archive.open_result(find(digest, [results]))
    terminal = Terminal(stderr=True)
    challenge = None
    if to:
        with connect(to) as log:
            challenge = log.challenge_or_none(terminal)
    reproduction = repeat(
        first,
        out,
        force=force,
        resume=resume,
        terminal=terminal,
        flags_allowed=allow_engine_flags,
        challenge=challenge,
        endpoint=endpoint,
        api_key_env=api_key_env,
        weights=weights and str(weights.absolute()),
        tokenizer=tokenizer and str(tokenizer.absolute()),
    )
    if json_:
        print_json(reproduction.to_json())
    else:
        _print(reproduction, out, Terminal(piped=112))
    if to:
        with connect(to) as log:
            accepted = log.submit(out / f"{reproduction.outcome.digest}{archive.SUFFIX}")
            accepted.tell(Terminal(stderr=True))
    raise typer.Exit(0 if reproduction.agrees else 1)


def _print(reproduction: Reproduction, out: Path, terminal: Terminal) -> None:
    from rich.table import Table

    table = Table("case", "metric", "there", "here", "ratio [95%]", "", box=None)
    for figure in reproduction.agreement.figures:
        change = figure.change
        span = f"{change.ratio:.3f} [{change.low:.3f}, {change.high:.3f}]"
        values = (f"{change.base:.4g} {change.unit}", f"{change.head:.4g} {change.unit}")
        table.add_row(change.case, change.metric, *values, span, figure.verdict)
    terminal.show(table)
    for line in (*map(str, reproduction.differences), *reproduction.agreement.missing):
        terminal.say(f"! {line}")
    for line in (
        _verdict(reproduction),
        f"repeats  {reproduction.first}",
        f"signed   {out / reproduction.outcome.digest}.dsse.json",
    ):
        terminal.say(line, whole=True)


def _verdict(reproduction: Reproduction) -> str:
    counts = {
        verdict: reproduction.agreement.count(verdict)
        for verdict in ("agrees", "differs", "undecided")
    }
    counted = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    if not reproduction.agrees:
        how = "not reproduced" if counts["differs"] else "not decided"
        return f"verdict  {how} ({counted})"
    if reproduction.hindrances:
        why = "; ".join(reproduction.hindrances)
        return f"verdict  agrees ({counted}), but confirms nothing: {why}"
    return f"verdict  agrees ({counted}); whether it confirms is for the log to show"
