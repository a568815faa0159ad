"""How an optional dependency is installed: of the checkout, for the name is on no index yet."""

from __future__ import annotations

__all__ = ["install"]


def install(extra: str) -> str:
    """Return the command for an extra of pyproject.toml.

    Whoever owns the name `fenmark` on a package index, it is not us: nothing may tell a reader to
    install it from there before a release does.
    """
    return f"pip install '.[{extra}]' in the checkout of Fenmark"
