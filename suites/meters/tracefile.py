"""Power traces written by somebody else's meter: SPEC PTDaemon logs and CSV."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from suites.base import files
from suites.base.errors import UserError
from suites.meters.base import MeterReading
from suites.meters.trace import max_gap_s, sampled_joules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["MOST_BYTES", "TraceEnergy", "energy", "parse", "parse_time_ns", "read"]

_NS = 10**9
# The years 1 to 9999, which is what calendars here know.
_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799
_MOST_W = 1e12
MOST_BYTES = 2**26  # a sample a second for half a year; twenty a second for a week
# PTDaemon: "Time,07-28-2025 04:17:29.622,Watts,2887.000000,…", then volts, amps and channels.
_PTDAEMON = "Time"
_PTDAEMON_TIME = "%m-%d-%Y %H:%M:%S.%f"
_TIME_COLUMN = re.compile(r"^(time|timestamp|date(time)?|t|epoch)\b", re.IGNORECASE)
# "power_w", "Watts", "power.draw [W]" of nvidia-smi; milliwatts by name.
_POWER_COLUMN = re.compile(r"^(total_?)?(power|watts?|w\b)", re.IGNORECASE)
_MILLIWATTS = re.compile(r"(_mw|\[mw\]|\(mw\))$", re.IGNORECASE)
_EXPECTED = "a SPEC PTDaemon log, or CSV with a header naming a time and a power column"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceEnergy:
    """What a trace says of a window.

    Attributes:
        samples: readings inside the window, edges included.
        max_gap_s: longest time between two readings that touch it.
    """

    average_w: float
    energy_j: float
    samples: int
    max_gap_s: float
    duration_s: float


def read(path: Path) -> list[MeterReading]:
    """Read a trace; `at_ns` is nanoseconds since 1970 by the meter's clock.

    Times without a zone are taken as UTC, as the file gives no other.

    Raises:
        UserError: the file cannot be read, is not a trace, has a row that is none, or times that go
            back.
    """
    return parse(files.read(path, MOST_BYTES, expected=_EXPECTED), path)


def parse(content: bytes, path: Path) -> list[MeterReading]:
    """Read what a trace holds so far; `path` is named in errors.

    Raises:
        UserError: as `read`.
    """
    try:
        lines = content.decode("utf-8-sig").splitlines()
        rows = [(number, row) for number, row in enumerate(csv.reader(lines), 1) if any(row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError("not a text file of values", where=str(path), expected=_EXPECTED) from error
    if not rows:
        raise UserError("empty", where=str(path), expected=_EXPECTED)
    reader = _ptdaemon if rows[0][1][0] == _PTDAEMON and len(rows[0][1]) > 3 else _csv
    readings = list(reader(rows, path))
    if len(readings) < 2:
        raise UserError(f"{len(readings)} samples", where=str(path), expected="two or more")
    later = rows[-len(readings) + 1 :]
    for (number, _), (before, after) in zip(later, pairwise(readings), strict=True):
        if after.at_ns <= before.at_ns:
            raise UserError(
                "its time is not after the one before", where=f"{path}:{number}", expected="order"
            )
    return readings


def energy(
    readings: list[MeterReading], start_ns: int | None = None, end_ns: int | None = None
) -> TraceEnergy:
    """Integrate a trace, whole or between two times, by trapezoid with interpolated edges.

    Raises:
        UserError: the window is empty, or the trace does not reach around it.
    """
    first, last = readings[0].at_ns, readings[-1].at_ns
    start = first if start_ns is None else start_ns
    end = last if end_ns is None else end_ns
    joules = sampled_joules(readings, start, end) if start < end else None
    if joules is None:
        raise UserError(
            f"window from {_text(start)} to {_text(end)}",
            expected=f"a time span inside the trace, {_text(first)} to {_text(last)}",
        )
    seconds = (end - start) / _NS
    return TraceEnergy(
        average_w=joules / seconds,
        energy_j=joules,
        samples=sum(start <= reading.at_ns <= end for reading in readings),
        max_gap_s=max_gap_s(readings, start, end),
        duration_s=seconds,
    )


def parse_time_ns(text: str) -> int:
    """Nanoseconds since 1970 from ISO 8601, PTDaemon's format or seconds since 1970.

    Raises:
        ValueError: none of these.
    """
    text = text.strip()
    try:
        seconds = float(text)
    except ValueError:
        return _calendar_ns(text)
    if not _FIRST_S <= seconds <= _LAST_S:
        raise ValueError(text)
    return round(seconds * _NS)


def _calendar_ns(text: str) -> int:
    try:
        # nvidia-smi writes 2026/11/23.
        at = datetime.fromisoformat(text.replace("/", "-"))
    except ValueError:
        at = datetime.strptime(text, _PTDAEMON_TIME)  # noqa: DTZ007 - the zone is set below
    at = at.replace(tzinfo=at.tzinfo or UTC)
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    # In whole numbers: a double holds a time of today to 0.2 microseconds only.
    return (since.days * 86_400 + since.seconds) * _NS + since.microseconds * 1000


def _ptdaemon(rows: list[tuple[int, list[str]]], path: Path) -> Iterator[MeterReading]:
    for number, row in rows:
        named = len(row) > 3 and row[0] == _PTDAEMON and row[2] == "Watts"
        yield _reading(row[1] if named else "", row[3] if named else "", 1.0, f"{path}:{number}")


def _csv(rows: list[tuple[int, list[str]]], path: Path) -> Iterator[MeterReading]:
    header = [name.strip() for name in rows[0][1]]
    at = _column(header, _TIME_COLUMN, path)
    power = _column(header, _POWER_COLUMN, path)
    unit_w = 1e-3 if _MILLIWATTS.search(header[power]) else 1.0
    for number, row in rows[1:]:
        whole = len(row) > max(at, power)
        yield _reading(
            row[at] if whole else "", row[power] if whole else "", unit_w, f"{path}:{number}"
        )


def _column(header: list[str], wanted: re.Pattern[str], path: Path) -> int:
    for index, name in enumerate(header):
        if wanted.search(name):
            return index
    raise UserError(f"columns {', '.join(header)[:200]}", where=f"{path}:1", expected=_EXPECTED)


def _reading(time: str, power: str, unit_w: float, where: str) -> MeterReading:
    try:
        watts = float(power.removesuffix("W").strip()) * unit_w
        at_ns = parse_time_ns(time)
    except ValueError:
        watts, at_ns = math.nan, 0
    # A meter that lost its range writes -1 or NaN: to skip it would hide the hole.
    if not 0 <= watts < _MOST_W:
        raise UserError(
            f"time {time[:40]!r}, power {power[:40]!r}",
            where=where,
            expected="a time and a power of 0 or more",
            remedy="cut the part that was not measured, or name a window without it",
        )
    return MeterReading(at_ns, power_w=watts)


def _text(at_ns: int) -> str:
    if not _FIRST_S <= at_ns / _NS <= _LAST_S:
        return f"{at_ns / _NS:g} s"
    return datetime.fromtimestamp(at_ns / _NS, UTC).isoformat(timespec="milliseconds")
