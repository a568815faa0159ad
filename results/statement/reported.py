"""What a reported result is: somebody else's figures, with where they come from."""

from __future__ import annotations

import os
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, ValidationError

from results.statement.statement import Count, Measurement, Name, Sha256, StatedLabel, Text
from suites.base import files as plain_files
from suites.base.errors import UserError
from suites.base.labels import MOST_CHIPS
from suites.base.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = [
    "EvidenceKind",
    "Folded",
    "RefusedRow",
    "ReportedChip",
    "ReportedFile",
    "ReportedMeasurement",
    "ReportedResult",
    "ReportedSource",
    "contents",
    "files",
    "parsed",
    "read_file",
    "read_folder",
]

_NAMED = (".reported.json", ".reported.json.gz")
_MOST = 2**28  # bytes; the largest of what is published today makes 2 MB


# How a publisher came by a figure. A simulated one is never imported as if it were measured.
EvidenceKind = Literal["measured", "vendor-claimed", "simulated"]


class ReportedSource(StrictModel):
    """Where a file of results comes from.

    Attributes:
        kind: the importer, such as "mlperf".
        view: results of one view are never set beside those of another.
        licence: as the publisher states it.
        footnote: what must be shown beside every figure.
        file, file_sha256: what was read.
        importer_version: of the Fenmark that read it; None in files from before it was said.
        publisher, evidence, origin, date, cite: of files that ship with Fenmark: who published,
            how they came by the figures, the repository, path and commit, when it was published
            or read, and how to cite it. None where the import did not say.
    """

    kind: Name
    view: Literal["general", "mlperf"]
    title: Text
    licence: Text
    footnote: Text
    file: Name
    file_sha256: Sha256
    importer_version: Name | None = None
    publisher: Name | None = None
    evidence: EvidenceKind | None = None
    origin: Text | None = None
    date: Name | None = None
    cite: Text | None = None


class ReportedChip(StrictModel):
    """What it ran on: `count` chips of one name; None where the source does not say."""

    name: Name
    catalog_id: Name | None
    count: Annotated[int, Field(ge=1, le=MOST_CHIPS)] | None


class ReportedMeasurement(Measurement):
    """A figure of somebody else's; `n` is 1 where the source does not say."""

    method: Literal["reported"]


class ReportedResult(StrictModel):
    """One published result.

    Attributes:
        id: unique in the file and stable.
        system, model, precision, engine, date: as published, None where not said.
        url: of the result itself.
        labels: what a reader must know beside the figures.
        measurements: rates are of the whole system, so that all its chips are charged.
    """

    id: Name
    chip: ReportedChip
    system: Text | None = None
    model: Name | None = None
    precision: Name | None = None
    engine: Text | None = None
    date: Name | None = None
    url: Text | None = None
    labels: dict[Name, StatedLabel] = {}
    measurements: Annotated[list[ReportedMeasurement], Field(min_length=1)]


class RefusedRow(StrictModel):
    """A row that could not be understood; `row` counts from 1."""

    row: Count
    reason: Text


class Folded(StrictModel):
    """A row that repeats the run of another; `id` is the result it was folded into."""

    row: Count
    id: Name


class ReportedFile(StrictModel):
    """One imported file; rows = len(results) + len(folded) + len(refused)."""

    schema_version: Literal[1]
    source: ReportedSource
    rows: Count
    results: list[ReportedResult]
    folded: list[Folded]
    refused: list[RefusedRow]


def read_folder(folder: Path, on_broken: Callable[[UserError], None]) -> Iterator[ReportedFile]:
    """Read every reported file of a folder, by name; a broken one hides none of the others.

    Args:
        on_broken: called for each that cannot be read or is none of ours.
    """
    for path in files(folder):
        try:
            yield read_file(path)
        except UserError as error:
            on_broken(error)


def files(folder: Path) -> list[Path]:
    """List the reported files of a folder, packed ones too, by name; none where there is none."""
    with suppress(OSError), os.scandir(folder) as entries:  # beside 20,000 results
        names = [entry.name for entry in entries if entry.name.endswith(_NAMED)]
        return [folder / name for name in sorted(names)]
    return []


def read_file(path: Path) -> ReportedFile:
    """Read one reported file.

    Raises:
        UserError: it cannot be read, is too large or none of ours.
    """
    return parsed(contents(path), path)


def contents(path: Path) -> bytes:
    """Return what a reported file holds, unpacked.

    Raises:
        UserError: it cannot be read, or is too large.
    """
    data = plain_files.read(path, _MOST, expected="a file written by `fenmark import`")
    return _unpacked(data, path) if path.suffix == ".gz" else data


def parsed(data: bytes, path: Path) -> ReportedFile:
    """Read the contents of a file.

    Args:
        path: of the file, for messages.

    Raises:
        UserError: it is none of ours.
    """
    try:
        return ReportedFile.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise UserError(
            first["msg"],
            where=f"{path}:{field}",
            expected="a file written by `fenmark import`",
            remedy="import it again",
        ) from error


def _unpacked(data: bytes, path: Path) -> bytes:
    """Unpack a file of gzip, and no more of it than a reported file may have.

    Raises:
        UserError: it is none, ends early or holds too much.
    """
    packed = zlib.decompressobj(wbits=31)
    try:
        plain = packed.decompress(data, _MOST)
    except zlib.error as error:
        raise UserError("is not gzip", where=str(path), remedy="import it again") from error
    if not packed.eof:
        what = f"holds more than {_MOST:,} bytes" if packed.unconsumed_tail else "ends early"
        raise UserError(what, where=str(path), remedy="import it again")
    return plain
