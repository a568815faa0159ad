"""Healthy clients beside idle and slow ones: `python -m results.bench.load`.

Opens 1,000 idle connections and 300 slow ones (heads, bodies and readers), opens again each that
the server cuts, and prints how long healthy clients wait meanwhile, each for an answer over a
connection of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import resource
import statistics
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from securesystemslib.signer import CryptoSigner

from results.bench.made_up import statement_bytes
from results.bench.serving_process import served
from results.proof import envelope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

__all__ = ["main"]

_WITHIN_S = 1.0
_HEALTHY = 8
_ROUND_S = 15.0
_PER_ADDRESS = 100  # of the many addresses that attack
_POST = (
    "POST /v1/submissions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n"
)
_GET = b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@dataclass(slots=True)
class _Attack:
    """Connections held open to a server.

    Attributes:
        held: open now.
        cut: by the server, and opened again.
    """

    address: tuple[str, int]
    held: int = 0
    cut: int = 0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def add(self, number: int, say: Callable[..., Awaitable[None]], sources: list[str]) -> None:
        """Hold so many, from these addresses in turn."""
        for source in itertools.islice(itertools.cycle(sources), number):
            self.tasks.append(asyncio.create_task(self._hold(say, source)))

    async def _hold(self, say: Callable[..., Awaitable[None]], source: str) -> None:
        while True:
            try:
                reader, writer = await asyncio.open_connection(
                    *self.address, local_addr=(source, 0), limit=2**12
                )
            except OSError:
                await asyncio.sleep(0.5)
                continue
            self.held += 1
            try:
                with suppress(OSError):
                    await say(reader, writer)
            finally:
                self.held -= 1
                self.cut += 1
                writer.close()
            await asyncio.sleep(1)


async def _idle(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def _trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while not reader.at_eof():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(1)


async def _slow_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET /v1/results HTTP/1.1\r\nX: ")
    await _trickle(reader, writer)


async def _slow_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(_POST.format(1000).encode())
    await _trickle(reader, writer)


async def _slow_reader(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(_GET.replace(b"Connection: close\r\n", b"") % b"/openapi.json" * 16)
    async for _ in _pieces(reader):
        await asyncio.sleep(1)


async def _pieces(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while piece := await reader.read(100):
        yield piece


async def _ask(address: tuple[str, int], request: bytes) -> tuple[float, int]:
    """Seconds to an answer, and its status."""
    started = time.perf_counter()
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(request)
        answer = await asyncio.wait_for(reader.read(), 30)
    finally:
        writer.close()
    return time.perf_counter() - started, int(answer.split()[1]) if answer else 0


async def _healthy(
    address: tuple[str, int], bodies: list[bytes]
) -> dict[str, list[tuple[float, int]]]:
    """Answers to each kind of request, asked by several at once until the round is over."""
    waiting = iter(bodies)
    answers: dict[str, list[tuple[float, int]]] = defaultdict(list)
    end = time.perf_counter() + _ROUND_S

    async def ask() -> None:
        for body in waiting:
            requests = {
                "GET /v1/results": _GET % b"/v1/results",
                "GET /healthz": _GET % b"/healthz",
                "POST /v1/submissions": _POST.format(len(body)).encode() + body,
            }
            for name, request in requests.items():
                try:
                    answers[name].append(await _ask(address, request))
                except (OSError, TimeoutError):
                    answers[name].append((30.0, 0))
                await asyncio.sleep(0.02)
            if time.perf_counter() > end:
                return

    await asyncio.gather(*(ask() for _ in range(_HEALTHY)))
    return answers


def _print(what: str, answers: dict[str, list[tuple[float, int]]]) -> None:
    for name, seen in answers.items():
        waits_s = sorted(wait_s for wait_s, _ in seen)
        good = sum(status in {200, 201} for _, status in seen)
        late = sum(wait_s > _WITHIN_S for wait_s in waits_s)
        print(
            f"{what}, {name}: {len(seen)} asked, {good} served, {late} later than {_WITHIN_S:g} s; "
            f"p50 {statistics.median(waits_s) * 1e3:.0f} ms, "
            f"p99 {waits_s[int(len(waits_s) * 0.99)] * 1e3:.0f} ms, "
            f"longest {waits_s[-1] * 1e3:.0f} ms",
            flush=True,
        )


async def _round(
    what: str, address: tuple[str, int], bodies: list[bytes], sources: list[str]
) -> None:
    attack = _Attack(address)
    if sources:
        attack.add(1000, _idle, sources)
        for slow in (_slow_head, _slow_body, _slow_reader):
            attack.add(100, slow, sources)
        await asyncio.sleep(3)
        print(f"{what}: {attack.held:,} connections held, {attack.cut:,} cut before", flush=True)
    answers = await _healthy(address, bodies)
    if sources:
        print(f"{what}: {attack.held:,} held at the end, {attack.cut:,} cut by then", flush=True)
    for task in attack.tasks:
        task.cancel()
    await asyncio.gather(*attack.tasks, return_exceptions=True)
    _print(what, answers)


async def _rounds(address: tuple[str, int], bodies: list[list[bytes]]) -> None:
    many = [f"127.0.1.{number + 1}" for number in range(1300 // _PER_ADDRESS)]
    await _round("alone", address, bodies[0], [])
    await _round(f"beside 1,300 of {len(many)} addresses", address, bodies[1], many)
    await _round("beside 1,300 of the same address", address, bodies[2], ["127.0.0.1"])


def main() -> None:
    """Attack and print; a minute."""
    options = argparse.ArgumentParser(description=__doc__)
    options.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signer = CryptoSigner.generate_ed25519()
    number = 1000
    rounds = [
        [envelope.sign(statement_bytes(signer, at * number + i), signer) for i in range(number)]
        for at in range(3)
    ]
    unlimited = ("--per-minute", "0")
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder), signer, *unlimited) as server,
    ):
        asyncio.run(_rounds(server.address, rounds))


if __name__ == "__main__":
    main()
