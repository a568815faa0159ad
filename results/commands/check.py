"""`fenmark check`: one file against the laws, without a log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from suites.base.labels import MOST_CHIPS

if TYPE_CHECKING:
    from results.archive.inspection import Inspected

__all__ = ["check"]

_LISTED = 50  # beyond it findings are counted by rule


def check(
    file: Annotated[
        Path,
        typer.Argument(help="*.dsse.json, a statement, *.reported.json, or a file `import` reads."),
    ],
    kind: Annotated[
        str | None, typer.Option(help="Of others' file: mlperf, vllm, …; else detected.")
    ] = None,
    chip: Annotated[
        str | None, typer.Option(help="Catalogue id, for files that do not say what they ran on.")
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_CHIPS, help="How many chips, where a file does not say."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Id, config.json, .gguf or .toml of a model whose name is unknown here."),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Check figures against the laws of queues, physics and datasheets; needs no log and no key.

    Exits 0 if all hold, 1 if one is flagged or refused, 2 if the file cannot be read. What could
    not be checked, because its model or chip is unknown to us, is listed.

    Example: fenmark check result.dsse.json --json
    """
    from datetime import UTC, datetime

    from results.archive.inspection import inspect
    from suites import models
    from suites.base.terminal import print_json

    own = models.load(model) if model else None
    inspected = inspect(file, kind=kind, chip=chip, count=count, model=own, clock=datetime.now(UTC))
    if json_:
        print_json({"file": str(file), **inspected.to_json()}, allow_nan=False)
    else:
        _print(inspected)
    raise typer.Exit(0 if inspected.clean else 1)


def _print(inspected: Inspected) -> None:
    from collections import Counter

    from suites.base.terminal import Terminal

    terminal = Terminal()
    told = inspected.to_json()
    signed = f", signature {inspected.signature}" if inspected.signature else ""
    terminal.say(f"{told['verdict']}  {inspected.kind}, {told['results']} results{signed}")
    for name, finding in inspected.findings[:_LISTED]:
        terminal.say(f"{finding.outcome}  {finding}", indent=2)
        terminal.say(f"{finding.formula}; {name}", indent=4)
    if len(inspected.findings) > _LISTED:
        counted = Counter(finding.rule for _, finding in inspected.findings)
        in_all = ", ".join(f"{n} {rule}" for rule, n in counted.most_common())
        terminal.say(f"in all: {in_all}", indent=2)
    for line in told["unchecked"]:
        terminal.say(line, indent=2)
    terminal.say(f"{told['held']} comparisons, {len(inspected.findings)} do not hold")
