"""What the verify page is made with: its files on the site are held against it.

A page that took key, log and schema from beside a result would believe whoever put them there.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from results import archive, bounded, checkpoint
from results.ledger import Ledger
from suites.errors import CheckError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from results.identity import Runner

__all__ = ["KnownLog", "key_list", "keys", "known", "log", "schemas"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLog:
    """A log that holds, when the site was built.

    Attributes:
        origin: its name.
        key: the raw Ed25519 key that signs it, hex.
        size, root: what it must extend; root in hex.
        cosigned: whether a checkpoint with witnesses' signatures lies in it.
    """

    origin: str
    key: str
    size: int
    root: str
    cosigned: bool


def log(home: Path, runners: Sequence[Runner]) -> KnownLog:
    """Describe a log that was verified.

    Raises:
        UserError: it changed since.
    """
    note, where = bounded.read(home / "checkpoint"), str(home / "checkpoint")
    origin = Ledger(home).unverified().origin
    for key in archive.log_keys(runners, origin):
        try:
            head = checkpoint.verify(note, [key], where)
        except CheckError:
            continue
        return KnownLog(
            origin=origin,
            key=key.hex(),
            size=head.size,
            root=head.root.hex(),
            cosigned=(home / "cosigned").is_file(),
        )
    raise CheckError("changed while the site was built", where=where)


def keys(
    runners: Sequence[Runner], ended: Mapping[str, Mapping[str, int]]
) -> tuple[dict[str, Any], ...]:
    """Describe each key once; a registered key comes first and stays registered.

    Args:
        ended: by log, the entry that revoked or replaced a key, by the key's id.
    """
    found: dict[str, dict[str, Any]] = {}
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
            # Entries that the key may not have signed: from one on, to no end.
            "distrusted": {
                log: [[places[keyid], None]] for log, places in ended.items() if keyid in places
            },
        }
        found.setdefault(keyid, about)
    return tuple(sorted(found.values(), key=lambda key: str(key["id"])))


def key_list(described: Sequence[Mapping[str, Any]]) -> bytes:
    """Return `data/proofs/keys.json`."""
    return json.dumps(described, sort_keys=True).encode()


def schemas() -> Iterator[tuple[str, bytes]]:
    """Yield version and JSON Schema of every version of a result that can be read."""
    for path in sorted((files("results") / "schema").iterdir(), key=lambda path: path.name):
        yield path.name.removeprefix("statement-v").removesuffix(".json"), path.read_bytes()


def known(listed: bytes, logs: Mapping[str, KnownLog]) -> str:
    """Return as JSON what the page holds its files against.

    Args:
        listed: the list of keys, as `key_list` gives it.
        logs: by folder.
    """
    return json.dumps(
        {
            "keys": hashlib.sha256(listed).hexdigest(),
            "schemas": {name: hashlib.sha256(data).hexdigest() for name, data in schemas()},
            "logs": {name: asdict(one) for name, one in sorted(logs.items())},
        },
        sort_keys=True,
    )
