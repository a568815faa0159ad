"""`fenmark chips`: the catalogue, with what each chip can do per byte its memory gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from results.catalog import ChipEntry

__all__ = ["chips"]

# Where no terminal sets the width: a name stands in one line, for `grep`.
_PIPED_COLUMNS = 200


def chips(
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """List the chips and systems of the catalogue with their compute-to-bandwidth ratio.

    Example: fenmark chips --json
    """
    from rich.table import Table

    from results import catalog
    from suites.base.terminal import Terminal, print_json, styled

    entries = catalog.chips().values()
    if json_:
        print_json([_flat(entry) for entry in entries])
        return
    table = Table(
        "id", "name", "memory GB", "GB/s", "FLOP/byte", "TDP W", "all-in W", "source", box=None
    )
    for entry in entries:
        ratios = ", ".join(f"{k} {v:.0f}" for k, v in entry.compute_to_bandwidth().items())
        figures = (_known(entry.memory_gb), _known(entry.memory_bandwidth_gb_s), ratios or "-")
        table.add_row(
            entry.id, entry.name, *figures, _known(entry.tdp_w), _whole(entry), entry.source
        )
    terminal = Terminal(piped=_PIPED_COLUMNS)
    terminal.show(table)
    note = (
        "Dense peaks and nameplate values as stated by the sources; none is a measurement, "
        "a dash is unknown. All in is with the chip's share of host, network and cooling."
    )
    terminal.say(styled(note, "dim"))


def _flat(entry: ChipEntry) -> dict[str, Any]:
    from results.catalog.power_data import all_in

    return {
        **entry.model_dump(mode="json", exclude_none=True),
        "compute_to_bandwidth": entry.compute_to_bandwidth(),
        "all_in_kw": all_in().kw.get(entry.id),
    }


def _whole(entry: ChipEntry) -> str:
    """Watts with the chip's share of host, network and cooling."""
    from results.catalog.power_data import all_in

    kw = all_in().kw.get(entry.id)
    return _known(kw and kw * 1e3)


def _known(value: float | None) -> str:
    return "-" if value is None else f"{value:,.6g}"
