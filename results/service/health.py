"""Whether the server can do its work: is there room, does the log read, does the database answer.

What is told names no path and no error of a library; those are in the server's own log.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from results.service.store import Store

__all__ = ["OK", "Health"]

OK = "ok"
_LOG = logging.getLogger(__name__)
_LEAST_FREE_BYTES = 64 * 2**20  # a full batch of the largest results is four times as much
_KEPT_S = 1.0
_LONGEST_S = 5.0
# A batch's rows are there a moment before the log has them.
_LOOKS, _BETWEEN_S = 20, 0.05


@dataclass(slots=True)
class Health:
    """What was seen last, for a second; however many ask, one thread looks."""

    store: Store
    _looking: asyncio.Task[dict[str, str]] | None = field(default=None, init=False)
    _since_s: float = field(default=0.0, init=False)

    async def checks(self) -> dict[str, str]:
        """Return `ok`, or what is wrong, by name of the check."""
        now_s = time.monotonic()
        looking = self._looking
        if looking is None or (looking.done() and now_s - self._since_s >= _KEPT_S):
            looking = asyncio.create_task(asyncio.to_thread(_look, self.store))
            self._looking, self._since_s = looking, now_s
        await asyncio.wait({looking}, timeout=_LONGEST_S)
        if not looking.done():
            return dict.fromkeys(_CHECKS, f"no answer within {_LONGEST_S:g} s")
        return looking.result()


def _look(store: Store) -> dict[str, str]:
    return {name: _outcome(name, check, store) for name, check in _CHECKS.items()}


def _outcome(name: str, check: Callable[[Store], str], store: Store) -> str:
    try:
        return check(store)
    except (OSError, SQLAlchemyError, UserError) as error:
        _LOG.error("%s: %s", name, error)
        return "fails: the server's log says why"


def _disk(store: Store) -> str:
    for folder in store.folders():
        if not os.access(folder, os.W_OK):
            return "takes no writes"
        if shutil.disk_usage(folder).free < _LEAST_FREE_BYTES:
            return f"less than {_LEAST_FREE_BYTES // 2**20} MiB free"
    return OK


def _log(store: Store) -> str:
    rows = store.size()
    for look in range(_LOOKS):
        time.sleep(_BETWEEN_S if look else 0)
        size = store.ledger.unverified().size
        if size >= rows:
            return OK if size <= store.size() else "has entries that the database lacks"
    return "lacks entries that the database has"


def _database(store: Store) -> str:
    store.size()
    return OK


_CHECKS: dict[str, Callable[[Store], str]] = {"disk": _disk, "log": _log, "database": _database}
