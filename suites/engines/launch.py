"""Hold a foreign engine as a child: start it, wait until it answers, end it with its owner.

`python -m suites.engines.launch --spec JSON`, run by `EngineProcess`: the engine knows nothing of
the pipe that tells a child its owner has gone, so this process holds that pipe for it, and takes
the engine and everything it started along when it ends.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from suites.base.child import at_end_of_input
from suites.base.errors import CheckError, UserError
from suites.engines.process import is_healthy, say
from suites.engines.template import VersionSource, command, template

if TYPE_CHECKING:
    from suites.engines.template import Command, Template

__all__ = ["engine_version", "free_port"]

_HOST = "127.0.0.1"
_POLL_S = 0.1
_REAP_S = 5.0
# prctl(2): orphans of our descendants become our children, so that none slips away.
_PR_SET_CHILD_SUBREAPER = 36


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def engine_version(url: str, version: VersionSource, *, key: str | None = None) -> str:
    """Ask a running server for its version; "unknown" where it does not tell."""
    if not version.path:
        return "unknown"
    import httpx  # loaded where an engine is asked: it takes a sixth of a second

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        answer = httpx.get(
            f"{url.rstrip('/')}{version.path}", headers=headers, timeout=10, trust_env=False
        ).json()
    except (httpx.HTTPError, ValueError):
        return "unknown"
    value = answer.get(version.field) if isinstance(answer, dict) else None
    return str(value)[:256] if value else "unknown"


def _run(spec: dict[str, Any]) -> None:
    engine = template(spec["engine"])
    over = threading.Event()
    at_end_of_input(over.set)
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    _adopt_orphans()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="fenmark-engine-") as folder:
        start = command(
            engine,
            spec["device"],
            {**spec["values"], "host": _HOST, "port": port},
            parallel=spec["parallel"],
            speculation=spec["speculation"],
            program=spec["program"],
            flags=spec["flags"],
            folder=Path(folder),
        )
        child = _start(start, Path(folder))
        try:
            url = f"http://{_HOST}:{port}"
            if _wait_until_healthy(engine, url, child, over):
                _say_ready(engine, url, start)
                _wait_for_the_end(child, over)
        finally:
            _end_all(child, engine.stop_within_s)


def _adopt_orphans() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _start(start: Command, folder: Path) -> subprocess.Popen[bytes]:
    for name, text in start.files.items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o640)  # MindIE refuses a file that others can write
    try:
        return subprocess.Popen(
            start.argv,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,  # our standard output carries the ready line alone
            env={**start.environment, **os.environ},
        )
    except OSError as error:
        raise UserError(
            f"cannot start {start.argv[0]!r} ({error.strerror})",
            where="--engine-program",
            expected="the engine's program, found on PATH or named",
        ) from None


def _wait_until_healthy(
    engine: Template, url: str, child: subprocess.Popen[bytes], over: threading.Event
) -> bool:
    deadline = time.monotonic() + engine.ready_within_s
    while time.monotonic() < deadline and not over.wait(_POLL_S):
        if child.poll() is not None:
            raise CheckError(f"ended while starting (exit {child.returncode})", where=engine.name)
        if is_healthy(url, engine.health):
            return True
    if not over.is_set():
        raise CheckError(f"not healthy within {engine.ready_within_s:.0f} s", where=engine.name)
    return False


def _say_ready(engine: Template, url: str, start: Command) -> None:
    say(
        {
            "url": url,
            "version": _version(engine, url, start),
            "arguments": start.arguments,
            "environment": {
                key: os.environ.get(key, start.environment[key]) for key in start.environment
            },
        }
    )


def _wait_for_the_end(child: subprocess.Popen[bytes], over: threading.Event) -> None:
    while not over.wait(_POLL_S):
        if child.poll() is not None:
            sys.exit(f"the engine ended by itself (exit {child.returncode})")


def _version(engine: Template, url: str, start: Command) -> str:
    if not engine.version.command:
        return engine_version(url, engine.version)
    asked = [*start.program, *engine.version.command[1:]]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=120, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return (done.stdout.split() or ["unknown"])[-1]


def _end_all(child: subprocess.Popen[bytes], limit_s: float) -> None:
    """Ask the engine to end, then end it and whatever it left behind."""
    child.terminate()
    try:
        child.wait(limit_s)
    except subprocess.TimeoutExpired:
        child.kill()
    left = psutil.Process().children(recursive=True)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=_REAP_S)


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--spec", required=True)
    try:
        _run(json.loads(parser.parse_args().spec))
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    _main()
