"""Count the tokens of a text: by a tokenizer's file, or at least by an engine's own vocabulary."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from suites.base.errors import UserError
from suites.client.vocabulary import read_tokenizer
from suites.models.gguf import read_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

__all__ = ["Tokens", "by_gguf", "by_tokenizer", "fewest"]

_PIECES = "tokenizer.ggml.tokens"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
# Longer pieces are runs of blanks and rulers; without them a text takes a few more.
_LONGEST_PIECE = 48


class Tokens(NamedTuple):
    """A way to count.

    Attributes:
        by: "tokenizer" where it is the count, "vocabulary" where it is the least.
        count: tokens of a text.
    """

    by: str
    count: Callable[[str], int]


def by_tokenizer(path: Path) -> Tokens:
    """Count by a `tokenizer.json`, without the tokens it adds of itself.

    Raises:
        UserError: see `suites.client.vocabulary.read_tokenizer`.
    """
    tokenizer, _ = read_tokenizer(path)
    return Tokens("tokenizer", lambda text: len(tokenizer.encode(text, add_special_tokens=False)))


def by_gguf(path: Path) -> Tokens | None:
    """Count the fewest pieces of a GGUF file's vocabulary; None where it has none we can read."""
    try:
        header = read_header(path, texts=_PIECES).keys
    except UserError:
        return None
    pieces = header.get(_PIECES)
    if not isinstance(pieces, list) or not all(isinstance(piece, str) for piece in pieces):
        return None
    as_bytes = _byte_level if header.get("tokenizer.ggml.model") == "gpt2" else _sentence_piece
    known = frozenset(map(as_bytes, pieces))
    return Tokens("vocabulary", lambda text: fewest(text.encode(errors="replace"), known))


def fewest(text: bytes, pieces: frozenset[bytes]) -> int:
    """Fewest pieces that make a text, whatever the tokenizer would choose: no engine needs fewer.

    The shortest path from its start to its end; a byte that is not a piece is one.
    """
    lengths = sorted({len(piece) for piece in pieces if 1 < len(piece) <= _LONGEST_PIECE})
    least = [0, *[len(text)] * len(text)]
    for start in range(len(text)):
        least[start + 1] = min(least[start + 1], least[start] + 1)
        for length in lengths:
            end = start + length
            if end > len(text):
                break
            if least[start] + 1 < least[end] and text[start:end] in pieces:
                least[end] = least[start] + 1
    return least[-1]


def _sentence_piece(piece: str) -> bytes:
    """SentencePiece writes a blank as a low line of its own, and a byte as <0x0A>."""
    if byte := _BYTE.fullmatch(piece):
        return bytes([int(byte[1], 16)])
    return piece.replace("▁", " ").encode()


def _byte_level(piece: str) -> bytes:
    """GPT-2's vocabulary writes every byte as a letter that can be seen."""
    if all(letter in _BYTE_OF for letter in piece):
        return bytes(_BYTE_OF[letter] for letter in piece)
    return piece.encode()


def _letters() -> Iterable[tuple[str, int]]:
    """Letter and byte: printable ones stand for themselves, the others follow from U+0100 on."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    unseen = [byte for byte in range(256) if byte not in seen]
    yield from ((chr(byte), byte) for byte in seen)
    yield from ((chr(0x100 + place), byte) for place, byte in enumerate(unseen))


_BYTE_OF = dict(_letters())
