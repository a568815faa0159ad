"""Look for garbage rarely, where nearly all that is made stays or is freed at once."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["look_rarely", "rarely"]

# Objects made between two looks at the young ones; then young and middling looks between two of
# the next. Never to look would keep what refers to itself.
_RARELY = (500_000, 20, 20)


def look_rarely() -> None:
    """Look rarely from now on, for a process that does one thing to its end."""
    gc.freeze()  # what is there already stays
    gc.set_threshold(*_RARELY)


@contextmanager
def rarely() -> Iterator[None]:
    """Look rarely inside, and as before afterwards."""
    before = gc.get_threshold()
    gc.set_threshold(*_RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
