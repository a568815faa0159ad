"""Carry a signed result from the folder it was measured in to another archive, and log it there."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from results.archive import archive
from results.keys.identity import (
    REGISTERED,
    read_folder,
    read_to_publish,
    runner_id,
    runner_toml,
)
from results.proof.ledger import Ledger
from results.proof.receipt import result_entry
from suites.base import files
from suites.base.files import write_atomically
from suites.base.locks import held

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from securesystemslib.signer import Signer

    from results.archive.archive import OpenedResult
    from results.proof.ledger import Appended

__all__ = ["Bundle", "gather", "pack"]

_MOST_SAMPLES = 2**30  # bytes; those of a quick run are a quarter of a megabyte


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A result with what belongs to it, as bytes that travel.

    Attributes:
        digest: SHA-256 of the envelope.
        envelope: as it was signed.
        key: name and bytes of the file of the public key that signed it.
        samples: each file of raw samples that the envelope names by its SHA-256.
    """

    digest: str
    envelope: bytes
    key: tuple[str, bytes]
    samples: tuple[bytes, ...]


def pack(path: Path) -> Bundle:
    """Verify an envelope and take it with its key and samples.

    Raises:
        UserError: it cannot be read, or is not a result.
        CheckError: its signature or its name does not hold.
    """
    opened = archive.open_result(path)
    home = archive.home_of(path)
    key = home / "runners" / f"{opened.runner.id}.toml"
    if not key.is_file():
        key = REGISTERED / key.name
    samples = (_sample(home / "samples", digest) for digest in _samples(opened))
    return Bundle(
        digest=opened.digest,
        envelope=archive.read(path),
        key=(key.name, archive.read(key)),
        samples=tuple(data for data in samples if data is not None),
    )


def _sample(folder: Path, digest: str) -> bytes | None:
    """Read raw samples; None where what was signed for does not lie there."""
    try:
        data = files.read_limited(folder / f"{digest}.json", most=_MOST_SAMPLES)
    except OSError:
        return None
    return data if sha256(data).hexdigest() == digest else None


def gather(directory: Path, parcels: Sequence[Bundle], signer: Signer) -> list[Appended]:
    """Add results to an archive that is ours: each is there whole, and logged, or not at all.

    What lies there already is not added again, so that a call that was killed is simply made again.

    Args:
        signer: of the archive's log; the results keep the signatures they have.

    Raises:
        UserError: the folder cannot be written, or its log is another key's.
        CheckError: a parcel's signature does not hold.
    """
    with held(directory):  # shards of a plan may end together
        for parcel in parcels:
            _unpack(directory, parcel)
        # A reader who verifies the log needs the key of its checkpoints too.
        key = signer.public_key
        own = directory / "runners" / f"{runner_id(key)}.toml"
        if not own.exists():
            write_atomically(own, runner_toml(key).encode())
        log = directory / "log"
        log.mkdir(exist_ok=True)
        ledger = Ledger(log)
        origin = archive.log_origin(signer)
        archive.enter_notices(directory, signer)
        return [
            ledger.append(result_entry(parcel.digest), origin=origin, signer=signer)
            for parcel in parcels
        ]


def _unpack(directory: Path, parcel: Bundle) -> None:
    """Write the files of a parcel, the envelope last: what it names is there before it.

    A parcel comes from another host: of it is taken what the envelope names, and nothing else.
    """
    keys, samples = directory / "runners", directory / "samples"
    for folder in (keys, samples):
        folder.mkdir(exist_ok=True)
    name, text = parcel.key[0], parcel.key[1].decode(errors="replace")
    runner, published = read_to_publish(text, name)
    key = keys / f"{runner.id}.toml"
    # A key that is known here stays as it is: it may have been revoked since.
    if not key.exists():
        write_atomically(key, published.encode())
    path = directory / f"{parcel.digest}{archive.SUFFIX}"
    runners = [*read_folder(REGISTERED, registered=True), *read_folder(keys)]
    wanted = _samples(archive.open_bytes(parcel.envelope, path, runners))
    for data in parcel.samples:
        if (digest := sha256(data).hexdigest()) in wanted:
            write_atomically(samples / f"{digest}.json", data)
    write_atomically(path, parcel.envelope)


def _samples(opened: OpenedResult) -> list[str]:
    return [subject.digest.sha256 for subject in opened.statement.subject]
