"""Meters that people own, named by kind and address: `shelly:192.168.1.5`.

An address is of one machine: it is an option that no result states. `,accuracy=1` after it is what
the maker states, in percent of the reading; without it the energy has no error budget.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from suites.base.errors import UserError
from suites.meters import home_assistant, kasa, nut, rdtech, shelly, snmp, tasmota, yokogawa

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from suites.meters.polled import PolledMeter

__all__ = ["KINDS", "open_meters"]

KINDS: dict[str, Callable[[str, float | None], PolledMeter]] = {
    "shelly": shelly.open_meter,
    "tasmota": tasmota.open_meter,
    "kasa": kasa.open_meter,
    "home-assistant": home_assistant.open_meter,
    "nut": nut.open_meter,
    "yokogawa": yokogawa.open_meter,
    "snmp": snmp.open_meter,
    "rdtech": rdtech.open_meter,
}
_MOST_PERCENT = 100.0


def open_meters(given: Sequence[str]) -> list[PolledMeter]:
    """Open each meter and read it once; those of one kind are numbered in the order given.

    Raises:
        UserError: an unknown kind, or a meter that does not answer with a power.
    """
    opened: list[PolledMeter] = []
    for text in given:
        meter = _open(text)
        same = sum(other.info.kind == meter.info.kind for other in opened)
        named = replace(meter, info=replace(meter.info, name=f"{meter.info.name} {same}"))
        try:
            named.read()
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise UserError(
                f"{named.info.name} gives no power: {error}",
                where="--meter",
                remedy="is its address right, and does it answer from here?",
            ) from error
        opened.append(named)
    return opened


def _open(text: str) -> PolledMeter:
    kind, _, rest = text.partition(":")
    address, marked, percent = rest.partition(",accuracy=")
    if kind not in KINDS or not address:
        raise UserError(
            f"{text[:80]!r} names no meter",
            where="--meter",
            expected=f"KIND:ADDRESS, where KIND is {', '.join(KINDS)}",
        )
    try:
        return KINDS[kind](address, _accuracy(percent) if marked else None)
    except ValueError as error:
        raise UserError(f"{text[:80]!r}: {error}", where="--meter") from error


def _accuracy(percent: str) -> float:
    accuracy = float(percent)
    if not 0 < accuracy <= _MOST_PERCENT:
        raise ValueError(f"{percent}% is not an accuracy")
    return accuracy
