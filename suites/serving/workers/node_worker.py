"""What makes the load: processes of this machine, or a fleet of others."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from suites.serving.processes.shard import run_shards
from suites.serving.workers.selfcheck import check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from suites.client.target import Target
    from suites.serving.instrument.instrument import Instrument
    from suites.serving.load.outcome import LoadOutcome
    from suites.serving.load.point import Point
    from suites.serving.processes.live import Show

__all__ = ["Generator", "generator"]


class Generator(Protocol):
    """Puts a load on a target, and says how wrong it is itself."""

    def run(
        self, target: Target, point: Point, *, seed: int | str, show: Show | None = None
    ) -> LoadOutcome:
        """Run a point; see `suites.serving.processes.shard.run_shards`."""

    def check(
        self, point: Point, *, events_per_s: float, duration_s: float, seed: int
    ) -> Instrument:
        """Drive an emitter as `run` would drive the target; see `selfcheck`."""


@dataclass(frozen=True, slots=True)
class _Here:
    """So many processes of this machine."""

    shards: int

    def run(
        self, target: Target, point: Point, *, seed: int | str, show: Show | None = None
    ) -> LoadOutcome:
        return run_shards(target, point, seed=seed, shards=self.shards, show=show)

    def check(
        self, point: Point, *, events_per_s: float, duration_s: float, seed: int
    ) -> Instrument:
        return check(
            point, events_per_s=events_per_s, duration_s=duration_s, seed=seed, shards=self.shards
        )


@contextmanager
def generator(spec: Mapping[str, Any]) -> Iterator[Generator]:
    """Make what a cell's spec asks for; a fleet stays connected until the context ends.

    Raises:
        CheckError: a node of the fleet does not answer.
        UserError: the fleet cannot be reached or used.
    """
    if not spec["fleet"]:
        yield _Here(spec["shards"] or 1)
        return
    # Not loaded where no fleet is asked for.
    from suites.base.ray_nodes import connected
    from suites.serving.processes.fleet import FleetLoad

    with connected(spec["fleet"]) as cluster:
        load = FleetLoad(cluster, spec["shards"])
        try:
            yield load
        finally:
            load.close()
