"""Sign what another harness measured here: its file, read by its reader, beside this machine."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from results.archive import archive
from results.archive.beside import evidence_of, keep
from results.checks import Context, judge
from results.checks.evidence import harness_of
from results.proof import envelope
from results.reported.attested import engine_of, read_attested, rows_of
from results.statement.statement import STATEMENT_TYPE
from results.statement.statement_v2 import ATTESTED, PREDICATE_TYPE, StatementV2
from results.statement.texts import printable
from runners.machine import keys, machine
from runners.measure import provenance
from runners.measure.run_meters import gauge
from runners.measure.subject import chip_of_another
from runners.measure.workspace import utc_now
from suites import models
from suites.base import files
from suites.base.errors import CheckError
from suites.base.locks import held
from suites.base.printable import printable as one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from results.checks import Judged
    from results.statement.reported import ReportedFile, ReportedResult
    from results.statement.statement import Machine
    from suites.base.records import Row

__all__ = ["Attested", "Stated", "attest"]

_MOST_READ = 2**27  # bytes; what is longer than a log takes is said to be so
_LARGEST_PART = 600_000  # bytes of figures: in base64, of which an API takes a mebibyte
# Conditions that are of the engine: a result is about one of them.
_FLAGS = {
    "tp": "tensor_parallel",
    "pp": "pipeline_parallel",
    "dp": "data_parallel",
    "ep": "expert_parallel",
    "speculation": "speculation",
}
_LONGEST = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What the signer says, where the file does not; None leaves it to the file.

    Attributes:
        kind: of the file's reader; None where the file says.
        chip: catalogue id: this machine's, or of what stands behind an endpoint.
        count: how many of them worked.
        model: id, or path of a file with the sizes.
        precision: of the weights.
        harness_version: of the harness.
    """

    kind: str | None = None
    chip: str | None = None
    count: int | None = None
    model: str | None = None
    precision: str | None = None
    harness_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """What became of a file.

    Attributes:
        sha256: of the file.
        read: what its reader found.
        signed: (digest, what the laws say) of each result; one for each engine, model, precision
            and number of chips.
        refused: rows that a law refuses, by reason.
    """

    sha256: str
    read: ReportedFile
    signed: Sequence[tuple[str, Judged]]
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of a file that are one result: of one engine, on one number of chips."""

    engine: dict[str, Any]
    machine: Machine
    cases: dict[str, list[Row]]


def attest(path: Path, out: Path, stated: Stated) -> Attested:
    """Sign a harness' file, keep it in the archive `out`, and log what it says.

    Rows that a law refuses are left out, and said; what a law flags is signed all the same.

    Raises:
        UserError: the file cannot be read, or nobody says how many chips it is about.
        CheckError: another process writes to `out`, or its log is damaged.
    """
    data = files.read(path, _MOST_READ, expected="a file of a harness that `fenmark import` reads")
    name = one_line(path.name, _LONGEST)
    began = utc_now()
    imported = read_attested(data, name, stated.kind)
    digest = hashlib.sha256(data).hexdigest()
    refused: Counter[str] = Counter()
    key = keys.load_or_create()
    about = {"began": began, "runner": key.runner, "name": name, "digest": digest}
    # All are made before the first is signed: one that cannot be made leaves no others behind.
    lawful = [_lawful(part, about, data, refused) for part in _parts(imported, stated)]
    signed = []
    with held(out):
        for statement, judged in lawful:
            if statement:
                keep(out, data)
                payload = envelope.encode(statement)
                receipt = archive.accept(out, payload, key.signer, key.log_signer)
                signed.append((receipt.digest, judged))
    return Attested(sha256=digest, read=imported, signed=signed, refused=refused)


def _parts(imported: ReportedFile, stated: Stated) -> Iterator[_Part]:
    """Part the rows of a file by what they are about, and into statements of a size."""
    model = models.load(stated.model).id if stated.model else None
    parts: dict[str, _Part] = {}
    for result in imported.results:
        chip = chip_of_another(stated.chip, stated.count or result.chip.count, result.chip.name)
        engine = _engine(result, model, stated.precision)
        about = json.dumps([engine, chip.model_dump()], sort_keys=True)
        if about not in parts:
            parts[about] = _Part(engine, machine.describe(chip), {})
        parts[about].cases[result.id] = [
            _by_signer(row, stated.harness_version) for row in rows_of(result, imported.source.kind)
        ]
    for part in parts.values():
        yield from _sized(part)


def _by_signer(row: Row, version: str | None) -> Row:
    if version:
        row.labels.setdefault("harness_version", version)
    return row


def _sized(part: _Part) -> Iterator[_Part]:
    cases: dict[str, list[Row]] = {}
    size = 0
    for case, rows in part.cases.items():
        own = len(json.dumps([row.to_json() for row in rows]))
        if cases and size + own > _LARGEST_PART:
            yield _Part(part.engine, part.machine, cases)
            cases, size = {}, 0
        cases[case], size = rows, size + own
    yield _Part(part.engine, part.machine, cases)


def _engine(result: ReportedResult, model: str | None, precision: str | None) -> dict[str, Any]:
    name, version = engine_of(result.engine)
    labels = result.labels
    return {
        "name": name[:_LONGEST],
        "version": version[:_LONGEST],
        "model": model or result.model or "unknown",
        "weights_sha256": None,
        "weights": "unknown",
        "precision": precision or result.precision or "unknown",
        "flags": {flag: labels[label] for flag, label in _FLAGS.items() if label in labels},
    }


def _lawful(
    part: _Part, about: dict[str, str], data: bytes, refused: Counter[str]
) -> tuple[StatementV2 | None, Judged]:
    """State a part without the rows that a law refuses, whose reasons are counted.

    Raises:
        CheckError: a law refuses the result as a whole.
    """
    while True:
        statement = _statement(part, about)
        given = evidence_of(data, about["name"], harness_of(statement))
        judged = judge(statement, Context(evidence=given))
        against = [finding for finding in judged.findings if finding.outcome == "refused"]
        if not against:
            return statement, judged
        odd = {
            case: finding
            for finding in against
            for case in part.cases
            if finding.where.startswith(f"{case} ")
        }
        if not odd:
            raise CheckError(against[0].reason, where=f"{about['name']}: {against[0].where}")
        refused.update(f"{finding.rule}: {finding.reason}"[:_LONGEST] for finding in odd.values())
        for case in odd:
            del part.cases[case]
        if not part.cases:
            return None, judged


def _statement(part: _Part, about: dict[str, str]) -> StatementV2:
    rows = [row for rows in part.cases.values() for row in rows]
    harness = str(rows[0].labels["harness"])
    version = str(rows[0].labels.get("harness_version", ""))
    meters = [meter for meter in gauge(part.machine.chip).meters() if meter["method"] != "model"]
    predicate = {
        "schema_version": 2,
        "run": {
            "id": str(uuid.uuid4()),
            "runner": about["runner"],
            "suite_version": provenance.suite_version(),
            "suites": [ATTESTED],
            "profile": "quick",
            "seed": 0,
            "started_at": about["began"],
            "finished_at": utc_now(),
            "options": {},
        },
        "machine": part.machine.model_dump(),
        "software": provenance.software({harness: version} if version else {}).model_dump(),
        "source": provenance.source().model_dump(),
        "engines": [part.engine],
        "meters": meters,
        "measurements": [asdict(row) for row in rows],
    }
    stated = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": about["name"], "digest": {"sha256": about["digest"]}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }
    return StatementV2.model_validate(printable(stated))
