"""What a sender is told when disk or database fail: no fault of theirs, and no bug of ours."""

from __future__ import annotations

import errno
import sqlite3
from typing import TYPE_CHECKING, Any

from results.service.problem import Problem

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

__all__ = ["RETRY_AFTER_S", "database_fault", "disk_fault", "receipt_pending"]

RETRY_AFTER_S = 5
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# disk_full and lock_not_available, of PostgreSQL's Appendix A.
_FULL_STATE, _LOCKED_STATE = "53100", "55P03"


def disk_fault(error: OSError) -> Problem | None:
    """Return 507 for a disk that takes no more; None for anything else."""
    return _full() if error.errno in _FULL else None


def database_fault(error: DBAPIError) -> Problem:
    """Return 507 for a full disk, 503 for a database that is locked, broken or out of reach."""
    cause: Any = error.orig
    # Of SQLite's code the lowest byte is the primary one.
    code, state = getattr(cause, "sqlite_errorcode", 0) & 0xFF, getattr(cause, "sqlstate", "")
    if code == sqlite3.SQLITE_FULL or state == _FULL_STATE:
        return _full()
    busy = code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} or state == _LOCKED_STATE
    why = "another process holds the database" if busy else "the database does not answer"
    return _again("database-unavailable", f"{why}; nothing was stored: send it again")


def receipt_pending(error: Exception | None = None) -> Problem:
    """Return 503: the rows are stored for good, the log behind them could not be written yet.

    Args:
        error: that kept the log from being written.
    """
    full = isinstance(error, OSError) and error.errno in _FULL
    why = "the disk of the log is full" if full else "the log could not be written"
    return _again("receipt-pending", f"it is stored, but {why}: send it again for its receipt")


def _full() -> Problem:
    return Problem(507, "storage-full", "the disk is full; nothing was stored: send it again later")


def _again(name: str, detail: str) -> Problem:
    return Problem(503, name, detail, errors=[{"retry_after_s": RETRY_AFTER_S}])
