"""Pieces of one token each, all of one width, from which prompts of a known length are made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

from suites.base import files
from suites.base.errors import UserError
from suites.base.extras import install

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer

__all__ = [
    "IDS",
    "MOST_TOKENS",
    "PIECE_BYTES",
    "UNIQUE_TOKENS",
    "WORDS",
    "Vocabulary",
    "from_tokenizer",
    "read_tokenizer",
]

# Every piece has four characters and one separator, so that a prompt of n tokens is a slice.
_WIDTH = 4
PIECE_BYTES = _WIDTH + 1

# Of a prompt or an answer: more than any model reads, and still written in seconds.
MOST_TOKENS = 10_000_000

# Two ids or two words would number 81 million or 5,000 requests; four words 27 million.
UNIQUE_TOKENS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What prompts are made of.

    Attributes:
        kind: how a prompt's length is known, as rows say it.
        pieces: each one token.
        separator: "," between ids, " " between words.
        special: tokens the tokenizer adds of itself, such as a beginning of sequence.
        tokenizer_sha256: digest of the tokenizer's file, "" where none was used.
    """

    kind: str
    pieces: tuple[str, ...]
    separator: str
    special: int = 0
    tokenizer_sha256: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read back what `to_json` gave."""
        return cls(**{**data, "pieces": tuple(data["pieces"])})

    @property
    def is_text(self) -> bool:
        return self.separator == " "


# Ids of four digits: whole words in every vocabulary in use, ours included.
IDS = Vocabulary(
    kind="token ids", pieces=tuple(str(number) for number in range(1000, 9999)), separator=","
)
# Common words that are one token in the usual vocabularies; whether in this one is not known.
_USUAL = """
also area away back base been best blue body book both call case city come cost data days deal
does done door down each east even ever face fact feel feet file find fire five food form four
free from full game gave girl give goal gold good half hand hard have head hear help here high
hold home hope hour idea into just keep kind knew know land last late left
"""
WORDS = Vocabulary(kind="words, approximate", pieces=tuple(_USUAL.split()), separator=" ")
_MOST_BYTES = 2**27  # that of a vocabulary of 262,144 tokens has 33 MB
# Fewer words than this would number too few requests.
_LEAST_WORDS = 64


def read_tokenizer(path: Path) -> tuple[Tokenizer, str]:
    """Read a `tokenizer.json`, which neither cuts nor fills; its digest beside it.

    Raises:
        UserError: the extra `tokenizer` is not installed, or the file cannot be read.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise UserError(
            "the library `tokenizers` is not installed",
            where="--tokenizer",
            remedy=install("tokenizer"),
        ) from error
    raw = files.read(path, _MOST_BYTES, expected="a tokenizer.json")
    try:
        tokenizer = Tokenizer.from_str(files.decoded(raw, str(path)))
    except UserError:
        raise
    except Exception as error:  # the library raises nothing narrower
        raise UserError(
            f"no tokenizer ({error})", where=str(path), expected="a tokenizer.json"
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer, sha256(raw).hexdigest()


def from_tokenizer(path: Path) -> Vocabulary:
    """Find words of four letters that are one token each by this `tokenizer.json`.

    Raises:
        UserError: see `read_tokenizer`; too few words keep their length beside each other.
    """
    tokenizer, digest = read_tokenizer(path)

    def count(text: str) -> int:
        return len(tokenizer.encode(text).ids)

    special = count("")
    whole = {piece.lstrip("Ġ▁") for piece in tokenizer.get_vocab()}
    words = tuple(
        word
        for word in sorted(whole)
        if len(word) == _WIDTH
        and word.isascii()
        and word.isalpha()
        and word.islower()
        # At the start, and between its like.
        and count(word) == special + 1
        and count(" ".join([word] * 3)) == special + 3
    )
    if len(words) < _LEAST_WORDS or count(" ".join(words)) != special + len(words):
        raise UserError(
            f"only {len(words)} words of four letters are one token each",
            where=str(path),
            expected=f"at least {_LEAST_WORDS}",
        )
    return Vocabulary(
        kind="tokenizer",
        pieces=words,
        separator=" ",
        special=special,
        tokenizer_sha256=digest,
    )
