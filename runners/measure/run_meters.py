"""The meters beside a run: which of them watch, and what they saw of each measured window."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from results import catalog
from suites.base.errors import UserError
from suites.base.records import Window
from suites.meters import discovery
from suites.meters.base import Energy
from suites.meters.follow import TraceMeter
from suites.meters.modelled import ModelledMeter
from suites.meters.owned import open_meters
from suites.meters.recorder import Recorder
from suites.meters.telemetry import telemetry as exporters
from suites.meters.windows import EnergyWindow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from results.statement.statement import Chip
    from suites.base.records import CellResult
    from suites.meters.base import EnergyMeter, MeterInfo

__all__ = ["Gauge", "gauge", "gauge_for"]

_NS = 1e9
# Sensors average over a second: three seconds hold two clean ones.
_IDLE_S = 3.0
# Cadences a kernel is repeated for: its energy is then off by a tenth at most, were power to
# double within a cadence of an edge.
_HOLD_PERIODS = 10
# Readings of the slowest meter in each step of a timeline.
_READINGS_A_STEP = 4
_T = TypeVar("_T")


class Gauge:
    """The meters watched during a run: all real ones, or the model that stands in for them."""

    def __init__(self, watched: Sequence[EnergyMeter], idle_s: float = _IDLE_S) -> None:
        """Watch these meters; with none, a run has no energy and says so."""
        self._watched = list(watched)
        self._idle_s = idle_s if any(map(_is_real, watched)) else 0.0
        self._idle: tuple[Window, ...] = ()
        self._recorder: Recorder | None = None

    @property
    def hold_s(self) -> float:
        """How long one kernel must be repeated for the quickest real meter, 0 without one."""
        periods = [meter.period_s for meter in self._watched if _is_real(meter)]
        return _HOLD_PERIODS * min(periods, default=0.0)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Read the meters in the background while a cell runs; the first time, rest before it."""
        with Recorder(self._watched) as self._recorder:
            self._idle = self._rest()
            yield

    def windows(self, result: CellResult) -> tuple[EnergyWindow, ...]:
        """Energy of the rest and of every window with tokens or calls, by every meter."""
        # Series of one case share their windows: each counts once.
        windows = dict.fromkeys(
            (series.suite, series.case, window)
            for series in result.series
            for window in series.windows
            if _is_counted(window)
        )
        suites = dict.fromkeys(series.suite for series in result.series)
        rests = [(suite, "idle", window) for suite in suites for window in self._idle]
        steps = {meter.info.name: getattr(meter, "resolution_w", 0.0) for meter in self._watched}
        return tuple(
            replace(
                _window(suite, case, window, energy),
                resolution_w=steps.get(energy.meter.name, 0.0),
            )
            for suite, case, window in (*rests, *windows)
            for energy in self._energies(window)
        )

    def beside(self, result: CellResult) -> CellResult:
        """Put what real meters saw, step by step, into the timelines of a cell's loads."""
        timelines = {
            case: line | {"power": self._power(line)} if line else line
            for case, line in result.facts.get("timelines", {}).items()
        }
        return (
            replace(result, facts={**result.facts, "timelines": timelines}) if timelines else result
        )

    def _power(self, line: dict[str, Any]) -> list[dict[str, Any]]:
        """Mean power in W in each step of a load, by meter; None where a meter cannot say.

        Steps are as long as a meter needs to be read four times in each.
        """
        slowest_s = max((meter.period_s for meter in self._watched), default=0.0)
        step_s = max(line["step_s"], _READINGS_A_STEP * slowest_s)
        steps = int(len(line["sent"]) * line["step_s"] / step_s)
        watts: dict[str, list[float | None]] = {}
        for step in range(steps):
            start_ns = line["start_ns"] + int(step * step_s * _NS)
            window = Window(start_ns=start_ns, end_ns=start_ns + int(step_s * _NS))
            for energy in self._energies(window):
                if energy.meter.method != "model":
                    watts.setdefault(energy.meter.name, [None] * steps)
                    watts[energy.meter.name][step] = round(energy.joules / step_s, 3)
        scopes = {info["name"]: info["scope"] for info in self.meters()}
        return [
            {"meter": name, "scope": scopes[name], "step_s": step_s, "w": values}
            for name, values in watts.items()
        ]

    def meters(self) -> tuple[dict[str, Any], ...]:
        """Describe the meters as `results.statement.statement.Meter` has them."""
        infos = [meter.info for meter in self._watched]
        totals = [_total_info(members) for members in _kinds(infos, lambda info: info)]
        return tuple(asdict(info) for info in (*totals, *infos))

    def warnings(self) -> tuple[str, ...]:
        """What the meters could not tell of the last cell, and why."""
        return tuple(self._recorder.problems) if self._recorder else ()

    def _rest(self) -> tuple[Window, ...]:
        """Wait before the first cell of a run, for the idle baseline."""
        if not self._idle_s:
            return ()
        start_ns = time.monotonic_ns()
        time.sleep(self._idle_s)
        self._idle_s = 0.0
        return (Window(start_ns=start_ns, end_ns=time.monotonic_ns()),)

    def _energies(self, window: Window) -> list[Energy]:
        """Totals first, so that a reader who wants one figure takes that of all chips."""
        if not self._recorder:
            return []
        energies = self._recorder.energy(window.start_ns, window.end_ns)
        whole = {
            _total_info(members).name
            for members in _kinds([meter.info for meter in self._watched], lambda info: info)
        }
        totals = [_total(members) for members in _kinds(energies, lambda energy: energy.meter)]
        return [*(total for total in totals if total.meter.name in whole), *energies]


def gauge_for(chip: Chip, options: Mapping[str, Any]) -> Gauge:
    """Watch what a run's options and this machine offer; as `gauge`."""
    given = (options.get(name, ()) for name in ("meter_trace", "meter", "telemetry"))
    return gauge(chip, *given)


def gauge(
    chip: Chip,
    traces: Sequence[str] = (),
    owned: Sequence[str] = (),
    telemetry: Sequence[str] = (),
) -> Gauge:
    """Watch what this machine has; else model what the catalogue knows of its chip.

    A chip behind an endpoint has no meter here: without a trace or telemetry its energy is unknown.

    Args:
        traces: files that wall meters write while the run goes on.
        owned: wall meters by kind and address.
        telemetry: addresses of the exporters of an endpoint's hosts.

    Raises:
        UserError: a trace is none, two have one name, or a meter or exporter does not answer.
    """
    logs = [TraceMeter(Path(trace)) for trace in traces]
    walls: list[EnergyMeter] = [*logs, *open_meters(owned)]
    names = [log.info.name for log in logs]
    if len(set(names)) < len(names):
        raise UserError(
            f"two logs of one name: {', '.join(names)}",
            where="--meter-trace",
            remedy="give each meter's log a name of its own: its rows bear it",
        )
    if chip.kind == "other":
        return Gauge([*exporters(telemetry), *walls])
    # An accelerator's sensor says nothing of a run on the CPU, and the host's nothing of a card.
    not_it = "chip" if chip.kind == "cpu" else "package"
    real = [meter for meter in discovery.available() if meter.info.scope != not_it]
    if real or walls:
        return Gauge([*real, *walls])
    entry = catalog.chips().get(chip.catalog_id or "")
    bounds = entry.power_bounds_w(chip.count) if entry else None
    if not entry or not bounds:
        return Gauge([])
    # A CPU's bounds are those of its cores already.
    low_w, high_w = bounds if chip.kind == "cpu" else (bounds[0], bounds[1] * chip.count)
    source = f"nameplate of {entry.name} for {chip.count} " + (
        "cores" if chip.kind == "cpu" else "chips"
    )
    return Gauge([ModelledMeter(low_w=low_w, high_w=high_w, source=source)])


def _is_real(meter: EnergyMeter) -> bool:
    return meter.info.method != "model"


def _window(suite: str, case: str, window: Window, energy: Energy) -> EnergyWindow:
    return EnergyWindow(
        suite=suite,
        case=case,
        meter=energy.meter.name,
        joules=energy.joules,
        low=energy.low,
        high=energy.high,
        duration_s=(window.end_ns - window.start_ns) / _NS,
        input_tokens=window.input_tokens,
        output_tokens=window.output_tokens,
        calls=window.calls,
        max_gap_s=energy.max_gap_s,
        counter_to_integral=energy.counter_to_integral,
    )


def _kinds(items: Sequence[_T], info: Callable[[_T], MeterInfo]) -> list[list[_T]]:
    """Group what meters of one kind and scope gave, such as all GPUs; lone ones left out."""
    groups: dict[tuple[str, str], list[_T]] = {}
    for item in items:
        of = info(item)
        groups.setdefault((of.kind, of.scope), []).append(item)
    return [members for members in groups.values() if len(members) > 1]


def _total_info(members: Sequence[MeterInfo]) -> MeterInfo:
    # The sum is no better than its weakest part: power sampled, where one card has no counter.
    weakest = max(members, key=lambda member: member.method == "sampled power")
    names = ", ".join(member.name.removeprefix(f"{weakest.kind} ") for member in members)
    return replace(weakest, name=f"{weakest.kind} total of {len(members)}", note=f"sum of {names}")


def _total(members: Sequence[Energy]) -> Energy:
    return Energy(
        meter=_total_info([member.meter for member in members]),
        joules=sum(member.joules for member in members),
        low=sum(member.low for member in members),
        high=sum(member.high for member in members),
        max_gap_s=max(member.max_gap_s for member in members),
    )


def _is_counted(window: Window) -> bool:
    return bool(window.input_tokens or window.output_tokens or window.calls)
