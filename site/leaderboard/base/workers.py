"""Work on many things at once, where there are enough of them, and beside the rest of a build."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Workers"]

_In = TypeVar("_In")
_Out = TypeVar("_Out")
# Beyond this the one process that gathers the results is what the others wait for.
_MOST = 8


class Workers:
    """Processes that start when they are first needed, and a thread; all end with the block.

    Processes are started afresh: a fork of a process with threads may hang.
    """

    def __init__(self) -> None:
        self._processes = min(os.cpu_count() or 1, _MOST)
        self._pool: ProcessPoolExecutor | None = None
        self._thread = ThreadPoolExecutor(1)
        self._beside: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        self._thread.shutdown(cancel_futures=bool(failed))
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
        if not failed:
            for done in self._beside:
                done.result()

    def beside(self, work: Callable[[], None]) -> None:
        """Do something while the block goes on; the block ends after it, and raises what it raised.

        A second processor helps only where the work leaves the interpreter for long at a time, as
        Arrow does.
        """
        self._beside.append(self._thread.submit(work))

    def map(
        self, work: Callable[[_In], _Out], items: Sequence[_In], *, worth_it: bool
    ) -> Iterator[_Out]:
        """Apply a module's function to every item; yields in order.

        Args:
            worth_it: whether all of it takes longer than processes take to start (2 s).
        """
        if not worth_it or self._processes == 1:
            return map(work, items)
        if not self._pool:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._processes, mp_context=context)
        return self._pool.map(work, items)
