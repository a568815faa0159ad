"""What a sender may do: times and numbers, and how often one key or one address may ask."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from results.service.addresses import Network

__all__ = ["Buckets", "Quota", "SenderLimits"]

_MOST = 10_000  # names remembered; beyond it the longest silent one is forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderLimits:
    """What a sender may do.

    Attributes:
        head_s, body_s: time for all of a request's headers, and for all of its body.
        idle_s: time between an answer and the next request, in whole seconds.
        answer_s: time to take what was answered.
        connections, connections_of_address: open at once.
        per_minute: requests of one address, and submissions of one key; 0 limits nothing.
        bytes_per_minute: of the bodies an address sends and is sent, and of a key's submissions;
            0 limits nothing.
        trusted: networks of the proxies whose word on addresses counts.
    """

    head_s: float = 10.0
    body_s: float = 30.0
    idle_s: int = 5
    answer_s: float = 30.0
    connections: int = 8192
    connections_of_address: int = 2048
    per_minute: float = 6000.0
    bytes_per_minute: float = 256.0 * 2**20
    trusted: tuple[Network, ...] = ()


@dataclass(slots=True)
class Buckets:
    """One bucket a name, filled steadily and holding a minute's worth, emptied by what it takes.

    Attributes:
        per_minute: how fast a bucket fills; 0 limits nothing.
    """

    per_minute: float
    _levels: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def wait_s(self, name: str, now_s: float) -> float:
        """Tell in how many seconds there is a whole one; 0 where there is.

        Args:
            name: key id or address.
            now_s: monotonic clock.
        """
        if not self.per_minute:
            return 0.0
        return max(0.0, 1 - self._level(name, now_s)) * 60 / self.per_minute

    def charge(self, name: str, amount: float, now_s: float) -> None:
        """Take so many, into debt where there are fewer: what was sent is known afterwards."""
        if not self.per_minute:
            return
        self._levels[name] = (self._level(name, now_s) - amount, now_s)
        self._levels.move_to_end(name)
        if len(self._levels) > _MOST:
            self._levels.popitem(last=False)

    def _level(self, name: str, now_s: float) -> float:
        full = max(1.0, self.per_minute)
        level, then_s = self._levels.get(name, (full, now_s))
        return min(full, level + (now_s - then_s) * self.per_minute / 60)


@dataclass(slots=True)
class Quota:
    """Requests and bytes of each name."""

    requests: Buckets
    bytes: Buckets

    @classmethod
    def of(cls, limits: SenderLimits) -> Quota:
        """Make one whose buckets are full."""
        return cls(Buckets(limits.per_minute), Buckets(limits.bytes_per_minute))

    def admit(self, name: str, now_s: float) -> float:
        """Count a request; return 0, or the seconds to wait before the next is admitted."""
        wait_s = max(self.requests.wait_s(name, now_s), self.bytes.wait_s(name, now_s))
        if not wait_s:
            self.requests.charge(name, 1, now_s)
        return wait_s
