"""Owners as their pages show them: their runners, and what those measured."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaderboard.base.text import slug

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from leaderboard.read.archives import FoundEnvelope
    from leaderboard.read.registered import Registered

__all__ = ["OwnerView", "RunnerView", "views"]

# Results listed on an owner's page; the downloads hold all.
_LISTED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerView:
    """A registered runner.

    Attributes:
        tier: of its latest result, else what its registration alone is worth.
        last: date of that result; empty where there is none.
    """

    id: str
    keyid: str
    hardware: str
    tier: str
    since: str
    valid_until: str
    replaces: str
    ended: bool
    known: bool
    results: int
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerView:
    """An owner, and what is shown of them.

    Attributes:
        id: safe in a path.
        results: (digest, id of the chip, date), newest first; the first of them.
        total: how many there are.
    """

    id: str
    name: str
    runners: Sequence[RunnerView]
    results: Sequence[tuple[str, str, str]]
    total: int

    @property
    def made_of(self) -> str:
        """Identify all that the page shows."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


def views(
    registered: Mapping[str, Registered],
    newest: pd.DataFrame,
    sources: Mapping[str, FoundEnvelope],
) -> dict[str, OwnerView]:
    """Return the owners by name, in order.

    Args:
        registered: runners by key id.
        newest: one line a result, newest first, with `digest`, `keyid`, `chip_id`, `finished_at`.
    """
    results: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    columns = (newest[name].tolist() for name in ("keyid", "digest", "chip_id", "finished_at"))
    for keyid, digest, chip, finished_at in zip(*columns, strict=True):
        if keyid in registered:
            results[keyid].append((digest, chip, finished_at[:10]))
    by_owner: dict[str, list[str]] = defaultdict(list)
    for keyid, registered_key in registered.items():
        by_owner[registered_key.runner.owner].append(keyid)
    return {
        name: OwnerView(
            id=slug(name),
            name=name,
            runners=sorted(
                (_runner(keyid, registered[keyid], results[keyid], sources) for keyid in keyids),
                key=lambda view: (-view.results, view.id),
            ),
            results=sorted(
                (result for keyid in keyids for result in results[keyid]),
                key=lambda result: (result[2], result[0]),
                reverse=True,
            )[:_LISTED],
            total=sum(len(results[keyid]) for keyid in keyids),
        )
        for name, keyids in sorted(by_owner.items())
    }


def _runner(
    keyid: str,
    registered: Registered,
    results: Sequence[tuple[str, str, str]],
    sources: Mapping[str, FoundEnvelope],
) -> RunnerView:
    runner = registered.runner
    alone = "registered" if registered.known else "self-signed"
    return RunnerView(
        id=runner.id,
        keyid=keyid,
        hardware=runner.hardware,
        tier=sources[results[0][0]].tier if results else alone,
        since=registered.since[:10],
        valid_until=(runner.valid_until or "")[:10],
        replaces=runner.replaces or "",
        ended=registered.ended,
        known=registered.known,
        results=len(results),
        last=results[0][2] if results else "",
    )
