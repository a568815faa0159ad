"""A chip as steps see it: how long each operator takes, by its tables or by its datasheet."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import exp, log
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from results import catalog
from results.catalog import chip_names
from results.prediction.roofline import Mixture, Rates
from results.prediction.tables import device_of, read_tables
from suites.base.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from results.catalog import ChipEntry
    from results.prediction.grid import Floats, KernelGrid
    from results.prediction.tables import KernelKey
    from suites.models.attention import Gqa

__all__ = ["ChipTiming", "Missing", "entry_of", "rates_of", "read_chip", "read_chips"]

RatesLevel = Literal["datasheet", "kernels"]


class Missing(Exception):  # noqa: N818
    """What a prediction would need and nobody published; its text is the reason shown."""


@dataclass(frozen=True, slots=True, eq=False)
class ChipTiming:
    """A chip's rates, and its grids where kernels were measured.

    Attributes:
        entry: of the catalogue.
        level: what the times rest on.
    """

    entry: ChipEntry
    rates: Rates
    level: RatesLevel
    grids: dict[KernelKey, KernelGrid] = field(default_factory=dict)
    nearby: dict[KernelKey, KernelKey | None] = field(default_factory=dict)
    by_name: dict[tuple[str, ...], list[KernelKey]] = field(default_factory=dict)

    def gemm(self, dtype: str, m: Any, n: Any, k: Any) -> Floats:
        """Milliseconds of products.

        Raises:
            Missing: products of this dtype were not measured.
        """
        grid = self.grids.get(("gemm", dtype))
        if grid is None:
            raise Missing(f"no product of {dtype} was measured")
        return np.asarray(np.exp(grid.at(m, n, k)) * self.rates.gemm(dtype, m, n, k))

    def has_gemm(self, dtype: str) -> bool:
        """Whether products of a dtype are known."""
        return ("gemm", dtype) in self.grids

    def decode(self, cache: str, batch: Any, context: Any, part: Gqa, tp: int) -> Floats:
        """One step of grouped-query attention on one of `tp` ranks."""
        heads, kv_heads = max(1, part.heads // tp), max(1, part.kv_heads // tp)
        dim = part.head_dim
        key = self.like("decode", (cache, dim, heads, kv_heads))
        roof = self.rates.decode_attention(cache, batch * context, heads, kv_heads, dim)
        if key is None:
            raise Missing("no decode attention was measured")
        # A table of another count of heads holds at the batch that reads as much.
        scale = kv_heads / int(key[4])
        return np.asarray(np.exp(self.grids[key].at(batch * scale, context)) * roof)

    def prefill(self, isl: Any, part: Gqa, tp: int) -> Floats:
        """A prompt's grouped-query attention on one of `tp` ranks."""
        heads, kv_heads = max(1, part.heads // tp), max(1, part.kv_heads // tp)
        key = self.like("prefill", (part.head_dim, heads, kv_heads))
        if key is None:
            raise Missing("no prefill attention was measured")
        window = part.window or part.chunk
        seen = np.minimum(isl, window) if window else isl
        pairs = seen * (seen + 1) / 2 + (isl - seen) * seen
        roof = self.rates.prefill_attention(pairs, heads, part.head_dim)
        return np.asarray(np.exp(self.grids[key].at(isl)) * roof)

    def latent_decode(self, cache: str, batch: Any, context: Any, heads: int) -> Floats:
        """One step of latent attention, absorbed."""
        grid = self.grids.get(("latent decode", cache)) or self.grids.get(
            ("latent decode", "bfloat16")
        )
        if grid is None:
            raise Missing("no latent attention was measured")
        roof = self.rates.latent_decode(cache, batch * context, heads, 576, 512)
        return np.asarray(np.exp(grid.at(heads, batch, context)) * roof)

    def latent_prefill(self, isl: Any, pairs: Any, heads: int, width: float) -> Floats:
        """A prompt's latent attention, expanded; `width` of a query and a value together."""
        grid = self.grids.get(("latent prefill",))
        if grid is None:
            raise Missing("no latent attention was measured")
        return np.asarray(
            np.exp(grid.at(heads, isl)) * self.rates.prefill_attention(pairs, heads, width / 2)
        )

    def experts(self, dtype: str, tokens: Any, shape: Mixture) -> Floats:
        """Routed experts of one layer on one rank.

        Raises:
            Missing: no experts of this dtype were measured.
        """
        s = shape
        key = self.like("experts", (dtype, s.hidden, s.inter, s.topk, s.experts, s.tp, s.ep))
        if key is None:
            raise Missing(f"no experts of {dtype} were measured")
        roof = self.rates.experts(dtype, tokens, shape)
        return np.asarray(np.exp(self.grids[key].at(tokens)) * roof)

    def has_experts(self, dtype: str) -> bool:
        """Whether experts of a dtype are known."""
        return ("experts", dtype) in self._named()

    def exact(self, dtype: str, shape: Mixture) -> bool:
        """Whether experts of just this shape were measured."""
        s = shape
        key = ("experts", dtype, s.hidden, s.inter, s.topk, s.experts, s.tp, s.ep)
        return key in self.grids

    def reduce(self, chips: int, values: Any) -> Floats:
        """Sum over chips; 0 of one."""
        if chips == 1:
            return np.zeros(np.shape(values))
        key = self.like("reduce", (chips,))
        if key is None:
            raise Missing("no sum over chips was measured")
        return np.asarray(np.exp(self.grids[key].at(values)) * self.rates.reduce(chips, values))

    def stream(self, moved: Any) -> Floats:
        """What only moves bytes, at four fifths of the bandwidth."""
        return np.asarray(moved / (0.8 * self.rates.bandwidth))

    def like(self, operator: str, wanted: tuple[str | int, ...]) -> KernelKey | None:
        """Find the measured shape nearest to one, of the same names; remembered."""
        key = (operator, *wanted)
        if key in self.grids:
            return key
        if key not in self.nearby:
            best = min(
                self._named().get((operator, *_names(wanted)), ()),
                key=lambda own: _apart(own[1:], wanted),
                default=None,
            )
            near = best is not None and _apart(best[1:], wanted) <= _FARTHEST
            self.nearby[key] = best if near else None
        return self.nearby[key]

    def _named(self) -> dict[tuple[str, ...], list[KernelKey]]:
        """Keys of grids by the names in them; of thousands of shapes few are to be compared."""
        if not self.by_name:
            for key in self.grids:
                self.by_name.setdefault(_names(key), []).append(key)
        return self.by_name


# Shapes whose sizes differ by more than this in all, in logarithms, are not alike.
_FARTHEST = 5.0


def _names(parts: tuple[str | int, ...]) -> tuple[str, ...]:
    return tuple(part for part in parts if isinstance(part, str))


def _apart(first: tuple[str | int, ...], second: tuple[str | int, ...]) -> float:
    pairs = zip(first, second, strict=True)
    return sum(abs(log(a / b)) for a, b in pairs if isinstance(a, int) and isinstance(b, int))


def read_chips(folder: Path) -> list[ChipTiming]:
    """Read a chip's folder of kernel tables, or those of all chips in a folder of such.

    A folder is named as the chip, or else its tables name it.

    Raises:
        UserError: it holds no tables, they cannot be read, or the catalogue lists no such chip.
    """
    if any(folder.glob("*.parquet")):
        return [read_chip(folder)]
    inner = sorted({path.parent for path in folder.glob("*/*.parquet")})
    if not inner:
        raise UserError(
            "holds no kernel tables", where=str(folder), expected="a folder of Parquet tables"
        )
    return [read_chip(path) for path in inner]


def read_chip(folder: Path) -> ChipTiming:
    """Read one chip; errors as `read_chips`."""
    try:
        entry = entry_of(folder.resolve().name)
    except UserError:
        entry = entry_of(device_of(folder))
    rates = rates_of(entry)
    grids = read_tables(folder, rates)
    if entry.memory_bandwidth_gb_s is None:
        rates = replace(rates, bandwidth=_attained(rates, grids))
        grids = read_tables(folder, rates)
    return ChipTiming(entry, rates, "kernels", grids)


def _attained(rates: Rates, grids: dict[KernelKey, KernelGrid]) -> float:
    """Bandwidth at which the largest weights are read for one row, where none is published."""
    ratios = [grid.values[0, -1, -1] for key, grid in grids.items() if key[0] == "gemm"]
    return rates.bandwidth / exp(min(ratios))


def entry_of(name: str) -> ChipEntry:
    """The catalogue's entry of a chip by any of its names."""
    listed = catalog.chips()
    listed_name = name if name in listed else chip_names.match(name) or _FOLDERS.get(name)
    return listed[catalog.require(listed_name or name, "chip")]


# Names of AIConfigurator's folders and rows that no maker prints.
_FOLDERS = {"a100_sxm": "a100-80gb-sxm", "b60": "arc-pro-b60"}


def rates_of(entry: ChipEntry) -> Rates:
    """Rates by the datasheet; where one is not published, what cancels in a ratio stands in.

    A 16-bit peak that is not published is half the 8-bit one, as 20 of 26 datasheets have it to 3%.
    """
    peaks: dict[str, float] = {name: peak * 1e9 for name, peak in entry.peak_tflops.items()}
    if "fp8" in peaks and not peaks.keys() & {"bf16", "f16"}:
        peaks["bf16"] = peaks["fp8"] / 2
    bandwidth = (entry.memory_bandwidth_gb_s or 1000.0) * 1e6
    return Rates(bandwidth, peaks or {"bf16": 1e11}, (entry.link_gb_s or 64.0) * 1e6 / 2)
