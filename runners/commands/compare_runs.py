"""`fenmark compare-runs`: a verdict for CI on two runs of the same machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["compare_runs"]


def compare_runs(
    base: Annotated[Path, typer.Argument(help="Archive folder, summary.json or *.dsse.json.")],
    head: Annotated[Path, typer.Argument(help="The newer run, in any of the same forms.")],
    min_change: Annotated[
        float, typer.Option(min=0.0, help="Smallest relative change worth a verdict.")
    ] = 0.03,
    markdown: Annotated[bool, typer.Option(help="A table for a pull request.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Compare two runs, figure by figure, and exit 1 on a significant regression.

    Example: fenmark compare-runs main/results out/results --markdown
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from runners import regression

    changes, alone = regression.compare(
        regression.load_rows(base), regression.load_rows(head), min_change=min_change
    )
    if json_:
        print(json.dumps({"changes": [asdict(item) for item in changes], "unmatched": alone}))
    elif markdown:
        print(regression.markdown(changes, alone))
    else:
        table = Table("case", "metric", "base", "head", "ratio \\[95%]", "verdict", box=None)
        for item in changes:
            span = f"{item.ratio:.3f} \\[{item.low:.3f}, {item.high:.3f}]"
            values = (f"{item.base:.4g} {item.unit}", f"{item.head:.4g} {item.unit}")
            table.add_row(item.case, item.metric, *values, span, item.verdict)
        Console().print(table, *alone, sep="\n")
    if any(item.verdict == "regression" for item in changes):
        raise typer.Exit(1)
