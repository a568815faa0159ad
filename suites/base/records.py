"""What a suite gives back: raw series per process, and the rows they are summed up in."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = ["CellResult", "CellSpec", "Label", "Method", "Row", "Series", "Window"]

Label = str | int | float | bool
Method = Literal["measured", "modelled", "reported"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSpec:
    """One child process to run: isolated, resumable, small enough to lose.

    Attributes:
        suite: "kernels", "inference" or "serving"; the child is `python -m suites.<suite>`.
        name: unique in the run and safe as a file name, such as "kernels-p0".
        spec: everything the child needs, as plain JSON.
        estimated_s: expected duration in seconds, for the honest remaining time.
    """

    suite: str
    name: str
    spec: dict[str, Any]
    estimated_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A measured phase on the system-wide monotonic clock, and the tokens it processed.

    Attributes:
        start_ns, end_ns: `time.monotonic_ns()` at the edges.
        input_tokens, output_tokens: tokens prefilled and decoded inside the window.
        calls: of a kernel, back to back, that filled the window.
    """

    start_ns: int
    end_ns: int
    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Raw samples of one metric of one case from one process, nothing deleted.

    Attributes:
        case: slash path, family first: "gemm/f32/numpy/…", "decode/b4/ctx256".
        metric, unit: a name of `suites.base.metrics` and its unit.
        samples: in the order they were taken.
        labels: the case's dimensions (isl, osl, batch, concurrency, backend, dtype, …).
        windows: when the samples were taken, for energy; may be empty.
    """

    suite: str
    case: str
    metric: str
    unit: str
    samples: tuple[float, ...]
    labels: dict[str, Label] = field(default_factory=dict)
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """What one child process measured.

    Attributes:
        series: the raw samples.
        facts: what was run (engine, version, flags, weight digest, backends), as plain JSON.
        warnings: evidence first, then the remedy.
    """

    series: tuple[Series, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> CellResult:
        """Read back what `to_json` wrote.

        Raises:
            KeyError, TypeError: the file was not written by this version.
        """
        series = tuple(
            Series(
                **{
                    **item,
                    "samples": tuple(item["samples"]),
                    "windows": tuple(Window(**window) for window in item["windows"]),
                }
            )
            for item in data["series"]
        )
        return cls(series=series, facts=data["facts"], warnings=tuple(data["warnings"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure as it is signed and shown.

    Attributes:
        value, low, high: in `unit`; [low, high] is the 95% interval, None where one sample or a
            count has none.
        n: samples behind the value.
        method: "measured", "modelled" or "reported"; a modelled value never ranks as measured.
        labels: the case's dimensions plus what a reader must know beside the number
            (percentile, cache, meter, valid, …). Flat in `summary.json`.
    """

    suite: str
    case: str
    metric: str
    unit: str
    value: float
    low: float | None
    high: float | None
    n: int
    method: Method
    labels: dict[str, Label] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Flat, as `summary.json` has it."""
        flat = asdict(self)
        return {**flat.pop("labels"), **flat}
