"""The raw samples that lie beside an envelope: found by their digest, held to it, computed from.

Of an attested result they are the file of its harness, byte for byte.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from results.checks import SampleFigures, evidence
from results.checks.evidence import harness_of
from results.statement.raw_samples import MOST_BYTES
from suites.base.errors import UserError
from suites.base.files import open_plain, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results.checks.evidence import Harness
    from results.statement.statement import Statement

__all__ = ["beside", "evidence_of", "keep", "other_samples", "place_of", "sendable"]


_NONE = "no raw samples lie beside it"
_ABSENT = SampleFigures(absent=_NONE)


def place_of(home: Path, digest: str) -> Path:
    """Say where an archive keeps the raw samples of a digest."""
    return Path(_place_of(home, digest))


def _place_of(home: Path, digest: str) -> str:
    return f"{home}/samples/{digest}.json"


def keep(home: Path, data: bytes) -> str:
    """Write raw samples where their digest says, and return it."""
    digest = hashlib.sha256(data).hexdigest()
    place = place_of(home, digest)
    place.parent.mkdir(exist_ok=True)
    write_atomically(place, data)
    return digest


def beside(home: Path, statement: Statement) -> SampleFigures:
    """Return what the raw samples of a result give, or why nothing can be computed from them.

    Args:
        home: the archive the envelope lies in.
    """
    digests = [file.digest.sha256 for file in statement.subject]
    if len(digests) != 1:
        return _names(len(digests))
    place = _place_of(home, digests[0])  # most have none: no path is made to look
    try:
        status = os.stat(place)  # noqa: PTH116
        stamp = (status.st_size, status.st_mtime_ns)
        return _given(Path(place), digests[0], stamp, harness_of(statement))
    except FileNotFoundError:
        return _ABSENT
    except OSError as error:
        return SampleFigures(absent=f"its raw samples cannot be read: {error.strerror}")


@cache
def _names(files: int) -> SampleFigures:
    return SampleFigures(absent=f"it names {files} files of raw samples")


def evidence_of(data: bytes, where: str, harness: Harness | None) -> SampleFigures:
    """Compute every figure that raw samples give: Fenmark's own, or those of a harness' file.

    Args:
        data: whose digest the statement names: who checked that is the caller.
    """
    if harness is None:
        return evidence(data, where)
    from results.reported.attested import attested_evidence  # reads the readers too

    return attested_evidence(data, where, harness)


def other_samples(
    home: Path, statement: Statement, given: SampleFigures | None = None
) -> Iterator[str]:
    """Yield what is wrong with the raw samples that lie beside an envelope; none need to.

    Args:
        given: what `beside` returned for them, where it was asked.
    """
    if given and given.absent == _NONE:
        return
    for subject in statement.subject:
        place = place_of(home, subject.digest.sha256)
        try:
            held = _read(place, subject.digest.sha256)
        except FileNotFoundError:
            continue
        except OSError as error:
            yield f"{place}: cannot be read: {error.strerror}"
            continue
        if held is None:
            yield f"{place}: not the raw samples that were signed for"


def sendable(home: Path, statement: Statement) -> bytes | None:
    """Read raw samples to send along; None where they are not here, or a log takes none so large.

    Raises:
        UserError: what lies there is not what was signed for.
    """
    for problem in other_samples(home, statement):
        raise UserError(problem)
    [digest, *more] = [file.digest.sha256 for file in statement.subject]
    try:
        data = None if more else _read(place_of(home, digest), digest)
    except OSError:
        return None
    return data if data and len(data) <= MOST_BYTES else None


# A result is opened more than once in one call, as where another repeats it. Few are kept: the
# figures of a stranger's samples may take 50 MB.
@lru_cache(maxsize=8)
def _given(
    place: Path, digest: str, _stamp: tuple[int, int], harness: Harness | None
) -> SampleFigures:
    data = _read(place, digest)
    if data is None:
        return SampleFigures(
            absent="what lies beside it are not the raw samples that were signed for"
        )
    return evidence_of(data, place.name, harness)


def _read(place: Path, digest: str) -> bytes | None:
    """Read a file, of a larger one its beginning; None where its digest is another.

    Raises:
        OSError: it cannot be read, or is not a plain file.
    """
    with open_plain(place) as file:
        data = file.read(MOST_BYTES + 1)
        held = hashlib.sha256(data)
        while more := file.read(2**20):
            held.update(more)
    return data if held.hexdigest() == digest else None
