"""What a run's energy windows add up to: joules per token or call, and mean power."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol

from suites.base.metrics import METRICS
from suites.base.records import Row
from suites.base.statistics import between_processes
from suites.meters.budget import PSU_PERCENT, Load, budget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.base.records import CellResult, Label

__all__ = ["ENERGY", "EnergyWindow", "MeteredCell", "energy_rows"]

# What `energy_rows` makes: where no window is known, none of these can be computed.
ENERGY = frozenset(
    (
        "energy_per_call",
        "energy_per_input_token",
        "energy_per_output_token",
        "idle_power",
        "power",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyWindow:
    """Joules one meter saw in one measured window.

    Attributes:
        joules, low, high: energy in J; for a model, middle and bounds.
        max_gap_s: longest time between two readings used, 0 for a model.
        counter_to_integral: a counter's joules over its power sensor's, None without both.
        resolution_w: smallest step of a polled meter's power, 0 where it states none.
    """

    suite: str
    case: str
    meter: str
    joules: float
    low: float
    high: float
    duration_s: float
    input_tokens: int
    output_tokens: int
    calls: int = 0
    max_gap_s: float = 0.0
    counter_to_integral: float | None = None
    resolution_w: float = 0.0


class MeteredCell(Protocol):
    """A measured cell with what meters saw in its windows."""

    @property
    def name(self) -> str: ...
    @property
    def result(self) -> CellResult: ...
    @property
    def energy(self) -> Sequence[EnergyWindow]: ...
    @property
    def meters(self) -> Sequence[dict[str, Any]]: ...


# The cell (process) a window was measured in, and the window.
_Seen = tuple[str, EnergyWindow]


def energy_rows(cells: Sequence[MeteredCell]) -> list[Row]:
    """Joules per token where a window holds one kind of token, mean power where it holds both.

    Joules per call where it holds a kernel's calls. A window with none of these is the rest
    before the run: idle power.

    A wall meter's row says what is left above idle, and the error budget of its class.

    Mixed windows are never split into input and output by a guess. A measured row has the
    interval between processes; a modelled one its bounds, and the value is their middle.
    """
    infos = {info["name"]: info for cell in cells for info in cell.meters}
    labels = _labels(cells)
    windows: dict[tuple[str, str, str, str], list[_Seen]] = {}
    for cell in cells:
        for window in cell.energy:
            key = (window.suite, window.case, window.meter, _metric(window))
            windows.setdefault(key, []).append((cell.name, window))
    idle_w = {
        (suite, meter): median(_per_second(window) for _, window in seen)
        for (suite, _, meter, metric), seen in windows.items()
        if metric == "idle_power"
    }
    rows = []
    for key, seen in windows.items():
        info = infos[key[2]]
        row = _row(key, seen, info, labels.get(key[1], {}))
        rest = idle_w.get((key[0], key[2]))
        if info["scope"] == "wall" and rest is not None and key[3] != "idle_power":
            row = replace(row, labels={**row.labels, **_informative(row, seen, info, rest)})
        rows.append(row)
    return rows


def _informative(
    row: Row, seen: list[_Seen], info: dict[str, Any], idle_w: float
) -> dict[str, Label]:
    """Idle and what is left above it; where the meter's class is known, the budget as well."""
    windows = [window for _, window in seen]
    mean_w = median(map(_per_second, windows))
    told: dict[str, Label] = {
        "idle_w": round(idle_w, 3),
        "above_idle": row.value * max(0.0, 1 - idle_w / mean_w) if mean_w else 0.0,
    }
    accuracy = info.get("accuracy_percent")
    if not accuracy or not mean_w:
        return told
    spread = budget(
        Load(
            mean_w=mean_w,
            idle_w=idle_w,
            duration_s=median(window.duration_s for window in windows),
            gap_s=max(window.max_gap_s for window in windows),
            accuracy_percent=accuracy,
            resolution_w=windows[0].resolution_w,
        )
    )
    parts = asdict(spread) | {"psu": PSU_PERCENT}
    return told | {
        "energy_tier": "informative",
        "error_percent": round(parts.pop("total"), 3),
        **{f"error_{name}_percent": round(value, 3) for name, value in parts.items()},
    }


def _per_second(window: EnergyWindow) -> float:
    return window.joules / window.duration_s if window.duration_s else 0.0


def _labels(cells: Sequence[MeteredCell]) -> dict[str, dict[str, Label]]:
    """Labels of each case, but those that differ from process to process."""
    labels: dict[str, dict[str, Label]] = {}
    for cell in cells:
        for series in cell.result.series:
            kept = labels.setdefault(series.case, series.labels)
            labels[series.case] = {
                name: value for name, value in kept.items() if series.labels.get(name) == value
            }
    return labels


def _row(
    key: tuple[str, str, str, str],
    seen: list[_Seen],
    info: dict[str, Any],
    labels: dict[str, Label],
) -> Row:
    suite, case, meter, metric = key
    modelled = info["method"] == "model"
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
    shares = [(w.joules / _per(w), w.low / _per(w), w.high / _per(w)) for _, w in seen]
    value, low, high = map(median, zip(*shares, strict=True))
    return value, low, high


def _interval(seen: list[_Seen]) -> tuple[float, float | None, float | None]:
    """Median of the processes' medians, and the interval from their spread."""
    processes: dict[str, list[float]] = {}
    for process, window in seen:
        processes.setdefault(process, []).append(window.joules / _per(window))
    interval = between_processes([median(values) for values in processes.values()])
    return interval.value, interval.low, interval.high
