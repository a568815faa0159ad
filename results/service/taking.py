"""Where a judged result is held to its owner's quota, stored and logged: one place of a server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from results.service.group_commit import Committer
    from results.service.insert import Candidate
    from results.service.owner_quotas import OwnerQuotas
    from results.service.store import Stored
    from results.service.submission_check import Intake

__all__ = ["Taker", "Taking"]


class Taker(Protocol):
    """Takes candidates, here or in another process."""

    async def take(self, candidate: Candidate, size: int) -> Stored:
        """Store a candidate, durably on return; `size`: bytes of what was sent.

        Raises:
            Problem: it is not taken, and why.
        """


@dataclass(slots=True, kw_only=True)
class Taking:
    """Takes candidates in the process that has the store."""

    intake: Intake
    committer: Committer
    owners: OwnerQuotas

    async def take(self, candidate: Candidate, size: int) -> Stored:
        """Count a result for its owner only if it is new; see `Taker`."""
        self.owners.charge(candidate, size)
        new = False
        try:
            stored = await self._stored(candidate)
            new = stored.new
        finally:
            if not new:
                self.owners.give_back(candidate, size)
        return stored

    async def _stored(self, candidate: Candidate) -> Stored:
        """Keep its raw samples, then the result; no samples stay of a result that does not."""
        if candidate.raw is None:
            return await self.committer.commit(candidate)
        store, digest = self.intake.store, sha256(candidate.raw).hexdigest()
        await asyncio.to_thread(
            store.samples.keep,
            digest,
            candidate.raw,
            keyid=candidate.keyid,
            day=candidate.received_at[:10],
        )
        taken = False
        try:
            stored = await self.committer.commit(candidate)
            # A removed result, sent again in another envelope, is known, and its samples stay away.
            receipt, moderation = stored.receipt, self.intake.moderation
            taken = receipt is not None and not moderation.state(receipt.digest).removed
        finally:
            await asyncio.to_thread(store.samples.settle, digest, store.named, taken=taken)
        return stored
