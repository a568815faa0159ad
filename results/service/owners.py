"""Owners and their runners, as a log's registrations name them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from results.keys.keyless import KeylessKey
from results.keys.owner_names import reads_as

if TYPE_CHECKING:
    from collections.abc import Mapping

    from results.keys.identity import Runner
    from results.service.submission_check import Intake

__all__ = ["Owner", "alike", "owners"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """An owner.

    Attributes:
        name: as their runners' registrations have it.
        runners: in order of their ids.
        ended: from which entry of the log on a key signs no more, by its id.
        counts: results of each key and when the last came, by its id.
    """

    name: str
    runners: tuple[Runner, ...]
    ended: Mapping[str, int]
    counts: Mapping[str, tuple[int, str]]

    def to_json(self) -> dict[str, Any]:
        return {
            "owner": self.name,
            "runners": [self._runner_as_json(runner) for runner in self.runners],
        }

    def _runner_as_json(self, runner: Runner) -> dict[str, Any]:
        keyid = runner.key.keyid
        results, last = self.counts.get(keyid, (0, None))
        return {
            "id": runner.id,
            "keyid": keyid,
            "keyless": isinstance(runner.key, KeylessKey),
            "registered_by": runner.registered_by,
            "hardware": runner.hardware,
            "valid_from": runner.valid_from,
            "valid_until": runner.valid_until,
            "replaces": runner.replaces,
            "ended": self.ended.get(keyid),
            "results": results,
            "last_result": last,
        }


def owners(intake: Intake) -> list[Owner]:
    """List owners in order of their names; a runner whose registration names none is its own."""
    by_name: dict[str, list[Runner]] = defaultdict(list)
    for runner in intake.runners():
        by_name[runner.owner or runner.id].append(runner)
    ended, counts = intake.keys.ended, intake.store.counts()
    return [
        Owner(
            name=name,
            runners=tuple(sorted(own, key=lambda runner: runner.id)),
            ended=ended,
            counts=counts,
        )
        for name, own in sorted(by_name.items())
    ]


def alike(intake: Intake, owner: str) -> dict[str, int]:
    """Count the runners of each owner whose name reads the same, that owner's own among them."""
    reads, counted = (
        reads_as(owner),
        Counter(runner.owner or runner.id for runner in intake.runners()),
    )
    return {name: number for name, number in sorted(counted.items()) if reads_as(name) == reads}
