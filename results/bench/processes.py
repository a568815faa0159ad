"""One, two and four processes before one sequencer: `python -m results.bench.processes`.

Floods `fenmark serve --processes N` over a PostgreSQL of its own with results over 64 connections,
and prints durable submissions a second of each N beside those of one process in the same round,
and the time of a processor that one submission costs in fronts, sequencer and database: what the
sequencer takes bounds what any number of fronts can bring.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import psutil
from securesystemslib.signer import CryptoSigner

from results.bench import postgres
from results.bench.api import flood
from results.bench.made_up import statement_bytes
from results.bench.serving_process import served
from results.keys.identity import runner_id
from results.proof import envelope
from results.statement import strict_json

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main", "signed_results"]

_FRONTS = (0, 1, 2, 4)  # 0: one process does it all
_UNLIMITED = ("--per-minute", "--mib-per-minute", "--per-owner-day", "--mib-per-owner-day")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """What one flood showed.

    Attributes:
        rate: durable submissions a second.
        p99_s: of the waits for a receipt.
        fronts_s, sequencer_s, database_s: of a processor, each submission.
    """

    rate: float
    p99_s: float
    fronts_s: float
    sequencer_s: float
    database_s: float


def main() -> None:
    """Measure and print; a few minutes."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--submissions", type=int, default=1_000, help="of each flood")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--like", type=Path, help="a signed result to send the like of")
    given = options.parse_args()
    programs = postgres.binaries()
    if programs is None:
        sys.exit("PostgreSQL is not installed: apt-get install postgresql")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before we began", flush=True)
    signer, seen = CryptoSigner.generate_ed25519(), dict[int, list[_Round]]()
    bodies = signed_results(signer, given.submissions, given.like)
    print(f"{len(bodies):,} results of {len(bodies[0]):,} bytes a flood", flush=True)
    with postgres.running(programs, durable=True) as home:
        for _ in range(given.rounds):
            for fronts in Random(len(seen)).sample(_FRONTS, len(_FRONTS)):
                flooded = _flooded(home, signer, bodies, fronts)
                seen.setdefault(fronts, []).append(flooded)
                print(f"  {fronts}: {flooded.rate:,.0f}/s", flush=True)
    for fronts in _FRONTS:
        _print(fronts, seen[fronts], seen[1])


def signed_results(signer: CryptoSigner, number: int, like: Path | None) -> list[bytes]:
    """Sign as many results, each with a run of its own."""
    if like is None:
        return [envelope.sign(statement_bytes(signer, at), signer) for at in range(number)]
    stated = strict_json.loads(envelope.payload_of(like.read_bytes(), str(like)), str(like))
    bodies = []
    for at in range(number):
        run = {**stated["predicate"]["run"], "id": f"run-{at}", "nonce": None, "not_before": None}
        run["runner"] = runner_id(signer.public_key)
        predicate = {**stated["predicate"], "run": run}
        bodies.append(
            envelope.sign(strict_json.canonical({**stated, "predicate": predicate}), signer)
        )
    return bodies


def _flooded(home: Path, signer: CryptoSigner, bodies: list[bytes], fronts: int) -> _Round:
    options = [word for name in _UNLIMITED for word in (name, "0")]
    options += ["--processes", str(fronts), "--database-url", postgres.new_schema(home)]
    postmaster = psutil.Process(int((home / "data" / "postmaster.pid").read_text().split()[0]))
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder), signer, *options) as server,
    ):
        sequencer = psutil.Process(server.pid)
        asyncio.run(flood(server.address, bodies[:64]))  # connections and caches
        before = _spent(sequencer, postmaster)
        started = time.perf_counter()
        waits_s = sorted(asyncio.run(flood(server.address, bodies[64:])))
        taken = time.perf_counter() - started
        after = _spent(sequencer, postmaster)
    spent = [(late - early) / len(waits_s) for early, late in zip(before, after, strict=True)]
    return _Round(
        rate=len(waits_s) / taken,
        p99_s=waits_s[int(len(waits_s) * 0.99)],
        fronts_s=spent[0],
        sequencer_s=spent[1],
        database_s=spent[2],
    )


def _spent(sequencer: psutil.Process, postmaster: psutil.Process) -> tuple[float, float, float]:
    return (
        _seconds(sequencer.children(recursive=True)),
        _seconds([sequencer]),
        _seconds(postmaster.children()),
    )


def _seconds(processes: Sequence[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum([float(spent.user) + float(spent.system) for spent in times], 0.0)


def _print(fronts: int, rounds: Sequence[_Round], alone: Sequence[_Round]) -> None:
    ratios = sorted(measured.rate / base.rate for measured, base in zip(rounds, alone, strict=True))

    def median_of(name: str) -> float:
        return statistics.median(float(getattr(measured, name)) for measured in rounds)

    def median_ms(name: str) -> float:
        return median_of(name) * 1e3

    spent = f"{median_ms('sequencer_s'):.2f} ms in the process with the store"
    print(
        f"{fronts} before the sequencer: {median_of('rate'):,.0f}/s, "
        f"{statistics.median(ratios):.2f} of one process ({ratios[0]:.2f} to {ratios[-1]:.2f}), "
        f"p99 {median_ms('p99_s'):,.0f} ms; of a processor's time a submission takes "
        f"{median_ms('fronts_s'):.2f} ms in fronts, {spent}, which bounds it to "
        f"{1e3 / median_ms('sequencer_s'):,.0f}/s, and {median_ms('database_s'):.2f} ms in the "
        "database"
    )


if __name__ == "__main__":
    main()
