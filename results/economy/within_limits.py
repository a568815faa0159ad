"""What a server takes within limits, for each chip and for each megawatt; derived when shown.

A search's figure is divided by the chips of the machine, and by the mean power that a meter saw at
the load that the search found. Nothing is modelled or filled in: without a measured power there is
no figure for a megawatt, and cores are not chips.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from results.economy.economics import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results.statement.statement import Measurement, Predicate, StatedLabel

__all__ = ["WithinLimits", "within_limits"]

_MEGAWATT = 1e6
_SEARCHED = "searched_"
_NAMES = {
    "rate": "requests/s",
    "concurrency": "requests in flight",
    "users": "users",
    "agents": "agents",
}
# The widest boundary first: what all of it draws is what a site must feed.
_SCOPES = ("wall", "node", "chip", "package")
# Labels of a search that its points do not have.
_OF_SEARCH = {"slo_ttft", "slo_tpot", "goodput_share", "valid", "invalid_because"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WithinLimits:
    """The most that met the limits of one search.

    Attributes:
        case: of the search; it names the limits.
        name: what was counted: users, agents, requests in flight, requests/s.
        load: how many; the upper end is the next load that was tried.
        per_chip: None where the machine has no chips apart from its cores.
        per_megawatt: None where no meter saw the load found.
        how: how each was derived, in one line.
    """

    case: str
    name: str
    load: Span
    per_chip: Span | None
    per_megawatt: Span | None
    how: str


def within_limits(predicate: Predicate) -> list[WithinLimits]:
    """Derive them from every valid search of a result, in its order."""
    return [
        _derived(predicate, item)
        for item in predicate.measurements
        if item.metric.removeprefix(_SEARCHED) in _NAMES
        and item.metric.startswith(_SEARCHED)
        and item.method == "measured"
        and item.labels.get("valid", True)
        and item.value > 0
    ]


def _derived(predicate: Predicate, item: Measurement) -> WithinLimits:
    chip = predicate.machine.chip
    by = item.metric.removeprefix(_SEARCHED)
    name, load = _NAMES[by], Span(item.value, item.low, item.high)
    how, per_chip, per_megawatt = [], None, None
    if chip.kind != "cpu":
        per_chip = load.times(1 / chip.count)
        how.append(f"{item.value:g} {name} ÷ {chip.count} chip{'s' * (chip.count > 1)}")
    power = _power_at(predicate, by, item)
    if power:
        per_megawatt = _over(load, Span(power.value, power.low, power.high)).times(_MEGAWATT)
        scope, meter = power.labels.get("scope"), power.labels.get("meter")
        how.append(f"{item.value:g} {name} ÷ {power.value:.4g} W ({scope}, {meter}) × 10^6")
    else:
        how.append("no meter saw the load found")
    return WithinLimits(
        case=item.case,
        name=name,
        load=load,
        per_chip=per_chip,
        per_megawatt=per_megawatt,
        how="; ".join(how),
    )


def _power_at(predicate: Predicate, by: str, searched: Measurement) -> Measurement | None:
    """Mean power of the point that the search found, by the widest meter; totals stand first."""
    seen = [
        item
        for item in predicate.measurements
        if item.metric == "power"
        and item.method == "measured"
        and item.value > 0
        and item.suite == searched.suite
        and _is_point(item.labels, by, searched)
    ]
    for scope in _SCOPES:
        for item in _totals_first(seen):
            if item.labels.get("scope") == scope:
                return item
    return None


def _is_point(labels: dict[str, StatedLabel], by: str, searched: Measurement) -> bool:
    """Whether a point is the searched load, under the same conditions."""
    wanted = {name: value for name, value in searched.labels.items() if name not in _OF_SEARCH}
    return labels.get(by) == searched.value and all(
        labels.get(name) == value for name, value in wanted.items()
    )


def _totals_first(items: list[Measurement]) -> Iterator[Measurement]:
    yield from (item for item in items if " total of " in str(item.labels.get("meter")))
    # A single chip's power is not that of all: only what stands alone in its scope may do.
    for item in items:
        scope = item.labels.get("scope")
        if sum(other.labels.get("scope") == scope for other in items) == 1:
            yield item


def _over(load: Span, power: Span) -> Span:
    """Divide, each end by the opposite one."""
    low = None if load.low is None else load.low / (power.high or power.value)
    high = None if load.high is None else load.high / (power.low or power.value)
    return Span(load.value / power.value, low, high)
