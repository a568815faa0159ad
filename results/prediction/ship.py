"""Write what ships: `python -m results.prediction.ship FOLDER`, from a folder of published data.

The folder holds `kernels/CHIP/*.parquet` and `endtoend/measured_ttft_tpot.csv` as AIConfigurator
publishes them, and `mlenergy/mlenergy_v3_llm_flat.csv`, ML.ENERGY's measured power. The
same folder gives the same bytes.
"""

from __future__ import annotations

import csv
import io
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from results.prediction.cells import ServingCell, marked, read_cells
from results.prediction.chip import ChipTiming, Missing, read_chip
from results.prediction.evaluate import UNITS, HeldOut, after_asking, leave_out
from results.prediction.fit import CellTerms, fit
from results.prediction.interval import stretch
from results.prediction.power import fit_power, read_busy
from results.prediction.samples import Summed, summed
from results.prediction.shipped import (
    BORROWED,
    DATA,
    FITTED,
    PRIORS,
    as_rows,
    borrowed,
    write_packed,
)  # fmt: skip
from results.prediction.suspects import below_roofline, mostly_waiting, suspects
from suites.base.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from results.prediction.grid import Floats
    from results.prediction.tables import KernelKey

__all__ = ["Trusted", "by_datasheet", "read_folder", "trusted", "write"]

ABOUT = {
    "source": "ai-dynamo/aiconfigurator, kernel tables and measured TTFT and TPOT, 2026-08",
    "licence": "Apache-2.0",
    "read": "2026-11-28",
}
# A group whose rows, predicted without it, are off by so much on the median, teaches nothing.
_FAR = 0.35
# Chips of one design: none of them stands in for another's datasheet where that is tested.
_GENERATIONS = (
    {"h100-sxm", "h200-sxm"}, {"b200-sxm", "gb200", "gb300"}, {"a100-80gb-sxm"}, {"l40s"},
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Trusted:
    """Cells of a folder: what is summed of those that teach, and all with their faults."""

    sums: Summed
    cells: list[ServingCell]

    def sample(self, kind: str) -> CellTerms:
        """Rows with a time of this kind."""
        whole = self.sums.sample(kind)
        return whole.where(np.isfinite(whole.measured))


def read_folder(folder: Path) -> tuple[dict[str, ChipTiming], list[ServingCell]]:
    """Read all chips and cells of a folder.

    Raises:
        UserError: a table cannot be read.
    """
    places = sorted(path for path in (folder / "kernels").iterdir() if path.is_dir())
    chips = {chip.entry.id: chip for chip in map(read_chip, places)}
    return chips, read_cells(folder / "endtoend" / "measured_ttft_tpot.csv")


def trusted(
    chips: dict[str, ChipTiming], cells: Sequence[ServingCell], *, wary: bool = True
) -> Trusted:
    """Separate aggregated cells that teach from those that do not.

    Args:
        wary: leave out what only shows against kernels, too.
    """

    def chip_of(name: str) -> ChipTiming:
        if name not in chips:
            raise Missing(f"no kernels of {name} were measured")
        return chips[name]

    own = marked([cell for cell in cells if cell.mode == "agg"])
    sums = summed(own, chip_of)
    own = mostly_waiting(below_roofline(own, sums.crowding), sums.crowding)
    teaching = np.array([cell.teaches for cell in own]) & sums.kept
    if wary:
        places = np.flatnonzero(teaching)
        ratios = np.log(sums.sample("tpot").measured[places] / sums.step[:, places].sum(axis=0))
        for place, cell in zip(places, suspects([own[i] for i in places], ratios), strict=True):
            own[place] = cell
        teaching &= np.array([cell.teaches for cell in own])
        for group in _far_groups(_part(sums, own, teaching)):
            for place in np.flatnonzero([cell.group == group for cell in own]):
                if teaching[place]:
                    own[place] = replace(
                        own[place], faults=own[place].faults | {"far_from_kernels"}
                    )
        teaching &= np.array([cell.teaches for cell in own])
    for place in _far_first(sums, teaching):
        own[place] = replace(own[place], faults=own[place].faults | {"ttft_far_from_kernels"})
    others = [cell for cell in cells if cell.mode != "agg"]
    return Trusted(_part(sums, own, teaching), [*own, *others])


def _far_first(sums: Summed, teaching: Floats) -> Floats:
    """Places of rows whose TTFT the fit passes over."""
    rows = sums.sample("ttft")
    places = np.flatnonzero(teaching & np.isfinite(rows.measured))
    return np.asarray(places[~PRIORS["ttft"].near(rows.where(places))])


def _part(sums: Summed, cells: list[ServingCell], keep: Floats) -> Summed:
    places = np.flatnonzero(keep)
    return Summed(
        [cells[i] for i in places],
        sums.step[:, places],
        sums.first[:, places],
        sums.crowding[places],
        sums.near[places],
        [""] * len(places),
    )


def _far_groups(sums: Summed) -> list[tuple[str, ...]]:
    """Groups to leave out, the farthest first, each time fitted again."""
    sample = sums.sample("tpot")
    far: list[tuple[str, ...]] = []
    while True:
        held = leave_out(sample, UNITS["group"], PRIORS["tpot"])
        off = {
            group: abs(float(np.median(held.errors[[c.group == group for c in held.cells]])))
            for group in dict.fromkeys(cell.group for cell in sample.cells)
        }
        worst = max(off, key=lambda group: (off[group], group))
        if off[worst] <= _FAR:
            return far
        far.append(worst)
        sample = sample.where(np.array([cell.group != worst for cell in sample.cells]))


def by_datasheet(chips: dict[str, ChipTiming], own: Trusted, kind: str) -> HeldOut:
    """Predict each chip's rows by its datasheet, other generations' efficiency and others' rows."""
    sample, parts = own.sample(kind), []
    for name in sorted({cell.chip for cell in sample.cells}):
        kin = next((own for own in _GENERATIONS if name in own), {name})
        alike = [chip for other, chip in sorted(chips.items()) if other not in kin]
        grids = borrowed([chip for chip in alike if chip.entry.vendor == chips[name].entry.vendor])
        chip = ChipTiming(chips[name].entry, chips[name].rates, "datasheet", grids)
        held = [cell for cell in sample.cells if cell.chip == name]
        sums = summed(held, {name: chip}.__getitem__)
        rows = sums.sample(kind).where(sums.kept)
        rest = sample.where(np.array([cell.chip not in kin for cell in sample.cells]))
        guess = fit(rest, PRIORS[kind]).guess(rows)
        parts.append(HeldOut(list(rows.cells), rows.measured, guess.log, guess.deviation))
    return HeldOut(
        [cell for part in parts for cell in part.cells],
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("measured", "log", "deviation")
        ),
    )


def write(folder: Path, to: Path = DATA) -> None:
    """Write grids, fitted cells, errors and the list of what was left out.

    Raises:
        UserError: a table cannot be read.
    """
    chips, cells = read_folder(folder)
    to.mkdir(parents=True, exist_ok=True)
    for name, chip in sorted(chips.items()):
        write_packed(to / f"{name}.json.gz", _packed(chip))
    server = [chip for chip in chips.values() if chip.entry.vendor == "NVIDIA"]
    write_packed(to / f"{BORROWED}.json.gz", {"about": ABOUT, "grids": _grids(borrowed(server))})
    own = trusted(chips, cells)
    held = {
        kind: {
            "kernels": leave_out(own.sample(kind), UNITS["group"], PRIORS[kind]),
            "calibrated": after_asking(own.sample(kind), PRIORS[kind], 3),
            "datasheet": by_datasheet(chips, own, kind),
        }
        for kind in PRIORS
    }
    data = {
        "about": ABOUT,
        "cells": as_rows(list(own.sums.cells)),
        "tpot_terms": _rounded(own.sums.step),
        "ttft_terms": _rounded(own.sums.first),
        "stretch": {
            kind: {
                name: round(stretch(rows.cells, rows.errors, rows.deviation), 3)
                for basis, whole in errors.items()
                for name, rows in _by_engine(kind, basis, whole)
            }
            for kind, errors in held.items()
        },
        "errors": {basis: round(rows.summary() / 100, 3) for basis, rows in held["tpot"].items()},
        "power": _power(folder),
        "vendors": sorted({chips[cell.chip].entry.vendor for cell in own.sums.cells}),
    }
    write_packed(to / f"{FITTED}.json.gz", data)
    write_atomically(to / "faults.csv", _faults(own.cells).encode())


def _by_engine(kind: str, basis: str, held: HeldOut) -> Iterator[tuple[str, HeldOut]]:
    """All rows, and of TTFT each engine's: their protocols are not known equally well."""
    yield basis, held
    for engine in sorted({cell.engine for cell in held.cells}) if kind == "ttft" else ():
        own = np.array([cell.engine == engine for cell in held.cells])
        yield f"{basis}/{engine}", held.where(own)


def _packed(chip: ChipTiming) -> dict[str, Any]:
    """Grids with the rates they are ratios to, whatever the catalogue will say of them."""
    return {"about": ABOUT, "rates": asdict(chip.rates), "grids": _grids(chip.grids)}


def _power(folder: Path) -> dict[str, Any]:
    fitted = fit_power(read_busy(folder / "mlenergy" / "mlenergy_v3_llm_flat.csv"))
    return {
        "coefficients": [round(value, 5) for value in fitted.coefficients],
        "error": round(fitted.error, 3),
        "spread": round(fitted.spread, 3),
        "source": "ml-energy/leaderboard, v3, Apache-2.0",
    }


def _grids(grids: dict[KernelKey, Any]) -> dict[str, Any]:
    return {"/".join(map(str, key)): grid.as_json() for key, grid in grids.items()}


def _rounded(terms: Floats) -> list[list[float]]:
    return [[float(f"{value:.5g}") for value in row] for row in terms]


def _faults(cells: list[ServingCell]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["id", "faults"])
    table.writerows(
        [cell.id, " ".join(sorted(cell.faults))]
        for cell in sorted(cells, key=lambda cell: cell.id)
        if cell.faults
    )
    return text.getvalue()


if __name__ == "__main__":
    write(Path(sys.argv[1]))
