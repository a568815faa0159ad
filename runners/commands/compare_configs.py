"""`fenmark compare-configs`: two configurations on this machine, in turns."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["compare_configs"]


def compare_configs(
    a: Annotated[Path, typer.Argument(metavar="A.toml", help="First configuration.")],
    b: Annotated[Path, typer.Argument(metavar="B.toml", help="Second configuration.")],
    suite: Annotated[str, typer.Option(help="kernels, inference or serving.")] = "kernels",
    profile: Annotated[str, typer.Option(help="quick, standard or full.")] = "quick",
    pairs: Annotated[int, typer.Option(min=2, help="Processes of each, taken in turns.")] = 4,
    json_: Annotated[bool, typer.Option("--json", help="Ratios on stdout.")] = False,
) -> None:
    """Measure two configurations in turns (A B B A) and print A over B with its 95% interval.

    A configuration is a TOML file: options = { backend = ["numpy"], case = "gemm*" }, and where
    needed environment = {…}, python = "…" or prefix = ["podman", "run", "-i", …].

    Example: fenmark compare-configs bare.toml container.toml --suite kernels --pairs 6
    """
    from rich.table import Table

    from runners.measure.ab import measure, read
    from suites.base.terminal import Terminal, print_json

    sides = read(a), read(b)
    progress = Terminal(stderr=True)
    ratios = measure(
        sides,
        suite,
        profile,
        pairs,
        lambda turn, total, name: progress.say(f"{turn + 1} of {total}: {name}"),
    )
    if json_:
        print_json([ratio.to_json() for ratio in ratios])
        return
    table = Table("case", "metric", "A / B", "95% interval", "verdict", box=None)
    for ratio in ratios:
        value = ratio.ratio
        bounds = f"{value.low:.3f} to {value.high:.3f}" if value.low and value.high else "none"
        table.add_row(ratio.case, ratio.metric, f"{value.value:.3f}", bounds, ratio.verdict)
    terminal = Terminal(piped=112)
    terminal.say(f"A = {sides[0].name}, B = {sides[1].name}; {pairs} pairs of fresh processes")
    terminal.show(table)
    terminal.say(f"By chance alone about {len(ratios) / 20:.0f} of {len(ratios)} intervals miss 1.")
