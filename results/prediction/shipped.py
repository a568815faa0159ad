"""What ships with the package: grids of kernels, trusted cells with terms, held-out errors.

`python -m results.prediction.ship FOLDER` writes it from published tables.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from results import catalog
from results.prediction.cells import ServingCell
from results.prediction.chip import ChipTiming, Missing, rates_of
from results.prediction.fit import CellTerms, Priors, features
from results.prediction.grid import KernelGrid
from results.prediction.plan import Layout
from results.prediction.power import PowerFit
from results.prediction.roofline import Rates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from results.prediction.grid import Floats
    from results.prediction.tables import KernelKey

__all__ = [
    "PRIORS",
    "LearntRange",
    "Shipped",
    "as_rows",
    "borrowed",
    "shipped",
    "shipped_chip",
    "write_packed",
]

DATA = Path(__file__).parent / "data"
FITTED = "fitted"
BORROWED = "datasheet"
PRIORS = {
    "tpot": Priors(),
    "ttft": Priors(
        multiplier=0.4, intercept=0.1, engine=0.3, model=0.1, pair=0.3,
        group=0.2, smooth=0.2, noise=0.4, farthest=1.0,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LearntRange:
    """What was learnt from.

    Attributes:
        ranges: least and most of requests under way, ISL and OSL.
    """

    engines: frozenset[str]
    versions: frozenset[tuple[str, str]]
    ranges: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, cells: list[ServingCell]) -> LearntRange:
        """Of cells."""
        loads = [(cell.concurrency or 1.0, cell.isl, cell.osl) for cell in cells]
        return cls(
            frozenset(cell.engine for cell in cells),
            frozenset((cell.engine, cell.version) for cell in cells),
            tuple((min(column), max(column)) for column in zip(*loads, strict=True)),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Shipped:
    """What predictions begin with.

    Attributes:
        samples: of "tpot" and "ttft": trusted cells with their terms.
        priors: of both fits.
        stretch: kind -> basis, or basis/engine -> deviations that hold 90% of held-out rows.
        errors: basis -> median held-out error of TPOT, as a share.
        vendors: whose chips were measured.
        power: what is known of power.
        about: source, licence and date.
    """

    samples: Mapping[str, CellTerms]
    priors: Mapping[str, Priors]
    stretch: Mapping[str, Mapping[str, float]]
    errors: Mapping[str, float]
    vendors: frozenset[str]
    seen: LearntRange
    power: PowerFit
    about: Mapping[str, Any]

    def stretched(self, kind: str, basis: str, engine: str) -> float:
        """Deviations that hold 90%: of the engine's own rows where there are any of it."""
        own = self.stretch[kind]
        return own.get(f"{basis}/{engine}", own[basis])


@cache
def shipped() -> Shipped:
    """Read the fitted state of the package."""
    data = read_packed(DATA / f"{FITTED}.json.gz")
    cells = [_cell(row) for row in data["cells"]]
    samples = {}
    for kind in ("tpot", "ttft"):
        measured = np.array(
            [np.nan if (time := getattr(cell, f"{kind}_ms")) is None else time for cell in cells]
        )
        whole = CellTerms(cells, np.array(data[f"{kind}_terms"]), features(cells), measured)
        samples[kind] = whole.where(np.isfinite(measured))
    return Shipped(
        samples=samples,
        priors=PRIORS,
        stretch=data["stretch"],
        errors=data["errors"],
        vendors=frozenset(data["vendors"]),
        seen=LearntRange.of(cells),
        power=PowerFit(
            tuple(data["power"]["coefficients"]), data["power"]["error"], data["power"]["spread"]
        ),
        about=data["about"],
    )


@cache
def shipped_chip(name: str) -> ChipTiming:
    """A chip by the tables that ship, or else by its datasheet and the efficiency of others.

    Raises:
        Missing: its datasheet lacks what a prediction needs.
    """
    entry = catalog.chips()[name]
    path = DATA / f"{name}.json.gz"
    if path.is_file():
        data = read_packed(path)
        return ChipTiming(entry, Rates(**data["rates"]), "kernels", grids_of(data["grids"]))
    if entry.memory_bandwidth_gb_s is None:
        raise Missing(f"no memory bandwidth of {name} is published")
    if not entry.peak_tflops:
        raise Missing(f"no peak of {name} is published")
    if entry.chips != 1 or entry.kind not in {"gpu", "npu", "tpu"}:
        raise Missing(f"{name} is not an accelerator that engines are known on")
    rates = rates_of(entry)
    return ChipTiming(entry, rates, "datasheet", _within(rates, _borrowed()))


@cache
def _borrowed() -> dict[KernelKey, KernelGrid]:
    """What all datasheets borrow: read once for all of them."""
    return grids_of(read_packed(DATA / f"{BORROWED}.json.gz")["grids"])


def _within(rates: Rates, grids: dict[KernelKey, KernelGrid]) -> dict[KernelKey, KernelGrid]:
    """Only dtypes that there is a peak for."""
    needs = {"fp8": "fp8", "fp8_block": "fp8", "nvfp4": "fp4", "w4a8_mxfp4_mxfp8": "fp4"}
    return {
        key: grid
        for key, grid in grids.items()
        if len(key) < 2
        or needs.get(str(key[1]), "bf16") in rates.peaks
        or key[0] not in {"gemm", "experts"}
    }


def borrowed(chips: list[ChipTiming]) -> dict[KernelKey, KernelGrid]:
    """Mean ratios of several chips: what stands in where only a datasheet is known."""
    keys = sorted({key for chip in chips for key in chip.grids}, key=str)
    return {key: _mean([c.grids[key] for c in chips if key in c.grids]) for key in keys}


def _mean(grids: list[KernelGrid]) -> KernelGrid:
    """Mean of the logarithms on the first one's axes."""
    axes = grids[0].axes
    points = np.meshgrid(*axes, indexing="ij")
    values: Floats = np.mean([grid.at(*points) for grid in grids], axis=0)
    return KernelGrid(axes, values)


def grids_of(data: Mapping[str, Any]) -> dict[KernelKey, KernelGrid]:
    """Grids by their keys."""
    return {_key(name): KernelGrid.from_json(own) for name, own in data.items()}


def _key(name: str) -> KernelKey:
    return tuple(int(part) if part.isdigit() else part for part in name.split("/"))


def as_rows(cells: list[ServingCell]) -> list[list[Any]]:
    """Cells as they ship."""
    return [
        [
            c.id, c.chip, c.model, c.engine, c.version, c.precision, c.gemm, c.isl, c.osl,
            c.concurrency, [c.layout.tp, c.layout.dp, c.layout.moe_tp, c.layout.ep],
            c.ttft_ms, c.tpot_ms, c.campaign, c.day,
        ]
        for c in cells
    ]  # fmt: skip


def _cell(row: list[Any]) -> ServingCell:
    return ServingCell(
        id=row[0], chip=row[1], model=row[2], engine=row[3], version=row[4], precision=row[5],
        gemm=row[6], isl=row[7], osl=row[8], concurrency=row[9], layout=Layout(*row[10]),
        ttft_ms=row[11], tpot_ms=row[12], campaign=row[13], day=row[14],
    )  # fmt: skip


def read_packed(path: Path) -> Any:
    """Read what `write_packed` wrote."""
    return json.loads(gzip.decompress(path.read_bytes()))


def write_packed(path: Path, data: object) -> None:
    """Write JSON, compressed: the same bytes for the same data."""
    from suites.base.files import write_atomically

    text = json.dumps(data, separators=(",", ":"), sort_keys=True, allow_nan=False)
    write_atomically(path, gzip.compress(text.encode(), compresslevel=9, mtime=0))
