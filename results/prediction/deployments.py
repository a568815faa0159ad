"""Configurations of a model on chips that may be chosen, with what is known of each."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from results import catalog
from results.prediction.cells import ServingCell
from results.prediction.choose import Options, Setup, SetupOption
from results.prediction.many import times_of
from results.prediction.plan import Layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from results.prediction.choose import Demand
    from results.prediction.predict import Predictor
    from suites.models import Geometry

__all__ = [
    "LOADS",
    "PRECISIONS",
    "REPEATS",
    "accelerators",
    "layouts",
    "learnt",
    "near",
    "predicted",
    "taught",
]

PRECISIONS = ("bf16", "fp8", "fp4")
LOADS = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
_TP = (1, 2, 4, 8)
# Lengths this near to those asked for count as the same: nominal ones are stated, means are run.
_NEAR = 1.12
# Repeats of a layout in other images of an engine differ by as much (max ÷ min).
REPEATS = 1.105


def accelerators() -> list[str]:
    """Chips of the catalogue that engines run on, one by one."""
    return [
        name
        for name, entry in catalog.chips().items()
        if entry.kind in {"gpu", "npu", "tpu"} and entry.chips == 1
    ]


def predicted(
    using: Predictor,
    geometry: Geometry,
    demand: Demand,
    chips: Iterable[str],
    *,
    engine: str = "vllm",
    precisions: Sequence[str] = PRECISIONS,
) -> tuple[Options, list[tuple[str, str]]]:
    """Options by prediction, and chip and reason of what is refused or does not fit."""
    cells = [
        ServingCell(
            id="", chip=chip, model=geometry.id, engine=engine, precision=precision,
            isl=demand.isl, osl=demand.osl, concurrency=float(load), layout=layout,
        )
        for chip in chips
        for precision in precisions
        for layout in layouts(geometry)
        for load in LOADS
        if load >= layout.dp
    ]  # fmt: skip
    times = times_of(using, cells, {geometry.id: geometry})
    kept = np.array(
        [i for i in range(len(cells)) if not times.refused[i] and times.crowding[i] <= 1.0],
        dtype=int,
    )
    options = [
        SetupOption(
            setup=_setup(cells[i]),
            concurrency=cells[i].concurrency or 1.0,
            kind="predicted",
            basis=times.basis[i],
            apart=float(times.apart[i]),
        )
        for i in kept
    ]
    crowded = [cells[i].chip for i in np.flatnonzero(times.crowding > 1.0)]
    # Of a chip's reasons the first counts: weights that fit went further than what is refused.
    unseen = [(chip, "memory does not hold the cache") for chip in dict.fromkeys(crowded)]
    unseen += _reasons(cells, times.refused)
    return Options(
        options, times.tpot[:, kept], times.ttft[:, kept], np.full((2, len(kept)), np.nan)
    ), unseen


def layouts(geometry: Geometry) -> Iterator[Layout]:
    """TP alone; of a mixture of experts also experts shared out, with attention by TP or DP."""
    for tp in _TP:
        yield Layout(tp, 1, tp, 1)
    if geometry.moe is not None:
        yield Layout(8, 1, 1, 8)
        yield Layout(1, 8, 1, 8)


def _setup(cell: ServingCell) -> Setup:
    return Setup(cell.chip, cell.engine, cell.precision, cell.layout)


def _reasons(cells: Sequence[ServingCell], refused: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Of each chip the reason that says most: memory, or else the one met most often."""
    by_chip: dict[str, Counter[str]] = {}
    for cell, reason in zip(cells, refused, strict=True):
        if reason:
            by_chip.setdefault(cell.chip, Counter())[reason] += 1
    for chip, counted in by_chip.items():
        full = [reason for reason in counted if "do not fit" in reason]
        (often, _), *_ = counted.most_common(1)
        # The narrowest weights on most chips are listed last.
        yield chip, full[-1] if full else f"no evidence: {often}"


def learnt(using: Predictor, geometry: Geometry, demand: Demand) -> Options:
    """Options that somebody reported: the trusted cells that predictions learn from."""
    alike = [
        (option, ttft, tpot)
        for option, isl, osl, ttft, tpot in taught(using, geometry)
        if near(isl, demand.isl) and near(osl, demand.osl)
    ]
    ttft, tpot = (
        np.array([row[place] for row in alike], dtype=float).reshape(len(alike), 3).T
        for place in (1, 2)
    )
    unstated = np.full((2, len(alike)), np.nan)
    return Options([option for option, *_ in alike], tpot, ttft, unstated)


_Times = tuple[float, float, float]


def taught(
    using: Predictor, geometry: Geometry
) -> Iterator[tuple[SetupOption, float, float, _Times, _Times]]:
    """Every trusted cell of a model: option, ISL, OSL, mean TTFT and TPOT with their ends."""
    for cell in using.base.samples["tpot"].cells:
        if cell.model == geometry.id and cell.ttft_ms and cell.tpot_ms and cell.concurrency:
            option = SetupOption(
                setup=_setup(cell),
                concurrency=cell.concurrency,
                kind="reported",
                basis=f"{cell.campaign} {cell.id}",
            )
            yield option, cell.isl, cell.osl, _repeated(cell.ttft_ms), _repeated(cell.tpot_ms)


def _repeated(ms: float) -> _Times:
    """A time, and the ends between which its repeats lie."""
    return ms, ms * REPEATS**-0.5, ms * REPEATS**0.5


def near(first: float, second: float) -> bool:
    """Whether two lengths count as the same."""
    return max(first, second) <= _NEAR * min(first, second)
