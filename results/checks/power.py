"""Could the chips draw that, and who measured it?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

from results.checks.claim import least, most, number, place_of
from results.checks.finding import TOLERANCE, CheckedFigure, at_most
from results.statement.statement import Meter
from results.statement.statement_v2 import ATTESTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results.catalog import ChipEntry
    from results.checks.claim import Claim, ClaimedPoint
    from results.checks.finding import Context
    from results.statement.statement import Measurement
    from suites.base.records import Label

__all__ = ["energy_is_power_over_rate", "joules_have_a_meter", "power_is_possible"]

# Publishers round, and take means of different windows.
_ARITHMETIC = 1.25
# No chip of the catalogue rests below a twentieth of its nameplate.
_REST = 0.05
# Nor idles below a two-hundredth, which the cores of a CPU may: they sleep one by one.
_IDLE = 0.005
# A whole node draws what its chips draw, and fans, processors and losses beside them.
_NODE_FACTOR, _NODE_W = 4.0, 2000.0
# A model's joules and the rate beside them are medians of the same windows.
_MODELLED = 1.4
# Meters that are of chips, by the names the suites give them.
_OF_CHIPS = re.compile(r"(?:nvml|dcgm|amdsmi|npu-smi|rapl|powermetrics|nameplate)\b", re.ASCII)
_CHIP_SCOPES = {"chip", "package"}
_SCOPES = frozenset(get_args(Meter.model_fields["scope"].annotation))
_PHASES = {
    "energy_per_output_token": ("decode_throughput", "output_throughput"),
    "energy_per_input_token": ("prefill_throughput", "input_throughput"),
}
_HOST = "rapl "
_DRAM = re.compile(r"rapl .*dram", re.ASCII)
_LIMIT = re.compile(r"gpu\d{1,4}_power_limit_w", re.ASCII)
# Chips that may share a meter: those of one card.
_ONE_CARD = 2
_TOTAL = re.compile(r"total of (\d{1,6})", re.ASCII)
_MODEL = re.compile(r"model|nameplate|not a measurement", re.ASCII | re.IGNORECASE)


def power_is_possible(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """Idle ≤ power ≤ nameplate × chips, of power itself and of J/token × tokens/s."""
    rests = list(_rests(claim))
    idle = min(map(least, rests), default=0.0)
    for item in rests:
        yield from _awake(claim, item)
    for point in claim.points:
        for item, watts_low, watts_high in _watts(point):
            yield from _bounded(claim, item, watts_low, watts_high, idle)
        if point.exact:
            yield from _without_rate(point)
            yield from _of_all(claim, point)
        for item in point.items:
            if item.method == "modelled":
                yield from _modelled(claim, point, item)


def energy_is_power_over_rate(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """J/token = W ÷ (tokens/s), of one meter and one pool."""
    for point in claim.points:
        power = point.get("power")
        for energy_of, rates in _PHASES.items():
            energy, rate = point.get(energy_of), point.get(rates[-1])
            if not power or not energy or not rate or _pooled(energy):
                continue
            if energy.labels.get("meter") != power.labels.get("meter"):
                continue
            expected = power.value / rate.value
            where = place_of(energy)
            reason = "{left} J/token, watts ÷ rate gives {right} at most"
            yield at_most(where, least(energy), expected * _ARITHMETIC, reason)
            reason = "watts ÷ rate gives {left} J/token at least, {right} are stated"
            yield at_most(where, expected / _ARITHMETIC, most(energy), reason)


def joules_have_a_meter(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """Energy is by a listed meter, of the scope and method it is listed with, and no model."""
    predicate = claim.predicate
    listed = {meter.name: meter for meter in predicate.meters} if predicate else {}
    for meter in listed.values():
        if meter.method != "model" and _MODEL.search(f"{meter.name} {meter.note}"):
            told = f"{meter.name} is a model by its own words, and listed as {meter.method}"
            yield CheckedFigure(where="meters", reason=told)
        if _OF_CHIPS.match(meter.name) and meter.scope not in _CHIP_SCOPES:
            told = f"{meter.name[:40]} is a meter of chips, and listed as of the {meter.scope}"
            yield CheckedFigure(where="meters", reason=told)
    for item in claim.measurements:
        if not _is_energy(item.metric) or item.method == "modelled":
            continue
        named, scope = item.labels.get("meter"), item.labels.get("scope")
        odd: str | None = None
        if scope is not None and scope not in _SCOPES:
            odd = f"its scope {str(scope)[:40]!r} is none of {', '.join(sorted(_SCOPES))}"
        elif predicate is not None and item.suite != ATTESTED:  # whose harness has its own meter
            odd = _of_meter(item, listed.get(str(named)))
        yield CheckedFigure(where=place_of(item), reason=odd)


def _of_meter(item: Measurement, meter: Meter | None) -> str | None:
    if meter is None:
        return f"its meter {str(item.labels.get('meter'))[:40]!r} is not listed in the result"
    method = item.labels.get("meter_method", meter.method)
    if "model" in {meter.method, method}:
        return f"is called {item.method}, and its meter is a model"
    if method != meter.method:
        return f"is by {str(method)[:40]}, its meter by {meter.method}"
    if item.labels.get("scope", meter.scope) != meter.scope:
        return f"covers the {item.labels.get('scope')}, its meter the {meter.scope}"
    return None


def _without_rate(point: ClaimedPoint) -> Iterator[CheckedFigure]:
    """Joules of a token say no watts where nobody says how many tokens there were."""
    for energy_of, rates in _PHASES.items():
        item = point.get(energy_of)
        if item and not any(map(point.get, rates)):
            yield CheckedFigure(where=place_of(item), reason=f"stands without {' or '.join(rates)}")


def _of_all(claim: Claim, point: ClaimedPoint) -> Iterator[CheckedFigure]:
    """The first figure of a case is the one that is shown: of several cards their total."""
    chip = claim.predicate.machine.chip if claim.predicate else None
    if chip is None or chip.kind == "cpu" or chip.count <= _ONE_CARD:
        return
    for metric in (*_PHASES, "power"):
        item = point.get(metric)
        if item is None or _scope(claim, item) not in _CHIP_SCOPES or _pooled(item):
            continue
        lone = not _TOTAL.search(str(item.labels.get("meter")))
        reason = f"is of one meter, of {chip.count} chips that share the work" if lone else None
        yield CheckedFigure(where=place_of(item), reason=reason)


def _watts(point: ClaimedPoint) -> Iterator[tuple[Measurement, float, float]]:
    """Figures that say a power, with its lower and upper end in W."""
    for item in point.items:
        if item.method == "modelled":
            continue
        if item.metric == "power":
            yield item, least(item), most(item)
        for rate_of in _PHASES.get(item.metric, ()):
            if rate := point.get(rate_of):
                yield item, least(item) * least(rate), most(item) * most(rate)
                break
        if item.metric == "energy_per_call" and (time := point.get("time")):
            # Gaps between the calls are in the joules and not in the time.
            yield item, 0.0, most(item) * 1e3 / least(time)


def _modelled(claim: Claim, point: ClaimedPoint, item: Measurement) -> Iterator[CheckedFigure]:
    """Joules that a nameplate stands in for are its watts over the rate, neither more nor less."""
    bounds, where = _nameplate_w(claim, item), place_of(item)
    if item.high is None:
        return
    for low_w, high_w in _modelled_w(point, item, item.high):
        if bounds is None:
            break
        reason = "is modelled at {left} W by its rate, the nameplate allows {right}"
        yield at_most(where, low_w, bounds[1] * _MODELLED, reason)
        reason = "is modelled at {right} W by its rate, the nameplate needs {left}"
        yield at_most(where, bounds[1] / _MODELLED, high_w, reason)
    if item.low is not None and _is_energy(item.metric):
        middle = (item.low + item.high) / 2
        reason = "is modelled at {right}, the middle of its bounds is {left}"
        yield at_most(where, middle / _MODELLED, item.value, reason)


def _modelled_w(
    point: ClaimedPoint, item: Measurement, joules: float
) -> Iterator[tuple[float, float]]:
    """Watts that a model's upper end says, from below and from above."""
    if item.metric == "power":
        yield joules, joules
    for rate_of in _PHASES.get(item.metric, ()):
        if rate := point.get(rate_of):
            yield joules * least(rate), joules * most(rate)
    if item.metric == "energy_per_call" and (time := point.get("time")):
        yield 0.0, joules * 1e3 / least(time)  # gaps between the calls are in the joules


def _bounded(
    claim: Claim, item: Measurement, low_w: float, high_w: float, idle_w: float
) -> Iterator[CheckedFigure]:
    where, scope = place_of(item), _scope(claim, item)
    part = _pooled(item) and claim.count != 1  # one chip has no pools
    if idle_w and scope in _CHIP_SCOPES and not part:
        reason = "rests at {left} W, and draws {right} W at work"
        yield at_most(where, idle_w / TOLERANCE, high_w, reason)
    bounds = _nameplate_w(claim, item)
    if bounds is None:
        return
    least_w, most_w = bounds
    whole = scope not in _CHIP_SCOPES
    most_w = most_w * _NODE_FACTOR + _NODE_W if whole else most_w
    # A lone sensor is of one chip, a node of nobody knows how many; and hosts have meters too.
    if (claim.count or not whole) and not _of_host(claim, item):
        reason = "draws {left} W, the nameplate allows {right}"
        yield at_most(where, low_w, most_w * TOLERANCE, reason)
        cap_w = None if whole else _capped_w(claim)
        if cap_w is not None:
            reason = "draws {left} W, the power cap allows {right}"
            yield at_most(where, low_w, cap_w * TOLERANCE, reason)
    one_w = claim.chip.tdp_w if claim.chip else None
    if _is_dram(item) or (part and one_w is None):
        return
    # A pool is a part of the chips, of one at least.
    least_w = min(least_w, one_w) if part and one_w else least_w
    reason = "a twentieth of the nameplate is {left} W, it draws {right} W at work"
    yield at_most(where, least_w * _REST, high_w, reason)


def _nameplate_w(claim: Claim, item: Measurement) -> tuple[float, float] | None:
    """Nameplate from below and from above, of the chips that the figure covers."""
    entry, predicate = claim.chip, claim.predicate
    if entry is None:
        return None
    if entry.kind == "cpu":
        return _sockets_w(entry, predicate.machine.cpu_cores) if predicate else None
    if entry.tdp_w is None:
        return None
    total = _TOTAL.search(str(item.labels.get("meter")))
    count = claim.count or 1
    # One card's own meter stands beside the total of all.
    fewest = int(total[1]) if total else 1 if predicate else count
    return entry.tdp_w * min(fewest, count), entry.tdp_w * max(fewest, count)


def _sockets_w(entry: ChipEntry, cores: int) -> tuple[float, float] | None:
    bounds = entry.power_bounds_w(cores)
    if bounds is None:
        return None
    # Two logical cores each, of the part that needs least for them.
    thrifty = min((sku.tdp_w / sku.cores for sku in entry.skus), default=0.0)
    return thrifty * cores / 2, bounds[1]


def _rests(claim: Claim) -> Iterator[Measurement]:
    """Yield the measured idle power of chips."""
    for item in claim.measurements:
        rests = item.metric == "idle_power" and item.method == "measured"
        if rests and _scope(claim, item) in _CHIP_SCOPES and not _is_dram(item):
            yield item


def _awake(claim: Claim, item: Measurement) -> Iterator[CheckedFigure]:
    """Hold the idle power of an accelerator against a small part of its nameplate."""
    bounds = _nameplate_w(claim, item)
    if bounds and claim.chip and claim.chip.kind != "cpu":
        reason = "a two-hundredth of the nameplate is {left} W, it idles at {right} W"
        yield at_most(place_of(item), bounds[0] * _IDLE, most(item), reason)


def _is_energy(metric: str) -> bool:
    return metric.startswith("energy_") or metric in {"power", "idle_power"}


def _scope(claim: Claim, item: Measurement) -> Label | None:
    """What the joules cover: as the figure says, or else as its meter is listed."""
    told, named = item.labels.get("scope"), item.labels.get("meter")
    if told is not None or claim.predicate is None:
        return told
    listed = (meter.scope for meter in claim.predicate.meters if meter.name == named)
    return next(listed, None)


def _of_host(claim: Claim, item: Measurement) -> bool:
    """The processor's meter beside an accelerator."""
    processor = claim.chip is not None and claim.chip.kind == "cpu"
    return not processor and str(item.labels.get("meter")).startswith(_HOST)


def _is_dram(item: Measurement) -> bool:
    """Memory beside the processor has a meter of its own, and no nameplate."""
    return bool(_DRAM.match(str(item.labels.get("meter"))))


def _capped_w(claim: Claim) -> float | None:
    """Most that the chips may draw by the cap of the run, or else by their driver's."""
    predicate = claim.predicate
    if predicate is None or predicate.machine.chip.kind == "cpu" or not claim.count:
        return None
    stated = (predicate.run.options or {}).get("power_cap_w")
    set_w = None if isinstance(stated, list) else number(stated)
    if not set_w:
        shown = predicate.machine.conditions
        limits = [number(shown[name]) for name in shown if _LIMIT.fullmatch(name)]
        set_w = max(filter(None, limits), default=None)
    return set_w * claim.count if set_w and set_w > 0 else None


def _pooled(item: Measurement) -> bool:
    return "pool" in str(item.labels.get("tokens"))
