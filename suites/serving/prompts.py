"""Prompts of a known length, none of which an engine has seen before."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from suites.serving.target import Prompt, Target

__all__ = ["UNIQUE_TOKENS", "Prompts"]

# Ids of four digits: whole words in every vocabulary in use, ours included, and of one width,
# so that a prompt is made unique in place, without changing the request's length.
_IDS = [str(number) for number in range(1000, 9999)]
# For chat, which takes no ids: common words that are one token in the usual vocabularies.
_WORDS = [
    "also",
    "area",
    "away",
    "back",
    "base",
    "been",
    "best",
    "blue",
    "body",
    "book",
    "both",
    "call",
    "case",
    "city",
    "come",
    "cost",
    "data",
    "days",
    "deal",
    "does",
    "done",
    "door",
    "down",
    "each",
    "east",
    "even",
    "ever",
    "face",
    "fact",
    "feel",
    "feet",
    "file",
    "find",
    "fire",
    "five",
    "food",
    "form",
    "four",
    "free",
    "from",
    "full",
    "game",
    "gave",
    "girl",
    "give",
    "goal",
    "gold",
    "good",
    "half",
    "hand",
    "hard",
    "have",
    "head",
    "hear",
    "help",
    "here",
    "high",
    "hold",
    "home",
    "hope",
    "hour",
    "idea",
    "into",
    "just",
    "keep",
    "kind",
    "knew",
    "know",
    "land",
    "last",
    "late",
    "left",
]
# Two ids or two words would number 81 million or 5,000 requests; four words 27 million.
UNIQUE_TOKENS = 4
_MARK = "9999"  # not among the ids, no word: the places of the unique tokens
# Requests kept ready; each is sent many times under ever new unique tokens.
_BODIES = 16


class Prompts:
    """Makes the requests of one run: same seed, same bytes.

    Unique tokens near the start number the request, so that no cached prefix matches; with
    `shared` above zero that share of every prompt is the same and stands before them.
    """

    def __init__(
        self,
        target: Target,
        *,
        input_tokens: int,
        output_tokens: int,
        seed: int,
        shared: float = 0.0,
    ) -> None:
        """Prepare the bodies; `input_tokens` must leave room for `UNIQUE_TOKENS`."""
        self.input_tokens, self.output_tokens = input_tokens, output_tokens
        self._pieces = _WORDS if target.api == "chat" else _IDS
        self._separator = b" " if target.api == "chat" else b","
        draw = random.Random(seed)
        self._first = draw.randrange(len(self._pieces) ** UNIQUE_TOKENS)
        same = min(round(shared * input_tokens), input_tokens - UNIQUE_TOKENS)
        head = draw.choices(self._pieces, k=same)
        rest = input_tokens - same - UNIQUE_TOKENS
        mark = self._separator.join([_MARK.encode()] * UNIQUE_TOKENS)
        self._cut: list[tuple[bytes, bytes]] = []
        for _ in range(_BODIES):
            pieces = [*head, *[_MARK] * UNIQUE_TOKENS, *draw.choices(self._pieces, k=rest)]
            before, _, after = target.request(self._prompt(pieces), output_tokens).partition(mark)
            self._cut.append((before, after))

    def request(self, index: int) -> bytes:
        """Bytes of request `index`."""
        number = self._first + index
        unique = []
        for _ in range(UNIQUE_TOKENS):
            number, digit = divmod(number, len(self._pieces))
            unique.append(self._pieces[digit].encode())
        before, after = self._cut[index % _BODIES]
        return before + self._separator.join(unique) + after

    def _prompt(self, pieces: list[str]) -> Prompt:
        return " ".join(pieces) if self._pieces is _WORDS else [int(piece) for piece in pieces]
