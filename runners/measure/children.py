"""Child processes that are watched: their events, their time limit, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

__all__ = ["ChildEnd", "Event", "run"]

_GRACE_S = 15

Event = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildEnd:
    """How a child ended.

    Attributes:
        code: exit code, negative for the signal that killed it.
        too_long: it passed its time limit and was stopped.
        log: what it wrote on stderr.
    """

    code: int
    too_long: bool
    log: Path

    def tail(self, lines: int = 5) -> str:
        """Return the last lines of the log, as one."""
        text = self.log.read_text(errors="replace").splitlines()
        return " | ".join([line for line in text if line.strip()][-lines:]) or "(empty)"


def run(
    command: Sequence[str], log: Path, limit_s: float, on_event: Callable[[Event], None]
) -> ChildEnd:
    """Run a child to its end, and none of its processes beyond.

    Args:
        command: told `--end-with-stdin`: it holds our end of a pipe as its input and leaves when
            that ends, so that it goes even if we are killed outright.
        on_event: called with every progress line of its stdout.
    """
    with log.open("w") as errors, _child([*command, "--end-with-stdin"], errors) as child:
        timer = _Deadline(child, limit_s)
        assert child.stdout
        for line in child.stdout:
            if event := _event(line):
                on_event(event)
        code = child.wait()
        timer.cancel()
    return ChildEnd(code=code, too_long=timer.passed, log=log)


@contextmanager
def _child(command: list[str], errors: TextIO) -> Iterator[subprocess.Popen[str]]:
    """Run a child in its own process group, and leave no process of it behind."""
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        _stop_group(child)
        for pipe in filter(None, (child.stdin, child.stdout)):
            pipe.close()


def _stop_group(child: subprocess.Popen[str]) -> None:
    if child.poll() is None:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_S)
    with suppress(ProcessLookupError):  # the usual case: everything has ended
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


class _Deadline:
    """Stops a child that hangs; `passed` says that it did."""

    def __init__(self, child: subprocess.Popen[str], seconds: float) -> None:
        self.passed = False
        self._child = child
        self._timer = threading.Timer(seconds, self._stop)
        self._timer.daemon = True
        self._timer.start()

    def _stop(self) -> None:
        self.passed = True
        _stop_group(self._child)

    def cancel(self) -> None:
        self._timer.cancel()


def _event(line: str) -> Event | None:
    """Parse a progress line; anything else a library prints on stdout is not for us."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None
