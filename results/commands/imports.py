"""`fenmark import`: others' published results, as reported ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from results.reported import ReportedFile

__all__ = ["import_"]

_LISTED = 20  # models we do not know, most results first


def import_(
    kind: Annotated[
        str,
        typer.Argument(
            help="mlperf, inferencex, mlenergy, flagperf, aiconfigurator, llama-bench, vllm, "
            "guidellm or aiperf."
        ),
    ],
    files: Annotated[list[Path], typer.Argument(help="Files as published.")],
    out: Annotated[Path, typer.Option(help="Folder for the reported results.")],
    chip: Annotated[
        str | None, typer.Option(help="Catalogue id, for files that do not say what they ran on.")
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="How many chips, where a file does not say.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Read others' published results; every row is imported, folded into its twin, or refused.

    What physics or a datasheet speaks against is imported all the same, and said.

    Example: fenmark import vllm bench.json --out reported --chip h100-sxm --count 8
    """
    from results.reported import import_file
    from suites.base.files import write_atomically
    from suites.base.terminal import Terminal, print_json

    imported = [import_file(kind, path, chip=chip, count=count) for path in files]
    out.mkdir(parents=True, exist_ok=True)
    for found in imported:
        path = out / f"{kind}-{found.source.file_sha256[:16]}.reported.json"
        write_atomically(path, found.model_dump_json().encode())
    totals = _totals(imported)
    if json_:
        print_json(totals)
        return
    terminal = Terminal(stderr=True)
    terminal.say(
        f"{totals['rows']} rows: {totals['imported']} imported, {totals['folded']} folded, "
        f"{totals['refused']} refused; all are reported, none is measured by Fenmark"
    )
    for reason, rows in totals["reasons"].items():
        terminal.say(f"{rows} refused: {reason}", indent=2)
    terminal.say(
        f"{totals['held']} held against a datasheet or their own figures, "
        f"{totals['flagged']} flagged"
    )
    for line, results in totals["unchecked"].items():
        terminal.say(f"{results} results: {line}", indent=2)
    for finding in totals["findings"]:
        terminal.say(f"{finding['rule']}: {finding['where']} {finding['reason']}", indent=2)


def _totals(imported: list[ReportedFile]) -> dict[str, Any]:
    from collections import Counter

    from results.checks import judge_reported

    judged = [judge_reported(result) for found in imported for result in found.results]
    reasons = Counter(refusal.reason for found in imported for refusal in found.refused)
    return {
        "rows": sum(found.rows for found in imported),
        "imported": sum(len(found.results) for found in imported),
        "folded": sum(len(found.folded) for found in imported),
        "refused": sum(len(found.refused) for found in imported),
        "reasons": dict(reasons.most_common()),
        "held": sum(one.held > 0 for one in judged),
        "flagged": sum(bool(one.findings) for one in judged),
        "unchecked": dict(
            Counter(line for one in judged for line in one.unchecked).most_common(_LISTED)
        ),
        "findings": [finding.to_json() for one in judged for finding in one.findings],
    }
