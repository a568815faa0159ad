"""`fenmark doctor`: what this machine can measure, what not, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["doctor"]

_MARKS = {
    "ok": ("✓", "green"),
    "note": ("•", "blue"),
    "warn": ("!", "yellow"),
    "missing": ("✗", "red"),
}


def doctor(
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
    out: Annotated[Path, typer.Option(help="Where results would go.")] = Path("out/results"),
) -> None:
    """Say what this machine can and cannot measure, and why.

    Example: fenmark doctor --json
    """
    from dataclasses import asdict

    from rich.table import Table

    from runners.machine import machine
    from runners.measure.doctor import examine
    from runners.measure.subject import chip_under_test
    from runners.options.options import RunOptions
    from suites.base.terminal import Terminal, print_json, styled

    findings = examine(out)
    if json_:
        described = machine.describe(chip_under_test(RunOptions())).model_dump(mode="json")
        print_json({"machine": described, "findings": [asdict(item) for item in findings]})
        return
    table = Table(title="This machine", box=None, title_justify="left", pad_edge=False)
    for column in ("", "what", "found"):
        table.add_column(column, overflow="fold")
    for item in findings:
        table.add_row(styled(*_MARKS[item.status]), item.subject, item.says)
        if item.remedy:
            table.add_row("", "", styled(item.remedy, "dim"))
    Terminal().show(table)
