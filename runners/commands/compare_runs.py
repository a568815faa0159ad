"""`fenmark compare-runs`: a verdict for CI on two runs of the same machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["compare_runs"]


def compare_runs(
    base: Annotated[
        str, typer.Argument(help="Archive folder, summary.json, *.dsse.json, digest or URL.")
    ],
    head: Annotated[str, typer.Argument(help="The newer run, in any of the same forms.")],
    results: Annotated[
        list[Path] | None, typer.Option(help="Archives in which digests are looked up.")
    ] = None,
    min_change: Annotated[
        float, typer.Option(min=0.0, help="Smallest relative change worth a verdict.")
    ] = 0.03,
    markdown: Annotated[bool, typer.Option(help="A comment for a pull request.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Compare two runs, figure by figure, and exit 1 on a significant regression.

    Right answers are compared by kind and level; exit 1 where they are worse.

    Examples:

    fenmark compare-runs main/results out/results --markdown

    fenmark compare-runs 681bfac5ba2b 07a1d035bbf6 --results results/public

    fenmark compare-runs https://log.example.org/v1/submissions/DIGEST out/results
    """
    from dataclasses import asdict

    from rich.table import Table

    from results.agreement.comparison import compare
    from runners.ci import actions, regression
    from suites.base.errors import CheckError
    from suites.base.terminal import Terminal, print_json, print_whole

    archives = results or [Path("out/results"), Path("results/public")]
    before, after = (regression.load_side(side, archives) for side in (base, head))
    same = regression.same_hardware(before, after)
    changes, alone = compare(before.rows, after.rows, min_change=min_change, same_hardware=same)
    if not changes:
        raise CheckError(
            "share no measured figure with an interval",
            where=f"{base} and {head}",
            remedy="compare runs of the same suite and profile",
        )
    differing = regression.conditions(before, after)
    notes = [*differing, *alone]
    lost = regression.answers(before, after)
    if json_:
        told = {"changes": [asdict(item) for item in changes], "unmatched": alone}
        told |= {"answers": asdict(lost) if lost else None}
        print_json({**told, "conditions": differing})
    elif markdown:
        print_whole(regression.markdown(changes, notes, lost))
    else:
        table = Table("case", "metric", "base", "head", "ratio [95%]", "verdict", box=None)
        terminal = Terminal()
        for note in differing:
            terminal.say(f"! {note}")
        for item in changes:
            span = f"{item.ratio:.3f} [{item.low:.3f}, {item.high:.3f}]"
            values = (f"{item.base:.4g} {item.unit}", f"{item.head:.4g} {item.unit}")
            table.add_row(item.case, item.title, *values, span, item.verdict)
        terminal.show(table)
        if lost:
            terminal.say(regression.quality_line(lost))
        for note in alone:
            terminal.say(f"! {note}")
    actions.add_summary(regression.markdown(changes, notes, lost))
    if (lost and lost.verdict == "worse") or any(
        change.verdict == "regression" for change in changes
    ):
        raise typer.Exit(1)
