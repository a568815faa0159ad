"""The table at the end of a run: speed, energy and money here, each with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from results.catalog.prices_data import OWN_SHEET
from results.checks import Context, judge
from results.economy.costs import cost_rows
from results.economy.economics import Span
from results.economy.number_format import span
from results.economy.within_limits import within_limits
from results.statement.precision import served_of
from results.statement.statement_v2 import ATTESTED, ChipV2
from runners.measure.quality_lines import cost_lines, quality_lines
from suites.base.metrics import METRICS
from suites.base.terminal import styled
from suites.base.user_folders import home

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from results.catalog import PriceSheet
    from results.checks import Judged
    from results.economy.costs import CostRow, PriceUsed
    from results.economy.economics import Measured as Row
    from results.economy.own_prices import Money
    from results.statement.statement import Machine, Measurement, Predicate
    from runners.measure.outcome import FinishedRun
    from suites.base.terminal import Terminal

__all__ = [
    "among_reported",
    "ask_for_price",
    "cost_table",
    "headlines",
    "not_repeated",
    "not_valid",
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
    ATTESTED: (
        *("output_throughput", "decode_throughput", "prefill_throughput", "total_throughput"),
        *("ttft", "tpot", "e2e", "power"),
    ),
    "embeddings": ("prefill_throughput", "e2e", "energy_per_input_token"),
    "rerank": ("prefill_throughput", "e2e", "energy_per_input_token"),
    "replay": ("output_throughput", "ttft", "tpot", "e2e", "power"),
    "ramp": ("output_throughput", "ttft", "tpot", "e2e", "power"),
    "users": ("output_throughput", "ttft", "tpot", "session_time", "power"),
    "agents": ("output_throughput", "ttft", "tpot", "session_time", "power"),
}
_RATES = ("prefill_throughput", "decode_throughput", "output_throughput")
_SHOWN_PERCENTILES = {50, 99}


def print_result(predicate: Predicate, terminal: Terminal, money: Money) -> bool:
    """Print what a result says: who measured what, how fast, and what a million tokens cost.

    Returns:
        whether a cost was computed with a price that is not this machine's, or with none.
    """
    machine, run = predicate.machine, predicate.run
    sheet = money.sheet
    rows = headlines(predicate.measurements)
    solved = [row for row in predicate.measurements if row.metric == "tokens_per_solved"]
    costs = cost_rows(
        [*rows, *solved],
        chip=machine.chip.catalog_id,
        count=machine.chip.count,
        sheet=sheet,
        served=served_of(predicate.engines),
        kind=machine.chip.kind,
        own=money.own,
        any_class=True,
    )
    what = f"{run.profile} profile"
    if run.suites == [ATTESTED]:
        what = f"attested: measured by {_harness(predicate.measurements[0])}"
    how = f", {_counted(machine)}, {what}, {run.started_at[:10]}"
    terminal.say()
    terminal.say(styled(machine.chip.name, "bold"), how)
    terminal.say(_engines(predicate))
    terminal.say()
    terminal.show(speed_table(rows))
    terminal.say()
    _print_searches(predicate, terminal)
    for line in quality_lines(predicate.measurements):
        terminal.say(line)
    if costs:
        terminal.show(cost_table(costs, money))
    for line in cost_lines(costs, money):
        terminal.say(line)
    conditions = _conditions(costs, sheet) if costs else "No case of this run made tokens to cost."
    terminal.say(styled(conditions, "dim"))
    terminal.say()
    doubts = [*not_valid(predicate.measurements), *not_repeated(predicate.measurements)]
    for warning in [*predicate.warnings, *doubts]:
        terminal.say(styled("!", "yellow"), f" {warning}")
    return any(row.price is None or row.price.generic for row in costs)


def _harness(item: Measurement) -> str:
    version = item.labels.get("harness_version", "of unknown version")
    return f"{item.labels.get('harness', 'a harness it does not name')} {version}"


def _counted(machine: Machine) -> str:
    chip = machine.chip
    bus = ", ".join(chip.pci) if isinstance(chip, ChipV2) else ""
    return f"{chip.count} {'cores' if chip.kind == 'cpu' else 'chips'}{bus and f' (PCI {bus})'}"


def _print_searches(predicate: Predicate, terminal: Terminal) -> None:
    """Show what searches found, for each chip and megawatt too, and how that was derived."""
    searches = within_limits(predicate)
    if not searches:
        return
    table = _table("Within limits", "case", "most [next tried]", "", "a chip", "a megawatt")
    for search in searches:
        ends = (span(search.load), search.name, span(search.per_chip), span(search.per_megawatt))
        table.add_row(search.case, *ends)
    terminal.show(table)
    for search in searches:
        terminal.say(styled(f"Derived: {search.how}.", "dim"))
    terminal.say()


def not_valid(measurements: Sequence[Measurement]) -> list[str]:
    """Say of each case whose figures are not valid why, and of a saturated one that it is.

    A reason that most figures share is said once; any other with the figures that have it.
    """
    lines = []
    for case in dict.fromkeys(item.case for item in measurements):
        figures = [item for item in measurements if item.case == case]
        named: dict[str, list[str]] = {}
        for item in figures:
            if reason := item.labels.get("invalid_because"):
                named.setdefault(str(reason), []).append(item.metric)
        shared = max(named, key=lambda reason: len(named[reason]), default="")
        if 2 * len(named.get(shared, ())) > len(figures):
            lines.append(f"{case}: not valid: {shared}")
            named = {why: whose for why, whose in named.items() if not why.startswith(shared)}
        for reason, metrics in named.items():
            lines.append(f"{case}: {', '.join(dict.fromkeys(metrics))} not valid: {reason}")
        if any(item.labels.get("saturated") for item in figures):
            lines.append(f"{case}: saturated: its rate is the server's most, no latency is given")
    return lines


def not_repeated(measurements: Sequence[Measurement]) -> list[str]:
    """Say which figures came out otherwise when their case was measured again at the end."""
    return [
        f"{item.case}: {item.metric} at the end was {item.labels['repeat_ratio']} times the first, "
        "more than two processes differ by; run again on a quiet machine"
        for item in measurements
        if item.method == "measured" and item.labels.get("repeat_agrees") is False
    ]


def ask_for_price(terminal: Terminal, where: str = "DIR") -> None:
    """Ask for the reader's own price, once, with the option that takes it."""
    terminal.say(
        f"Not what you pay? fenmark show {where} --price 0.12/h (this machine's hour), "
        f"--owned 1500 --life 4y, --tariff 0.6CNY/kWh; or keep it in {home() / OWN_SHEET}: "
        '[own] price = "0.12/h"',
        whole=True,
    )


def print_outcome(outcome: FinishedRun, out: Path, terminal: Terminal, money: Money) -> None:
    """Print a finished run, and where everything it left lies."""
    if print_result(outcome.statement.predicate, terminal, money):
        ask_for_price(terminal, str(out))
    print_findings(judge(outcome.statement, Context(evidence=outcome.evidence)), terminal)
    if line := among_reported(outcome.statement.predicate):
        terminal.say(line)
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


def among_reported(predicate: Predicate) -> str | None:
    """Say where this machine stands among reported chips; None where nothing compares.

    A CPU stands as a whole, everything else by the chip. Lengths and precisions may differ.
    """
    served, chip = served_of(predicate.engines), predicate.machine.chip
    rates = [
        row
        for row in predicate.measurements
        if row.metric == "output_throughput" and row.case.startswith("closed/") and _valid(row)
    ]
    if served is None or not rates:
        return None
    from results.reported.standing import standing  # reads the readers too: a quarter of a second

    for row in sorted(rates, key=lambda row: -row.value):
        streams = row.labels.get("concurrency")
        if not isinstance(streams, int):
            continue
        each = row.value / (1 if chip.kind == "cpu" else chip.count)
        geometry = served.geometry
        place = standing(
            each,
            parameters=geometry.parameters(),
            active_parameters=geometry.active_parameters(),
            concurrency=streams,
        )
        if place:
            ends = dict.fromkeys((place.fastest, place.slowest))
            told = " to ".join(f"{rate:,.0f} ({name})" for name, rate in ends)
            return (
                f"Of models this large at concurrency {streams}, others report {told} output "
                f"tokens/s a chip, of {place.chips} chips; here {each:,.4g}, "
                f"place {place.place} of {place.chips + 1}. Lengths and precisions differ."
            )
    return None


def print_findings(judged: Judged, terminal: Terminal) -> None:
    """Warn of figures that a log would flag or refuse, before they are sent to one."""
    for finding in judged.findings:
        terminal.say(styled(finding.outcome, "red"), f" {finding}")
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
        of_kind = [row for row in rows if _kind_of(row) == kind and _valid(row)]
        rates = [row for row in of_kind if row.metric in _RATES]
        if not rates and kind == ATTESTED:  # a harness may time single requests only
            rates = of_kind[:1]
        if not rates:
            continue
        best = max(rates, key=lambda row: row.value).case
        shown += [
            row
            for metric in metrics
            for row in of_kind
            if (row.case, row.metric) == (best, metric)
            and row.labels.get("percentile", 50) in _SHOWN_PERCENTILES
            and row.labels.get("statistic", "mean") == "mean"
        ]
    return shown


def _kind_of(row: Row) -> str:
    return ATTESTED if row.suite == ATTESTED else row.case.partition("/")[0]


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


def cost_table(rows: Iterable[CostRow], money: Money) -> Table:
    """Show what a million tokens cost: rent, owning and electricity, by currency and in fen.

    A part that is not known is left out, and said below the table.
    """
    shown = [money.currency] if money.currency else ["USD", "CNY"]
    rates = [money.sheet.per_usd(name) for name in shown]
    table = _table("A million tokens cost", "case", "tokens", "part", *shown, "x one fen")
    for row in rows:
        heads = [row.case, row.tokens]
        for part, usd in _parts(row):
            amounts = [span(usd.times(rate)) for rate in rates]
            table.add_row(*heads, part, *amounts, span(row.fens(usd)))
            heads = ["", ""]
    return table


def _parts(row: CostRow) -> Iterator[tuple[str, Span]]:
    if row.rental_usd and row.price:
        yield f"rental, {_kind(row.price)}", row.rental_usd
        if row.price.low < row.price.high:
            scale = row.rental_usd.value / row.price.usd
            yield (
                "its price's range",
                Span(row.rental_usd.value, row.price.low * scale, row.price.high * scale),
            )
    if row.owned:
        yield f"owned, power {row.owned.power}", row.owned.usd
    if row.energy_usd:
        yield f"energy, {row.energy_method}", row.energy_usd
    if row.floor_usd is not None:
        yield "physical floor", Span(row.floor_usd, None, None)


def _kind(price: PriceUsed) -> str:
    return f"generic {price.price_class}" if price.generic else price.price_class


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _engines(predicate: Predicate) -> str:
    used = {
        f"{engine.name} {engine.version}, {engine.model} {engine.precision}, "
        f"{engine.weights} weights"
        for engine in predicate.engines
    }
    return "; ".join(sorted(used)) or "no engine"


def _conditions(costs: Sequence[CostRow], sheet: PriceSheet) -> str:
    prices = sorted({row.rental_kind for row in costs if row.rental_kind})
    missing = sorted({row.missing for row in costs if row.missing})
    rent = f"Rental: {'; '.join(prices)}, electricity included" if prices else "No rental price"
    sentences = [f"Price sheet {sheet.id}", f"{rent}{': ' * bool(missing)}{'; '.join(missing)}"]
    if any(row.price and row.price.generic for row in costs):
        sentences.append(
            "The generic price is that of any cloud's logical core: this chip has none of its own"
        )
    bases = sorted({row.owned.basis for row in costs if row.owned})
    if bases and sheet.ownership:
        life, busy = sheet.ownership.life_years.value, sheet.ownership.utilization.value
        sentences.append(f"Owned: {'; '.join(bases)}, {life:g} years, busy {busy:.0%} of them")
    sentences += [f"A price {flag}: look at it twice" for flag in sorted(_flagged(costs))]
    electricity = f"{sheet.usd_per_kwh:.4g} USD/kWh ({sheet.reference_tariff})"
    sentences.append(
        f"Energy: electricity alone, {electricity}, PUE {sheet.pue.value}; a modelled figure is "
        "the middle of its bounds, not a measurement"
        if any(row.energy_usd for row in costs)
        else "Energy: no meter could be read and no nameplate of its cores is known: not costed"
    )
    if any(row.floor_usd is not None for row in costs):
        sentences.append("Physical floor: the datasheet's roofline time at nameplate power")
    return ". ".join(sentences) + "."


def _flagged(costs: Sequence[CostRow]) -> set[str]:
    return {flag for row in costs for flag in row.flags}


def _title(row: Row) -> str:
    percentile = row.labels.get("percentile")
    statistic = f"p{percentile:g}" if percentile else row.labels.get("statistic")
    return METRICS[row.metric].title + (f", {statistic}" if statistic else "")


def _how(row: Row) -> str:
    meter = row.labels.get("meter")
    words = [row.method, *([str(meter)] if meter else [])]
    error, above = row.labels.get("error_percent"), row.labels.get("above_idle")
    words += [f"{row.labels.get('energy_tier')} ±{error:.3g}%"] if error is not None else []
    words += [f"{above:.3g} above idle"] if above is not None else []
    return ", ".join(words)


def _valid(row: Row) -> bool:
    return bool(row.labels.get("valid", True))
