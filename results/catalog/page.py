"""The catalogue as a page of the documentation: `python -m results.catalog.page` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.catalog.chips_data import chips

if TYPE_CHECKING:
    from collections.abc import Callable

    from results.catalog.chips_data import ChipEntry, Dtype

__all__ = ["page", "table"]

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
    return f"{head}\n{table()}"


def table(translate: Callable[[str], str] = str) -> str:
    """Return the chips, in Markdown.

    Args:
        translate: a word of the table's head, yes or no -> the same in the table's language.
    """
    per_byte = translate("FLOP/byte")
    columns = ("chip", "GB", "GB/s", "W", "read again")
    *first, last = map(translate, columns)
    head = (*first, *(f"{per_byte} {dtype}" for dtype in _DTYPES), last)
    rules = ("---", *("---:" for _ in head[1:-1]), "---")
    rows = (_row(entry, translate) for entry in chips().values())
    return "\n".join(map(_line, (head, rules, *rows))) + "\n"


def _row(entry: ChipEntry, translate: Callable[[str], str]) -> tuple[str, ...]:
    ratios = entry.compute_to_bandwidth()
    return (
        f"{entry.name} (`{entry.id}`)",
        _known(entry.memory_gb),
        _known(entry.memory_bandwidth_gb_s),
        _known(entry.tdp_w),
        *(_known(round(ratios[d]) if d in ratios else None) for d in _DTYPES),
        translate("yes" if entry.read_again else "no"),
    )


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _known(value: float | None) -> str:
    return "-" if value is None else f"{value:,.6g}"


if __name__ == "__main__":
    print(page(), end="")
