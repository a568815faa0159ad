"""A load made by other hosts: its shards are actors of a Ray cluster, put together as if local.

An actor only starts and watches a shard's process, the same as here, so the client measures the
same everywhere and Ray is never in its way.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from suites.base.errors import UserError
from suites.serving.instrument.instrument import worst
from suites.serving.load.clock import ClockOffset, ask
from suites.serving.load.outcome import on_our_clock
from suites.serving.processes.live import NOTHING_YET
from suites.serving.processes.shard import Shard, check_spec, merge, shard_spec, showing, split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.base.ray_nodes import Cluster, Node
    from suites.client.target import Target
    from suites.serving.instrument.instrument import Instrument
    from suites.serving.load.outcome import LoadOutcome
    from suites.serving.load.point import Point
    from suites.serving.processes.live import Glimpse, Show

__all__ = ["LOAD_TAG", "FleetLoad", "LoadHost"]

# Where any node has this resource, only such nodes make the load: never the one with the engine.
LOAD_TAG = "fenmark_load"
# A worker of Ray imports what it needs, then the shard's process does.
_READY_WITHIN_S = 120.0
# A load ends by its own limits; a node that is lost is noticed by Ray.
_LONGEST_S = 7 * 86_400.0
_CALL_S = 30.0
# The shortest of so many round trips is close to the shortest there is; 0.2 s by Ray Client.
_PINGS = 40
# Time for the start to be known on every node, so that all begin together.
_HEAD_START_NS = 500_000_000


class LoadHost:
    """The actor: keeps one shard's process on its node."""

    def __init__(self) -> None:
        """Wait to be told what to run."""
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._shard: Shard | None = None

    def software(self) -> dict[str, str]:
        """What has to be the same everywhere."""
        return _software()

    def now_ns(self) -> int:
        """Time on this node's monotonic clock."""
        return time.monotonic_ns()

    def prepare(self, spec: dict[str, Any]) -> None:
        """Start the shard's process.

        Raises:
            CheckError: it did not come up.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="fenmark-shard-")
        self._shard = Shard(Path(self._folder.name), 0, spec)
        self._shard.__enter__()
        self._shard.ready()

    def run(self, at_ns: int) -> Any:
        """Begin at this time of this node's clock; return what the shard gives.

        Raises:
            CheckError: it failed.
        """
        shard = self._prepared()
        shard.start(at_ns)
        try:
            return shard.result()
        finally:
            shard.stop()
            if self._folder:
                self._folder.cleanup()

    def glimpse(self) -> Glimpse:
        """How far the load is; asked while it runs."""
        return self._prepared().glimpse()

    def _prepared(self) -> Shard:
        if self._shard is None:
            raise RuntimeError("run before prepare")
        return self._shard


class FleetLoad:
    """Puts loads on a target from the nodes of a connected cluster."""

    def __init__(self, cluster: Cluster, shards: int) -> None:
        """Put so many shards on the nodes in turn, a core each; 0 for one a node.

        Raises:
            CheckError: the nodes have no free processors.
            UserError: Fenmark is not on every node, or another version of it.
        """
        self._cluster = cluster
        nodes = _chosen(cluster.nodes())
        places = [nodes[place % len(nodes)] for place in range(shards or len(nodes))]
        self._nodes = [node.id for node in places]
        self._hosts = [cluster.on(node, LoadHost, max_concurrency=3).remote() for node in places]
        for node, software in zip(
            places, self._all("software", within_s=_READY_WITHIN_S), strict=True
        ):
            if software != _software():
                raise UserError(
                    f"node {node.address} has {software}",
                    where="--fleet",
                    expected=str(_software()),
                )

    def close(self) -> None:
        """End the actors, and with them their shards."""
        self._cluster.drop(self._hosts)

    def run(
        self, target: Target, point: Point, *, seed: int | str, show: Show | None = None
    ) -> LoadOutcome:
        """Put the load on the target; see `suites.serving.processes.shard.run_shards`.

        Times are on this machine's clock, as far as it is known how the others stand to it.

        Raises:
            CheckError: a shard failed, or a node was lost.
            UserError: see `run_point`.
        """
        parts = split(point, len(self._hosts))
        outcomes, clocks = self._run([shard_spec(target, p, seed=seed) for p in parts], show)
        moved = [on_our_clock(*pair) for pair in zip(outcomes, clocks, strict=True)]
        together = merge(moved, whole=point.shape == "replay")
        one_each = dict(zip(self._nodes, clocks, strict=False))
        return replace(together, clocks=tuple(one_each.values()))

    def check(
        self, point: Point, *, events_per_s: float, duration_s: float, seed: int
    ) -> Instrument:
        """Let every node check its part of the load at the same time, and keep the worst.

        Raises:
            CheckError: see `suites.serving.workers.selfcheck.check`.
        """
        parts = split(replace(point, requests=0, turns=()), len(self._hosts))
        closed = point.shape == "closed"
        specs = [
            check_spec(
                part,
                # By its streams, where what does not divide makes them unequal.
                events_per_s=events_per_s
                * (part.concurrency / point.concurrency if closed else 1 / len(parts)),
                duration_s=duration_s,
                seed=seed,
            )
            for part in parts
        ]
        return worst(self._run(specs)[0])

    def _run(
        self, specs: Sequence[dict[str, Any]], show: Show | None = None
    ) -> tuple[list[Any], list[ClockOffset]]:
        """What the shards gave, and the clock of each one's node."""
        self._all("prepare", *specs, within_s=_READY_WITHIN_S)
        nodes, hosts = self._nodes[: len(specs)], self._hosts[: len(specs)]
        before = self._clocks()
        at_ns = time.monotonic_ns() + _HEAD_START_NS
        starts = [at_ns + before[node].offset_ns for node in nodes]
        with showing([partial(self._glimpse, host) for host in hosts], show):
            results = self._all("run", *starts, within_s=_LONGEST_S)
        after = self._clocks()
        return results, [ClockOffset.between(before[node], after[node]) for node in nodes]

    def _clocks(self) -> dict[str, ClockOffset]:
        """Ask each node by one of its actors."""
        host_of = dict(zip(self._nodes, self._hosts, strict=True))
        return {node: ask(partial(self._time_of, host), _PINGS) for node, host in host_of.items()}

    def _time_of(self, host: Any) -> int:
        (time_ns,) = self._cluster.get([host.now_ns.remote()], within_s=_CALL_S)
        return int(time_ns)

    def _glimpse(self, host: Any) -> Glimpse:
        try:
            (seen,) = self._cluster.get([host.glimpse.remote()], within_s=_CALL_S)
        except UserError:  # what is wrong, the load itself will say
            return NOTHING_YET
        return cast("Glimpse", seen)

    def _all(self, method: str, *arguments: Any, within_s: float) -> list[Any]:
        """Call a method of all actors, or of as many as there are arguments; wait for them."""
        calls = [getattr(host, method) for host in self._hosts]
        given: list[tuple[Any, ...]] = [(values,) for values in arguments] or [()] * len(calls)
        asked = [call.remote(*values) for call, values in zip(calls, given, strict=False)]
        return list(self._cluster.get(asked, within_s=within_s))


def _chosen(nodes: list[Node]) -> list[Node]:
    return [node for node in nodes if LOAD_TAG in node.resources] or nodes


def _software() -> dict[str, str]:
    return {"fenmark": version("fenmark"), "python": sys.version.split()[0]}
