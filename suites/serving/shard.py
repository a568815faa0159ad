"""One load spread over several processes, a core each, and their records put together.

A shard is `python -m suites.serving.shard --spec FILE --out FILE`; its result is a pickle that
only the process that started it reads.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suites.child import write_atomically
from suites.engines.process import EngineProcess, die_with_parent, say
from suites.errors import UserError
from suites.serving.live import (
    EVERY_S,
    Show,
    glimpses,
    read_glimpse,
    together,
    written_to,
)
from suites.serving.outcome import Outcome, run_point
from suites.serving.point import Point
from suites.serving.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["merge", "run_shards", "split"]

# Time for the shards to see their start signal, so that all begin together.
_HEAD_START_S = 0.2


def split(point: Point, shards: int) -> list[Point]:
    """Divide a load evenly; what does not divide goes to the first ones, sessions stay whole.

    Raises:
        UserError: there are fewer streams, requests or sessions than shards.
    """
    sessions = len({turn.session for turn in point.turns})
    counts = [value for value in (point.concurrency, point.requests, sessions) if value]
    if min(counts, default=shards) < shards:
        raise UserError(
            f"{shards} processes for {min(counts)} streams, requests or sessions",
            where="processes",
            expected=f"at most {min(counts)}",
        )
    parts = [
        replace(
            point,
            concurrency=_part(point.concurrency, shards, place),
            requests=_part(point.requests, shards, place),
            rate=point.rate / shards,
            turns=tuple(turn for turn in point.turns if turn.session % shards == place),
            part=(place, shards),
        )
        for place in range(shards)
    ]
    return [replace(part, requests=len(part.turns)) if part.turns else part for part in parts]


def merge(outcomes: Sequence[Outcome], *, whole: bool = False) -> Outcome:
    """Put shards together: their steady state is the time all of them were in it.

    A trace has no steady state: all of it counts, from the first shard's start (`whole`).
    """
    first, last = (min, max) if whole else (max, min)
    start_ns = first(outcome.start_ns for outcome in outcomes)
    end_ns = last(outcome.end_ns for outcome in outcomes)
    requests = [request for outcome in outcomes for request in outcome.requests]
    requests.sort(key=lambda request: request.sent_ns)
    numbered = [replace(request, index=index) for index, request in enumerate(requests)]
    return Outcome(
        requests=numbered,
        start_ns=start_ns,
        end_ns=end_ns,
        # The busiest shard is the one that distorts.
        cpu_share=max(outcome.cpu_share for outcome in outcomes),
        events=sum(
            start_ns <= stamp <= end_ns for request in requests for stamp in request.token_ns
        ),
        parse_s=sum(outcome.parse_s for outcome in outcomes),
        lag_ms=[lag for outcome in outcomes for lag in outcome.lag_ms],
        reconnects=sum(outcome.reconnects for outcome in outcomes),
    )


def run_shards(
    target: Target,
    point: Point,
    *,
    seed: int,
    shards: int,
    show: Show | None = None,
) -> Outcome:
    """Run a point in this process or, with more shards than one, in as many processes.

    `show` sees the load once a second.

    Raises:
        CheckError: a shard failed.
        UserError: see `split` and `run_point`.
    """
    if shards == 1:
        return run_point(target, point, seed=seed, watch=show and glimpses(point, show))
    with tempfile.TemporaryDirectory(prefix="fenmark-shards-") as folder, ExitStack() as stack:
        outs = [Path(folder, f"{place}.pickle") for place in range(shards)]
        processes = []
        for place, part in enumerate(split(point, shards)):
            fields = shard_spec(target, part, seed=seed)
            spec = Path(folder, f"{place}.json")
            spec.touch(mode=0o600)  # it may hold an API key
            spec.write_text(json.dumps(fields))
            command = [sys.executable, "-m", "suites.serving.shard"]
            command += ["--spec", str(spec), "--out", str(outs[place])]
            processes.append(
                stack.enter_context(
                    EngineProcess(command, name=f"load process {place}", ready_within_s=60)
                )
            )
        for process in processes:
            process.ready()
        start_ns = time.monotonic_ns() + int(_HEAD_START_S * 1e9)
        Path(folder, "start").write_text(str(start_ns))
        if show:
            stack.enter_context(_showing([_live(out) for out in outs], show))
        for process, out in zip(processes, outs, strict=True):
            process.wait_for(out)
        outcomes = [pickle.loads(out.read_bytes()) for out in outs]  # noqa: S301 - ours
        return merge(outcomes, whole=point.shape == "replay")


def shard_spec(target: Target, point: Point, *, seed: int) -> dict[str, Any]:
    """Everything a shard needs, as plain JSON; it may hold an API key."""
    return {"target": target.to_json(), "point": asdict(point), "seed": seed}


def run_spec(spec: dict[str, Any], live: Path | None = None) -> Outcome:
    """Run what `shard_spec` describes, telling how far it is in the file `live`."""
    target, point = Target.from_json(spec["target"]), Point.from_json(spec["point"])
    watch = glimpses(point, written_to(live)) if live else None
    return run_point(target, point, seed=spec["seed"], watch=watch)


@contextmanager
def _showing(files: Sequence[Path], show: Show) -> Iterator[None]:
    """Show what the shards write, from a thread of its own, until the context ends."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(EVERY_S):
            show(together([read_glimpse(file) for file in files]))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _live(out: Path) -> Path:
    return out.with_suffix(".live")


def _part(total: int, shards: int, place: int) -> int:
    return total // shards + (place < total % shards)


def _await_start(signal: Path) -> None:
    while not signal.exists() or not (text := signal.read_text()):
        time.sleep(0.01)
    time.sleep(max(0.0, int(text) - time.monotonic_ns()) / 1e9)


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--spec", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    die_with_parent()
    spec = json.loads(options.spec.read_bytes())
    options.spec.unlink()
    say({"ready": True})
    _await_start(options.out.with_name("start"))
    try:
        outcome = run_spec(spec, _live(options.out))
    except UserError as error:
        sys.exit(str(error))
    write_atomically(options.out, pickle.dumps(outcome))


if __name__ == "__main__":
    _main()
