"""The catalogue as a page of the documentation: `python -m results.catalog.page` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.catalog.chips_data import chips

if TYPE_CHECKING:
    from results.catalog.chips_data import ChipEntry, Dtype

__all__ = ["page"]

_DTYPES: tuple[Dtype, ...] = ("f32", "bf16", "fp8", "int8", "fp4")
_HEAD = """# Chips of the catalogue

Generated from `results/catalog/chips/` by `python -m results.catalog.page`; a test keeps it so.

{count} chips and systems. Of {again} of them values were read again in November 2026: at their
makers' own documents where those could be had, at others' articles where not. Each entry's
`read_again` says which values and where. The rest stand as they were compiled from the documents
they name. `fenmark chips` lists every source. Figures of a system are those of the whole, and its
power is that of the rack.

FLOP/byte is the dense peak over the memory's bandwidth: a kernel that does fewer operations for
each byte it moves is bound by memory. A dash is not published, or was not read at a source.
"""


def page() -> str:
    """Return the page, in Markdown."""
    entries = list(chips().values())
    head = _HEAD.format(count=len(entries), again=sum(bool(e.read_again) for e in entries))
    columns = ("chip", "GB", "GB/s", "W", *(f"FLOP/byte {d}" for d in _DTYPES), "read again")
    rules = ("---", *("---:" for _ in columns[1:-1]), "---")
    lines = [_line(columns), _line(rules), *(_line(_row(entry)) for entry in entries)]
    return head + "\n" + "\n".join(lines) + "\n"


def _row(entry: ChipEntry) -> tuple[str, ...]:
    ratios = entry.compute_to_bandwidth()
    return (
        f"{entry.name} (`{entry.id}`)",
        _known(entry.memory_gb),
        _known(entry.memory_bandwidth_gb_s),
        _known(entry.tdp_w),
        *(_known(round(ratios[d]) if d in ratios else None) for d in _DTYPES),
        "yes" if entry.read_again else "no",
    )


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _known(value: float | None) -> str:
    return "-" if value is None else f"{value:,.6g}"


if __name__ == "__main__":
    print(page(), end="")
