"""Carry a signed result from the folder it was measured in to another archive, and log it there."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from results import archive
from results.identity import REGISTERED, read_folder, runner_id, runner_toml
from results.ledger import Ledger
from results.receipt import result_entry
from suites.child import write_atomically
from suites.locks import held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from securesystemslib.signer import Signer

    from results.archive import Opened
    from results.ledger import Appended

__all__ = ["Parcel", "gather", "pack"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A result with what belongs to it, as bytes that travel.

    Attributes:
        digest: SHA-256 of the envelope.
        envelope: as it was signed.
        key: name and bytes of the file of the public key that signed it.
        samples: each file of raw samples; its SHA-256 is its name.
    """

    digest: str
    envelope: bytes
    key: tuple[str, bytes]
    samples: tuple[bytes, ...]


def pack(path: Path) -> Parcel:
    """Verify an envelope and take it with its key and samples.

    Raises:
        UserError: it cannot be read, or is no result.
        CheckError: its signature or its name does not hold.
    """
    opened = archive.open_result(path)
    home = archive.home_of(path)
    key = home / "runners" / f"{opened.runner.id}.toml"
    if not key.is_file():
        key = REGISTERED / key.name
    samples = [home / "samples" / f"{digest}.json" for digest in _samples(opened)]
    return Parcel(
        digest=opened.digest,
        envelope=archive.read(path),
        key=(key.name, archive.read(key)),
        samples=tuple(file.read_bytes() for file in samples if file.is_file()),
    )


def gather(directory: Path, parcels: Sequence[Parcel], signer: Signer) -> list[Appended]:
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
        # Whoever verifies the log needs the key of its checkpoints too.
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


def _unpack(directory: Path, parcel: Parcel) -> None:
    """Write the files of a parcel, the envelope last: what it names is there before it."""
    keys, samples = directory / "runners", directory / "samples"
    for folder in (keys, samples):
        folder.mkdir(exist_ok=True)
    # A key that is known here stays as it is: it may have been revoked since. A name from another
    # host is a name, not a path.
    key = keys / Path(parcel.key[0]).name
    if not key.exists():
        write_atomically(key, parcel.key[1])
    for data in parcel.samples:
        write_atomically(samples / f"{sha256(data).hexdigest()}.json", data)
    path = directory / f"{parcel.digest}{archive.SUFFIX}"
    runners = [*read_folder(REGISTERED, registered=True), *read_folder(keys)]
    archive.open_bytes(parcel.envelope, path, runners)
    write_atomically(path, parcel.envelope)


def _samples(opened: Opened) -> list[str]:
    return [subject.digest.sha256 for subject in opened.statement.subject]
