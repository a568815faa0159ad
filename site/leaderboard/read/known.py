"""What the verify page is made with: its files on the site are checked against it.

A page that took key, log and schema from beside a result would believe anyone who put them there.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from results.checks.tables import document
from suites.base.errors import CheckError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from results.archive.archive import ArchiveContext
    from results.keys.identity import Runner
    from results.proof.cosignature import Policy

__all__ = ["CheckedLog", "key_list", "keys", "known", "known_log", "laws", "schemas"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedLog:
    """A log that holds, when the site was built.

    Attributes:
        origin: its name.
        key: the raw Ed25519 key that signs it, hex.
        size, root: what it must extend; root in hex.
        cosigned: whether a checkpoint with witnesses' signatures lies in it.
        known: Fenmark ships its key: what it says of registrations and of time counts.
    """

    origin: str
    key: str
    size: int
    root: str
    cosigned: bool
    known: bool


def known_log(around: ArchiveContext) -> CheckedLog:
    """Describe a log that was verified.

    Raises:
        CheckError: there is none.
    """
    head, writer = around.head, around.writer
    if head is None or writer is None:
        raise CheckError("no log was verified")
    return CheckedLog(
        origin=writer.origin,
        key=writer.key.hex(),
        size=head.size,
        root=head.root.hex(),
        cosigned="cosigned" in around.log_files,
        known=writer.known,
    )


def keys(
    runners: Sequence[Runner], logs: Mapping[str, ArchiveContext]
) -> tuple[dict[str, Any], ...]:
    """Describe each key once; a registered key comes first and stays registered.

    Args:
        logs: by their folder on the site; known ones say from which entry on a key is registered.
    """
    distrusted = {log: around.keys.distrusted for log, around in logs.items()}
    registered = {
        log: around.keys.registered
        for log, around in logs.items()
        if around.writer and around.writer.known
    }
    described: dict[str, dict[str, Any]] = {}
    for runner in runners:
        key, keyid = runner.key.to_dict(), runner.key.keyid
        about = {
            "id": runner.name,
            "keyid": keyid,
            "keytype": key["keytype"],
            "public": key["keyval"].get("public", ""),  # none where a workflow signs
            "tier": runner.tier,
            "valid_from": runner.valid_from,
            "valid_until": runner.valid_until,
            "revoked": runner.revoked_reason,
            "registered_by": runner.registered_by,
            "registered": {
                log: entered[keyid][0] for log, entered in registered.items() if keyid in entered
            },
            "ended": {
                log: spans[keyid][-1].start
                for log, spans in distrusted.items()
                if spans.get(keyid) and spans[keyid][-1].end is None
            },
            "distrusted": {
                log: [[span.start, span.end] for span in spans[keyid]]
                for log, spans in distrusted.items()
                if spans.get(keyid)
            },
        }
        described.setdefault(keyid, about)
    return tuple(sorted(described.values(), key=lambda key: str(key["id"])))


def key_list(described: Sequence[Mapping[str, Any]]) -> bytes:
    """Return `data/proofs/keys.json`."""
    return json.dumps(described, sort_keys=True).encode()


def schemas() -> Iterator[tuple[str, bytes]]:
    """Yield version and JSON Schema of every version of a result that can be read."""
    for path in sorted((files("results") / "schema").iterdir(), key=lambda path: path.name):
        yield path.name.removeprefix("statement-v").removesuffix(".json"), path.read_bytes()


@cache
def laws() -> bytes:
    """Return `data/proofs/laws.json`: all that the page needs to hold figures against the laws."""
    return document()


def known(listed: bytes, logs: Mapping[str, CheckedLog], policy: Policy | None = None) -> str:
    """Return as JSON what the page holds its files against.

    Args:
        listed: the list of keys, as `key_list` gives it.
        logs: by folder.
        policy: witnesses that must have cosigned each of them.
    """
    return json.dumps(
        {
            "keys": hashlib.sha256(listed).hexdigest(),
            "laws": hashlib.sha256(laws()).hexdigest(),
            "schemas": {name: hashlib.sha256(data).hexdigest() for name, data in schemas()},
            "logs": {name: asdict(log) for name, log in sorted(logs.items())},
            "policy": policy and {"quorum": policy.quorum, "witnesses": policy.keys},
        },
        sort_keys=True,
    )
