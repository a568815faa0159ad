"""Envelopes spoiled in every way, sent to a server: `python -m results.bench.mutations`.

A third have bytes changed, a third their JSON, a third their statement, signed again by a
registered key. Prints the answers by status and ends with 1 where one is the server's own fault.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import json
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner

from results.bench.made_up import statement_bytes
from results.bench.serving_process import served
from results.proof import envelope

__all__ = ["main", "spoiled"]

_CLIENTS = 16
_POST = (
    "POST /v1/submissions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n"
)
_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**53, 2**63, 10**400, 1e308, -0.0, 1e-320),
    *(float("nan"), float("inf"), "", "\0", "\ud800", "\u202e", "x" * 5_000, "../../etc/passwd"),
    *([], {}, [[]], {"": None}, [None] * 300, "2026-02-30T00:00:00Z", "quick", "kernels", "GB/s"),
]
_FACTORS = (-1.0, 0.0, 0.5, 1e3, 1e300, 1e-300)


def main() -> None:
    """Send and print; a minute for 5,500."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--number", type=int, default=5_500, help="of envelopes")
    options.add_argument("--seed", type=int, default=0, help="of what is changed, and how")
    given = options.parse_args()
    signer = CryptoSigner.generate_ed25519()
    unlimited = ("--per-minute", "0", "--mib-per-minute", "0")
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder), signer, *unlimited) as server,
    ):
        chance = random.Random(given.seed)
        bodies = [spoiled(signer, at, chance) for at in range(given.number)]
        statuses = asyncio.run(_send(server.address, bodies))
    for status, number in sorted(statuses.items()):
        print(f"{status or 'no answer'}: {number:,}")
    failures = sum(number for status, number in statuses.items() if not 200 <= status < 500)
    print(f"{given.number:,} mutated envelopes, {failures} of them the server's failures")
    raise SystemExit(bool(failures))


def spoiled(signer: CryptoSigner, at: int, chance: random.Random) -> bytes:
    """Make the envelope of a true statement, changed once or several times.

    Args:
        at: number of the statement, and of the way it is changed.
        chance: where and into what.
    """
    payload = statement_bytes(signer, at)
    if at % 3 == 0:
        return _bytes_changed(envelope.sign(payload, signer), chance)
    if at % 3 == 1:
        return _dumped(_value_changed(json.loads(envelope.sign(payload, signer)), chance))
    return envelope.sign(_dumped(_value_changed(json.loads(payload), chance)), signer)


def _bytes_changed(data: bytes, chance: random.Random) -> bytes:
    body = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(body))
        body[at : at + chance.randint(0, 8)] = chance.randbytes(chance.randint(0, 8))
    return bytes(body)


def _value_changed(document: Any, chance: random.Random) -> Any:
    for _ in range(chance.randint(1, 3)):
        holders = list(_holders(document))
        if not holders:
            break
        holder = chance.choice(holders)
        key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        way = chance.randrange(5)
        if way == 0:
            del holder[key]
        elif way == 1 and isinstance(holder, dict):
            holder[str(chance.choice(_VALUES))] = holder[key]
        elif isinstance(holder[key], float):  # still a figure, for the laws to judge
            holder[key] *= chance.choice(_FACTORS)
        else:
            holder[key] = copy.deepcopy(chance.choice(_VALUES))
    return document


def _holders(value: Any) -> list[Any]:
    """Objects and arrays within that hold something."""
    if not isinstance(value, dict | list) or not value:
        return []
    members = value.values() if isinstance(value, dict) else value
    return [value, *(inner for member in members for inner in _holders(member))]


def _dumped(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")


async def _send(address: tuple[str, int], bodies: list[bytes]) -> Counter[int]:
    statuses: Counter[int] = Counter()
    waiting = iter(bodies)

    async def client() -> None:
        for body in waiting:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(_POST.format(len(body)).encode() + body)
            answer = await reader.read()
            statuses[int(answer.split()[1]) if answer else 0] += 1
            writer.close()

    await asyncio.gather(*(client() for _ in range(_CLIENTS)))
    return statuses


if __name__ == "__main__":
    main()
