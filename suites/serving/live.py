"""What a person sees while a load runs: rate, TTFT, TPOT and errors so far."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean
from time import monotonic_ns
from typing import TYPE_CHECKING

from suites.child import progress
from suites.serving.load import Recording

if TYPE_CHECKING:
    from suites.serving.point import Point

__all__ = ["Watch", "live_view"]

Watch = Callable[[Recording], None]

# Once a second is enough for eyes; the last so many requests are enough for a mean.
_EVERY_NS = 10**9
_RECENT = 50


def live_view(point: Point, done: int, total: int) -> Watch:
    """Give a watcher that reports progress once a second, in hundredths of `total` points.

    Its TTFT is that of the first byte and its TPOT counts reads: nothing is parsed while the load
    runs. The result has the true ones.
    """
    last_ns = 0
    seen = 0

    def watch(recording: Recording) -> None:
        nonlocal last_ns, seen
        now_ns = monotonic_ns()
        if now_ns - last_ns < _EVERY_NS:
            return
        ended = recording.exchanges
        recent = [e for e in ended[-_RECENT:] if not e.failure and len(e.stamps) > 1]
        figures: dict[str, float] = {
            "request_rate": (len(ended) - seen) / ((now_ns - last_ns) / 1e9) if last_ns else 0.0,
            "failed": sum(1 for e in ended if e.failure),
        }
        if recent:
            figures["ttft_ms"] = fmean((e.stamps[0] - e.intended_ns) / 1e6 for e in recent)
            figures["tpot_ms"] = fmean(
                (e.stamps[-1] - e.stamps[0]) / 1e6 / max(1, e.output_tokens - 1) for e in recent
            )
        share = min(1.0, _share_done(point, recording, now_ns))
        progress(round(100 * (done + share)), 100 * total, point.name, **figures)
        last_ns, seen = now_ns, len(ended)

    return watch


def _share_done(point: Point, recording: Recording, now_ns: int) -> float:
    if not recording.start_ns:
        return 0.0
    if point.duration_s:
        return (now_ns - recording.start_ns) / 1e9 / point.duration_s
    return sum(1 for exchange in recording.exchanges if exchange.measured) / point.requests
