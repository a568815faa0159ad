"""Cells as published: one form for all, copies once, and what is wrong with them by name."""

from __future__ import annotations

import csv
import math
import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from results.prediction.chip import entry_of
from results.prediction.plan import Layout
from suites.base.errors import UserError
from suites.models.names import known_as

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["FAULTS", "ServingCell", "clean", "marked", "read_cells"]

# Fault -> what it means; a row that has one is left out of training, except `gpus_multiplied`,
# which is corrected, and `ttft_far_from_kernels`, which TTFT alone is not learnt from.
FAULTS = {
    "copy": "the same figures stand in another row",
    "gpus_multiplied": "chips are given as TP × EP; both lie on the same chips: corrected",
    "disaggregated_unmarked": "more chips than an aggregated engine of this system spans",
    "load_of_replicas": "the load is many times what one engine holds at its batch",
    "load_not_admitted": "by its own times most of the load waits, and memory holds all of it",
    "no_concurrency": "the load is not given",
    "no_precision": "the precision is not given",
    "no_worker_counts": "prefill and decode workers are not counted",
    "no_figure": "the time is missing, or no positive number",
    "below_roofline": "faster than bytes over bandwidth",
    "speculation_unmarked": "a sweep faster than its kernels, the less so the higher the load",
    "far_from_kernels": "a group whose own fit is off by more than 35%",
    "ttft_far_from_kernels": "TTFT is ×2.7 off its kernels: compilation or queues; not learnt",
}
_TEACHES = {"gpus_multiplied", "ttft_far_from_kernels"}
_CONCURRENCY = re.compile(r"silicon_concurrency=(\d{1,7})\b")
_MEASURED = re.compile(r"measured=(\d{4})-(\d\d)-(\d\d)")
# An HGX board has so many chips, and NVL72's aggregated engines stay on one tray of it.
_BOARD = 8
# A load so many times a group's batch is that of several engines.
_REPLICAS = 4
_MOST_ROWS = 1_000_000
_NUMBER = 1e12
_ROUNDED = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingCell:
    """One measured or asked-for point.

    Attributes:
        id: as its table names it.
        chip: of the catalogue. model: of a geometry; empty where it is unknown.
        engine, version: such as "vllm", "0.19.0". precision: as published; empty where unsaid.
        gemm, experts: what products are said to be computed in; empty where unsaid.
        concurrency: requests under way; None where unsaid.
        ttft_ms, tpot_ms: None where not measured.
        campaign: the table or dump it is from. day: since 2025, None where unsaid.
        faults: of `FAULTS`.
        reason: why it cannot be predicted, found while it was read; else empty.
    """

    id: str
    chip: str
    model: str
    engine: str
    version: str = ""
    precision: str
    gemm: str = ""
    experts: str = ""
    mode: str = "agg"
    isl: float
    osl: float
    concurrency: float | None
    layout: Layout
    ttft_ms: float | None = None
    tpot_ms: float | None = None
    campaign: str = ""
    day: float | None = None
    faults: frozenset[str] = field(default_factory=frozenset)
    reason: str = ""

    @property
    def group(self) -> tuple[str, str, str, str]:
        """Chip, model, engine and precision."""
        return self.chip, self.model, self.engine, self.precision

    @property
    def teaches(self) -> bool:
        """Whether its TPOT has no fault, or one that was corrected."""
        return self.faults <= _TEACHES

    @property
    def batch(self) -> float:
        """Sequences on one rank, where memory holds them."""
        return (self.concurrency or 1.0) / self.layout.dp


def read_cells(path: Path) -> list[ServingCell]:
    """Read a table of cells in the form of AIConfigurator's measured TTFT and TPOT.

    Raises:
        UserError: it cannot be read, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row, _ in zip(csv.DictReader(file), range(_MOST_ROWS), strict=False)]
    except (OSError, UnicodeError, csv.Error) as error:
        raise UserError(
            "cannot be read", where=str(path), expected="a CSV table of cells"
        ) from error
    needed = {"id", "backend", "model_path", "system", "isl", "osl", "tp_size"}
    if missing := needed - set(rows[0] if rows else ()):
        raise UserError(
            f"lacks {', '.join(sorted(missing))}", where=str(path), expected="the columns of cells"
        )
    return [_cell(row) for row in rows]


def _cell(row: Mapping[str, str | None]) -> ServingCell:
    text, number = partial(_text, row), partial(_number, row)
    source = text("silicon_data_source")
    concurrency = number("concurrency") or _load(source)
    if concurrency is None and "silicon_data_source" not in row:
        concurrency = (number("batch_size") or 0.0) * (number("attention_dp_size") or 1.0) or None
    sizes = {name: number(name) or 1.0 for name in _SIZES}
    told = number("attention_dp_size") is not None
    groups = (concurrency or 0.0) / (number("batch_size") or 1.0)
    layout, wrong = _layout(sizes, told_dp=told, groups=groups)
    try:
        chip, reason = entry_of(text("system")).id, ""
    except UserError:
        chip, reason = "", f"no chip {text('system')[:40]!r} in the catalogue"
    model, day = known_as(text("model_path")) or "", _MEASURED.search(source)
    cell = ServingCell(
        id=text("id"),
        chip=chip,
        model=model,
        engine=text("backend").lower(),
        version=text("backend_version"),
        precision=text("precision").lower(),
        gemm=text("gemm_quant_mode"),
        experts=text("moe_quant_mode"),
        mode=text("mode") or "agg",
        isl=number("isl") or 0.0,
        osl=number("osl") or 0.0,
        concurrency=concurrency,
        layout=layout,
        ttft_ms=number("silicon_ttft_ms"),
        tpot_ms=number("silicon_tpot_ms"),
        campaign=_campaign(source),
        day=_since_2025(day) if day else None,
        reason=reason or ("" if model else f"no geometry of {text('model_path')[:60]!r}"),
    )
    workers = number("prefill_num_workers") and number("decode_num_workers")
    return replace(cell, faults=_own_faults(cell, wrong, counted=workers is not None))


def _own_faults(cell: ServingCell, wrong: str, *, counted: bool) -> frozenset[str]:
    """Faults that a row shows by itself; `wrong` is that of its layout."""
    whole = cell.mode == "agg"
    tests = {
        wrong: whole and bool(wrong),
        "disaggregated_unmarked": whole and cell.layout.chips > _BOARD,
        "no_worker_counts": not whole and not counted,
        "no_concurrency": cell.concurrency is None,
        "no_precision": not cell.precision,
        "no_figure": cell.tpot_ms is None,
    }
    return frozenset(fault for fault, has in tests.items() if has)


def _text(row: Mapping[str, str | None], name: str) -> str:
    value = row.get(name)
    return value.strip()[:500] if isinstance(value, str) else ""


def _number(row: Mapping[str, str | None], name: str) -> float | None:
    """A positive number; None for anything else."""
    try:
        value = float(_text(row, name))
    except ValueError:
        return None
    return value if math.isfinite(value) and 0 < value < _NUMBER else None


_SIZES = ("tp_size", "attention_dp_size", "moe_tp_size", "moe_ep_size")


def _layout(sizes: Mapping[str, float], *, told_dp: bool, groups: float) -> tuple[Layout, str]:
    """Ranks by the row, and what is wrong with them.

    Dumps of one publisher print TP × EP where experts lie on the chips of the TP group: squares.
    Where attention's groups are not told, the load over a group's batch counts them.
    """
    tp, dp, moe_tp, ep = (max(1, round(sizes[name])) for name in _SIZES)
    if told_dp and moe_tp == ep > 1 and tp * dp == ep * ep:
        return Layout(1, ep, 1, ep) if dp > 1 else Layout(ep, 1, 1, ep), "gpus_multiplied"
    if told_dp and dp == tp > 1 and ep == tp * dp:
        return Layout(1, tp, 1, tp), "gpus_multiplied"
    if not told_dp and ep > 1 and groups >= tp > 1:
        return Layout(1, tp, moe_tp, ep), ""
    if moe_tp * ep != tp * dp:  # dense models state nothing of experts
        moe_tp = max(1, tp * dp // ep)
    many = groups > _REPLICAS * dp
    return Layout(tp, dp, moe_tp, ep), "load_of_replicas" if many else ""


def _load(source: str) -> float | None:
    served = _CONCURRENCY.search(source)
    return float(served[1]) if served and int(served[1]) else None


def _campaign(source: str) -> str:
    first = source.partition(";")[0].rpartition("=")[2]
    return first.rpartition("/")[2][:80]


def _since_2025(day: re.Match[str]) -> float:
    year, month, date = (int(part) for part in day.groups())
    return (year - 2025) * 365.25 + (month - 1) * 30.44 + date


def clean(cells: Sequence[ServingCell]) -> list[ServingCell]:
    """Flag copies, and return the cells that nothing forbids to learn from."""
    return [cell for cell in marked(cells) if cell.teaches and not cell.reason]


def marked(cells: Sequence[ServingCell]) -> list[ServingCell]:
    """Flag what only other rows show: copies. Of copies the one with fewest faults is kept.

    Some dumps round, so two rows of one load are copies where both times agree to 0.2%.
    """
    kept: dict[tuple[object, ...], list[ServingCell]] = defaultdict(list)
    copies = set()
    for cell in sorted(cells, key=lambda own: (len(own.faults), own.day is None, own.id)):
        twins = kept[cell.chip, cell.model, cell.engine, cell.isl, cell.osl, cell.concurrency]
        if any(_same(cell, twin) for twin in twins):
            copies.add(cell.id)
        else:
            twins.append(cell)
    return [
        replace(cell, faults=cell.faults | {"copy"}) if cell.id in copies else cell
        for cell in cells
    ]


def _same(first: ServingCell, second: ServingCell) -> bool:
    pairs = ((first.ttft_ms, second.ttft_ms), (first.tpot_ms, second.tpot_ms))
    return all(a is not None and b is not None and abs(a - b) <= _ROUNDED * b for a, b in pairs)
