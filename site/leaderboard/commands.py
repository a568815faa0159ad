"""`fenmark site`: build the leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from results.proof.cosignature import Policy

__all__ = ["site"]

_LISTED = 20  # lines of a kind; one stranger may have sent thousands


def site(
    results: Annotated[
        list[Path], typer.Option(help="Archive with signed results; may be given again.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to build into.")],
    reported: Annotated[
        list[Path] | None,
        typer.Option(help="Folder that `fenmark import` wrote; may be given again."),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="TOML file of the witnesses that must have cosigned.")
    ] = None,
    no_reported: Annotated[
        bool,
        typer.Option(
            "--no-reported",
            envvar="FENMARK_NO_REPORTED",
            help="Leave out others' results that ship with Fenmark.",
        ),
    ] = False,
    price_sheet: Annotated[
        Path | None,
        typer.Option(help="Your own price sheet instead of the newest of the catalogue."),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Address the site will have, for canonical links.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="Build the board as it was at the end of this day (2026-11-28, UTC), or when its"
            " log had this many entries."
        ),
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Show it on this machine.")] = False,
    port: Annotated[int, typer.Option(help="Port of --serve; 0 takes a free one.")] = 8000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Build the static leaderboard from archives of signed results.

    What is broken (an envelope, a key file, a log) is named and not shown; the rest is built, and
    the exit is 1. Files that are not part of an archive are named and left out. Others' results
    that ship with Fenmark stand in pages of their own.

    With --as-of what the log entered later does not act, and every page says that it is a view of
    the past; what others published has no place in the log and is left out.

    Example: fenmark site --results out/results --out out/site --serve
    """
    from dataclasses import asdict

    from leaderboard import build
    from results.archive.past import Moment
    from results.reported.shipping import DATA
    from suites.base.errors import UserError
    from suites.base.terminal import Terminal, print_json, styled

    others = [*(() if no_reported else (DATA,)), *(reported or ())]
    witnesses = _witnesses(policy) if policy else None
    moment = Moment.read(as_of) if as_of else None
    if moment and reported:
        raise UserError(
            "what others published has no place in the log",
            where="--reported",
            expected="no --as-of beside it",
        )
    report = build(
        results, out, base_url, others, witnesses, price_sheet=price_sheet, moment=moment
    )
    if as_json:
        print_json(asdict(report), default=str)
    else:
        terminal = Terminal()
        then = f" as of {as_of}" if as_of else ""
        terminal.say(
            f"site{then}: {report.results} results, {report.chips} chips, {report.pages} pages,"
            f" {report.written} of {report.files} files changed"
        )
        if report.reported:
            terminal.say(f"  {report.reported} results of others, in reported/")
        for about, lines in (("not shown", report.refused), ("left out", report.left_out)):
            for file, why in lines[:_LISTED]:
                terminal.say(styled(f"{about}: {file}, {why}", "yellow"), indent=2)
            if lines[_LISTED:]:
                more = f"{about}: {len(lines)} in all; --json names each"
                terminal.say(styled(more, "yellow"), indent=2)
        terminal.say(f"  {out / 'index.html'}", whole=True)
        if not serve:
            look = f"  to look at it: python3 -m http.server -d {out} 8000"
            terminal.say(look, whole=True)
    if serve:
        from leaderboard.output.preview import preview

        preview(out, port)
    if report.refused:
        raise typer.Exit(1)


def _witnesses(policy: Path) -> Policy:
    """Read who must have cosigned; few builds ask, and all of it takes its time to load."""
    from results.proof.cosignature import read_policy

    return read_policy(policy)
