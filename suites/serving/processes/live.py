"""What a person sees while a load runs: rate, TTFT, TPOT and errors so far.

Each process of the load sums itself up once a second; a load of several leaves its sum in a file
that the process which started it puts together with the others'.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import fmean
from time import monotonic_ns
from typing import TYPE_CHECKING

from suites.base.child import progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from suites.client.recording import Recording
    from suites.client.wire import Exchange
    from suites.serving.load.point import Point

__all__ = [
    "EVERY_S",
    "NOTHING_YET",
    "Glimpse",
    "Show",
    "glimpses",
    "live_view",
    "read_glimpse",
    "together",
    "written_to",
]

# Once a second is enough for eyes; the last so many requests are enough for a mean.
EVERY_S = 1.0
_RECENT = 50
# Kinds of failure shown beside their sum, the most frequent first.
_MOST_KINDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """A load so far.

    TTFT is that of the first byte and TPOT counts reads: nothing is parsed while the load runs.
    The result has the true ones.

    Attributes:
        ended: requests.
        failed: those among them that failed, by kind.
        ttft_ms, tpot_ms: means of the last requests, None before the first.
        share: of the load that is done.
    """

    ended: int
    failed: dict[str, int]
    ttft_ms: float | None
    tpot_ms: float | None
    share: float


NOTHING_YET = Glimpse(ended=0, failed={}, ttft_ms=None, tpot_ms=None, share=0.0)
Show = Callable[[Glimpse], None]


def glimpses(point: Point, show: Show) -> Callable[[Recording], None]:
    """Give a watcher of one process's load that shows it once a second."""
    last_ns = 0

    def watch(recording: Recording) -> None:
        nonlocal last_ns
        now_ns = monotonic_ns()
        if now_ns - last_ns >= EVERY_S * 1e9:
            last_ns = now_ns
            show(_glimpse(point, recording, now_ns))

    return watch


def together(parts: Sequence[Glimpse]) -> Glimpse:
    """Put the processes of one load together."""
    ttft = [part.ttft_ms for part in parts if part.ttft_ms is not None]
    tpot = [part.tpot_ms for part in parts if part.tpot_ms is not None]
    return Glimpse(
        ended=sum(part.ended for part in parts),
        failed=dict(sum((Counter(part.failed) for part in parts), Counter())),
        ttft_ms=fmean(ttft) if ttft else None,
        tpot_ms=fmean(tpot) if tpot else None,
        share=fmean(part.share for part in parts),
    )


def written_to(path: Path) -> Show:
    """Show a load to another process, by a file that is there whole or not at all."""
    partial = path.with_suffix(".partial")

    def show(glimpse: Glimpse) -> None:
        partial.write_text(json.dumps(asdict(glimpse)))
        partial.replace(path)

    return show


def read_glimpse(path: Path) -> Glimpse:
    """Read what `written_to` wrote, nothing done where nothing is written yet."""
    try:
        return Glimpse(**json.loads(path.read_text()))
    except FileNotFoundError:
        return NOTHING_YET


def live_view(point: Point, done: int, total: int) -> Show:
    """Report progress to the runner, in hundredths of `total` points."""
    last_ns = last_ended = 0

    def show(glimpse: Glimpse) -> None:
        nonlocal last_ns, last_ended
        now_ns = monotonic_ns()
        since_s = (now_ns - last_ns) / 1e9
        figures = {
            "requests/s": (glimpse.ended - last_ended) / since_s if last_ns else None,
            "TTFT ms": glimpse.ttft_ms,
            "TPOT ms": glimpse.tpot_ms,
            "failed": float(sum(glimpse.failed.values())),
        }
        worst = sorted(glimpse.failed.items(), key=lambda pair: -pair[1])
        figures |= {name: float(count) for name, count in worst[:_MOST_KINDS]}
        known = {name: value for name, value in figures.items() if value is not None}
        progress(round(100 * (done + glimpse.share)), 100 * total, point.name, **known)
        last_ns, last_ended = now_ns, glimpse.ended

    return show


def _glimpse(point: Point, recording: Recording, now_ns: int) -> Glimpse:
    ended = recording.exchanges
    recent = [e for e in ended[-_RECENT:] if not e.refused and len(e.stamps) > 1]
    ttft = [(e.stamps[0] - e.intended_ns) / 1e6 for e in recent]
    tpot = [(e.stamps[-1] - e.stamps[0]) / 1e6 / max(1, e.output_tokens - 1) for e in recent]
    return Glimpse(
        ended=len(ended),
        failed=dict(Counter(_kind(exchange) for exchange in ended if exchange.refused)),
        ttft_ms=fmean(ttft) if ttft else None,
        tpot_ms=fmean(tpot) if tpot else None,
        share=min(1.0, _share_done(point, recording, now_ns)),
    )


def _kind(failed: Exchange) -> str:
    """Name a failure as the result will."""
    return failed.failure or f"http_{failed.status}"


def _share_done(point: Point, recording: Recording, now_ns: int) -> float:
    if not recording.start_ns:
        return 0.0
    if point.duration_s:
        return (now_ns - recording.start_ns) / 1e9 / point.duration_s
    return sum(1 for exchange in recording.exchanges if exchange.measured) / point.requests
