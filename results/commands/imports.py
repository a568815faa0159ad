"""`fenmark import`: others' published results, as reported ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from suites.base.labels import MOST_CHIPS

if TYPE_CHECKING:
    from results.reported import ReportedFile
    from suites.base.errors import UserError
    from suites.base.terminal import Terminal

__all__ = ["counts", "import_", "say_counts", "unread"]

_LISTED = 20  # models we do not know, most results first
_ROWS = 5  # numbers of refused rows that stand beside a reason


def import_(
    files: Annotated[list[Path], typer.Argument(help="Files as published.")],
    out: Annotated[Path, typer.Option(help="Folder for the reported results.")],
    kind: Annotated[
        str | None,
        typer.Option(help="Reader, such as vllm or mlperf; else each file is recognised."),
    ] = None,
    chip: Annotated[
        str | None,
        typer.Option(help="What it ran on, by `fenmark chips`, in place of what the file says."),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_CHIPS, help="How many chips, in place of what the file says."),
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Machine-readable, on stdout: a list, one entry a file.")
    ] = False,
) -> None:
    """Read others' published results; every row is imported, folded into its twin, or refused.

    A row that physics or a datasheet contradicts is imported with a note. Exits 1 if no
    row of a file is accepted, 2 if a file cannot be read.

    Example: fenmark import bench.json --out reported --chip h100-sxm --count 8
    """
    from results.reported import import_file
    from suites.base.errors import UserError
    from suites.base.terminal import Terminal, complain, print_json

    told: list[dict[str, Any]] = []
    broken = 0
    for path in files:
        try:
            imported = import_file(kind, path, chip=chip, count=count)
        except UserError as error:
            if len(files) == 1:
                raise
            complain(f"fenmark: {error}")
            told.append(unread(path, error))
            broken += 1
            continue
        told.append(_summary(path, imported) | {"written": _write(imported, out)})
    if json_:
        print_json(told)
    else:
        for file in told:
            if file["kind"]:
                _print(Terminal(stderr=True), file)
    if broken or not all(file["imported"] for file in told):
        raise typer.Exit(2 if broken else 1)


def unread(path: Path, error: UserError) -> dict[str, Any]:
    """Say of a file that cannot be read what is said of the others, and why."""
    numbers = dict.fromkeys(("rows", "imported", "folded", "refused", "flagged"), 0)
    return {"file": str(path), "kind": None, **numbers, "reasons": {}, "error": str(error)}


def counts(path: Path, imported: ReportedFile) -> dict[str, Any]:
    """Say what became of the rows of a file."""
    from collections import defaultdict

    rows: defaultdict[str, list[int]] = defaultdict(list)
    for refusal in imported.refused:
        rows[refusal.reason].append(refusal.row)
    by_number = sorted(rows, key=lambda reason: -len(rows[reason]))
    return {
        "file": str(path),
        "kind": imported.source.kind,
        "rows": imported.rows,
        "imported": len(imported.results),
        "folded": len(imported.folded),
        "refused": len(imported.refused),
        "reasons": {reason: len(rows[reason]) for reason in by_number},
        "refused_rows": {reason: rows[reason][:_ROWS] for reason in by_number},
    }


def say_counts(terminal: Terminal, told: dict[str, Any], what: str) -> None:
    """Print what became of the rows of a file, and what they are now."""
    terminal.say(
        f"{told['file']}: {told['kind']}, {told['rows']} rows: {told['imported']} imported, "
        f"{told['folded']} folded, {told['refused']} refused; {what}"
    )
    for reason, rows in told["reasons"].items():
        first = ", ".join(map(str, told["refused_rows"].get(reason, ())))
        more = ", …" if rows > _ROWS else ""
        terminal.say(f"{rows} refused: {reason}{first and f' (row {first}{more})'}", indent=2)


def _write(imported: ReportedFile, out: Path) -> str | None:
    """Write the file of results; a file without any would say nothing."""
    from suites.base.files import write_atomically

    if not imported.results:
        return None
    out.mkdir(parents=True, exist_ok=True)
    source = imported.source
    path = out / f"{source.kind}-{source.file_sha256[:16]}.reported.json"
    write_atomically(path, imported.model_dump_json().encode())
    return str(path)


def _summary(path: Path, imported: ReportedFile) -> dict[str, Any]:
    from collections import Counter

    from results.checks import judge_reported

    judged = [judge_reported(result) for result in imported.results]
    return {
        **counts(path, imported),
        "flagged": sum(bool(verdict.findings) for verdict in judged),
        "held": sum(verdict.held > 0 for verdict in judged),
        "unchecked": dict(
            Counter(line for verdict in judged for line in verdict.unchecked).most_common(_LISTED)
        ),
        "findings": [finding.to_json() for verdict in judged for finding in verdict.findings],
    }


def _print(terminal: Terminal, told: dict[str, Any]) -> None:
    say_counts(terminal, told, "all are reported, none is measured by Fenmark")
    terminal.say(
        f"{told['held']} checked by a datasheet or their own figures, {told['flagged']} flagged",
        indent=2,
    )
    for line, results in told["unchecked"].items():
        terminal.say(f"{results} results: {line}", indent=2)
    for finding in told["findings"]:
        terminal.say(f"{finding['rule']}: {finding['where']} {finding['reason']}", indent=2)
