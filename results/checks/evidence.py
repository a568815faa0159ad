"""What raw samples give: every figure, computed again by the suites' own summaries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from results.statement import raw_samples
from results.statement.texts import printable
from suites.base.errors import UserError
from suites.evidence import rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from results.statement.statement import Measurement
    from suites.base.records import Row

__all__ = ["Evidence", "Key", "evidence", "key_of"]

# Labels that tell two figures of one case and metric apart.
_TELLING = ("percentile", "statistic", "meter", "host", "process", "turn", "adapter")

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What raw samples give.

    Attributes:
        rows: every figure that can be computed from them.
        metered: they say what meters saw; those of the first versions do not.
        absent: why there are none to compute from; else empty.
        fault: why those that were signed for give no figures; else empty.
    """

    rows: Mapping[Key, Row] = field(default_factory=dict)
    metered: bool = True
    absent: str = ""
    fault: str = ""


def evidence(data: bytes, where: str) -> Evidence:
    """Compute every figure that a file of raw samples gives; linear in its size.

    Args:
        data: whose digest the statement names: who checked that is the caller.
    """
    if len(data) > raw_samples.MOST_BYTES:
        return Evidence(absent=f"its raw samples are larger than {raw_samples.MOST_BYTES} bytes")
    try:
        cells = raw_samples.read(data, where)
        rows = rows_of(cells)
        given = {key_of(row): row for row in rows}
    except UserError as error:
        return Evidence(fault=str(error))
    # Facts beside the samples are free in form; what a summary stumbles over was not its suite's.
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        told = printable(str(error))[:80]
        return Evidence(fault=f"{where}: cannot be summed up: {type(error).__name__}: {told}")
    return Evidence(rows=given, metered=all(cell.metered for cell in cells))


def key_of(item: Measurement | Row) -> Key:
    """Return what tells a figure from all others of its result."""
    return (item.suite, item.case, item.metric, *(item.labels.get(name) for name in _TELLING))
