"""What publishers' files say that cannot be, as a page: `python -m results.reported.faults`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from results.checks import judge_reported
from results.reported.shipping import shipped_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from results.checks import Finding
    from results.statement.reported import ReportedFile, ReportedResult

__all__ = ["page"]

_HEAD = """---
title: What publishers' files say that cannot be
description: Rows of published files that contradict arithmetic, physics or their own datasheet.
---

# What publishers' files say that cannot be

Generated from the results that ship with Fenmark by `python -m results.reported.faults`; a test
keeps it so.

Every figure that ships was checked by the [laws](proof.md) that check signed results.
The publishers below share their data with everyone, and that is why anybody can check it at all. A
row stands here for one of two reasons: a law contradicts a figure, which is still shown,
with its flag, or the file's own columns contradict each other and the reader takes the one that
holds. Either may have a reason we do not see: an issue with the evidence is welcome, and the row
then leaves this page.

A row counts from 1 after the header of the file that is named.
"""
_MULTIPLIED = (
    "In {count} rows the count of chips is the product of the tensor-parallel and the "
    "expert-parallel size. Experts lie on the chips of the tensor-parallel group, so the rates of "
    "the whole deployment would be too high by the expert-parallel size, and requests in flight "
    "would exceed the concurrency (Little's law). The reader takes tensor × pipeline parallel size:"
)
_LISTED = 50  # findings of one file


def page(files: Iterable[ReportedFile] | None = None, say: Callable[[str], str] = str) -> str:
    """Return the page, in Markdown.

    Args:
        files: by default those that ship.
        say: English text -> the text in the page's language.
    """
    judged = [
        (file, [(result, judge_reported(result)) for result in file.results])
        for file in (shipped_files() if files is None else files)
    ]
    heads = ("publisher", "file", "results", "checked by a law", "flagged", "corrected")
    table = _head(heads, say)
    sections = []
    for file, results in judged:
        flagged = [(result, verdict.findings) for result, verdict in results if verdict.findings]
        corrected = [result for result in file.results if "count_in_file" in result.labels]
        held = sum(verdict.held > 0 for _, verdict in results)
        counts = (len(results), held, len(flagged), len(corrected))
        named = f"{_publisher(file)} | {_text(file.source.file.rpartition('/')[2])}"
        table.append(f"| {named} | {' | '.join(f'{count:,}' for count in counts)} |")
        if flagged or corrected:
            sections.append("\n".join(_section(file, flagged, corrected, say)))
    return "\n".join((say(_HEAD), *table, "", "\n\n".join(sections))).rstrip() + "\n"


def _head(columns: Iterable[str], say: Callable[[str], str]) -> list[str]:
    cells = [say(column) for column in columns]
    return [f"| {' | '.join(cells)} |", "|" + "---|" * len(cells)]


def _section(
    file: ReportedFile,
    flagged: list[tuple[ReportedResult, tuple[Finding, ...]]],
    corrected: list[ReportedResult],
    say: Callable[[str], str],
) -> Iterator[str]:
    yield f"## {_publisher(file)}"
    yield ""
    yield say("`{file}`, SHA-256 `{digest}`; {origin}.").format(
        file=file.source.file,
        digest=file.source.file_sha256[:16],
        origin=say(file.source.origin or ""),
    )
    if flagged:
        yield from ("", *_head(("rule", "row", "chip", "what the row comes to", "the law"), say))
        lines = [
            f"| {say(finding.rule)} | {_row(result)} | {_text(result.chip.name)} | "
            f"{_text(say(finding.reason))} | {_text(say(finding.formula))} |"
            for result, findings in flagged
            for finding in findings
        ]
        yield from lines[:_LISTED]
        if lines[_LISTED:]:
            more = say("{count} more are not listed.")
            yield "\n" + more.format(count=f"{len(lines) - _LISTED:,}")
    if corrected:
        yield ""
        yield say(_MULTIPLIED).format(count=f"{len(corrected):,}")
        yield from ("", *_head(("chip", "chips in the file", "chips taken", "rows"), say))
        pairs = Counter(
            (result.chip.name, result.labels["count_in_file"], result.chip.count)
            for result in corrected
        )
        for (chip, named, taken), rows in sorted(pairs.items(), key=str):
            yield f"| {_text(chip)} | {named} | {taken} | {rows} |"


def _publisher(file: ReportedFile) -> str:
    return _text(file.source.publisher or file.source.title)


def _row(result: ReportedResult) -> str:
    return result.id.rpartition("#")[2]


def _text(value: str) -> str:
    """A stranger's word in a cell of a table."""
    return value.replace("|", "/").replace("<", "&lt;").replace("`", "'")


if __name__ == "__main__":
    print(page(), end="")
