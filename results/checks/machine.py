"""Is the chip claimed the chip seen, and was the run what its profile says, when it says?"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from results import catalog
from results.checks.claim import flags_of_run, least, most, number, place_of, said_by_file
from results.checks.finding import CheckedFigure, at_most
from results.statement.statement_v2 import ATTESTED, ChipV2

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from results.checks.claim import Claim, ClaimedPoint
    from results.checks.finding import Context
    from results.statement.statement import Chip, Machine, Measurement, Predicate, Run
    from suites.base.records import Label

__all__ = [
    "OWN_LENGTH",
    "WINDOWED",
    "before",
    "chips_are_those_seen",
    "intervals_have_a_width",
    "meters_are_instruments",
    "profiles_keep_their_word",
    "runs_end_after_they_begin",
    "runs_have_been",
    "windows_fit_the_run",
]

_CLOCK_SKEW = timedelta(minutes=10)
# A reader's clock, which nobody set for this, may be off by more.
_READERS_CLOCK = timedelta(days=1)
# Percent, from a twentieth of the best class of IEC 62053-22 on; no meter in use was made before.
_ACCURACY = (0.005, 100.0)
_CALIBRATED_FROM = "1950"
# Drivers keep some memory back, and makers count in GB and GiB.
_MEMORY = (0.7, 1.3)
_GPU = re.compile(r"gpu(\d{1,4})_", re.ASCII)
# Conditions are cut to this many letters.
_LONGEST = 256
_CPUS = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?", re.ASCII)
# How engines call the axes they spread a model over.
_AXES = {
    "tp": ("tp", "tensor-parallel-size", "tp-size", "tensor-parallel"),
    "pp": ("pp", "pipeline-parallel-size", "pp-size", "pipeline-parallel"),
    "dp": ("dp", "data-parallel-size", "dp-size", "data-parallel"),
    "cp": ("pcp", "prefill-context-parallel-size", "context-parallel-size", "cp-size"),
    "replicas": ("replicas", "num-replicas"),
}
# All at once, the experts' share of them, or the machines that they lie in.
_WORLD = (
    *("world-size", "nnodes", "num-nodes", "ep", "ep-size", "expert-parallel-size"),
    *("num-shard", "gpus", "num-gpus", "gpus-per-node", "chips"),
)
# Lists of them, with commas between.
_LISTS = (
    *("tensor-split", "ts", "device-ids", "gpu-ids", "cuda-visible-devices"),
    *("hip-visible-devices", "rocr-visible-devices", "ascend-rt-visible-devices"),
)
# Labels that say chips: in all, of both pools, and the axes whose product they are.
_LAYOUT = (
    *("chips", "expert_parallel", "prefill_chips", "decode_chips"),
    *("tensor_parallel", "pipeline_parallel", "data_parallel", "replicas"),
)
# Whose cards a runner lists one by one in its conditions (`runners/machine`).
_LISTING = {"NVIDIA", "AMD"}
_VENDORS = ("AuthenticAMD", "GenuineIntel")
# What a runner names a chip that stands behind an endpoint: nobody saw it.
_UNSEEN = "other"
# Failures that the serving suite lets pass (`suites.serving.instrument.validity`).
_FAILURES = 0.01
# A profile -> seconds of each serving point, samples of each inference case, processes of each
# kernel: what `suites` does, less a fifth for requests that are cut. Quick is a few requests.
_SECONDS = {"standard": 60.0, "full": 600.0}
_ROUNDS = {"quick": 1, "standard": 15, "full": 40}
_PROCESSES = {"quick": 3, "standard": 7, "full": 10}
# Fresh engines behind each point: an endpoint is measured by one process, and so is a load that
# is chosen by what was seen.
_ENGINES = {
    "serving": {"quick": 3, "standard": 3, "full": 3},
    "inference": {"quick": 3, "standard": 5, "full": 8},
}
_ONE_PROCESS = {"sweep", "search"}
_STEPWISE = "ramp/"  # a process may have answered nothing in one of its steps
_CUT, _LONGER = 0.8, 1.25
# Requests of a quick point: of an open loop, of a closed one at least, and for each in flight.
_QUICK_OPEN, _QUICK_CLOSED, _QUICK_EACH = 20.0, 4.0, 2.0
# Options by which a user makes a point of another length than its profile's.
OWN_LENGTH = {"requests", "duration", "sweep", "search", "trace", "trace_speed"}
WINDOWED = {"ttft", "tpot", "e2e", "output_throughput", "decode_throughput", "prefill_throughput"}
# Windows lie within the run, beside engines that start and checks that run.
_WINDOWS, _MORE_S = 1.1, 1.0


def chips_are_those_seen(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """Catalogue entry, count and memory are what driver, CPUID and kernel showed."""
    predicate = claim.predicate
    if predicate is None:
        return
    machine = predicate.machine
    chip = machine.chip
    if chip.kind != _UNSEEN:
        seen, reason = _seen(machine), None
        unlisted = chip.catalog_id is None
        if seen != chip.catalog_id and not (unlisted and _unlisted_then(seen, predicate.run)):
            reason = f"{chip.catalog_id} is claimed, {chip.name[:60]!r} is {seen or 'not listed'}"
        yield CheckedFigure("machine.chip.catalog_id", reason)
        if claim.chip:
            same = _kinds_agree(chip.kind, claim.chip.kind)
            told = f"{chip.kind} is stated, {claim.chip.id} is a {claim.chip.kind}"
            yield CheckedFigure("machine.chip.kind", None if same else told)
    yield from _on_the_bus(claim, machine)
    if chip.kind == "gpu":
        missing = "names a GPU, and no driver" if machine.driver is None else None
        yield CheckedFigure(where="machine.driver", reason=missing)
    most_, told = _most_chips(claim, machine)
    if most_ is not None:
        yield at_most("machine.chip.count", chip.count, most_, f"{{left}} are claimed, {told}")
    used, told = _used(predicate)
    reason = f"{told} takes {{left}}, {{right}} are claimed"
    yield at_most("machine.chip.count", used, chip.count, reason)
    if chip.kind != "cpu":
        yield from _laid_out(claim, chip)
    yield from _said_by_file(claim, chip)
    if claim.chip and claim.chip.memory_gb and chip.memory_bytes and claim.chip.chips == 1:
        low, high = (claim.chip.memory_gb * 1e9 * factor for factor in _MEMORY)
        where = "machine.chip.memory_bytes"
        yield at_most(where, chip.memory_bytes, high, "{left} bytes, the datasheet allows {right}")
        yield at_most(where, low, chip.memory_bytes, "{right} bytes, the datasheet has {left}")


def _kinds_agree(stated: str, listed: str) -> bool:
    """A CPU is none of the others, and a GPU one; a runner calls other accelerators so too."""
    return stated == listed if "cpu" in {stated, listed} or listed == "gpu" else True


def _said_by_file(claim: Claim, chip: Chip) -> Iterator[CheckedFigure]:
    """A harness' file may say itself what it ran on: by name, and how many of them."""
    for name in map(str, said_by_file(claim, "chip")):
        meant = catalog.match(name)
        same = meant == chip.catalog_id if meant else name == chip.name
        reason = f"the file names {name[:60]!r}, the result {(chip.catalog_id or chip.name)[:60]!r}"
        yield CheckedFigure(where="machine.chip", reason=None if same else reason)
    for count in said_by_file(claim, "count") if chip.kind != "cpu" else ():
        reason = f"the file says {count} chips, the result {chip.count}"
        yield CheckedFigure(
            where="machine.chip.count", reason=None if count == chip.count else reason
        )


def profiles_keep_their_word(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """Each point is as long, and rests on as many samples, as the profile promises."""
    predicate = claim.predicate
    if predicate is None:
        return
    run = predicate.run
    own_length = bool(OWN_LENGTH & (run.options or {}).keys())
    alone = predicate.machine.chip.kind == _UNSEEN or _ONE_PROCESS & (run.options or {}).keys()
    for point in claim.points:
        if not alone:
            yield from _engines(point, run.profile)
        match point.suite:
            case "serving":
                yield from _served(point, run.profile, own_length=own_length)
            case "inference":
                yield from _isolated(point, run.profile)
            case "kernels":
                item = point.get("time")
                if item:
                    reason = f"{{right}} processes, the {run.profile} profile runs {{left}}"
                    yield at_most(place_of(item), _PROCESSES[run.profile], item.n, reason)
            case _:
                pass


def intervals_have_a_width(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """Clocks of nanoseconds never give the same figure in several processes."""
    if claim.predicate is None:
        return
    for item in claim.measurements:
        if item.metric not in WINDOWED or item.suite == "kernels" or item.method != "measured":
            continue
        several = (number(item.labels.get("processes")) or 0) > 1 and item.n > 1
        if not several or item.labels.get("percentile", 50) != 50:
            continue
        reason = None
        if item.low is None and item.high is None:
            reason = f"has no interval, though {item.n} samples lie behind it"
        elif item.low == item.high:
            reason = f"has an interval of no width, of {item.n} samples"
        yield CheckedFigure(where=place_of(item), reason=reason, left=item.low, right=item.high)


def runs_end_after_they_begin(claim: Claim, context: Context) -> Iterator[CheckedFigure]:
    predicate = claim.predicate
    if predicate is None:
        return
    run = predicate.run
    try:
        started, finished = _time(run.started_at), _time(run.finished_at)
    except ValueError:
        yield CheckedFigure(
            where="run", reason=f"{run.started_at} or {run.finished_at} is not a date"
        )
        return
    if finished < started:
        reason = f"ends at {run.finished_at}, before it began {run.started_at}"
        ends = started.timestamp(), finished.timestamp()
        yield CheckedFigure(where="run.finished_at", reason=reason, left=ends[0], right=ends[1])
    if context.now and finished > context.now + _CLOCK_SKEW:
        yield CheckedFigure(
            where="run.finished_at",
            reason=f"{run.finished_at} lies in the future",
            left=finished.timestamp(),
            right=context.now.timestamp(),
        )


def runs_have_been(claim: Claim, context: Context) -> Iterator[CheckedFigure]:
    """No run lies ahead of the reader: an archive without a log's time is held so too."""
    if claim.predicate and context.clock:
        yield from before(claim.predicate.run.finished_at, context.clock)


def before(ended: str, clock: datetime) -> Iterator[CheckedFigure]:
    """Hold the end of a run against a reader's clock; what is not a date is said elsewhere."""
    try:
        finished = _time(ended)
    except ValueError:
        return
    late = finished > clock + _READERS_CLOCK
    yield CheckedFigure(
        where="run.finished_at",
        reason=f"{ended} lies ahead of this reader's clock" if late else None,
        left=finished.timestamp(),
        right=clock.timestamp(),
    )


def meters_are_instruments(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """A meter's accuracy is that of an instrument, and it was calibrated before it measured."""
    predicate = claim.predicate
    if predicate is None:
        return
    for meter in predicate.meters:
        accuracy = meter.accuracy_percent
        if accuracy is not None:
            low, high = _ACCURACY
            reason = "states an accuracy of {right}%, no instrument is better than {left}%"
            yield at_most("meters", low, accuracy, reason)
            reason = "states an accuracy of {left}%, which is above {right}%"
            yield at_most("meters", accuracy, high, reason)
        if meter.calibrated_at is not None:
            odd = _miscalibrated(meter.calibrated_at, predicate.run.finished_at)
            yield CheckedFigure(where="meters", reason=odd)


def _miscalibrated(calibrated: str, ended: str) -> str | None:
    if calibrated[:4] < _CALIBRATED_FROM:
        return f"was calibrated at {calibrated}, before {_CALIBRATED_FROM}"
    try:
        moment = _time(calibrated)
    except ValueError:
        return f"was calibrated at {calibrated}, which is not a date"
    try:
        after = moment - _CLOCK_SKEW > _time(ended)
    except ValueError:
        return None  # said above
    return f"was calibrated at {calibrated}, after the run ended at {ended}" if after else None


def windows_fit_the_run(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """Everything timed, one thing after another, takes no longer than the run did."""
    predicate = claim.predicate
    if predicate is None:
        return
    try:
        took = _time(predicate.run.finished_at) - _time(predicate.run.started_at)
    except ValueError:
        return  # said above
    if took < timedelta():
        return  # likewise
    timed = sum(map(_timed_s, claim.points))
    reason = "{left} s were timed in a run of {right} s"
    yield at_most("run.finished_at", timed, took.total_seconds() * _WINDOWS + _MORE_S, reason)


def _timed_s(point: ClaimedPoint) -> float:
    """Seconds behind the figures of a point, by its samples; 0 where they do not say."""
    if point.suite == "serving":
        return _measured_s(point) or 0.0
    if point.suite == ATTESTED:
        return 0.0  # measured before
    together = point.load.get("batch", 1.0)
    if first := point.get("ttft", 50.0):
        return first.n * first.value / 1e3 / together
    if (pace := point.get("tpot", 50.0)) and "osl" in point.load:
        return pace.n * pace.value / 1e3 * (point.load["osl"] - 1) / together
    return 0.0


def _measured_s(point: ClaimedPoint) -> float | None:
    """Requests over their rate: the windows of all processes together."""
    latency, rate = point.get("e2e", 50.0), point.get("request_throughput")
    return latency.n / rate.value if latency and rate else None


def _engines(point: ClaimedPoint, profile: str) -> Iterator[CheckedFigure]:
    item = point.get("e2e", 50.0) or point.get("tpot", 50.0) or point.get("ttft", 50.0)
    need = _ENGINES.get(point.suite, {}).get(profile)
    if item and need and not point.case.startswith(_STEPWISE):
        reason = f"{{right}} processes, the {profile} profile starts {{left}} engines"
        yield at_most(place_of(item), need, number(item.labels.get("processes")) or need, reason)


def _served(point: ClaimedPoint, profile: str, *, own_length: bool) -> Iterator[CheckedFigure]:
    latency, rate = point.get("e2e", 50.0), point.get("request_throughput")
    failed = point.figures.get(("failed", None))
    if failed and point.valid:
        reason = "{left} requests failed, a valid point allows {right}"
        yield at_most(place_of(failed), failed.value, failed.n * _FAILURES, reason)
    if not latency or own_length:
        return
    where = place_of(latency)
    processes = number(latency.labels.get("processes")) or 1.0
    if profile == "quick":
        yield from _quick(point, latency, processes)
    elif rate and point.valid:
        whole = _SECONDS[profile] * processes
        need = whole * _CUT
        reason = f"{{right}} s were measured, the {profile} profile takes {{left}} s"
        yield at_most(where, need, latency.n / least(rate), reason)
        longest = whole * _LONGER + 2 * processes * most(latency) / 1e3
        reason = f"{{left}} s were measured, the {profile} profile takes {{right}} s"
        yield at_most(where, latency.n / most(rate), longest, reason)


def _quick(point: ClaimedPoint, latency: Measurement, processes: float) -> Iterator[CheckedFigure]:
    """A quick point ends after a number of requests that its load gives."""
    streams = point.load.get("concurrency")
    requests = max(_QUICK_CLOSED, _QUICK_EACH * streams) if streams else None
    requests = _QUICK_OPEN if "rate" in point.load else requests
    if requests is None or point.replayed:
        return
    asked = requests * processes
    reason = "{left} requests, the quick profile sends {right}"
    yield at_most(place_of(latency), latency.n, asked, reason)
    if point.valid:
        reason = "{right} requests, the quick profile sends {left}"
        yield at_most(place_of(latency), math.floor(asked * (1 - _FAILURES)), latency.n, reason)


def _isolated(point: ClaimedPoint, profile: str) -> Iterator[CheckedFigure]:
    item = point.get("tpot", 50.0) or point.get("ttft", 50.0)
    if item is None:
        return
    batch = point.load.get("batch", 1.0)
    need = _ROUNDS[profile] * batch
    reason = f"{{right}} samples, the {profile} profile takes {{left}}"
    yield at_most(place_of(item), need, item.n, reason)


def _seen(machine: Machine) -> str | None:
    """Entry of the catalogue by the name a driver gives, by CPUID, or by the machine's tables."""
    shown, chip = machine.conditions, machine.chip
    tables = str(shown.get("machine_tables", ""))
    if chip.kind != "cpu":
        [pci, *_] = _bus_ids(machine) or [""]
        return _listed(chip.name, tables, pci)
    vendor = shown.get("cpu_vendor")
    numbers = (number(shown.get(f"cpu_{name}")) for name in ("family", "model", "stepping"))
    makers = (vendor,) if isinstance(vendor, str) else _VENDORS
    return _processor(chip.name, tables, makers, tuple(numbers))


@lru_cache(maxsize=256)  # most results are of few machines
def _listed(name: str, tables: str, pci: str) -> str | None:
    return catalog.identify(catalog.ChipSigns(name=name, tables=tuple(tables.split("; ")), pci=pci))


@lru_cache(maxsize=256)
def _processor(
    name: str,
    tables: str,
    makers: tuple[str, ...],
    numbers: tuple[float | None, ...],
) -> str | None:
    family, model, stepping = numbers
    by_id = (
        catalog.identify(
            catalog.ChipSigns(
                name=name,
                vendor=maker,
                family=int(family or 0),
                model=int(model or 0),
                stepping=None if stepping is None else int(stepping),
                tables=tuple(tables.split("; ")),
            )
        )
        for maker in makers
    )
    return next(filter(None, by_id), None)


def _bus_ids(machine: Machine) -> Sequence[str]:
    return machine.chip.pci if isinstance(machine.chip, ChipV2) else ()


def _on_the_bus(claim: Claim, machine: Machine) -> Iterator[CheckedFigure]:
    """A device of the bus that is known is the chip claimed; one that is not has its maker."""
    if claim.chip is None or not claim.chip.pci:
        return
    owners, makers = _bus()
    where = "machine.chip.pci"
    for pci in _bus_ids(machine):
        reason = None
        if claim.chip.id not in owners.get(pci, [claim.chip.id]):
            reason = f"{claim.chip.id} is claimed, {pci} is {owners[pci][0]}"
        elif makers.get(pci[:4]) != claim.chip.vendor:
            maker = makers.get(pci[:4], "another maker")
            reason = f"{claim.chip.id} is by {claim.chip.vendor}, {pci} by {maker}"
        yield CheckedFigure(where=where, reason=reason)


@cache
def _bus() -> tuple[Mapping[str, Sequence[str]], Mapping[str, str]]:
    """Entries of the catalogue by what stands on the bus, and makers by its first four digits."""
    owners: dict[str, list[str]] = {}
    makers: dict[str, str] = {}
    for entry in catalog.chips().values():
        for pci in entry.pci:
            owners.setdefault(pci, []).append(entry.id)
            makers.setdefault(pci[:4], entry.vendor)
    return owners, makers


def _unlisted_then(seen: str | None, run: Run) -> bool:
    """Whether the chip seen entered the catalogue after this run: it could not be claimed."""
    entry = catalog.chips().get(seen or "")
    return bool(entry and entry.added and run.started_at[:10] < entry.added)


def _most_chips(claim: Claim, machine: Machine) -> tuple[float | None, str]:
    """How many chips, or cores, the machine showed."""
    if machine.chip.kind == "cpu":
        cpus = _listed_cpus(machine.conditions.get("numa_cpus"))
        return min(machine.cpu_cores, cpus or machine.cpu_cores), "the machine shows {right}"
    cards = {card[1] for name in machine.conditions if (card := _GPU.match(name))}
    if cards:
        return len(cards), "the driver shows {right}"
    # Of one card a driver may say nothing, as of a part of it or of a module. Several are listed.
    lists = machine.chip.kind == "gpu" and claim.chip and claim.chip.vendor in _LISTING
    return (1, "the driver lists none of them") if lists else (None, "")


def _listed_cpus(listed: Label | None) -> int | None:
    """Logical cores of a list such as "node0 0-3,8; node1 4-7"."""
    if not isinstance(listed, str) or len(listed) >= _LONGEST:
        return None  # absent, or cut short
    ranges = (
        part for node in listed.split(";") for part in node.strip().partition(" ")[2].split(",")
    )
    spans = [span for part in ranges if (span := _CPUS.fullmatch(part.strip()))]
    return sum(int(span[2] or span[1]) - int(span[1]) + 1 for span in spans) or None


def _used(predicate: Predicate) -> tuple[float, str]:
    """Chips that the engine was spread over, or threads that it ran, as it was started."""
    if predicate.machine.chip.kind == "cpu":
        threads = (number(engine.flags.get("n_threads")) or 0 for engine in predicate.engines)
        return max(threads, default=0), "the engine's threads"
    flags = [list(flags_of_run(predicate, engine)) for engine in predicate.engines]
    spread = [math.prod(_axis(flag, names) for names in _AXES.values()) for flag in flags]
    whole = [max(_axis(flag, _WORLD), _listed_chips(flag)) for flag in flags]
    return max(spread + whole, default=0), "the engine's layout"


def _axis(flags: Sequence[tuple[str, Label]], names: Sequence[str]) -> float:
    """Chips along an axis; engines take numbers as texts too."""
    return max((_chips_of(value) for flag, value in flags if flag in names), default=1.0)


def _listed_chips(flags: Sequence[tuple[str, Label]]) -> float:
    lists = (str(value).count(",") + 1 for flag, value in flags if flag in _LISTS)
    return float(max(lists, default=1))


def _chips_of(value: Label) -> float:
    if isinstance(value, str):
        digits = value.strip(" ").removeprefix("+").partition(".")[0]
        return float(digits[:6]) or 1.0 if digits.isascii() and digits.isdecimal() else 1.0
    return number(value) or 1.0


def _laid_out(claim: Claim, chip: Chip) -> Iterator[CheckedFigure]:
    """Figures that say over how many chips they were spread say no more than are claimed."""
    layouts = dict.fromkeys(
        tuple(number(item.labels.get(name)) or 0.0 for name in _LAYOUT)
        for item in claim.measurements
        if not item.labels.keys().isdisjoint(_LAYOUT)
    )
    for whole, experts, prefill, decode, *axes in layouts:
        chips = max(whole, experts, prefill + decode, math.prod(max(1.0, axis) for axis in axes))
        reason = "by their labels figures are of {left} chips, {right} are claimed"
        yield at_most("machine.chip.count", chips, chip.count, reason)


@lru_cache(maxsize=64)  # several laws ask for the same two
def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
