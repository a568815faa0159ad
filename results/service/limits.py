"""Token buckets: how often one key or one address may ask."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

__all__ = ["Buckets"]

_MOST = 10_000  # names remembered; beyond it the longest silent one is forgotten


@dataclass(slots=True)
class Buckets:
    """One bucket a name, filled steadily, emptied by one a request.

    Attributes:
        per_minute: how fast a bucket fills; 0 limits nothing.
        burst: what a full one holds.
    """

    per_minute: float
    burst: int
    _levels: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def take(self, name: str, now_s: float) -> float:
        """Take one; return 0, or the seconds to wait until there is one.

        Args:
            name: key id or address.
            now_s: monotonic clock.
        """
        if not self.per_minute:
            return 0.0
        level, then_s = self._levels.pop(name, (float(self.burst), now_s))
        rate = self.per_minute / 60
        level = min(self.burst, level + (now_s - then_s) * rate)
        wait_s = 0.0 if level >= 1 else (1 - level) / rate
        self._levels[name] = (level if wait_s else level - 1, now_s)
        if len(self._levels) > _MOST:
            self._levels.popitem(last=False)
        return wait_s
