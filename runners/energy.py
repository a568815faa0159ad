"""Energy beside a run: meters read while a cell measures, joules per token summed up after."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from statistics import median
from typing import TYPE_CHECKING, Any

from results import catalog
from runners.workspace import EnergyWindow
from suites import meters
from suites.metrics import METRICS
from suites.records import Row, Window
from suites.statistics import between_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from results.statement import Chip
    from runners.workspace import FinishedCell
    from suites.meters import Meter, Recorder
    from suites.records import CellResult, Label

__all__ = ["Gauge", "energy_rows", "gauge"]

_MODEL = "model"
_NS = 1e9
# The cell (process) a window was measured in, and the window.
_Seen = tuple[str, EnergyWindow]


class Gauge:
    """The meters watched during a run: all real ones, or the model that stands in for them."""

    def __init__(self, watched: Sequence[Meter]) -> None:
        """Watch these meters; with none, a run has no energy and says so."""
        self._watched = list(watched)
        self._recorder: Recorder | None = None

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Read the meters in the background while a cell runs."""
        with meters.Recorder(self._watched) as self._recorder:
            yield

    def windows(self, result: CellResult) -> tuple[EnergyWindow, ...]:
        """Energy of every window in which the cell processed tokens, by every meter."""
        recorder = self._recorder
        # Series of one case share their windows: each counts once.
        found = dict.fromkeys(
            (series.suite, series.case, window)
            for series in result.series
            for window in series.windows
            if _tokens(window)
        )
        return tuple(
            EnergyWindow(
                suite=suite,
                case=case,
                meter=energy.meter.name,
                joules=energy.joules,
                low=energy.low,
                high=energy.high,
                duration_s=(window.end_ns - window.start_ns) / _NS,
                input_tokens=window.input_tokens,
                output_tokens=window.output_tokens,
            )
            for suite, case, window in found
            for energy in (recorder.energy(window.start_ns, window.end_ns) if recorder else ())
        )

    def meters(self) -> tuple[dict[str, Any], ...]:
        """Describe the meters as `results.statement.Meter` has them."""
        return tuple(asdict(meter.info) for meter in self._watched)


def gauge(chip: Chip) -> Gauge:
    """Watch what this machine has; else model what the catalogue knows of its chip.

    A chip behind an endpoint has no meter here: its energy is unknown.
    """
    if chip.kind == "other":
        return Gauge([])
    real = meters.available()
    if real:
        return Gauge(real)
    entry = catalog.chips().get(chip.catalog_id or "")
    bounds = entry.power_bounds_w(chip.count) if entry else None
    if not entry or not bounds:
        return Gauge([])
    low_w, high_w = bounds
    source = f"nameplate of {entry.name} for {chip.count} " + (
        "cores" if chip.kind == "cpu" else "chips"
    )
    return Gauge([meters.ModelledMeter(low_w=low_w, high_w=high_w, source=source)])


def energy_rows(cells: Sequence[FinishedCell]) -> list[Row]:
    """Joules per token where a window holds one kind of token, mean power where it holds both.

    Mixed windows are never split into input and output by a guess. A measured row has the
    interval between processes; a modelled one its bounds, and the value is their middle.
    """
    infos = {info["name"]: info for cell in cells for info in cell.meters}
    labels = {series.case: series.labels for cell in cells for series in cell.result.series}
    found: dict[tuple[str, str, str, str], list[_Seen]] = {}
    for cell in cells:
        for window in cell.energy:
            key = (window.suite, window.case, window.meter, _metric(window))
            found.setdefault(key, []).append((cell.name, window))
    return [_row(key, seen, infos[key[2]], labels.get(key[1], {})) for key, seen in found.items()]


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
        labels={**labels, "meter": meter, "scope": info["scope"], "meter_method": info["method"]},
    )


def _metric(window: EnergyWindow) -> str:
    if window.input_tokens and window.output_tokens:
        return "power"
    return "energy_per_output_token" if window.output_tokens else "energy_per_input_token"


def _per(window: EnergyWindow) -> float:
    """What the joules are divided by: tokens of the one kind, or seconds."""
    if window.input_tokens and window.output_tokens:
        return window.duration_s
    return window.input_tokens or window.output_tokens


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


def _tokens(window: Window) -> int:
    return window.input_tokens + window.output_tokens
