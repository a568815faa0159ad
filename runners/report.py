"""The table at the end of a run: speed, energy and money here, each with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from suites.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from suites.records import Row

__all__ = ["headlines", "speed_table"]

# What a reader asks first of each kind of case, in this order.
_ASKED = {
    "prefill": ("prefill_throughput", "ttft", "energy_per_input_token"),
    "decode": ("decode_throughput", "tpot", "energy_per_output_token"),
    "closed": ("output_throughput", "ttft", "tpot", "e2e", "power"),
    "open": ("output_throughput", "ttft", "tpot", "e2e", "power"),
}
_RATES = ("prefill_throughput", "decode_throughput", "output_throughput")


def headlines(rows: Sequence[Row]) -> list[Row]:
    """Pick the rows that answer the first questions: the fastest case of each kind.

    Percentile rows are shown at p50 and p99; a case that is not valid is left out.
    """
    shown: list[Row] = []
    for kind, metrics in _ASKED.items():
        of_kind = [row for row in rows if row.case.partition("/")[0] == kind and _valid(row)]
        rates = [row for row in of_kind if row.metric in _RATES]
        if not rates:
            continue
        best = max(rates, key=lambda row: row.value).case
        shown += [
            row
            for metric in metrics
            for row in of_kind
            if (row.case, row.metric) == (best, metric)
            and row.labels.get("percentile", 50) in {50, 99}
        ]
    return shown


def speed_table(rows: Iterable[Row]) -> Table:
    """Show rows with unit, 95% interval, n and method."""
    table = Table(box=None, pad_edge=False, title="Speed and energy", title_justify="left")
    table.add_column("case")
    table.add_column("")
    table.add_column("value", justify="right")
    table.add_column("95% interval", justify="right")
    table.add_column("unit")
    table.add_column("n", justify="right")
    table.add_column("how")
    last = ""
    for row in rows:
        case = row.case if row.case != last else ""
        last = row.case
        table.add_row(
            case,
            _title(row),
            figure(row.value),
            interval(row.low, row.high),
            row.unit,
            str(row.n),
            _how(row),
        )
    return table


def figure(value: float | None) -> str:
    """Three significant digits, never an exponent a reader must decode; a dash for unknown."""
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 or value == 0 else f"{value:.2e}"


def interval(low: float | None, high: float | None) -> str:
    """Show the bounds there are."""
    if low is None and high is None:
        return "–"
    return escape(f"[{figure(low)}, {figure(high)}]")


def _title(row: Row) -> str:
    percentile = row.labels.get("percentile")
    return METRICS[row.metric].title + (f", p{percentile:g}" if percentile else "")


def _how(row: Row) -> str:
    meter = row.labels.get("meter")
    return f"{row.method} ({meter})" if meter else row.method


def _valid(row: Row) -> bool:
    return bool(row.labels.get("valid", True))
