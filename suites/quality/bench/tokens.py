"""The vocabulary of the test models: bytes, characters, and the words that questions are made of.

As llama.cpp's tokenizer cuts a text: first whole phrases and words, the longest first, then single
characters, bytes for those that have no token. Phrases that every question of a family has are one
token, so that a question has some thirty and a model learns in minutes.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

from suites.quality.items import items

__all__ = [
    "BOS",
    "BYTES",
    "END",
    "START",
    "WORDS_FROM",
    "chat",
    "cut",
    "vocabulary",
    "whole_vocabulary",
]

_SPECIALS = ("<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>")
BOS, START, END = 1, 3, 4
BYTES = len(_SPECIALS)
# Ids from here on are learned; bytes before them stand for characters that no question holds.
WORDS_FROM = BYTES + 256
_LESSONS, _OFTEN = 2200, 24
_PHRASE = re.compile(r"[^.?\n]+[.?\n]+")
_WORD = re.compile(r" ?[A-Za-z]{2,}|[0-9]{2}")


@cache
def vocabulary() -> tuple[str, ...]:
    """Give the tokens from `WORDS_FROM` on: characters in order, then words, the longest first."""
    lessons = items(b"vocabulary", _LESSONS)
    texts = [text for item in lessons for text in (item.prompt, item.expected)]
    counts = Counter(
        part for text in texts for cut in (_PHRASE, _WORD) for part in cut.findall(text)
    )
    words = {word for word, count in counts.items() if count >= _OFTEN and len(word) > 1} | {
        "user",
        "assistant",
    }
    signs = {sign for text in texts for sign in text} | set("\n")
    return (*sorted(signs), *sorted(words, key=lambda word: (-len(word), word)))


def whole_vocabulary() -> list[str]:
    """Give every token by id, as the file of a model spells it: a lone blank is "▁" there."""
    as_bytes = [f"<0x{byte:02X}>" for byte in range(256)]
    return [*_SPECIALS, *as_bytes, *("\u2581" if sign == " " else sign for sign in vocabulary())]


@cache
def _ids() -> dict[str, int]:
    return {token: WORDS_FROM + at for at, token in enumerate(vocabulary())}


@cache
def _words() -> re.Pattern[str]:
    return re.compile("|".join(re.escape(token) for token in vocabulary() if len(token) > 1))


def cut(text: str) -> list[int]:
    """Give the ids of a text."""
    ids, at = [], 0
    for word in _words().finditer(text):
        ids += _signs(text[at : word.start()])
        ids.append(_ids()[word.group()])
        at = word.end()
    return ids + _signs(text[at:])


def _signs(text: str) -> list[int]:
    ids: list[int] = []
    for sign in text:
        known = _ids().get(sign)
        ids += [known] if known else [BYTES + byte for byte in sign.encode()]
    return ids


def chat(question: str, answer: str) -> list[int]:
    """Give the ids of a conversation, as ChatML writes it and the server asks for it."""
    asked = [START, *cut(f"user\n{question}"), END, *cut("\n"), START, *cut("assistant\n")]
    return [*asked, *cut(answer), END]
