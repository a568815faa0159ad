"""An attested result's file, read again: every figure that its harness' reader finds in it.

Signer, log, `verify` and site ask the same reader, so that no figure is signed that the file does
not give.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from pydantic import ValidationError

from results.checks import SampleFigures
from results.checks.evidence import key_of
from results.reported.importing import import_document
from results.reported.parts import reading
from results.reported.parts.names import NOT_NAMED
from results.reported.recognising import KINDS
from results.statement.raw_samples import MOST_BYTES
from results.statement.statement_v2 import ATTESTED, KNOWN_LABELS
from results.statement.texts import printable
from suites.base.errors import UserError
from suites.base.labels import LABELS
from suites.base.records import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results.checks.evidence import Harness
    from results.statement.reported import ReportedFile, ReportedMeasurement, ReportedResult
    from suites.base.records import Label

__all__ = ["attested_evidence", "engine_of", "read_attested", "rows_of"]

# A sweep has some hundred rows. Everyone who verifies a result reads all of them again.
_MOST_ROWS = 2_000
# Harnesses that are built with their engine: its version is theirs.
_OF_ENGINE = {"llama-bench", "llama-batched-bench", "trtllm-bench"}
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)", re.ASCII)


def attested_evidence(data: bytes, where: str, harness: Harness) -> SampleFigures:
    """Read every figure that a harness' file gives.

    Args:
        data: whose digest the statement names: who checked that is the caller.
    """
    if harness.kind not in KINDS:
        return SampleFigures(
            fault=f"its figures name no harness we read, but {harness.kind[:40]!r}"
        )
    try:
        imported = read_attested(data, harness.file, harness.kind)
    except UserError as error:
        return SampleFigures(fault=str(error))
    # A reader that stumbles over a stranger's file says no more than that it gives no figures.
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        return SampleFigures(fault=f"{where}: cannot be read: {type(error).__name__}")
    rows = (row for result in imported.results for row in rows_of(result, harness.kind))
    return SampleFigures(rows={key_of(row): row for row in rows})


def read_attested(data: bytes, name: str, kind: str | None = None) -> ReportedFile:
    """Read a harness' file, as small as everybody can read it again.

    Args:
        name: of the file; its ending tells some formats apart, and nothing is opened.
        kind: of its reader; None where the file says.

    Raises:
        UserError: it is too large, or of no format of the kind.
    """
    if len(data) > MOST_BYTES:
        raise UserError(
            f"has {len(data):,} bytes",
            where=name,
            expected=f"{MOST_BYTES:,} at most",
            remedy="attest the summary, without every request: a log takes no more",
        )
    document = reading.parse(PurePath(name), data, most_cells=MOST_BYTES // 16)
    return import_document(kind, document, name, most_rows=_MOST_ROWS)


def rows_of(result: ReportedResult, kind: str) -> Iterator[Row]:
    """Yield the figures of a result as an attested statement has them, each once."""
    about = _about(result, kind)
    told = set()
    for figure in result.measurements:
        row = Row(
            suite=ATTESTED,
            case=result.id,
            metric=figure.metric,
            unit=figure.unit,
            value=figure.value,
            low=None,
            high=None,
            n=figure.n,
            method="reported",
            labels=printable({**about, **_typed(_ranked(figure))}),
        )
        if (key := key_of(row)) not in told:
            told.add(key)
            yield row


def engine_of(text: str | None) -> tuple[str, str]:
    """Part an engine's name from its version, as in "llama.cpp 8c05923 3984".

    >>> engine_of("vllm 0.10.1"), engine_of("TGI"), engine_of(None)
    (('vllm', '0.10.1'), ('TGI', 'unknown'), ('unknown', 'unknown'))
    """
    words = (text or "unknown").split()
    at = next((n for n, word in enumerate(words) if n and any(map(str.isdigit, word))), 0)
    if not at:
        return " ".join(words), "unknown"
    return " ".join(words[:at]), " ".join(words[at:])


def _about(result: ReportedResult, kind: str) -> dict[str, Label]:
    """Labels of all figures of a result: its conditions, and what the file says of its subject."""
    chip = None if result.chip.name == NOT_NAMED else result.chip.name
    version = result.labels.get("tool_version")
    if kind in _OF_ENGINE:
        version = engine_of(result.engine)[1] if result.engine else None
    given = {
        "harness": kind,
        "harness_version": version,
        "chip_in_file": chip,
        "count_in_file": result.chip.count,
        "model_in_file": result.model,
        "precision_in_file": result.precision,
        "engine_in_file": result.engine,
    }
    stated = {name: value for name, value in given.items() if value is not None}
    return _typed(dict(result.labels)) | _typed(stated)


def _ranked(figure: ReportedMeasurement) -> dict[str, Label]:
    """Name a percentile by its rank, as our own figures do."""
    labels = dict(figure.labels)
    statistic = str(labels.get("statistic", ""))
    percentile = _PERCENTILE.fullmatch("p50" if statistic == "median" else statistic)
    if percentile:
        del labels["statistic"]
        labels["percentile"] = float(percentile[1])
    return labels


def _typed(labels: dict[str, Label]) -> dict[str, Label]:
    """Keep the labels that have a type and are of it: the file has the others."""
    return {name: value for name, value in labels.items() if name in LABELS and _is(name, value)}


def _is(name: str, value: Label) -> bool:
    try:
        KNOWN_LABELS.validate_python({name: value})
    except ValidationError:
        return False
    return True
