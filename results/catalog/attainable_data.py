"""What of a datasheet's rates is attained: as others measured, or the least share of any chip."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from results.catalog.reading import Strict, read_toml

if TYPE_CHECKING:
    from results.catalog.chips_data import ChipEntry

__all__ = ["Attainable", "attainable", "bandwidth_gb_s", "tflop_s"]

_FILE = Path(__file__).parent / "attainable.toml"
_Share = Annotated[float, Field(gt=0, le=1)]
_Rate = Annotated[float, Field(gt=0, le=1e6)]


class Shares(Strict):
    """Of a datasheet's rate."""

    compute: _Share
    bandwidth: _Share


class Attained(Strict):
    """What was attained on one chip: 10^12 operations a second by dtype, 10^9 bytes a second."""

    tflop_s: dict[str, _Rate] = Field(default_factory=dict)
    bandwidth_gb_s: _Rate | None = None


class Attainable(Strict):
    """The table, with its date and source."""

    date: Annotated[str, Field(pattern=r"^\d{4}-\d\d$")]
    source: Annotated[str, Field(min_length=1)]
    share: Shares
    chips: dict[str, Attained]


@cache
def attainable() -> Attainable:
    """Return the table.

    Raises:
        UserError: the file is malformed.
    """
    return read_toml(_FILE, Attainable)


def tflop_s(entry: ChipEntry, dtype: str) -> tuple[float, str] | None:
    """Rate of matrix products that a chip attains, and its basis; None where nobody states one."""
    table = attainable()
    known = table.chips.get(entry.id, Attained()).tflop_s.get(dtype)
    peak = {str(name): rate for name, rate in entry.peak_tflops.items()}.get(dtype)
    return _rate(known, peak, table.share.compute)


def bandwidth_gb_s(entry: ChipEntry) -> tuple[float, str] | None:
    """Bandwidth of memory that a chip attains, and its basis; None where nobody states one."""
    table = attainable()
    known = table.chips.get(entry.id, Attained()).bandwidth_gb_s
    return _rate(known, entry.memory_bandwidth_gb_s, table.share.bandwidth)


def _rate(known: float | None, stated: float | None, share: float) -> tuple[float, str] | None:
    if known is not None:
        return known, "attained by others on this chip (AIConfigurator, FlagPerf)"
    if stated is not None:
        return share * stated, f"{share:.0%} of the datasheet's {stated:g}"
    return None
