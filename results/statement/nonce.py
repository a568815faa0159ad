"""A challenge's nonce: the seed it gives a run, and what became of it."""

from __future__ import annotations

import hashlib
from typing import Literal

__all__ = ["Nonce", "seed_of"]

Nonce = Literal["issued", "unknown", "used", "expired"]


def seed_of(nonce: str) -> int:
    """Return the seed that a run with this challenge draws its inputs from.

    48 bits: a JSON integer that every reader holds exactly.
    """
    return int.from_bytes(hashlib.sha256(nonce.encode()).digest()[:6], "big")
