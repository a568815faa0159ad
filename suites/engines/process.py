"""Keep an engine as a child process: started, watched, its last words kept, never orphaned."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from suites.base.child import at_end_of_input
from suites.base.errors import CheckError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["EngineProcess", "die_with_parent", "is_healthy", "say"]

_STOP_LIMIT_S = 2.0
_ANSWER_LIMIT_S = 5.0
_LOG_TAIL_LINES = 12
_SUCCESS = 2  # hundred and something


class EngineProcess:
    """A child process in a session of its own, alive as long as its owner is.

    The child holds the read end of a pipe as its standard input and leaves when that ends
    (`die_with_parent`): this holds on every system and also when the owner is killed outright.
    Standard output carries one JSON line saying the child is ready; everything else it prints
    goes to a log whose last lines are shown when it fails.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        name: str,
        ready_within_s: float,
        stop_within_s: float = _STOP_LIMIT_S,
    ) -> None:
        """Start the command; `ready` waits for it."""
        self.name = name
        self._stop_within_s = stop_within_s
        self._deadline = time.monotonic() + ready_within_s
        self._limit_s = ready_within_s
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        self._child = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C reaches us alone; we stop the child in order
        )

    @property
    def pid(self) -> int:
        return self._child.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ready(self) -> dict[str, Any]:
        """Wait for the child's ready line and return it.

        Raises:
            CheckError: the child ended, said something else, or took too long.
        """
        lines: list[bytes] = []
        pipe = self._child.stdout
        reader = threading.Thread(
            target=lambda: lines.append(pipe.readline() if pipe else b""), daemon=True
        )
        reader.start()
        reader.join(max(0.0, self._deadline - time.monotonic()))
        if not lines:
            raise self.failure(f"not ready within {self._limit_s:.0f} s")
        try:
            greeting: dict[str, Any] = json.loads(lines[0])
        except ValueError:
            raise self.failure("ended while starting") from None
        return greeting

    def check_alive(self) -> None:
        """Raise with the log's last lines if the child has ended.

        Raises:
            CheckError: it has.
        """
        if self._child.poll() is not None:
            raise self.failure("ended by itself")

    def wait_for(self, result: Path) -> None:
        """Wait until the child has ended and left this file.

        Raises:
            CheckError: it ended without.
        """
        self._child.wait()
        if not result.exists():
            raise self.failure("failed")

    def failure(self, what: str) -> CheckError:
        """Build the error that says what happened, with the exit code and the log's end."""
        self.stop()
        code = self._child.returncode
        tail = " | ".join(self.log_tail()) or "(nothing printed)"
        return CheckError(
            f"{what} (exit {code})", where=self.name, remedy=f"last lines of its log: {tail}"
        )

    def log_tail(self) -> list[str]:
        """Last lines the child printed."""
        if self._log.closed:
            return self._tail
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - 16_384))
        text = self._log.read().decode(errors="replace")
        return [line.strip() for line in text.splitlines() if line.strip()][-_LOG_TAIL_LINES:]

    def stop(self) -> None:
        """End the child and everything it started; harmless when already stopped."""
        if self._log.closed:
            return
        if self._child.stdin:
            self._child.stdin.close()  # the polite way: its input ends
        try:
            self._child.wait(self._stop_within_s)
        except subprocess.TimeoutExpired:
            _signal_group(self._child.pid, signal.SIGKILL)
            self._child.wait()
        _signal_group(self._child.pid, signal.SIGKILL)  # grandchildren that stayed behind
        if self._child.stdout:
            self._child.stdout.close()
        self._tail = self.log_tail()
        self._log.close()


def die_with_parent() -> None:
    """In the child: leave at once when standard input ends, whatever else is going on."""
    at_end_of_input(lambda: os._exit(0))


def is_healthy(url: str, path: str) -> bool:
    """Ask an engine on the loopback, with no proxy between; false while nobody answers."""
    from http.client import HTTPConnection, HTTPException  # not for the children that leave by us

    link = HTTPConnection(url.removeprefix("http://"), timeout=_ANSWER_LIMIT_S)
    try:
        link.request("GET", path)
        return link.getresponse().status // 100 == _SUCCESS
    except (OSError, HTTPException):
        return False
    finally:
        link.close()


def say(message: dict[str, Any]) -> None:
    """In the child: print the ready line."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _signal_group(leader: int, number: signal.Signals) -> None:
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return
