"""A chip's curves against the power cap: of signed results, and apart, of what others report."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from leaderboard.base.text import clean
from leaderboard.figures.power_curve import CapPoint, curves

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from leaderboard.figures.power_curve import CapCurve
    from leaderboard.figures.rows import PageRow
    from leaderboard.read.reported import ReportedLine, Section
    from leaderboard.words import Words

__all__ = ["measured_curves", "reported_curves"]

_CAP = "power_cap_w"
# What sets one curve of a publisher apart from another.
_APART = ("section", "table", "Compose", "Config", "Rig", "prompt")
_WATTS = re.compile(r",? ?\b\d{2,3} ?W( cap)?\b")


def measured_curves(rows: Sequence[PageRow], root: str) -> list[CapCurve]:
    """Curves of rows whose runs held a cap, one for each model, precision, engine and load."""
    return curves(_measured(rows, root))


def reported_curves(_: Words, sections: Sequence[Section]) -> list[CapCurve]:
    """Curves of what others report; MLPerf's share no page with others'."""
    return curves(
        point
        for section in sections
        if section.publisher.view != "mlperf"
        for line in section.lines
        for point in _reported(_, section, line)
    )


def _measured(rows: Sequence[PageRow], root: str) -> Iterator[tuple[str, CapPoint]]:
    # Older first, so that the newest of one cap stands.
    for row in sorted(rows, key=lambda row: row.finished_at):
        rate, energy = row.figures.get("throughput"), row.figures.get("energy")
        if row.power_cap_w is None or not rate:
            continue
        name = " · ".join(filter(None, (row.model, row.precision, row.engine_name, row.load)))
        yield (
            name,
            CapPoint(
                cap_w=row.power_cap_w,
                rate=rate.value,
                rate_low=rate.low,
                rate_high=rate.high,
                joules=energy.value if energy else None,
                usd=row.rent.usd.value if row.rent else None,
                fens=row.rent.fens.value if row.rent else None,
                link=f"{root}{row.where}",
            ),
        )


def _reported(_: Words, section: Section, line: ReportedLine) -> Iterator[tuple[str, CapPoint]]:
    labels = line.result.labels
    cap = labels.get(_CAP)
    told = {measurement.metric: measurement.value for measurement in line.result.measurements}
    rate = told.get("decode_throughput") or told.get("output_throughput")
    if not isinstance(cap, int | float) or isinstance(cap, bool) or cap <= 0 or not rate:
        return
    words = [str(labels[name]) for name in _APART if name in labels]
    # A rig's description names its cap, which does not set it apart from itself.
    named = " · ".join(clean(_WATTS.sub("", word)) for word in words)
    cost = next((row for row in line.costs if row.tokens == "output"), None)
    yield (
        f"{section.publisher.title}: {named}" if named else section.publisher.title,
        CapPoint(
            cap_w=float(cap),
            rate=rate,
            joules=told.get("energy_per_output_token"),
            usd=cost.rental_usd.value if cost and cost.rental_usd else None,
            fens=cost.fen.value if cost and cost.rental_usd and cost.fen else None,
            words=_("reported"),
            link=line.link,
        ),
    )
