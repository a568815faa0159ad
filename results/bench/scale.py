"""What a result and a runner cost a board: `python -m results.bench.scale`.

Fills stores of two sizes, publishes, verifies and backs them up, and enters registrations; prints
what each result and each runner added, and from these slopes what 10^6 results and 10^4 runners
would take. That is a model: nothing here was that large. Seconds are a processor's; waiting for the
disk comes on top.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from securesystemslib.signer import CryptoSigner

from results.archive import verification
from results.bench.processes import signed_results
from results.keys.identity import read_runner, runner_id, runner_toml
from results.proof import envelope, notice
from results.service.backup import back_up
from results.service.challenge import Challenges
from results.service.publish import publish
from results.service.store import open_store
from results.service.submission_check import Intake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from results.service.insert import Candidate

__all__ = ["main"]

_RESULTS, _RUNNERS = 1_000_000, 10_000
_BATCH = 64


@dataclass(slots=True)
class _Store:
    """An open store that results and registrations go into."""

    home: Path
    intake: Intake
    signer: CryptoSigner
    log: CryptoSigner

    def add(self, bodies: list[bytes]) -> float:
        """Judge and store results; return the seconds that judging took."""
        candidates: list[Candidate] = []
        judged_s = _timed(lambda: candidates.extend(map(self.intake.judge, bodies)))
        for at in range(0, len(candidates), _BATCH):
            self.intake.store.commit(candidates[at : at + _BATCH])
        return judged_s

    def register(self, number: int) -> None:
        """Enter registrations of as many keys, one after another."""
        for _ in range(number):
            lab = CryptoSigner.generate_ed25519()
            text = runner_toml(lab.public_key, owner=f"Owner {lab.public_key.keyid[:8]}")
            runner = read_runner(text, "a key file")
            payload = notice.draft("registered", runner, datetime.now(UTC), key_file=text)
            signed = notice.countersign(envelope.sign(payload, lab), self.log, "a registration")
            self.intake.enter(notice.read(signed, "a registration"))


def main() -> None:
    """Measure and print; some minutes."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--results", type=int, default=600, help="of the larger store")
    options.add_argument("--runners", type=int, default=200, help="of the larger store")
    options.add_argument("--like", type=Path, help="a signed result to store the like of")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, _opened(Path(folder)) as store:
        _results(store, given.results, given.like)
    with tempfile.TemporaryDirectory() as folder, _opened(Path(folder)) as store:
        _runners(store, given.runners)


@contextmanager
def _opened(folder: Path) -> Iterator[_Store]:
    log, signer, keys = (
        CryptoSigner.generate_ed25519(),
        CryptoSigner.generate_ed25519(),
        folder / "keys",
    )
    keys.mkdir()
    (keys / f"{runner_id(signer.public_key)}.toml").write_text(runner_toml(signer.public_key))
    home = folder / "data"
    with open_store(home, log) as store:
        (home / "runners").mkdir(exist_ok=True)
        own = home / "runners" / f"{runner_id(log.public_key)}.toml"
        own.write_text(runner_toml(log.public_key))
        challenges = Challenges.of_key(log.private_bytes)
        yield _Store(home, Intake(folders=[keys], challenges=challenges, store=store), signer, log)


def _results(store: _Store, number: int, like: Path | None) -> None:
    """Print what each result adds, between a store of half of them and one of all."""
    bodies, out = signed_results(store.signer, number, like), store.home.parent / "archive"
    print(f"{number:,} results of {len(bodies[0]):,} bytes", flush=True)
    figures: list[dict[str, float]] = []
    half = number // 2
    for at in (0, half):
        judged_s = store.add(bodies[at : at + half])
        backup = store.home.parent / f"backup-{at}.tar.gz"
        figures.append(
            {
                "database, bytes": _size(store.home, "fenmark.db*"),
                "log, bytes": _size(store.home / "log", "**/*"),
                "archive, bytes": 0,
                "publish what is new, s": _timed(lambda: publish(store.home, out)) / half,
                "publish anew, s": _timed(lambda: publish(store.home, out)),
                "verify, s": _timed(lambda: verification.verify(out)),
                "backup, s": _timed(lambda place=backup: back_up(store.home, place)),  # type: ignore[misc]
                "backup, bytes": backup.stat().st_size,
                "judge, s": judged_s + (figures[0]["judge, s"] if figures else 0),
            }
        )
        figures[-1]["archive, bytes"] = _size(out, "**/*")
    for name, late in figures[1].items():
        each = late if name.startswith("publish what") else (late - figures[0][name]) / half
        _print(name, each, "a result", _RESULTS)


def _runners(store: _Store, number: int) -> None:
    """Print what entering a registration takes, and what each runner adds to that."""
    half, taken = number // 2, []
    for _ in range(2):
        store.register(half - 5)
        taken.append(_timed(lambda: store.register(5)) / 5)
    print(f"a registration takes {taken[0]:.3f} s at {half} runners, {taken[1]:.3f} s at {number}")
    _print("registration, s", (taken[1] - taken[0]) / half, "a runner", _RUNNERS)
    _print("log and notices, bytes", _size(store.home, "**/*") / number, "a runner", _RUNNERS)
    body = signed_results(store.signer, 50, None)
    _print("judge, s", store.add(body) / 50 / number, "a runner", _RUNNERS)


def _print(name: str, each: float, what: str, number: int) -> None:
    print(f"{name}: {each:,.6g} {what}; modelled for {number:,}: {each * number:,.4g}", flush=True)


def _timed(call: Callable[[], object]) -> float:
    """Return the seconds of a processor that it takes, here and in processes that it starts."""
    before = os.times()
    call()
    return sum(late - early for early, late in zip(before[:4], os.times()[:4], strict=True))


def _size(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern) if path.is_file())


if __name__ == "__main__":
    main()
