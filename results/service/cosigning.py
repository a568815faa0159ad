"""The log's side of witnessing: ask for cosignatures, keep the note that bears them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from results.proof import checkpoint
from results.proof.witness import request
from suites.base import files
from suites.base.errors import UserError
from suites.base.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from results.proof.ledger import Ledger

__all__ = ["Cosigning"]

_EVERY_S = 5.0
_MOST_BYTES = 4096  # of a witness's answer: one signature line is about 200


@dataclass(slots=True, kw_only=True)
class Cosigning:
    """Brings each new checkpoint to the witnesses; a receipt never waits for it.

    Attributes:
        witnesses: base URLs.
        sizes: what each witness saw last, by URL.
    """

    ledger: Ledger
    witnesses: Sequence[str]
    sizes: dict[str, int] = field(default_factory=dict)

    async def run(self) -> None:
        """Ask whenever the log has grown, until cancelled."""
        import httpx

        done = 0
        async with httpx.AsyncClient(timeout=10) as client:
            while True:
                size = self.ledger.unverified().size
                if size > done:
                    done = size if await self.gather(client) else done
                await asyncio.sleep(_EVERY_S)

    async def gather(self, client: httpx.AsyncClient) -> bool:
        """Ask every witness once; tell whether all cosigned. Writes `log/cosigned`."""
        note = files.read_limited(self.ledger.checkpoint_file)
        size = checkpoint.read(note, "checkpoint")[0].size
        answers = [await self._ask(client, url, note, size) for url in self.witnesses]
        lines = b"".join(answers)
        if lines:
            write_atomically(self.ledger.home / "cosigned", note + lines)
        return all(answers)

    async def _ask(self, client: httpx.AsyncClient, url: str, note: bytes, size: int) -> bytes:
        import httpx

        for _ in range(2):  # the second time with the size the witness said it remembers
            old = self.sizes.get(url, 0)
            proof = self.ledger.prove_consistency(old, size) if old else []
            try:
                answer = await client.post(
                    f"{url.rstrip('/')}/add-checkpoint", content=request(old, proof, note)
                )
            except httpx.HTTPError:
                return b""
            if answer.status_code == 200 and len(answer.content) <= _MOST_BYTES:
                self.sizes[url] = size
                return answer.content if _fits(note + answer.content) else b""
            remembered = answer.text.strip()
            if answer.status_code != 409 or not remembered.isdecimal() or int(remembered) > size:
                return b""
            self.sizes[url] = int(remembered)
        return b""


def _fits(note: bytes) -> bool:
    try:
        checkpoint.read(note, "cosigned")
    except UserError:
        return False
    return True
