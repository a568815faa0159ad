"""The table at the end of a run: speed, energy and money here, each with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from results.catalog import latest_prices
from results.checks import Context, judge
from results.economy.costs import cost_rows
from results.economy.economics import Span
from results.economy.number_format import span
from results.statement.precision import served_of
from suites.base.metrics import METRICS
from suites.base.terminal import styled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from results.catalog import PriceSheet
    from results.checks import Judged
    from results.economy.costs import CostRow
    from results.economy.economics import Measured as Row
    from results.statement.statement import Predicate
    from runners.measure.outcome import Outcome
    from suites.base.terminal import Terminal

__all__ = [
    "cost_table",
    "headlines",
    "print_findings",
    "print_outcome",
    "print_result",
    "speed_table",
]

# What a reader asks first of each kind of case, in this order.
_ASKED = {
    "prefill": ("prefill_throughput", "ttft", "energy_per_input_token"),
    "decode": ("decode_throughput", "tpot", "energy_per_output_token"),
    "closed": ("output_throughput", "ttft", "tpot", "e2e", "power"),
    "open": ("output_throughput", "ttft", "tpot", "e2e", "power"),
}
_RATES = ("prefill_throughput", "decode_throughput", "output_throughput")
_SHOWN_PERCENTILES = {50, 99}


def print_result(predicate: Predicate, terminal: Terminal) -> None:
    """Print what a result says: who measured what, how fast, and what a million tokens cost."""
    machine, run = predicate.machine, predicate.run
    sheet = latest_prices()
    rows = headlines(predicate.measurements)
    costs = cost_rows(
        rows,
        chip=machine.chip.catalog_id,
        count=machine.chip.count,
        sheet=sheet,
        served=served_of(predicate.engines),
    )
    how = f", {machine.chip.count} cores, {run.profile} profile, {run.started_at[:10]}"
    terminal.say()
    terminal.say(styled(machine.chip.name, "bold"), how)
    terminal.say(_engines(predicate))
    terminal.say()
    terminal.show(speed_table(rows))
    terminal.say()
    terminal.show(cost_table(costs))
    terminal.say(styled(_conditions(costs, sheet), "dim"))
    terminal.say()
    for warning in predicate.warnings:
        terminal.say(styled("!", "yellow"), f" {warning}")


def print_outcome(outcome: Outcome, out: Path, terminal: Terminal) -> None:
    """Print a finished run, and where everything it left lies."""
    print_result(outcome.statement.predicate, terminal)
    print_findings(judge(outcome.statement, Context(evidence=outcome.evidence)), terminal)
    stages = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in outcome.stage_s.items())
    made = " (made for this run: keep it)" if outcome.key_created else ""
    for line in (
        f"time     {stages}",
        f"signed   {out / outcome.digest}.dsse.json",
        f"by key   {outcome.key_path}{made}",
        f"logged   {out / 'log'}",
        f"summary  {out / 'summary.json'}",
        f"check    fenmark verify {out}",
    ):
        terminal.say(line, whole=True)


def print_findings(judged: Judged, terminal: Terminal) -> None:
    """Warn of figures that a log would flag or refuse, before they are sent to one."""
    for one in judged.findings:
        terminal.say(styled(one.outcome, "red"), f" {one}")
    if judged.findings:
        terminal.say(
            "A flagged result is shown and does not rank, a refused one is not taken: look for "
            "what is wrong, and measure again."
        )
    for line in judged.unchecked:
        terminal.say(styled(line, "dim"))


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
            and row.labels.get("percentile", 50) in _SHOWN_PERCENTILES
        ]
    return shown


def speed_table(rows: Iterable[Row]) -> Table:
    """Show rows with their 95% interval, unit, n and method."""
    table = _table("Speed and energy", "case", "", "value [95% interval]", "unit", "n", "how")
    last = ""
    for row in rows:
        case = row.case if row.case != last else ""
        last = row.case
        value = span(Span(row.value, row.low, row.high))
        table.add_row(case, _title(row), value, row.unit, str(row.n), _how(row))
    return table


def cost_table(rows: Iterable[CostRow]) -> Table:
    """Show what a million tokens cost: rent and electricity, in dollars, yuan and fen."""
    table = _table("A million tokens cost", "case", "tokens", "part", "USD", "CNY", "x one fen")
    for row in rows:
        table.add_row(row.case, row.tokens, "rental", *_money(row, row.rental_usd, row.fen))
        part = f"energy, {row.energy_method or 'unknown'}"
        table.add_row("", "", part, *_money(row, row.energy_usd, row.energy_fen))
        if row.floor_usd is not None:
            floor = Span(row.floor_usd, None, None)
            table.add_row("", "", "physical floor", *_money(row, floor, row.fens(floor)))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _money(row: CostRow, usd: Span | None, fen: Span | None) -> tuple[str, str, str]:
    cny = usd.times(row.cny_per_usd) if usd else None
    return span(usd), span(cny), span(fen)


def _engines(predicate: Predicate) -> str:
    used = {
        f"{engine.name} {engine.version}, {engine.model} {engine.precision}, "
        f"{engine.weights} weights"
        for engine in predicate.engines
    }
    return "; ".join(sorted(used)) or "no engine"


def _conditions(costs: Sequence[CostRow], sheet: PriceSheet) -> str:
    prices = sorted({row.rental_kind for row in costs if row.rental_kind})
    rent = f"Rental: {'; '.join(prices)}, electricity included" if prices else "No rental price"
    return (
        f"Price sheet {sheet.id}. {rent}. Energy: electricity alone, {sheet.usd_per_kwh} USD/kWh "
        f"({sheet.reference_tariff}), PUE {sheet.pue.value}; a modelled figure is the middle of "
        "its bounds, not a measurement. Physical floor: the datasheet's roofline time at nameplate "
        "power."
    )


def _title(row: Row) -> str:
    percentile = row.labels.get("percentile")
    return METRICS[row.metric].title + (f", p{percentile:g}" if percentile else "")


def _how(row: Row) -> str:
    meter = row.labels.get("meter")
    return f"{row.method}, {meter}" if meter else row.method


def _valid(row: Row) -> bool:
    return bool(row.labels.get("valid", True))
