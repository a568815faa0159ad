"""`fenmark show`: a signed result as the table its run ended with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from results.economy.money_options import with_money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from results.archive.archive import OpenedResult
    from results.economy.own_prices import Money
    from results.proof.moderation import ResultState
    from suites.base.errors import UserError

__all__ = ["show"]

# Wide enough for a row of the tables without a break.
_TABLE_COLUMNS = 112


@with_money
def show(
    path: Annotated[Path, typer.Argument(help="A *.dsse.json, or an archive folder of them.")],
    svg: Annotated[Path | None, typer.Option(help="Draw the table into this file too.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="The statements, on stdout.")] = False,
    **given: Any,
) -> None:
    """Show verified results: speed, energy and what a million tokens cost.

    Exits 1 if one does not verify, or a key file is broken; the others are shown all the same.

    Example: fenmark show results/public
    """
    from results.archive import archive
    from results.economy.money_options import money_of
    from suites.base.errors import CheckError, UserError
    from suites.base.terminal import complain, print_json

    money = money_of(given)
    broken: list[UserError] = []
    if path.is_dir():
        files = archive.envelopes(path)
        opened = list(archive.open_each(files, broken.append))
        broken += archive.broken_keys(path)
    else:
        files = [path]
        opened = [archive.open_result(path)]
    if not files:
        raise UserError("holds no result", where=str(path), expected="*.dsse.json")
    if json_:
        print_json([item.statement.to_json() for item in opened])
    else:
        home = path if path.is_dir() else archive.home_of(path)
        _print(opened, svg, money, archive.moderated(home))
    for error in broken:
        complain(f"fenmark: {error}")
    if broken:
        raise CheckError(f"left out broken files: {len(broken)}", where=str(path))


def _print(
    results: list[OpenedResult],
    svg: Path | None,
    money: Money,
    moderated: Mapping[str, ResultState],
) -> None:
    from results.checks import Context, judge
    from runners.measure.report import ask_for_price, print_findings, print_result
    from suites.base.terminal import Terminal, styled

    width = _TABLE_COLUMNS if svg else None
    terminal = Terminal(record=svg is not None, width=width, piped=_TABLE_COLUMNS)
    asked = False
    for result in results:
        asked |= print_result(result.predicate, terminal, money)
        print_findings(judge(result.statement, Context(evidence=result.evidence)), terminal)
        told = moderated[result.digest].speaking if result.digest in moderated else None
        for line in told.lines() if told else ():
            terminal.say(styled("notice", "yellow"), f" {line}", indent=2)
    if asked:
        ask_for_price(terminal)
    if svg:
        terminal.save_svg(str(svg), title="fenmark")
