"""When a load ends, and what it gave."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from suites.client.wire import Tape

if TYPE_CHECKING:
    from suites.client.wire import Exchange

__all__ = ["Recording", "Stop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """When a load ends.

    Attributes:
        requests: measured requests, 0 for no such limit.
        duration_s: length of the steady state, 0 for no such limit.
        request_limit_s: after this long a request has failed by "timeout".
    """

    requests: int = 0
    duration_s: float = 0.0
    request_limit_s: float = 600.0


@dataclass(slots=True, kw_only=True)
class Recording:
    """What one load gave.

    Attributes:
        tape: the bytes of all finished exchanges.
        exchanges: all that were sent, ramp-up and drain included, in order of their end.
        start_ns, end_ns: requests sent (open loop: meant to be sent) in here are measured.
        finish_ns: when the last measured one had ended; the load was kept up until then.
        cpu_s: processor time of this process from start to finish.
        lag_ms: how late the loop served its own timer.
        reconnects: requests that had to wait for a connection to be opened.
        gave_up: ended early, since one request after another failed.
    """

    tape: Tape = field(default_factory=Tape)
    exchanges: list[Exchange] = field(default_factory=list)
    start_ns: int = 0
    end_ns: int = 0
    finish_ns: int = 0
    cpu_s: float = 0.0
    lag_ms: list[float] = field(default_factory=list)
    reconnects: int = 0
    gave_up: bool = False

    def measured(self) -> list[Exchange]:
        """Requests of the steady state."""
        return [exchange for exchange in self.exchanges if exchange.measured]
