"""Read archives of signed results: verified ones become results, the rest become problems."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from leaderboard.figures import Result
from leaderboard.text import slug
from results import archive, envelope, identity
from results.confirmation import confirmed
from results.ledger import Ledger
from suites.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from results.archive import Verdict
    from results.identity import Runner

__all__ = ["Archive", "read"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """What lies in the given folders.

    Attributes:
        results: verified, newest first, each envelope once.
        refused: (digest, why) of what does not verify; never shown as a result.
        keys: public keys of the runners, as the verify page reads them.
        files: envelopes, logs and runner keys to publish, by their path on the site.
    """

    results: tuple[Result, ...]
    refused: tuple[tuple[str, str], ...]
    keys: tuple[dict[str, str], ...]
    files: dict[str, Path]


def read(folders: Sequence[Path]) -> Archive:
    """Verify and read every envelope of the folders.

    Raises:
        UserError: a folder does not exist.
    """
    results: dict[str, Result] = {}
    refused: list[tuple[str, str]] = []
    files: dict[str, Path] = {}
    runners = [*identity.read_folder(identity.REGISTERED, registered=True)]
    for folder in folders:
        if not folder.is_dir():
            raise UserError("is no folder", where=str(folder), expected="an archive of results")
        if not archive.envelopes(folder) and not Ledger(folder / "log").exists():
            continue
        log = _log_name(folder)
        places = _places(folder)
        stored = {
            path.name.removesuffix(archive.SUFFIX): path for path in archive.envelopes(folder)
        }
        for verdict in archive.verify(folder):
            if verdict.problems or verdict.digest not in stored:
                refused.append((verdict.digest, "; ".join(verdict.problems) or "misnamed file"))
                continue
            path = stored[verdict.digest]
            results[verdict.digest] = _result(path, verdict, log, places.get(verdict.digest))
            files[f"statements/{path.name}"] = path
        runners += identity.read_folder(folder / "runners")
        files.update(_published(folder, log))
    # Across all folders: a run at home may confirm a published one.
    found = confirmed(list(results.values()))
    shown = [replace(one, confirmed_by=found.get(one.digest, ())) for one in results.values()]
    newest_first = sorted(shown, key=lambda result: result.digest)
    newest_first.sort(key=lambda result: result.predicate.run.finished_at, reverse=True)
    return Archive(
        results=tuple(newest_first), refused=tuple(refused), keys=_keys(runners), files=files
    )


def _keys(runners: Sequence[Runner]) -> tuple[dict[str, str], ...]:
    """Describe each key once; a registered key comes first and stays registered."""
    keys: dict[str, dict[str, str]] = {}
    for runner in runners:
        key = runner.key.to_dict()
        keys.setdefault(
            runner.key.keyid,
            {
                "id": runner.id,
                "keyid": runner.key.keyid,
                "keytype": key["keytype"],
                "public": key["keyval"]["public"],
                "tier": runner.tier,
            },
        )
    return tuple(sorted(keys.values(), key=lambda key: key["id"]))


def _result(path: Path, verdict: Verdict, log: str, index: int | None) -> Result:
    # The signature over these very bytes has just been verified.
    payload = base64.b64decode(json.loads(path.read_bytes())["payload"])
    return Result(
        digest=verdict.digest,
        keyid=verdict.keyid or "",
        key_tier=verdict.tier or "self-signed",
        log=log if index is not None else "",
        index=index,
        flags=tuple(f"{flag.rule}: {flag.where} {flag.reason}" for flag in verdict.flags),
        predicate=envelope.parse(payload, str(path)).predicate,
    )


def _log_name(folder: Path) -> str:
    """Name a log after its writer, so that logs of several archives lie side by side."""
    return slug(Ledger(folder / "log").unverified().origin.rpartition("/")[2])


def _places(folder: Path) -> dict[str, int]:
    """Map each logged envelope to its position."""
    entries = enumerate(Ledger(folder / "log").entries())
    return {
        entry["envelope"]: index
        for index, entry in ((index, json.loads(data)) for index, data in entries)
        if entry.get("type") == "result"
    }


def _published(folder: Path, log: str) -> Iterator[tuple[str, Path]]:
    for part, target in (("log", f"logs/{log}"), ("runners", "runners/keys")):
        home = folder / part
        for path in sorted(home.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield f"{target}/{path.relative_to(home).as_posix()}", path
