"""One history: the rows of the database give the log on the disk, or nobody goes on writing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from results.proof.merkle import Frontier, leaf_hash
from results.service.orm import LogEntry
from suites.base.errors import CheckError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from results.proof.ledger import Ledger

__all__ = ["check_rows"]


def check_rows(engine: Engine, ledger: Ledger) -> None:
    """Hold the rows to all that the log beside them committed to, before either is changed.

    Reads every entry once, flat in memory: about 3 µs each.

    Raises:
        CheckError: they are of another history, as after restoring the database or the log
            alone; or a checkpoint cannot be read.
    """
    promised = ledger.promised()
    if not promised:
        return
    frontier = Frontier()
    query = select(LogEntry.record).where(LogEntry.at < promised[-1].size).order_by(LogEntry.at)
    streamed = query.execution_options(yield_per=1000)
    with engine.connect() as connection, connection.execute(streamed) as rows:
        records = rows.scalars()
        for checkpoint in promised:
            while frontier.size < checkpoint.size and (record := next(records, None)) is not None:
                frontier.add(leaf_hash(record))
            if (frontier.size, frontier.root()) != (checkpoint.size, checkpoint.root):
                raise CheckError(
                    f"the log has {checkpoint.size} entries of root {checkpoint.root.hex()[:16]}…, "
                    f"the database gives {frontier.size} of root {frontier.root().hex()[:16]}…",
                    where=str(ledger.home),
                    expected="the database and the log of one backup",
                    remedy="restore both together, or put back the one that was not restored: to "
                    "go on from here would fork the log",
                )
