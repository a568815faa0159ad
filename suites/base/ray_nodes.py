"""Reach a Ray cluster: connect, name its nodes, run things on one of them; errors in one line.

Ray is the extra `fleet` and is imported only here, when a fleet is asked for. Client and cluster
must run the same Ray and the same minor version of Python, and the nodes the same Fenmark.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from suites.base.errors import CheckError, UserError
from suites.base.extras import install

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["Cluster", "Node", "NodeLostError", "check_address", "connected"]

_EXPECTED = "ray://HOST:PORT (Ray Client, usually port 10001), HOST:PORT of a cluster this machine "
_EXPECTED += "belongs to, or auto"
# Ray itself tries for half a minute and more; a port that does not answer is known at once.
_KNOCK_S = 3.0


class NodeLostError(CheckError):
    """The node a thing ran on has gone; on another it may do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A machine of the cluster.

    Attributes:
        id: Ray's name of it.
        host: its host name.
        address: its IP address in the cluster.
        resources: what it offers, tags such as `ray start --resources='{"load": 1}'` included.
    """

    id: str
    host: str
    address: str
    resources: Mapping[str, float]

    @property
    def cpus(self) -> float:
        return self.resources.get("CPU", 0.0)


class Cluster:
    """A connected cluster; made by `connected`."""

    def __init__(self, ray: Any) -> None:
        """Wrap the connected module."""
        self._ray = ray

    def nodes(self, tag: str = "") -> list[Node]:
        """Nodes that are alive and offer processors, by address; with a tag, only those with it.

        Raises:
            UserError: there is none.
        """
        nodes = [
            Node(
                id=node["NodeID"],
                host=node["NodeManagerHostname"],
                address=node["NodeManagerAddress"],
                resources=node["Resources"],
            )
            for node in self._ray.nodes()
            if node["Alive"] and node["Resources"].get("CPU")
        ]
        tagged = [node for node in nodes if not tag or tag in node.resources]
        if not tagged:
            raise UserError(
                "the fleet has no node for this",
                where="--fleet",
                expected=f"one with the resource {tag!r}" if tag else "one that offers processors",
                remedy=f"ray start --address=HEAD --resources='{{\"{tag or 'load'}\": 1}}'",
            )
        return sorted(tagged, key=lambda node: (node.address, node.id))

    def on(self, node: Node, what: Callable[..., Any], *, cpus: float = 1.0, **options: Any) -> Any:
        """Ray's remote of a function or class, run on this node and no other.

        Its arguments and results travel as pickles; `what` must be importable there.

        Args:
            options: Ray's own, such as `max_retries=0`.
        """
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(node.id, soft=False)
        chosen = {"num_cpus": cpus, "scheduling_strategy": here, **options}
        return self._ray.remote(what).options(**chosen)

    def first(self, references: Sequence[Any], *, within_s: float) -> Any | None:
        """Wait until one of these has come or failed, and return it; None if none has."""
        ready, _ = self._ray.wait(list(references), num_returns=1, timeout=within_s)
        return ready[0] if ready else None

    def get(self, references: Sequence[Any], *, within_s: float, where: str = "--fleet") -> Any:
        """Wait for results, in order.

        Raises:
            NodeLostError: a node was lost.
            CheckError: not all were there in time.
            UserError: what the remote raised, or Fenmark is not installed there.
        """
        failures = self._ray.exceptions
        try:
            return self._ray.get(list(references), timeout=within_s)
        except failures.GetTimeoutError:
            raise CheckError(
                f"no answer within {within_s:.0f} s",
                where=where,
                expected="free processors on the nodes",
                remedy="see `ray status`",
            ) from None
        except failures.RayTaskError as error:
            raise _cause(error, where) from None
        except (failures.RayError, ConnectionError) as error:
            raise NodeLostError(f"a node was lost: {_first_line(error)}", where=where) from None

    def drop(self, actors: Sequence[Any]) -> None:
        """End these actors at once, whatever they are doing."""
        for actor in actors:
            self._ray.kill(actor)


def check_address(fleet: str) -> str:
    """Return the address in the form Ray takes.

    Raises:
        UserError: it is none.
    """
    host, _, port = fleet.removeprefix("ray://").rpartition(":")
    if fleet == "auto" or (host and "/" not in host and port.isdecimal() and 0 < int(port) < 65536):
        return fleet
    raise UserError(f"no fleet {fleet!r}", where="--fleet", expected=_EXPECTED)


@contextmanager
def connected(fleet: str) -> Iterator[Cluster]:
    """Be connected to a cluster for as long as the context lasts.

    Raises:
        UserError: Ray is not installed, the address is none, or nothing answers there.
    """
    address = check_address(fleet)
    ray = _ray()
    _knock(address)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - anything, where no Ray answers
        raise UserError(
            f"cannot reach it ({_first_line(error)})",
            where=f"--fleet {fleet}",
            expected=f"a cluster of Ray {ray.__version__}",
            remedy="see `ray status` on its head node",
        ) from None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)  # Ray puts its own in the place of ours
    try:
        yield Cluster(ray)
    finally:
        ray.shutdown()


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anyone
    try:
        import ray
    except ImportError:
        raise UserError("Ray is not installed", where="--fleet", remedy=install("fleet")) from None
    return ray


def _knock(address: str) -> None:
    """Fail at once where nothing listens.

    Raises:
        UserError: nothing does.
    """
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK_S).close()
    except OSError as error:
        raise UserError(
            f"cannot connect ({error.strerror or error})",
            where=f"--fleet {address}",
            expected=_EXPECTED,
        ) from None


def _cause(error: Any, where: str) -> UserError:
    """What the remote raised, if it was meant for people."""
    cause = error.cause
    if isinstance(cause, UserError):
        return cause
    if isinstance(cause, ModuleNotFoundError):
        return UserError(
            f"a node has no module {cause.name}",
            where=where,
            expected="the same Fenmark on every node",
        )
    return CheckError(f"failed on a node: {_first_line(cause or error)}", where=where)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:300]
