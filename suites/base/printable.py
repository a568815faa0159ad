r"""What strangers wrote, fit to be printed: one line, in which every character shows. Pure.

An escape sequence moves the cursor and rewrites what stands above it, a line break begins a line
that looks like ours, a bidirectional control reorders what is read. None of them passes: each is
shown as the escape Python writes for it, such as `\x1b` or `\u202e`.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

__all__ = ["LIMIT", "as_json", "printable"]

# Characters; the longest text a signed statement may hold.
LIMIT = 4096
# General categories of Unicode: controls, formats (bidirectional controls, zero-width characters
# and tags among them), lone surrogates, private use, unassigned, separators of lines and of
# paragraphs.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str, limit: int | None = LIMIT) -> str:
    """Return `text` with an escape for each character that does not show.

    Args:
        text: anything; words of any language, and spaces of any width, pass unchanged.
        limit: characters of what is returned, at least 1; what is longer ends in an ellipsis.
            None cuts nothing.
    """
    shown = text if limit is None else text[: limit + 1]
    if not shown.isprintable():  # the usual case takes a hundredth of the time
        shown = "".join(map(_shown, shown))
    return shown if limit is None or len(shown) <= limit else f"{shown[: limit - 1]}…"


def as_json(value: Any, **options: Any) -> str:
    """Return `value` as JSON on one line, in ASCII: no character of it acts on a terminal.

    Args:
        options: of `json.dumps`.
    """
    # Anywhere in a line, `##[` begins a command to the runner of a GitHub job. It can stand in a
    # string only, where its escape means the same.
    return json.dumps(value, **options).replace("##[", r"#\u0023[")


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _UNSEEN:
        return character
    return character.encode("unicode_escape").decode()
