"""Import a file of others' results: every row is imported, folded into another, or refused."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from results import catalog
from results.reported.parts import reading
from results.reported.parts.building import Refused
from results.reported.parts.names import stated
from results.reported.parts.reading import Broken
from results.reported.parts.simulated import file_says, row_says
from results.reported.recognising import KINDS, recognise, rows_of
from results.statement.reported import (
    Folded,
    RefusedRow,
    ReportedFile,
    ReportedResult,
    ReportedSource,
)
from suites.base.errors import UserError
from suites.base.printable import printable

if TYPE_CHECKING:
    from pathlib import Path

    from results.reported.parts.kind import SourceKind
    from results.reported.parts.reading import Document

__all__ = ["KINDS", "import_document", "import_file"]

_LONGEST_REASON = 256
_MOST_ROWS = 10_000_000


def import_file(
    kind: str | None, path: Path, *, chip: str | None = None, count: int | None = None
) -> ReportedFile:
    """Read one published file.

    Args:
        kind: name of a reader; None where the file says what it is.
        chip, count: catalogue id or name, and number, in place of what the file says; each result
            says that its importer stated them.

    Raises:
        UserError: the kind or the chip is unknown, or the file cannot be read or is in no format
            of the kind.
    """
    if kind is not None and kind not in KINDS:
        raise UserError(f"unknown kind {kind!r}", expected=", ".join(KINDS))
    if chip is not None and chip not in catalog.chips():
        named = catalog.match(chip)
        if named is None:
            raise UserError(f"no chip {chip!r} in the catalogue", remedy="see `fenmark chips`")
        chip = named
    imported = import_document(kind, reading.read(path), str(path))
    if chip is None and count is None:
        return imported
    results = [stated(result, chip, count) for result in imported.results]
    return imported.model_copy(update={"results": results})


def import_document(
    kind: str | None, document: Document, where: str, *, most_rows: int = _MOST_ROWS
) -> ReportedFile:
    """Read a published file that is taken apart already; what it says is left as it is.

    Args:
        kind: as for `import_file`, and one there is.
        where: for the message.
        most_rows: that are read.

    Raises:
        UserError: it is in no format of the kind, or has more rows.
    """
    told = file_says(document)
    try:
        reader = KINDS[kind] if kind else recognise(document, where)
    except UserError as error:
        if told:
            raise _simulated(told, where) from error
        raise
    try:
        # A list, so that `id` of a row stays its own.
        rows = list(rows_of(reader, document))
    except Refused as error:  # said by what stands above all rows
        raise UserError(
            _reason(error), where=where, expected=f"{reader.name}: {reader.formats}"
        ) from error
    if not rows:
        raise UserError(
            "holds no row of this kind",
            where=where,
            expected=f"{reader.name}: {reader.formats}",
        )
    if len(rows) > most_rows:
        raise UserError(f"holds {len(rows):,} rows", where=where, expected=f"{most_rows:,} at most")
    results, folded, refused = _sorted(reader, rows, told)
    return ReportedFile(
        schema_version=1,
        source=_source(reader, document),
        rows=len(rows),
        results=results,
        folded=folded,
        refused=refused,
    )


def _sorted(
    reader: SourceKind, rows: list[Any], told: str | None
) -> tuple[list[ReportedResult], list[Folded], list[RefusedRow]]:
    results: list[ReportedResult] = []
    folded: list[Folded] = []
    refused: list[RefusedRow] = []
    first: dict[object, str] = {}
    for index, row in enumerate(rows, 1):
        try:
            result = reader.read(_measured(_with_fields(row), told))
        except (Refused, ValidationError) as error:
            refused.append(RefusedRow(row=index, reason=_reason(error)))
            continue
        run = reader.same_run(row)
        if run in first:
            folded.append(Folded(row=index, id=first[run]))
            continue
        # Publishers' names repeat; the row number tells two results of one file apart.
        results.append(result.model_copy(update={"id": f"{result.id[:200]}#{index}"}))
        first[run] = results[-1].id
    return results, folded, refused


def _measured(row: dict[str, Any], told: str | None) -> dict[str, Any]:
    """Return a row that somebody measured.

    Args:
        told: what its file says of all of them.

    Raises:
        Refused: it calls itself simulated or estimated, or its file does.
    """
    if reason := told or row_says(row):
        raise Refused(f"simulated or estimated, as it says itself: {reason}")
    return row


def _simulated(told: str, where: str) -> UserError:
    what = f"holds what was simulated or estimated, as it says itself: {told}"
    return UserError(what, where=where, expected="figures that were measured")


def _source(reader: SourceKind, document: Document) -> ReportedSource:
    return ReportedSource(
        kind=reader.name,
        view=reader.view,
        title=reader.title,
        licence=reader.licence,
        footnote=reader.footnote,
        file=printable(document.name, 256),
        file_sha256=hashlib.sha256(document.data).hexdigest(),
        importer_version=catalog.newest_version(),
    )


def _reason(error: Refused | ValidationError) -> str:
    """Say why a row is refused; a value that no reported result may have, by its field."""
    if isinstance(error, Refused):
        return printable(str(error), _LONGEST_REASON)  # it may quote the row
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{first['loc'][-1] if first['loc'] else 'it'}: {first['msg']}"[:_LONGEST_REASON]


def _with_fields(row: Any) -> dict[str, Any]:
    if isinstance(row, Broken):
        raise Refused(row.reason)
    if not isinstance(row, dict):
        raise Refused("the row has no named fields")
    return {str(name): value for name, value in row.items()}
