"""Group commit: submissions that arrive together share one transaction and one checkpoint."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from results.service.insert import Candidate
    from results.service.store import Store, Stored

__all__ = ["Committer"]

_LARGEST_BATCH = 256  # a full tile


@dataclass(slots=True)
class Committer:
    """One thread that commits; while it does, the next batch gathers.

    Attributes:
        store: what it writes to.
        batches, seconds: how many it committed, and how long that took, for `/metrics`.
    """

    store: Store
    batches: int = 0
    seconds: float = 0.0
    _queue: asyncio.Queue[tuple[Candidate, asyncio.Future[Stored]] | None] = field(
        default_factory=asyncio.Queue
    )
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    async def commit(self, candidate: Candidate) -> Stored:
        """Store a candidate; durable on return."""
        done: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        await self._queue.put((candidate, done))
        return await done

    async def run(self) -> None:
        """Commit until `stop`; what was queued before it is finished."""
        while first := await self._queue.get():
            batch, last = [first], False
            while not self._queue.empty() and len(batch) < _LARGEST_BATCH:
                item = self._queue.get_nowait()
                if item is None:
                    last = True
                    break
                batch.append(item)
            await self._write(batch)
            if last:
                return

    async def stop(self) -> None:
        """Let `run` end after what is queued."""
        await self._queue.put(None)

    async def _write(self, batch: list[tuple[Candidate, asyncio.Future[Stored]]]) -> None:
        started = time.perf_counter()
        loop = asyncio.get_running_loop()
        candidates = [candidate for candidate, _ in batch]
        try:
            stored = await loop.run_in_executor(self._thread, self.store.commit, candidates)
        except Exception as error:  # noqa: BLE001 - each sender gets it; the next batch may do
            for _, done in batch:
                if not done.done():
                    done.set_exception(error)
            return
        finally:
            self.batches += 1
            self.seconds += time.perf_counter() - started
        for (_, done), result in zip(batch, stored, strict=True):
            if not done.done():
                done.set_result(result)
