"""What ships with Fenmark of others' results: built from the files of the publishers on record.

`publishers/*.toml` says of each who they are, how they came by their figures, under which licence
and how to cite them; `data/` holds what the readers made of their files, and is never edited.
"""

from __future__ import annotations

import gzip
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from results.checks import judge_reported
from results.reported.importing import import_file
from results.reported.per_chip import per_chip
from results.statement.reported import EvidenceKind, read_folder
from results.statement.statement import Name, Text  # noqa: TC001 (pydantic reads them)
from suites.base import files, toml_file
from suites.base.errors import CheckError, UserError
from suites.base.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from results.statement.reported import ReportedFile

__all__ = [
    "DATA",
    "PER_CHIP",
    "Publisher",
    "ShippedFile",
    "build",
    "pack",
    "packed_name",
    "publishers",
    "shipped_files",
]

_HOME = Path(__file__).parent
DATA = _HOME / "data"
PER_CHIP = "per_chip.json"
_MOST_BYTES = 20_000_000  # of everything that ships
_SUFFIX = ".reported.json.gz"
_NOTICE_HEAD = """Results published by others, as Fenmark ships them

Figures restated from the files named below as records of our own, by `fenmark reported build`.
None of the files is copied, and none of the figures was measured by Fenmark. Cite the publisher.
"""


class PublishedFile(StrictModel):
    """One file of a publisher's.

    Attributes:
        path: below the folder that is built from.
        origin, licence: where they are not the publisher's.
    """

    path: Annotated[str, Field(pattern=r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")]
    origin: Text | None = None
    licence: Text | None = None


class Publisher(StrictModel):
    """A publisher on record.

    Attributes:
        kind: the reader of their files.
        evidence: how they came by the figures.
        cite: how to cite them.
        origin: repository, path and commit, as far as they are known.
        date: when it was published, or read.
        left_out: what of theirs does not ship, and why.
    """

    publisher: Name
    kind: Name | None = None
    evidence: EvidenceKind
    licence: Text
    cite: Text
    origin: Text
    date: Name
    left_out: Text | None = None
    files: list[PublishedFile] = []

    @model_validator(mode="after")
    def _is_whole(self) -> Publisher:
        if self.evidence == "simulated" and self.files:
            raise ValueError("simulated figures do not ship: they would read as measured ones")
        if bool(self.kind) != bool(self.files):
            raise ValueError("files have a kind, and a kind has files")
        return self


@dataclass(frozen=True, kw_only=True)
class ShippedFile:
    """What became of one file.

    Attributes:
        packed_bytes: on the disk.
        flagged: results that a law speaks against, by the law's name.
    """

    publisher: str
    evidence: str
    file: str
    rows: int
    imported: int
    folded: int
    refused: int
    packed_bytes: int
    flagged: Mapping[str, int]


def publishers() -> list[Publisher]:
    """Read the records of publishers, by the names of their files.

    Raises:
        UserError: one is none.
    """
    return [
        toml_file.read_model(path, Publisher)
        for path in sorted((_HOME / "publishers").glob("*.toml"))
    ]


def shipped_files(folder: Path = DATA) -> Iterator[ReportedFile]:
    """Read what ships.

    Raises:
        UserError: a file of it cannot be read.
    """

    def fail(error: UserError) -> None:
        raise error

    yield from read_folder(folder, fail)


def build(source: Path, out: Path) -> list[ShippedFile]:
    """Read every file on record below `source` and write `out/data`; equal files give equal bytes.

    Raises:
        UserError: a file on record is missing or cannot be read.
        CheckError: it gives no result, or everything together is too large to ship.
    """
    made = [_imported(source, publisher, file) for publisher, file in _on_record()]
    packed = {packed_name(imported): pack(imported) for _, imported in made}
    rates = per_chip(imported for _, imported in made)
    size = sum(map(len, packed.values()))
    if size > _MOST_BYTES:
        raise CheckError(
            f"has {size:,} bytes", where=str(out), expected=f"at most {_MOST_BYTES:,} to ship"
        )
    _write(out / "data", {**packed, PER_CHIP: rates, "NOTICE": _notice(made).encode()})
    return [_as_shipped(publisher, file, packed[packed_name(file)]) for publisher, file in made]


def _on_record() -> Iterator[tuple[Publisher, PublishedFile]]:
    for publisher in publishers():
        for file in publisher.files:
            yield publisher, file


def _imported(
    source: Path, publisher: Publisher, file: PublishedFile
) -> tuple[Publisher, ReportedFile]:
    path = source / file.path
    imported = import_file(publisher.kind, path)
    if not imported.results:
        raise CheckError("gives no result", where=str(path), expected=f"rows of {publisher.kind}")
    update = {
        "file": file.path,
        "publisher": publisher.publisher,
        "evidence": publisher.evidence,
        "licence": file.licence or publisher.licence,
        "origin": file.origin or publisher.origin,
        "date": publisher.date,
        "cite": publisher.cite,
    }
    stated = imported.source.model_copy(update=update)
    return publisher, imported.model_copy(update={"source": stated})


def packed_name(imported: ReportedFile) -> str:
    """Name the file of an import, as long as what it was read from stays the same."""
    source = imported.source
    return f"{source.kind}-{source.file_sha256[:16]}{_SUFFIX}"


def pack(imported: ReportedFile) -> bytes:
    """Compress a file; no name and no time of day go into its head."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as file:
        file.write(imported.model_dump_json().encode())
    return packed.getvalue()


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write the folder, and take out of it what an earlier build left and this one does not."""
    try:
        files.write_all({folder / name: data for name, data in contents.items()})
        for old in folder.glob(f"*{_SUFFIX}"):
            if old.name not in contents:
                old.unlink()
    except OSError as error:
        raise UserError(
            f"cannot be written: {error.strerror or error}", where=str(folder), remedy="see --out"
        ) from error


def _notice(made: list[tuple[Publisher, ReportedFile]]) -> str:
    return "\n".join((_NOTICE_HEAD, *(_about(publisher, made) for publisher in publishers())))


def _about(publisher: Publisher, made: list[tuple[Publisher, ReportedFile]]) -> str:
    own = [file for by, file in made if by == publisher]
    lines = [
        publisher.publisher,
        f"  evidence: {publisher.evidence}",
        f"  licence: {publisher.licence}",
        f"  cite: {publisher.cite}",
        f"  from: {publisher.origin}",
        f"  date: {publisher.date}",
    ]
    for file in own:
        source = file.source
        lines += [
            f"  file: {source.file}, {len(file.results):,} results",
            f"    sha256 {source.file_sha256}",
        ]
        if source.licence != publisher.licence:
            lines.append(f"    licence: {source.licence}")
    if publisher.left_out:
        lines.append(f"  left out: {publisher.left_out}")
    return "\n".join(lines) + "\n"


def _as_shipped(publisher: Publisher, imported: ReportedFile, packed: bytes) -> ShippedFile:
    flagged = Counter(
        rule
        for result in imported.results
        for rule in {finding.rule for finding in judge_reported(result).findings}
    )
    return ShippedFile(
        publisher=publisher.publisher,
        evidence=publisher.evidence,
        file=imported.source.file,
        rows=imported.rows,
        imported=len(imported.results),
        folded=len(imported.folded),
        refused=len(imported.refused),
        packed_bytes=len(packed),
        flagged=dict(sorted(flagged.items())),
    )
