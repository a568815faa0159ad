"""An engine in a child process of ours, which runs while its context is open."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from suites.engines.process import EngineProcess

__all__ = ["ChildEngine"]


class ChildEngine(ABC):
    """A running engine: use as a context manager.

    Attributes:
        url: base URL, such as "http://127.0.0.1:34567".
    """

    def __init__(self) -> None:
        """Nothing runs yet; entering the context starts it."""
        self.url = ""
        self._greeting: dict[str, Any] = {}
        self._process: EngineProcess | None = None

    @abstractmethod
    def _launch(self) -> EngineProcess:
        """Start the process, without waiting for it."""

    def _wait_for(self, process: EngineProcess) -> None:
        """Wait until it can be asked."""
        self._greeting = process.ready()
        self.url = str(self._greeting["url"])

    def __enter__(self) -> Self:
        self._process = process = self._launch()
        try:
            self._wait_for(process)
        except BaseException:
            process.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.stop()

    @property
    def pid(self) -> int:
        """Process id, for its memory and CPU time; 0 before it starts."""
        return self._process.pid if self._process else 0

    def check_alive(self) -> None:
        """Raise with the log's last lines if the engine has ended.

        Raises:
            CheckError: it has.
        """
        if self._process:
            self._process.check_alive()
