"""A child that answers a spec: it reads it, reports progress, writes its answer whole or not."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from suites.base.errors import UserError
from suites.base.files import write_atomically
from suites.base.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ChildReport", "at_end_of_input", "main", "note", "progress"]


def progress(done: int, total: int, case: str, **seen: float) -> None:
    """Tell the runner how far this cell is; `seen` are figures for its live view."""
    _event({"event": "progress", "done": done, "total": total, "case": case, **seen})


def note(text: str) -> None:
    """Tell the runner something a person should read while waiting."""
    _event({"event": "note", "text": text})


def at_end_of_input(act: Callable[[], None]) -> None:
    """Act when standard input ends: its owner has gone, however it went."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        act()

    threading.Thread(target=wait, daemon=True).start()


class ChildReport(Protocol):
    """What a child leaves in its `--out`."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON, without NaN or Infinity."""


def main(work: Callable[[dict[str, Any]], ChildReport]) -> None:
    """Answer a spec: `python -m suites.<suite> --spec FILE --out FILE`.

    Exits 0 when the result is written, with the error's own code and one line on stderr when
    the spec or the machine does not allow it.
    """
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--spec", type=Path, required=True)
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument(
        "--end-with-stdin", action="store_true", help="stop when the runner that holds it is gone"
    )
    parsed = arguments.parse_args()
    # SIGTERM unwinds like Ctrl-C, so that engines started by the cell are stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if parsed.end_with_stdin:
        at_end_of_input(lambda: os.kill(os.getpid(), signal.SIGTERM))
    try:
        result = work(json.loads(parsed.spec.read_bytes()))
        write_atomically(parsed.out, json.dumps(result.to_json(), allow_nan=False).encode())
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(printable(f"{where}{error.strerror or error}") + "\n")
        sys.exit(UserError.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def _event(event: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()
