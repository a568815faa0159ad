"""A server of its own to try: `fenmark serve` over an empty folder, with one registered key."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from results.bench.made_up import FENMARK
from results.keys.identity import runner_id, runner_toml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from securesystemslib.signer import CryptoSigner

__all__ = ["ServingProcess", "served"]


@dataclass(frozen=True, slots=True)
class ServingProcess:
    """A server that runs.

    Attributes:
        address: host and port.
        pid: of its process.
    """

    address: tuple[str, int]
    pid: int


@contextmanager
def served(folder: Path, signer: CryptoSigner, *options: str) -> Iterator[ServingProcess]:
    """Serve while the context lasts.

    Args:
        folder: empty; takes the store and the key file.
        options: more of `fenmark serve`.
    """
    runners = folder / "runners"
    runners.mkdir()
    name = runner_id(signer.public_key)
    (runners / f"{name}.toml").write_text(runner_toml(signer.public_key))
    arguments = ["--data", str(folder / "data"), "--runners", str(runners), "--port", "0"]
    with subprocess.Popen(
        [*FENMARK, "serve", *arguments, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout
        host, _, port = server.stdout.readline().split()[-1].removeprefix("http://").partition(":")
        try:
            yield ServingProcess((host, int(port)), server.pid)
        finally:
            server.terminate()
