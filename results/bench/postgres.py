"""A PostgreSQL of your own, started in an empty folder and gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["binaries", "new_schema", "running"]


def binaries() -> Path | None:
    """Return the folder of Debian's newest PostgreSQL, or of one on the path; None without."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(debian[-1]) if debian else shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


@contextmanager
def running(programs: Path, *, durable: bool) -> Iterator[Path]:
    """Run a server while the context lasts; give the folder of its socket.

    Args:
        programs: folder of `initdb` and `postgres`.
        durable: whether a commit waits for the disk.
    """
    # It refuses to run as root, and a socket's path must be short.
    user = "postgres" if os.geteuid() == 0 else None
    home = Path(tempfile.mkdtemp(prefix="fenmark-pg-"))
    if user:
        shutil.chown(home, user)
    data, null = home / "data", subprocess.DEVNULL
    initdb: list[str | Path] = [
        programs / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "-A",
        "trust",
        "-N",
    ]
    subprocess.run(initdb, check=True, cwd="/", stdout=null, stderr=null, user=user)
    command: list[str | Path] = [
        programs / "postgres",
        "-D",
        data,
        "-k",
        home,
        "-h",
        "",
        *([] if durable else ["-F"]),
    ]
    try:
        with subprocess.Popen(command, cwd="/", stdout=null, stderr=null, user=user) as server:
            try:
                while not _answers(home):
                    if server.poll() is not None:
                        raise RuntimeError("PostgreSQL does not start")
                    time.sleep(0.02)
                yield home
            finally:
                server.send_signal(signal.SIGQUIT)  # at once: nothing in it is worth a checkpoint
    finally:
        shutil.rmtree(home)


def new_schema(home: Path) -> str:
    """Make an empty schema, which takes a moment as a database does not; return its URL."""
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"host={home} user=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"postgresql+psycopg://postgres@/postgres?host={home}&options=-csearch_path%3D{name}"


def _answers(home: Path) -> bool:
    import psycopg

    with suppress(psycopg.OperationalError):
        psycopg.connect(f"host={home} user=postgres").close()
        return True
    return False
