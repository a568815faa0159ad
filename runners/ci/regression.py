"""Find a run in any of its forms, and write a comparison of two as a comment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from results.agreement.comparison import rows_of
from results.agreement.confirmation import differences, hardware
from results.agreement.quality import asked, change_of_answers
from results.archive import archive
from results.proof import envelope
from runners.ci.markdown import code
from suites.base import files, json_file
from suites.base.errors import CheckError, UserError
from suites.quality.scores import in_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results.agreement.comparison import Change, RowFields
    from results.statement.statement import Predicate
    from suites.quality.scores import ScoreComparison

__all__ = [
    "ComparedRun",
    "answers",
    "conditions",
    "find",
    "load_side",
    "markdown",
    "quality_line",
    "same_hardware",
]

_FORMS = "an archive folder, a summary.json, a *.dsse.json, a digest or the URL of a result"
_REQUIRED = {"case", "metric", "unit", "method", "value", "low", "high"}
_WORDS = ("case", "metric", "unit", "method")
_SHORTEST_DIGEST = 8
_MOST_BYTES = 2**25  # of a summary
# A comment of GitHub's holds 65,536 characters; the worst come first.
_MOST_ROWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """One of the two runs.

    Attributes:
        predicate: what else its statement says, None for a summary.
    """

    name: str
    rows: list[RowFields]
    predicate: Predicate | None = None


def find(digest: str, archives: Sequence[Path]) -> Path:
    """Return the envelope file of a digest or of an unambiguous beginning of it.

    Raises:
        UserError: no archive holds it, or several results begin so.
    """
    home = ", ".join(map(str, archives))
    files = {path.name: path for folder in archives for path in archive.envelopes(folder)}
    matches = [path for name, path in sorted(files.items()) if name.startswith(digest)]
    if len(digest) < _SHORTEST_DIGEST or not matches:
        raise UserError(
            f"no result {digest!r}",
            where=home,
            expected=f"a digest, at least {_SHORTEST_DIGEST} characters of it",
        )
    if len(matches) > 1:
        raise UserError(f"{len(matches)} results begin with {digest!r}", where=home)
    return matches[0]


def load_side(name: str, archives: Sequence[Path]) -> ComparedRun:
    """Read a run: a path, a digest in one of the archives, or the URL of a submission.

    An envelope's signature is not checked here: `fenmark verify` is the judge of that. One that
    comes from a URL has the digest the URL names.

    Raises:
        UserError: nothing readable is there.
        CheckError: the log does not answer, or answers with another result.
    """
    if name.startswith(("http://", "https://")):
        return _of_envelope(_fetch(name), name)
    path = Path(name)
    if not path.exists() and _is_hex(name):
        path = find(name, archives)
    file = path / "summary.json" if path.is_dir() else path
    text = files.read(file, _MOST_BYTES, expected=_FORMS)
    data = json_file.parse(text, str(file), expected=_FORMS)
    if isinstance(data, dict) and "payload" in data:
        return _of_envelope(text, str(file))
    if not isinstance(data, list) or not all(_is_row(row) for row in data):
        raise UserError("holds no summary rows", where=str(file), expected="a list of rows")
    return ComparedRun(name=name, rows=data)


def conditions(base: ComparedRun, head: ComparedRun) -> list[str]:
    """Say in what the two runs differ beside their figures; nothing is known of a summary."""
    if base.predicate is None or head.predicate is None:
        return []
    unlike = differences(base.predicate, head.predicate)
    return [
        f"{difference.what}: {difference.first} in base, {difference.second} in head"
        for difference in unlike
    ]


def same_hardware(base: ComparedRun, head: ComparedRun) -> bool:
    """Whether both ran on as many of the same chip; of a summary nothing else is known."""
    if base.predicate is None or head.predicate is None:
        return True
    return hardware(base.predicate) == hardware(head.predicate)


def answers(base: ComparedRun, head: ComparedRun) -> ScoreComparison | None:
    """Compare right answers of the same kind and level; None where not the same was asked."""
    both = (
        asked((row.get("suite"), row["metric"], row) for row in side.rows) for side in (base, head)
    )
    return change_of_answers(*both)


def quality_line(lost: ScoreComparison) -> str:
    """Say in a line how many right answers were lost."""
    points = in_points(lost.drop, lost.low, lost.high)
    return f"right answers lost, in points: {points}: {lost.verdict}"


def markdown(
    changes: Sequence[Change], notes: Sequence[str], lost: ScoreComparison | None = None
) -> str:
    """Return the comparison as a comment for a pull request: the verdict, then the rest folded."""
    changed = [change for change in changes if change.verdict != "no difference shown"]
    counted = (
        f"{sum(change.verdict == kind for change in changes)} {kind}s"
        for kind in ("regression", "improvement")
    )
    head = f"**Fenmark: {', '.join(counted)} in {len(changes)} figures compared**"
    rest = [change for change in changes if change.verdict == "no difference shown"]
    parts = [
        head,
        *(["", f"{quality_line(lost)[0].upper()}{quality_line(lost)[1:]}."] if lost else []),
    ]
    parts += _table(changed)
    if rest:
        parts += ["", f"<details><summary>{len(rest)} without a difference shown</summary>"]
        parts += [*_table(rest), "", "</details>"]
    if notes:
        parts += ["", *(f"- {code(note)}" for note in notes[:_MOST_ROWS])]
    return "\n".join(parts)


def _table(changes: Sequence[Change]) -> list[str]:
    if not changes:
        return []
    rows = [
        f"| {code(change.case)} | {change.title} | {change.base:.4g} {code(change.unit)} "
        f"| {change.head:.4g} {code(change.unit)} "
        f"| {change.ratio:.3f} [{change.low:.3f}, {change.high:.3f}] | {change.verdict} |"
        for change in changes[:_MOST_ROWS]
    ]
    left = len(changes) - len(rows)
    more = ["", f"and {left} more"] if left else []
    head = ["", "| case | metric | base | head | ratio [95%] | |", "|---|---|---|---|---|---|"]
    return [*head, *rows, *more]


def _is_row(row: object) -> bool:
    return (
        isinstance(row, dict)
        and row.keys() >= _REQUIRED
        and all(isinstance(row[name], str) for name in _WORDS)
    )


def _is_hex(name: str) -> bool:
    return bool(name) and set(name) <= set("0123456789abcdef")


def _of_envelope(data: bytes, where: str) -> ComparedRun:
    import base64

    try:
        payload = base64.b64decode(json_file.parse(data, where)["payload"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError("is not a Fenmark result", where=where, expected=_FORMS) from error
    predicate = envelope.parse(payload, where).predicate
    return ComparedRun(name=where, rows=rows_of(predicate), predicate=predicate)


def _fetch(url: str) -> bytes:
    """Get the envelope behind `…/v1/submissions/DIGEST`, with or without `/envelope`."""
    import httpx

    from suites.client.bounded_answers import BoundedTransport

    address = url.rstrip("/").removesuffix("/envelope")
    digest = address.rpartition("/")[2]
    try:
        with httpx.Client(transport=BoundedTransport(), timeout=30) as client:
            answer = client.get(f"{address}/envelope", follow_redirects=True)
            answer.raise_for_status()
    except httpx.HTTPError as error:
        raise CheckError(
            f"gave no result: {error}", where=url, expected="https://…/v1/submissions/DIGEST"
        ) from error
    if envelope.digest(answer.content) != digest:
        raise CheckError("is another result than its address says", where=url, expected=digest)
    return answer.content
