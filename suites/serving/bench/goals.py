"""How a comparison says whether a number that ours is to reach was reached."""

from __future__ import annotations

__all__ = ["goal"]


def goal(what: str, bound: str, *, met: bool) -> str:
    """One line for people: what was measured, whether that is enough, and what would be."""
    return f"{what} ({'met' if met else 'missed'}: {bound})"
