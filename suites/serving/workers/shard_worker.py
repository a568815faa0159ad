"""A shard's process: `python -m suites.serving.workers.shard_worker --spec FILE --out FILE`."""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suites.base.errors import UserError
from suites.base.files import write_atomically
from suites.client.target import Target
from suites.engines.process import die_with_parent, say
from suites.serving.load.outcome import run_point
from suites.serving.load.point import Point
from suites.serving.processes.live import glimpses, written_to
from suites.serving.processes.shard import live_file, start_file

if TYPE_CHECKING:
    from suites.serving.instrument.instrument import Instrument
    from suites.serving.load.outcome import LoadOutcome


def run_spec(spec: dict[str, Any], live: Path | None = None) -> LoadOutcome | Instrument:
    """Run what `shard_spec` or `check_spec` describes, telling how far it is in the file `live`."""
    point = Point.from_json(spec["point"])
    if "check" in spec:
        from suites.serving.workers.selfcheck import check  # only where a shard checks itself

        return check(point, **spec["check"])
    target = Target.from_json(spec["target"])
    watch = glimpses(point, written_to(live)) if live else None
    return run_point(target, point, seed=spec["seed"], watch=watch)


def _await_start(signal: Path) -> None:
    while not signal.exists():
        time.sleep(0.01)
    time.sleep(max(0.0, int(signal.read_text()) - time.monotonic_ns()) / 1e9)


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--spec", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    die_with_parent()
    spec = json.loads(options.spec.read_bytes())
    options.spec.unlink()
    say({"ready": True})
    _await_start(start_file(options.out))
    try:
        outcome = run_spec(spec, live_file(options.out))
    except UserError as error:
        sys.exit(str(error))
    write_atomically(options.out, pickle.dumps(outcome))


if __name__ == "__main__":
    _main()
