"""Hold one file against the laws, without a log: a signed result, a statement, others' figures."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from results.archive.archive import home_of
from results.archive.beside import beside
from results.checks import Context, judge, judge_reported, outcome, rules
from results.keys.identity import REGISTERED, read_folder
from results.proof import envelope
from results.reported.importing import import_file
from results.reported.parts.reading import MOST_BYTES
from results.statement.reported import read_file
from suites.base import files
from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from results.checks import Finding, Judged
    from results.statement.reported import ReportedFile
    from results.statement.statement import Statement
    from suites.models import Geometry

__all__ = ["Inspected", "inspect"]

_UNSIGNED = "not signed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """What the laws say of a file.

    Attributes:
        kind: "signed result", "statement", or the publisher or harness of a reported file.
        signature: who signed, or why that is not known; None where nothing can be signed.
        results: name of each result in the file, and what the laws say of it.
    """

    kind: str
    signature: str | None
    results: Sequence[tuple[str, Judged]]

    @property
    def findings(self) -> list[tuple[str, Finding]]:
        return [(name, finding) for name, judged in self.results for finding in judged.findings]

    @property
    def clean(self) -> bool:
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """Return the verdict, each rule once, and every finding with its figure and numbers."""
        every = [finding for _, finding in self.findings]
        unchecked = dict.fromkeys(text for _, judged in self.results for text in judged.unchecked)
        return {
            "kind": self.kind,
            "signature": self.signature,
            "verdict": {"accepted": "clean"}.get(outcome(every), outcome(every)),
            "results": len(self.results),
            "held": sum(judged.held for _, judged in self.results),
            "flags": rules(every, "flagged"),
            "refused": rules(every, "refused"),
            "findings": [
                {"result": name, "figure": finding.where, **finding.to_json()}
                for name, finding in self.findings
            ],
            "unchecked": list(unchecked),
        }


def inspect(
    path: Path,
    *,
    kind: str | None = None,
    chip: str | None = None,
    count: int | None = None,
    model: Geometry | None = None,
    clock: datetime | None = None,
) -> Inspected:
    """Read a file, find out what it is, and hold it against every law.

    Args:
        kind: of others' file, where it is not to be found out.
        chip, count: catalogue id and number, where others' file says neither.
        model: sizes, where the name it says is unknown here.
        clock: of the reader, UTC: no run lies ahead of it; by default none is asked.

    Raises:
        UserError: it cannot be read, or nothing here understands it.
    """
    context = Context(model=model, clock=clock)
    try:
        inspected = None if kind else _written_by_fenmark(path, context)
        if inspected:
            return inspected
        imported = import_file(kind, path, chip=chip, count=count)
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror or error}", where=str(path)) from error
    if not imported.results:
        reasons = "; ".join(sorted({refusal.reason for refusal in imported.refused})[:3])
        raise UserError(f"no row can be read: {reasons}", where=str(path))
    return _reported(imported, context)


def _written_by_fenmark(path: Path, context: Context) -> Inspected | None:
    """Read a file that Fenmark wrote; None where it did not."""
    if path.name.endswith(".reported.json.gz"):
        return _reported(read_file(path), context)
    data = b"" if path.suffix == ".parquet" else files.read_limited(path, most=MOST_BYTES)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    match value:
        case {"payload": str(), "payloadType": str()}:
            return _signed(data, path, context)
        case {"predicateType": str()}:
            statement = envelope.parse(data, str(path))
            return Inspected(
                kind="statement",
                signature=_UNSIGNED,
                results=[
                    (
                        statement.predicate.run.id,
                        judge(statement, _beside(path, statement, context)),
                    )
                ],
            )
        case {"source": dict(), "results": list(), "refused": list()}:
            return _reported(read_file(path), context)
        case _:
            return None


def _signed(data: bytes, path: Path, context: Context) -> Inspected:
    """The signature is told, and hides no law: the figures are what they are."""
    where = str(path)
    try:
        beside = read_folder(home_of(path) / "runners")
        runners = [*read_folder(REGISTERED, registered=True), *beside]
        verified = envelope.verify(data, [runner.key for runner in runners], where)
    except UserError as error:
        payload, signature = envelope.payload_of(data, where), f"not verified: {error}"
    else:
        runner = next(signer for signer in runners if signer.key.keyid == verified.key.keyid)
        payload, signature = verified.payload, f"verified: {runner.id} ({runner.tier})"
        context = replace(context, claims=verified.claims)
    statement = envelope.parse(payload, where)
    return Inspected(
        kind="signed result",
        signature=signature,
        results=[(statement.predicate.run.id, judge(statement, _beside(path, statement, context)))],
    )


def _beside(path: Path, statement: Statement, context: Context) -> Context:
    """Add the raw samples that lie beside a result."""
    return replace(context, evidence=beside(home_of(path), statement))


def _reported(imported: ReportedFile, context: Context) -> Inspected:
    return Inspected(
        kind=imported.source.kind,
        signature=None,
        results=[(result.id, judge_reported(result, context)) for result in imported.results],
    )
