"""Kernel tables of a chip's folder, as grids of log(time ÷ roofline).

A folder holds Parquet tables as AIConfigurator publishes them, one for each operator and engine.
Of several engines' tables the least time counts: some carry the host's time, which the graphs of a
serving engine do not pay. Where a single table's small shapes all take the same time, far above the
launches of the chip's other products, those figures are the host's and are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from results.prediction.grid import KernelGrid, filled
from results.prediction.roofline import CACHE_BYTES, WEIGHT_BYTES, Mixture
from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd

    from results.prediction.grid import Floats
    from results.prediction.roofline import Rates

__all__ = ["KernelKey", "device_of", "products_of", "read_tables"]

# Operator, then what tells its grids apart: ("gemm", "fp8"), ("reduce", 8).
KernelKey = tuple[str | int, ...]
# Where grids cross, of what a table holds: between these, ratios change little.
_M = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096, 16384)
_NK = (128, 256, 512, 1024, 2048, 4096, 8192, 16384, 65536)
_BATCH = tuple(2**i for i in range(11))
_CONTEXT = (127, 255, 511, 1023, 2047, 4095, 8191, 16383, 32767, 131071)
_PROMPT = (128, 256, 512, 1024, 2048, 4096, 8192, 16384)
_TOKENS = tuple(2**i for i in range(15))
_VALUES = tuple(2**i for i in range(7, 30, 2))
_HEADS = tuple(2**i for i in range(8))
_WIDEST_GROUP = 16
_LARGEST_TABLE = 200_000_000
# A table whose least time is so many times that of the chip's plain products carries host time.
_HOST = 3.0
# Experts are visited unevenly: the tables' mild power law is nearest to what is served.
_ROUTING = ("power_law_1.01", "power_law_1.2", "balanced", "uniform")


def read_tables(folder: Path, rates: Rates) -> dict[KernelKey, KernelGrid]:
    """Read all tables of a folder that steps are summed from; others are passed over.

    Raises:
        UserError: it holds none, or one cannot be read or lacks a column.
    """
    frames = [(path, _frame(path)) for path in sorted(folder.glob("*.parquet"))]
    grids: dict[KernelKey, KernelGrid] = {}
    for reader, operators in _READERS.items():
        mine = [(p, f) for p, f in frames if f is not None and _operator(f) in operators]
        try:
            grids.update(reader([frame for _, frame in mine], rates))
        except (KeyError, ValueError, TypeError) as error:
            names = ", ".join(path.name for path, _ in mine)
            raise UserError(
                f"lacks a column or holds what is not a number: {str(error)[:100]}",
                where=names,
                expected="kernel tables as AIConfigurator publishes them",
            ) from error
    if not any(key[0] == "gemm" for key in grids):
        raise UserError(
            "holds no table of matrix products",
            where=str(folder),
            expected="gemm__ENGINE-VERSION__gemm_perf.parquet",
        )
    return grids


def device_of(folder: Path) -> str:
    """The device that a folder's tables name; empty where they name none."""
    for path in sorted(folder.glob("*.parquet")):
        frame = _frame(path)
        if frame is not None and "device" in frame and len(frame):
            return str(frame["device"].iloc[0])[:200]
    return ""


def _frame(path: Path) -> pd.DataFrame | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if path.stat().st_size > _LARGEST_TABLE:
            raise UserError("is larger than any kernel table", where=str(path))
        frame = pq.read_table(path).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise UserError(
            "cannot be read", where=str(path), expected="a Parquet table of kernel times"
        ) from error
    # Tables of whole modules hold projections too, and say with which products.
    if {"latency", "op_name"} - set(frame) or "gemm_type" in frame or frame.empty:
        return None
    sound: pd.DataFrame = frame[np.isfinite(frame["latency"]) & (frame["latency"] > 0)]
    return sound


def _operator(frame: pd.DataFrame) -> str:
    name = frame["op_name"].iloc[0]
    return str(name) if not str(name).startswith(("all_", "reduce_")) else "collective"


def _products(frames: list[pd.DataFrame], rates: Rates) -> Iterator[tuple[KernelKey, KernelGrid]]:
    for dtype, kept in _kept(frames).items():
        axes, least = _least(kept, (("m", _M), ("n", _NK), ("k", _NK)))
        grid = _ratios(axes, least, rates.gemm(dtype, *np.meshgrid(*axes, indexing="ij")))
        if grid:
            yield ("gemm", dtype), grid


def products_of(folder: Path) -> dict[str, list[pd.DataFrame]]:
    """Tables of matrix products by dtype, one for each engine, host time left out."""
    frames = [_frame(path) for path in sorted(folder.glob("*.parquet"))]
    return _kept([own for own in frames if own is not None and _operator(own) == "gemm"])


def _kept(frames: list[pd.DataFrame]) -> dict[str, list[pd.DataFrame]]:
    tables = _by("gemm_dtype", frames)
    plain = min((_floor(frame) for frame in tables.get("bfloat16", [])), default=np.inf)
    return {
        dtype: [_without_host(frame, plain) for frame in own]
        for dtype, own in tables.items()
        if dtype in WEIGHT_BYTES
    }


def _without_host(frame: pd.DataFrame, plain: float) -> pd.DataFrame:
    floor = _floor(frame)
    return frame[frame["latency"] > _HOST * floor] if floor > _HOST * plain else frame


def _floor(frame: pd.DataFrame) -> float:
    """What the smallest products take, but for a few outliers."""
    return float(frame["latency"].quantile(0.02))


def _decode(frames: list[pd.DataFrame], rates: Rates) -> Iterator[tuple[KernelKey, KernelGrid]]:
    plain = [_unwindowed(frame) for frame in frames]
    for cache, own in _by("kv_cache_dtype", plain).items():
        if cache not in CACHE_BYTES:
            continue
        for shape, tables in _shapes(own).items():
            axes, least = _least(tables, (("batch_size", _BATCH), ("step", _CONTEXT)))
            batch, context = np.meshgrid(*axes, indexing="ij")
            dim, heads, kv_heads = shape
            roof = rates.decode_attention(cache, batch * (context + 1), heads, kv_heads, dim)
            if grid := _ratios(axes, least, roof):
                yield ("decode", cache, *shape), grid


def _prefill(frames: list[pd.DataFrame], rates: Rates) -> Iterator[tuple[KernelKey, KernelGrid]]:
    plain = [_unwindowed(frame).query("batch_size == 1 and step == 0") for frame in frames]
    own = [frame for frames in _by("attn_dtype", plain).items() for frame in frames[1]]
    for (dim, heads, kv_heads), tables in _shapes(own).items():
        axes, least = _least(tables, (("isl", _PROMPT),))
        roof = rates.prefill_attention(axes[0] * (axes[0] + 1) / 2, heads, dim)
        if grid := _ratios(axes, least, roof):
            yield ("prefill", dim, heads, kv_heads), grid


def _unwindowed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["window_size"] == 0] if "window_size" in frame else frame


def _shapes(frames: list[pd.DataFrame]) -> dict[tuple[int, int, int], list[pd.DataFrame]]:
    """By width of a head, query heads and key-value heads; only groups that models have."""
    by_shape: dict[tuple[int, int, int], list[pd.DataFrame]] = {}
    for frame in frames:
        columns = ["num_heads", "num_key_value_heads"]
        dims = frame.get("head_dim", 128)
        for shape, own in frame.assign(head_dim=dims).groupby(["head_dim", *columns]):
            dim, heads, kv_heads = (int(str(size)) for size in shape)
            if dim in {64, 128, 256} and kv_heads <= 8 and heads <= _WIDEST_GROUP * kv_heads:
                by_shape.setdefault((dim, heads, kv_heads), []).append(own)
    return by_shape


# Values that DeepSeek's latent attention caches for a token, and those of them that are summed.
_LATENT, _RANK, _EXPANDED = 576, 512, 320


def _latent_decode(
    frames: list[pd.DataFrame], rates: Rates
) -> Iterator[tuple[KernelKey, KernelGrid]]:
    for cache, own in _by("kv_cache_dtype", frames).items():
        if cache not in CACHE_BYTES:
            continue
        wanted = (("num_heads", _HEADS), ("batch_size", _BATCH), ("step", _CONTEXT))
        axes, least = _least(own, wanted)
        heads, batch, context = np.meshgrid(*axes, indexing="ij")
        roof = rates.latent_decode(cache, batch * (context + 1), heads, _LATENT, _RANK)
        if grid := _ratios(axes, least, roof):
            yield ("latent decode", cache), grid


def _latent_prefill(
    frames: list[pd.DataFrame], rates: Rates
) -> Iterator[tuple[KernelKey, KernelGrid]]:
    single = [frame.query("batch_size == 1 and step == 0") for frame in frames]
    if not any(len(frame) for frame in single):
        return
    axes, least = _least(single, (("num_heads", _HEADS), ("isl", _PROMPT)))
    heads, isl = np.meshgrid(*axes, indexing="ij")
    roof = rates.prefill_attention(isl * (isl + 1) / 2, heads, _EXPANDED / 2)
    if grid := _ratios(axes, least, roof):
        yield ("latent prefill",), grid


def _mixtures(frames: list[pd.DataFrame], rates: Rates) -> Iterator[tuple[KernelKey, KernelGrid]]:
    sizes = ["hidden_size", "inter_size", "topk", "num_experts", "moe_tp_size", "moe_ep_size"]
    for dtype, own in _by("moe_dtype", [_routed(frame) for frame in frames]).items():
        if dtype not in WEIGHT_BYTES:
            continue
        by_shape: dict[tuple[int, ...], list[pd.DataFrame]] = {}
        for frame in own:
            for shape, table in frame.groupby(sizes):
                by_shape.setdefault(tuple(int(str(size)) for size in shape), []).append(table)
        for shape, tables in by_shape.items():
            if shape[4] * shape[5] > _WIDEST_GROUP or shape[5] > shape[3]:
                continue
            axes, least = _least(tables, (("num_tokens", _TOKENS),))
            roof = rates.experts(dtype, axes[0], Mixture(*shape))
            if grid := _ratios(axes, least, roof):
                yield ("experts", dtype, *shape), grid


def _routed(frame: pd.DataFrame) -> pd.DataFrame:
    known = set(frame["distribution"].unique()) if "distribution" in frame else set()
    wanted = next((name for name in _ROUTING if name in known), None)
    return frame[frame["distribution"] == wanted] if wanted else frame


def _reductions(frames: list[pd.DataFrame], rates: Rates) -> Iterator[tuple[KernelKey, KernelGrid]]:
    sums = [frame[(frame["op_name"] == "all_reduce") & _sixteen(frame)] for frame in frames]
    for chips in (2, 4, 8):
        own = [frame[frame["num_gpus"] == chips] for frame in sums]
        if any(len(frame) for frame in own):
            axes, least = _least(own, (("message_size", _VALUES),))
            if grid := _ratios(axes, least, rates.reduce(chips, axes[0])):
                yield ("reduce", chips), grid


def _sixteen(frame: pd.DataFrame) -> Any:
    name = "nccl_dtype" if "nccl_dtype" in frame else "allreduce_dtype"
    return frame[name].isin(["half", "bfloat16", "float16"])


def _by(column: str, frames: list[pd.DataFrame]) -> dict[str, list[pd.DataFrame]]:
    """Tables by a value of theirs."""
    by_value: dict[str, list[pd.DataFrame]] = {}
    for frame in frames:
        for name, own in frame.groupby(column):
            by_value.setdefault(str(name), []).append(own)
    return dict(sorted(by_value.items()))


def _least(
    frames: list[pd.DataFrame], wanted: Sequence[tuple[str, Sequence[int]]]
) -> tuple[tuple[Floats, ...], Floats]:
    """Axes, and at their crossings the least time of any table; NaN where none has one."""
    axes = []
    for column, points in wanted:
        there = np.unique(np.concatenate([frame[column].to_numpy(float) for frame in frames]))
        kept = there[np.isin(there, points)]
        axes.append(kept if len(kept) else there)
    least = np.full([len(axis) for axis in axes], np.inf)
    for frame in frames:
        places, inside = [], np.ones(len(frame), dtype=bool)
        for axis, (column, _) in zip(axes, wanted, strict=True):
            values = frame[column].to_numpy(float)
            place = np.clip(np.searchsorted(axis, values), 0, len(axis) - 1)
            inside &= axis[place] == values
            places.append(place)
        at = tuple(place[inside] for place in places)
        np.minimum.at(least, at, frame["latency"].to_numpy(float)[inside])
    return tuple(axes), np.where(np.isinf(least), np.nan, least)


def _ratios(axes: Sequence[Floats], least: Floats, roof: Floats) -> KernelGrid | None:
    positive = tuple(np.maximum(axis, 1.0) for axis in axes)
    return filled(positive, np.log(least / roof))


_READERS = {
    _products: {"gemm"},
    _decode: {"generation_attention"},
    _prefill: {"context_attention"},
    _latent_decode: {"generation_mla", "mla_generation"},
    _latent_prefill: {"context_mla", "mla_context"},
    _mixtures: {"moe"},
    _reductions: {"collective"},
}
