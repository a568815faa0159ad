"""Fifty times `kill -9`: `nox -s compare -- kills`, or `python -m results.bench.kills`.

A real server is flooded with submissions and killed. Among the kills the disk of its log fills up
and then the database's, and database or log are put back alone from an older copy. Prints what
became of every receipt, and whether the log kept one history.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import httpx
from securesystemslib.signer import CryptoSigner

from results.archive import verification
from results.bench.made_up import FENMARK, statement_bytes
from results.keys.identity import read_runner, runner_id, runner_toml
from results.proof import checkpoint as notes
from results.proof import envelope, merkle
from results.proof.receipt import Receipt, hashes
from results.service.publish import publish
from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from results.proof.checkpoint import Checkpoint

__all__ = ["Figures", "exercise", "main"]

# What goes with each kill, in turn.
FULL, OLD_DATABASE, OLD_LOG, LOAD = "full disk", "database alone", "log alone", "load"
_TURNS = (FULL, OLD_DATABASE, OLD_LOG, LOAD, LOAD)
_CLIENTS, _EACH = 4, 15
_LOG_DISK = "size=64m"
_DATABASE = ("fenmark.db", "fenmark.db-wal", "fenmark.db-shm")
_PENDING, _UNSTORED = {"receipt-pending"}, {"storage-full", "database-unavailable"}
_WITHIN_S = 120.0


@dataclass(slots=True)
class Figures:
    """What an exercise counted.

    Attributes:
        kills: by what went with them.
        receipts: body and receipt of each result the server acknowledged.
        pending: bodies that it said are stored, without a receipt yet.
        refused: starts that it refused because the database was restored alone.
        lost: receipts and stored bodies that were not honoured afterwards.
        forks: checkpoints or archives that do not extend earlier ones, and starts that should
            have been refused.
        odd: answers that nobody should get, one line each.
        own_disk: the log had a file system of its own, which was filled.
    """

    kills: Counter[str] = field(default_factory=Counter)
    receipts: list[tuple[bytes, dict[str, Any]]] = field(default_factory=list)
    pending: list[bytes] = field(default_factory=list)
    refused: int = 0
    lost: int = 0
    forks: int = 0
    odd: list[str] = field(default_factory=list)
    own_disk: bool = False

    def __str__(self) -> str:
        """A few lines for people."""
        among = ", ".join(f"{number} {kind}" for kind, number in sorted(self.kills.items()))
        disk = "a full file system of its own" if self.own_disk else "a limit on file sizes alone"
        return (
            f"{self.kills.total()} kills ({among}; the log on {disk})\n"
            f"{len(self.receipts)} receipts, {len(self.pending)} stored while the log was full: "
            f"{self.lost} lost\n{self.refused} starts refused: {self.forks} forks\n"
            + "".join(f"odd: {line}\n" for line in self.odd)
        )


def main() -> None:
    """Kill, restore, print; exit with 1 if anything was lost or forked."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    given = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was mounted is taken away
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        figures = exercise(Path(folder), given.kills, given.seed, show=True)
    print(f"{figures}in {time.perf_counter() - started:.0f} s")
    sys.exit(bool(figures.lost or figures.forks or figures.odd))


def exercise(folder: Path, kills: int, seed: int = 0, *, show: bool = False) -> Figures:
    """Kill a server so many times in an empty folder, and hold it to what it said before."""
    with _log_disk(folder / "data/log") as own_disk:
        run = _Exercise(folder=folder, random=Random(seed), own_disk=own_disk)
        for number, kind in zip(range(kills), itertools.cycle(_TURNS), strict=False):
            run.kill(number, kind)
            if show:
                told = f"{len(run.figures.receipts)} receipts, {run.figures.forks} forks"
                print(f"kill {number + 1} of {kills}, {kind}: {told}", flush=True)
        run.settle()
        return run.figures


@contextmanager
def _log_disk(place: Path) -> Iterator[bool]:
    """Give the log a small file system of its own, where this user may."""
    place.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", _LOG_DISK, "tmpfs", str(place)]
    try:
        own = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        own = False
    try:
        yield own
    finally:
        if own:
            subprocess.run(["umount", "-l", str(place)], check=True)


@dataclass(slots=True, kw_only=True)
class _Exercise:
    folder: Path
    random: Random
    own_disk: bool
    figures: Figures = field(init=False)
    signer: CryptoSigner = field(default_factory=CryptoSigner.generate_ed25519)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    key: bytes = b""  # of the log, pinned at the first start
    seen: Checkpoint | None = None  # the largest that the server signed

    def __post_init__(self) -> None:
        self.figures = Figures(own_disk=self.own_disk)
        runners = self.folder / "runners"
        runners.mkdir()
        key = self.signer.public_key
        (runners / f"{runner_id(key)}.toml").write_text(runner_toml(key))

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def kill(self, number: int, kind: str) -> None:
        """Flood a server, kill it, and restore what this turn is about."""
        before = len(self.figures.receipts)
        with self.server() as (server, client):
            self.hold_to_history(client)
            if kind == FULL:
                self.send(client, self.bodies(_EACH))
                with self.full_disk(client, server) as heal:
                    if number % 2:
                        heal()
                    server.kill()
            else:
                self.flood(client, server, self.random.randint(1, 20))
        self.figures.kills[kind] += 1
        for _, given in self.figures.receipts[before:]:
            self.see(given)
        if kind == OLD_DATABASE:
            self.try_old_database()
        elif kind == OLD_LOG:
            _put_back(self.folder / "older", self.data, ("log",))
        _copy(self.data, self.folder / "older")
        if number == 0:
            self.publish()

    @contextmanager
    def server(self) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
        """Start a server that has to start; kill it in the end."""
        with self.started() as server:
            assert server.stdout
            line = server.stdout.readline()
            if not line.startswith("listening on "):
                raise RuntimeError(f"the server did not start: {self.errors()}")
            with httpx.Client(base_url=line.split()[-1], timeout=60, trust_env=False) as client:
                yield server, client

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[str]]:
        options = ["--data", str(self.data), "--runners", str(self.folder / "runners")]
        command = [*FENMARK, "serve", "--port", "0", "--per-minute", "0", *options]
        with (
            (self.folder / "stderr").open("w") as told,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told, text=True) as server,
        ):
            try:
                yield server
            finally:
                server.kill()

    def errors(self) -> str:
        return (self.folder / "stderr").read_text()

    def bodies(self, number: int) -> list[bytes]:
        """Sign results that nobody has seen yet."""
        places = itertools.islice(self.numbers, number)
        return [envelope.sign(statement_bytes(self.signer, at), self.signer) for at in places]

    def flood(self, client: httpx.Client, server: subprocess.Popen[str], until: int) -> None:
        """Send from several clients; kill the server after so many receipts."""
        before = len(self.figures.receipts)
        bodies = self.bodies(_CLIENTS * _EACH)
        threads = [
            threading.Thread(target=self.send, args=(client, bodies[at::_CLIENTS]))
            for at in range(_CLIENTS)
        ]
        for thread in threads:
            thread.start()
        given_up = time.monotonic() + _WITHIN_S
        while len(self.figures.receipts) - before < until and any(map(_alive, threads)):
            if time.monotonic() > given_up:
                raise RuntimeError(f"the server took nothing in {_WITHIN_S:g} s: {self.errors()}")
            time.sleep(0.001)
        time.sleep(self.random.uniform(0, 0.02))
        server.kill()
        for thread in threads:
            thread.join()

    def send(self, client: httpx.Client, bodies: list[bytes]) -> None:
        """Send until the server is gone, keeping every receipt."""
        with suppress(httpx.TransportError):
            for body in bodies:
                answer = client.post("/v1/submissions", content=body)
                if answer.status_code == 201:
                    self.figures.receipts.append((body, answer.json()))
                else:
                    self.figures.odd.append(f"{answer.status_code} {answer.text[:200]}")

    @contextmanager
    def full_disk(
        self, client: httpx.Client, server: subprocess.Popen[str]
    ) -> Iterator[Callable[[], None]]:
        """Fill the log's disk, then the database's; what is given makes room and sends again."""
        ballast = self.data / "log" / "ballast"
        stored = self.bodies(3) if self.own_disk else []
        if self.own_disk:
            _fill(ballast)
        for body in stored:
            self.expect(client, body, _PENDING)
        self.figures.pending += stored
        unlimited = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (0, unlimited[1]))
        refused = self.bodies(2)
        for body in refused:
            self.expect(client, body, _UNSTORED)

        def heal() -> None:
            ballast.unlink(missing_ok=True)
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, unlimited)
            self.send(client, refused)
            self.figures.lost += sum(not _known(client, body) for body in stored)

        try:
            yield heal
        finally:
            ballast.unlink(missing_ok=True)

    def expect(self, client: httpx.Client, body: bytes, problems: set[str]) -> None:
        answer = client.post("/v1/submissions", content=body)
        name = answer.json().get("type", "").rpartition(":")[2]
        if name not in problems or answer.status_code not in {503, 507}:
            self.figures.odd.append(f"{answer.status_code} {answer.text[:200]}")

    def see(self, given: dict[str, Any]) -> None:
        """Verify a receipt and remember the largest checkpoint."""
        receipt = Receipt.from_json(given, "receipt")
        checkpoint = receipt.verify([self.key], "receipt")
        if self.seen is None or checkpoint.size > self.seen.size:
            self.seen = checkpoint

    def hold_to_history(self, client: httpx.Client) -> None:
        """Count a fork where the log does not extend the largest checkpoint it signed."""
        if self.seen is None:
            key = read_runner(client.get("/v1/key").text, "key").key
            self.key = notes.ed25519_bytes(key.to_dict())
            return
        later = notes.verify(client.get("/v1/checkpoint").content, [self.key], "checkpoint")
        path = f"/v1/consistency/{self.seen.size}?to={later.size}"
        proof = hashes(client.get(path).json().get("proof", []), path)
        sizes = (self.seen.size, self.seen.root, later.size, later.root)
        self.figures.forks += not merkle.verify_consistency(*sizes, proof)

    def try_old_database(self) -> None:
        """Put an older database beside the log: the server has to refuse, with one line."""
        _copy(self.data, self.folder / "newest")
        _put_back(self.folder / "older", self.data, _DATABASE)
        with self.started() as server:
            assert server.stdout
            listening = server.stdout.readline()
            code = server.wait() if not listening else 0
        if code == 1 and "the database gives" in self.errors() and self.errors().count("\n") == 1:
            self.figures.refused += 1
        else:
            self.figures.forks += 1
        _put_back(self.folder / "newest", self.data, _DATABASE)

    def settle(self) -> None:
        """Ask for every receipt again, stop politely, publish and verify."""
        with self.server() as (server, client):
            self.hold_to_history(client)
            for body, given in self.figures.receipts:
                again = client.post("/v1/submissions", content=body)
                self.figures.lost += (again.status_code, again.json()) != (200, given)
            self.figures.lost += sum(not _known(client, body) for body in self.figures.pending)
            server.terminate()
            if code := server.wait():
                self.figures.odd.append(f"SIGTERM ended it with {code}")
        self.publish()
        verdicts = verification.verify(self.folder / "out")
        self.figures.odd += [line for verdict in verdicts for line in verdict.problems]

    def publish(self) -> None:
        """Extend the archive published after the first kill."""
        try:
            publish(self.data, self.folder / "out")
        except UserError as error:
            self.figures.forks += 1
            self.figures.odd.append(str(error))


def _alive(thread: threading.Thread) -> bool:
    return thread.is_alive()


def _known(client: httpx.Client, body: bytes) -> bool:
    """Say whether the server has what it said is stored: it is not new to it."""
    return client.post("/v1/submissions", content=body).status_code == 200


def _fill(ballast: Path) -> None:
    """Write until the disk takes not another page."""
    with ballast.open("wb", buffering=0) as file:
        for size in (2**20, 4096, 1):
            with suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass


def _copy(data: Path, to: Path) -> None:
    """Copy the database and the log of a server that is not running."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(data / "log", to / "log")
    for name in _DATABASE:
        if (data / name).exists():
            shutil.copy(data / name, to / name)


def _put_back(source: Path, data: Path, names: tuple[str, ...]) -> None:
    """Put files or folders back as a backup has them; a folder may be where a disk is mounted."""
    for name in names:
        for path in (data / name).iterdir() if (data / name).is_dir() else [data / name]:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        if (source / name).is_dir():
            shutil.copytree(source / name, data / name, dirs_exist_ok=True)
        elif (source / name).exists():
            shutil.copy(source / name, data / name)


if __name__ == "__main__":
    main()
