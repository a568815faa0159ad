"""What raw samples give: every figure, computed again by the suites' own summaries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from results.checks.clocks import no_clock_gave
from results.statement import raw_samples
from results.statement.statement_v2 import ATTESTED
from results.statement.texts import printable
from suites.base.errors import UserError
from suites.evidence import rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from results.statement.statement import Measurement, Statement
    from suites.base.records import Row

__all__ = ["Harness", "RowKey", "SampleFigures", "evidence", "harness_of", "key_of"]

# Labels that tell two figures of one case and metric apart.
_TELLING = ("percentile", "statistic", "meter", "host", "process", "turn", "adapter", "position")
# And two of one row of a harness' file.
_OF_FILE = ("scope", "tokens")

RowKey = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFigures:
    """What raw samples give.

    Attributes:
        rows: every figure that can be computed from them.
        metered: they say what meters saw; those of the first versions do not.
        absent: why there are none to compute from; else empty.
        fault: why those that were signed for give no figures; else empty.
        unclocked: case and metric of samples that no clock gave, and why.
    """

    rows: Mapping[RowKey, Row] = field(default_factory=dict)
    metered: bool = True
    absent: str = ""
    fault: str = ""
    unclocked: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Harness:
    """Who wrote the file of an attested result.

    Attributes:
        kind: name of its reader; empty where the figures name none, or several.
        file: what the file was called.
    """

    kind: str
    file: str


def harness_of(statement: Statement) -> Harness | None:
    """Tell which harness measured; None where Fenmark did."""
    if statement.predicate.run.suites != [ATTESTED]:
        return None
    named = {str(item.labels.get("harness", "")) for item in statement.predicate.measurements}
    return Harness(named.pop() if len(named) == 1 else "", statement.subject[0].name)


def evidence(data: bytes, where: str) -> SampleFigures:
    """Compute every figure that a file of raw samples gives; linear in its size.

    Args:
        data: whose digest the statement names: who checked that is the caller.
    """
    if len(data) > raw_samples.MOST_BYTES:
        return SampleFigures(
            absent=f"its raw samples are larger than {raw_samples.MOST_BYTES} bytes"
        )
    try:
        cells = raw_samples.read(data, where)
        rows = rows_of(cells)
        given = {key_of(row): row for row in rows}
        unclocked = tuple(no_clock_gave(cells))
    except UserError as error:
        return SampleFigures(fault=str(error))
    # Facts beside the samples are free in form; what a summary stumbles over was not its suite's.
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        told = printable(str(error))[:80]
        return SampleFigures(fault=f"{where}: cannot be summed up: {type(error).__name__}: {told}")
    return SampleFigures(
        rows=given, metered=all(cell.metered for cell in cells), unclocked=unclocked
    )


def key_of(item: Measurement | Row) -> RowKey:
    """Return what tells a figure from all others of its result."""
    names = (*_TELLING, *_OF_FILE) if item.suite == ATTESTED else _TELLING
    return (item.suite, item.case, item.metric, *(item.labels.get(name) for name in names))
