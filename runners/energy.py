"""Energy beside a run: meters read while a cell measures, joules per token summed up after."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TypeVar

from results import catalog
from runners.workspace import EnergyWindow
from suites import meters
from suites.meters import Energy
from suites.metrics import METRICS
from suites.records import Row, Window
from suites.statistics import between_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from results.statement import Chip
    from runners.workspace import FinishedCell
    from suites.meters import Meter, MeterInfo, Recorder
    from suites.records import CellResult, Label

__all__ = ["Gauge", "energy_rows", "gauge"]

_MODEL = "model"
_NS = 1e9
# Sensors average over a second: three seconds hold two clean ones.
_IDLE_S = 3.0
# Cadences a kernel is repeated for: its energy is then off by a tenth at most, were power to
# double within a cadence of an edge.
_HOLD_PERIODS = 10
_T = TypeVar("_T")
# The cell (process) a window was measured in, and the window.
_Seen = tuple[str, EnergyWindow]


class Gauge:
    """The meters watched during a run: all real ones, or the model that stands in for them."""

    def __init__(self, watched: Sequence[Meter], idle_s: float = _IDLE_S) -> None:
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
        with meters.Recorder(self._watched) as self._recorder:
            self._idle = self._rest()
            yield

    def windows(self, result: CellResult) -> tuple[EnergyWindow, ...]:
        """Energy of the rest and of every window with tokens or calls, by every meter."""
        # Series of one case share their windows: each counts once.
        found = dict.fromkeys(
            (series.suite, series.case, window)
            for series in result.series
            for window in series.windows
            if _is_counted(window)
        )
        suites = dict.fromkeys(series.suite for series in result.series)
        rests = [(suite, "idle", window) for suite in suites for window in self._idle]
        return tuple(
            _window(suite, case, window, energy)
            for suite, case, window in (*rests, *found)
            for energy in self._energies(window)
        )

    def meters(self) -> tuple[dict[str, Any], ...]:
        """Describe the meters as `results.statement.Meter` has them."""
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
        found = self._recorder.energy(window.start_ns, window.end_ns)
        whole = {
            _total_info(members).name
            for members in _kinds([meter.info for meter in self._watched], lambda info: info)
        }
        totals = [_total(members) for members in _kinds(found, lambda energy: energy.meter)]
        return [*(total for total in totals if total.meter.name in whole), *found]


def gauge(chip: Chip, traces: Sequence[str] = ()) -> Gauge:
    """Watch what this machine has; else model what the catalogue knows of its chip.

    A chip behind an endpoint has no meter here: without a trace, its energy is unknown.

    Args:
        traces: files that wall meters write while the run goes on.

    Raises:
        UserError: a trace is none.
    """
    walls = [meters.TraceMeter(Path(trace)) for trace in traces]
    if chip.kind == "other":
        return Gauge(walls)
    # An accelerator's sensor says nothing of a run on the CPU, and the host's nothing of a card.
    not_it = "chip" if chip.kind == "cpu" else "package"
    real = [meter for meter in meters.available() if meter.info.scope != not_it]
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
    return Gauge([meters.ModelledMeter(low_w=low_w, high_w=high_w, source=source)])


def _is_real(meter: Meter) -> bool:
    return meter.info.method != _MODEL


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


def energy_rows(cells: Sequence[FinishedCell]) -> list[Row]:
    """Joules per token where a window holds one kind of token, mean power where it holds both.

    Joules per call where it holds a kernel's calls. A window with none of these is the rest
    before the run: idle power.

    Mixed windows are never split into input and output by a guess. A measured row has the
    interval between processes; a modelled one its bounds, and the value is their middle.
    """
    infos = {info["name"]: info for cell in cells for info in cell.meters}
    labels = _labels(cells)
    found: dict[tuple[str, str, str, str], list[_Seen]] = {}
    for cell in cells:
        for window in cell.energy:
            key = (window.suite, window.case, window.meter, _metric(window))
            found.setdefault(key, []).append((cell.name, window))
    return [_row(key, seen, infos[key[2]], labels.get(key[1], {})) for key, seen in found.items()]


def _labels(cells: Sequence[FinishedCell]) -> dict[str, dict[str, Label]]:
    """Labels of each case, but those that differ from process to process."""
    found: dict[str, dict[str, Label]] = {}
    for cell in cells:
        for series in cell.result.series:
            kept = found.setdefault(series.case, series.labels)
            found[series.case] = {
                name: value for name, value in kept.items() if series.labels.get(name) == value
            }
    return found


def _row(
    key: tuple[str, str, str, str],
    seen: list[_Seen],
    info: dict[str, Any],
    labels: dict[str, Label],
) -> Row:
    suite, case, meter, metric = key
    modelled = info["method"] == _MODEL
    value, low, high = _bounds(seen) if modelled else _interval(seen)
    return Row(
        suite=suite,
        case=case,
        metric=metric,
        unit=METRICS[metric].unit,
        value=value,
        low=low,
        high=high,
        n=len(seen),
        method="modelled" if modelled else "measured",
        labels={
            **labels,
            "meter": meter,
            "scope": info["scope"],
            "meter_method": info["method"],
            **_quality([window for _, window in seen]),
        },
    )


def _quality(windows: Sequence[EnergyWindow]) -> dict[str, Label]:
    """Longest gap between readings in seconds, and the counter against its sensor."""
    gap_s = max(window.max_gap_s for window in windows)
    ratios = [w.counter_to_integral for w in windows if w.counter_to_integral is not None]
    return {
        **({"max_gap_s": round(gap_s, 3)} if gap_s else {}),
        **({"counter_to_integral": round(median(ratios), 3)} if ratios else {}),
    }


def _metric(window: EnergyWindow) -> str:
    if window.calls:
        return "energy_per_call"
    if window.input_tokens and window.output_tokens:
        return "power"
    if not window.input_tokens and not window.output_tokens:
        return "idle_power"
    return "energy_per_output_token" if window.output_tokens else "energy_per_input_token"


def _per(window: EnergyWindow) -> float:
    """What the joules are divided by: calls, tokens of the one kind, or seconds."""
    if window.calls:
        return window.calls
    if window.input_tokens and window.output_tokens:
        return window.duration_s
    return window.input_tokens or window.output_tokens or window.duration_s


def _bounds(seen: list[_Seen]) -> tuple[float, float, float]:
    """Median of what each window's model says, bounds likewise."""
    value, low, high = (
        median(part(window) / _per(window) for _, window in seen) for part in _MODEL_PARTS
    )
    return value, low, high


_MODEL_PARTS: tuple[Callable[[EnergyWindow], float], ...] = (
    lambda window: window.joules,
    lambda window: window.low,
    lambda window: window.high,
)


def _interval(seen: list[_Seen]) -> tuple[float, float | None, float | None]:
    """Median of the processes' medians, and the interval from their spread."""
    processes: dict[str, list[float]] = {}
    for process, window in seen:
        processes.setdefault(process, []).append(window.joules / _per(window))
    interval = between_processes([median(values) for values in processes.values()])
    return interval.value, interval.low, interval.high


def _is_counted(window: Window) -> bool:
    return bool(window.input_tokens or window.output_tokens or window.calls)
