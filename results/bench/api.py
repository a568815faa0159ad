"""Our proof machinery beside what it stands on: `python -m results.bench.api`.

Prints, for this machine: envelopes verified a second beside the raw signature check, durable
submissions a second beside the same disk's transactions, and a whole archive verified.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import re
import sqlite3
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from results.archive import archive
from results.bench.made_up import FENMARK, statement_bytes
from results.bench.serving_process import served
from results.keys import ed25519
from results.keys.identity import runner_id, runner_toml
from results.proof import envelope
from results.proof.ledger import Ledger
from results.proof.receipt import result_entry

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["flood", "main"]

_CLIENTS = 64
_LENGTH = re.compile(rb"(?i)content-length: (\d+)")


def main() -> None:
    """Measure and print; a few minutes."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--entries", type=int, default=10_000, help="of the archive to verify")
    options.add_argument("--submissions", type=int, default=2_000)
    given = options.parse_args()
    signer = CryptoSigner.generate_ed25519()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before we began", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        judged = _verification(signer)
        _submissions(signer, Path(folder), given.submissions, judged)
        _archive(signer, Path(folder) / "archive", given.entries)


def _verification(signer: CryptoSigner) -> float:
    """Print rates of verification; return that of the whole, strictly parsed."""
    payload = statement_bytes(signer, 0)
    sealed = envelope.sign(payload, signer)
    keys = [signer.public_key]
    public = bytes.fromhex(signer.public_key.to_dict()["keyval"]["public"])
    signature = base64.b64decode(json.loads(sealed)["signatures"][0]["sig"])
    opened = Envelope(payload, envelope.PAYLOAD_TYPE, {})
    raw = _raw_checks(signer, public, payload)
    whole = "envelope read, verified, payload strictly parsed"
    layers: dict[str, Callable[[], object]] = {
        "signature of an opened envelope": lambda: ed25519.holds(public, signature, opened.pae()),
        "envelope read and verified": lambda: envelope.verify(sealed, keys, "x"),
        whole: lambda: envelope.parse(envelope.verify(sealed, keys, "x").payload, "x"),
    }
    rates = _rates({**raw, **layers})
    best = max(rates[name] for name in raw)
    for name, rate in rates.items():
        what = f"{name}, {len(payload)} bytes"
        print(f"{what}: {rate:,.0f}/s on one core, {rate / best:.2f} of the best raw check")
    return rates[whole]


def _raw_checks(
    signer: CryptoSigner, public: bytes, payload: bytes
) -> dict[str, Callable[[], object]]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from nacl.signing import VerifyKey

    signature = bytes.fromhex(signer.sign(payload).signature)
    openssl, libsodium = Ed25519PublicKey.from_public_bytes(public), VerifyKey(public)
    return {
        "raw check by cryptography": lambda: openssl.verify(signature, payload),
        "raw check by PyNaCl": lambda: libsodium.verify(payload, signature),
    }


def _submissions(signer: CryptoSigner, folder: Path, number: int, judged: float) -> None:
    """Print durable submissions a second.

    Args:
        judged: envelopes that one core verifies and parses in a second.
    """
    bodies = [envelope.sign(statement_bytes(signer, at), signer) for at in range(number)]
    peer = _transactions(folder / "peer.db", bodies)
    print(f"SQLite alone, {_CLIENTS} rows a durable transaction: {peer:,.0f} rows/s")
    with served(folder, signer, "--per-minute", "0", "--mib-per-minute", "0") as server:
        started = time.perf_counter()
        waits_s = sorted(asyncio.run(flood(server.address, bodies)))
        rate = len(bodies) / (time.perf_counter() - started)
    p99_s = waits_s[int(len(waits_s) * 0.99)]
    print(
        f"submissions at {_CLIENTS} clients: {rate:,.0f}/s, {rate / peer:.1%} of SQLite alone, "
        f"{rate / judged:.0%} of what one core can verify and parse; "
        f"latency p50 {statistics.median(waits_s) * 1e3:.0f} ms, p99 {p99_s * 1e3:.0f} ms"
    )


def _transactions(path: Path, bodies: list[bytes]) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE t (at INTEGER PRIMARY KEY, body BLOB)")
    started = time.perf_counter()
    for at in range(0, len(bodies), _CLIENTS):
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO t (body) VALUES (?)", [(body,) for body in bodies[at : at + _CLIENTS]]
        )
        connection.execute("COMMIT")
    taken = time.perf_counter() - started
    connection.close()
    return len(bodies) / taken


async def flood(address: tuple[str, int], bodies: list[bytes]) -> list[float]:
    """Send over connections kept open, written beforehand: the client must cost next to nothing."""
    head = "POST /v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n"
    left = iter([head.format(len(body)).encode() + body for body in bodies])
    waits_s: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection(*address)
        for request in left:
            started = time.perf_counter()
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 201"), answer
            await reader.readexactly(int(_LENGTH.findall(answer)[0]))
            waits_s.append(time.perf_counter() - started)
        writer.close()

    await asyncio.gather(*(client() for _ in range(_CLIENTS)))
    return waits_s


def _archive(signer: CryptoSigner, home: Path, entries: int) -> None:
    key = signer.public_key
    for part in ("submissions", "runners", "log"):
        (home / part).mkdir(parents=True)
    (home / "runners" / f"{runner_id(key)}.toml").write_text(runner_toml(key))
    records = []
    for at in range(entries):
        sealed = envelope.sign(statement_bytes(signer, at), signer)
        digest = envelope.digest(sealed)
        (home / "submissions" / f"{digest}{archive.SUFFIX}").write_bytes(sealed)
        records.append(result_entry(digest))
    Ledger(home / "log").extend(records, origin=f"fenmark.local/{runner_id(key)}", signer=signer)
    started = time.perf_counter()
    command = [*FENMARK, "verify", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        told = process.stdout.read().splitlines()
        _, _, used = os.wait4(process.pid, 0)  # of it and of its own children
    taken = time.perf_counter() - started
    print(
        f"archive of {entries:,} entries verified in {taken:.1f} s "
        f"({taken / entries * 1e6:.0f} µs each), {used.ru_maxrss / 1024:.0f} MiB in its largest "
        f"process: {told[-1]}"
    )


def _rates(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Calls a second on one core, taken in turns, the best of three: a neighbour only slows."""
    rates = dict.fromkeys(calls, 0.0)
    for _ in range(3):
        for name, call in calls.items():
            rates[name] = max(rates[name], _once(call, 0.5))
    return rates


def _once(call: Callable[[], object], window_s: float) -> float:
    number, started = 0, time.perf_counter()
    while (taken := time.perf_counter() - started) < window_s:
        call()
        number += 1
    return number / taken


if __name__ == "__main__":
    main()
