"""Which machine this is, without saying so: digests of its serial numbers.

Two results of one machine share one of them, and nobody reads a serial number from it. Someone who
confirms a result must have measured on other hardware (`results.agreement.confirmation`).
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING

from results.agreement.confirmation import HARDWARE
from runners.machine import conditions, nvidia

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["identity"]

_PURPOSE = b"fenmark hardware v1"
_DIGITS = 16  # hexadecimal: two of a billion machines share them once in 37 fleets
_MOST = 14  # of them fit a condition's text


def identity(root: Path) -> dict[str, str]:
    """Return the condition that names this hardware; empty where nothing here does.

    Args:
        root: of the file system, `/`.
    """
    keyed = (
        hmac.digest(serial.encode(), _PURPOSE, sha256).hex()[:_DIGITS] for serial in _serials(root)
    )
    digests = sorted(set(keyed))[:_MOST]
    return {HARDWARE: ",".join(digests)} if digests else {}


def _serials(root: Path) -> Iterator[str]:
    """The operating system's id, the board's where it may be read, and each card's."""
    for place in ("etc/machine-id", "sys/class/dmi/id/product_uuid"):
        serial = conditions.read(root / place)
        if serial:
            yield serial
    for card in sorted((root / "sys/class/drm").glob("card*/device/unique_id")):  # AMD
        yield conditions.read(card)
    yield from nvidia.serials()
