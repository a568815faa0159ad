"""Products at sizes that no grid holds: what interpolation between those it does is off by.

Grids keep powers of two of n and k; published tables hold twelve sizes between them besides. Each
of these is predicted from the grid alone and compared with the least time of any engine's table.
No table measures a size twice: beside the error stands how far two engines' tables differ of the
same sizes, which is repeat noise where both call one library, as in 16 bits, and more elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from results.prediction.chip import read_chip
from results.prediction.tables import products_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from results.prediction.chip import ChipTiming
    from results.prediction.grid import Floats

__all__ = ["product_errors"]

# Narrower products are not model's.
_LEAST = 128
_SIZES = ["m", "n", "k"]


def product_errors(folder: Path) -> Iterator[str]:
    """Lines of a table: chips and dtypes, worst last.

    Args:
        folder: of folders of kernel tables, one for each chip.
    """
    rows = []
    for place in sorted(path for path in folder.iterdir() if any(path.glob("*.parquet"))):
        chip = read_chip(place)
        for dtype, tables in products_of(place).items():
            rows.append((f"{chip.entry.id}, {dtype}", *_errors(chip, dtype, tables)))
    yield f"{'':36}{'unseen n, k':>14}{'any m too':>14}{'two engines differ':>20}"
    for name, at_grid, at_any, noise in sorted(rows, key=lambda row: row[1][0]):
        apart = f"{noise:>20.1f}" if noise is not None else f"{'one table':>20}"
        yield f"{name:36}{_pair(at_grid):>14}{_pair(at_any):>14}{apart}"


def _pair(error: tuple[float, float]) -> str:
    return f"{error[0]:.1f} / {error[1]:.1f}"


def _errors(
    chip: ChipTiming, dtype: str, tables: list[pd.DataFrame]
) -> tuple[tuple[float, float], tuple[float, float], float | None]:
    """Median and 90th percentile at the grid's rows and at all; how far two engines differ."""
    times = [frame.groupby(_SIZES)["latency"].min() for frame in tables]
    joined = pd.concat([own.rename(place) for place, own in enumerate(times)], axis=1)
    m, n, k = (joined.index.get_level_values(name).to_numpy(float) for name in _SIZES)
    rows, columns, sums = chip.grids["gemm", dtype].axes
    between = ~(np.isin(n, columns) & np.isin(k, sums)) & (np.minimum(n, k) >= _LEAST)
    off = np.abs(chip.gemm(dtype, m, n, k) / joined.min(axis=1).to_numpy() - 1) * 100
    noise = None
    if len(tables) > 1:
        noise = float(np.nanmedian(np.abs(np.log(joined[0] / joined[1])))) * 100
    return _quantiles(off[between & np.isin(m, rows)]), _quantiles(off[between]), noise


def _quantiles(off: Floats) -> tuple[float, float]:
    return float(np.median(off)), float(np.quantile(off, 0.9))
