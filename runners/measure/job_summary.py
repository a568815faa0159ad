"""What a finished run tells the job of GitHub Actions it ran in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runners.ci.actions import active, add_summary, annotate, set_output
from runners.ci.markdown import code

if TYPE_CHECKING:
    from results.economy.economics import Measured
    from results.statement.statement import Predicate

__all__ = ["run_summary", "tell"]

# Above this GitHub hides the rest of a step's annotations anyway.
_MOST_WARNINGS = 10
# Of a run whose kind has no headline.
_FIRST_ROWS = 20


def tell(predicate: Predicate, digest: str) -> None:
    """Tell the job of a finished run: its page, the output `digest`, a warning for each."""
    if not active():
        return
    add_summary(run_summary(predicate, digest))
    set_output("digest", digest)
    for warning in predicate.warnings[:_MOST_WARNINGS]:
        annotate("warning", warning)


def run_summary(predicate: Predicate, digest: str) -> str:
    """Write a finished run as Markdown: who measured what, the first figures, the proof.

    GitHub shows no SVG that stands in the text: the picture is an address on the site that
    `FENMARK_SITE` names, and the table is there without it.
    """
    from results import catalog  # which an annotation needs not
    from runners.measure.report import headlines

    chip, run = predicate.machine.chip, predicate.run
    rows = headlines(predicate.measurements) or predicate.measurements[:_FIRST_ROWS]
    site = os.environ.get("FENMARK_SITE", "").rstrip("/")
    listed = chip.catalog_id in catalog.chips()
    proof = f" ([check the proof]({site}/verify/?statement={digest}))" if site else ""
    lines = [
        f"### {code(chip.name)}, {run.profile} profile",
        "",
        *([f"![]({site}/badges/{chip.catalog_id}.svg)", ""] if site and listed else []),
        "| case | figure | value [95% interval] | unit | n | how |",
        "|---|---|---|---|---|---|",
        *(_row(row) for row in rows),
        "",
        f"{len(predicate.measurements)} figures, signed by {code(run.runner)}: `{digest}`{proof}",
    ]
    if predicate.warnings:
        told = (f"- {code(warning)}" for warning in predicate.warnings)
        lines += ["", f"<details><summary>{len(predicate.warnings)} warnings</summary>", ""]
        lines += [*told, "", "</details>"]
    return "\n".join(lines) + "\n"


def _row(row: Measured) -> str:
    from results.economy.economics import Span
    from results.economy.number_format import span
    from suites.base.metrics import METRICS

    percentile = row.labels.get("percentile")
    title = METRICS[row.metric].title + (f", p{percentile:g}" if percentile else "")
    value = span(Span(row.value, row.low, row.high))
    cells = (code(row.case), title, value, code(row.unit), str(row.n), row.method)
    return f"| {' | '.join(cells)} |"
