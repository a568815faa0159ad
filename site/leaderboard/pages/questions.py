"""Questions that readers bring, each with the address on this site that answers it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaderboard.words import Words

__all__ = ["Question", "questions"]

_BEST = {"model": "deepseek-v3", "isl": 8192, "osl": 1024, "ttft": 3000, "currency": "CNY"}
_RENTED = {
    "model": "gpt-oss-120b",
    "isl": 1024,
    "osl": 1024,
    "ttft": "",  # not asked
    "tpot": 50,
    "percentile": 99,
    "class": "on-demand",
}
_CLAIM = {"value": 1, "unit": "fen/Mtok", "tokens": "output", "model": "deepseek-v3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question.

    Attributes:
        id: tells it from the others, in any language.
        url: from the root of the language.
    """

    id: str
    text: str
    url: str


def questions(_: Words, *, priced: bool, samples: str) -> Iterator[Question]:
    """Yield the questions that this site can answer.

    Args:
        priced: whether there is a price sheet; nothing is chosen or judged without one.
        samples: address of raw samples that are published; empty if none are.
    """
    if priced:
        yield Question(
            id="best",
            text=_(
                "Which chip serves DeepSeek-R1 for the fewest yuan: 8,192 tokens in, 1,024 out, "
                "the first within 3 s?"
            ),
            url=f"choose/?{urlencode(_BEST)}",
        )
        yield Question(
            id="rented",
            text=_(
                "What is cheapest to rent for gpt-oss-120b, each token within 50 ms at p99, "
                "1,024 tokens in and out?"
            ),
            url=f"choose/?{urlencode(_RENTED)}",
        )
        yield Question(
            id="claim",
            text=_("Can a million tokens of DeepSeek-R1 cost one fen? Check this claim, or yours."),
            url=f"fen/?{urlencode(_CLAIM)}#check",
        )
    yield Question(
        id="chart",
        text=_("One chart and one link to convince a manager: DeepSeek-R1, cost against speed"),
        url="models/deepseek-v3/",
    )
    yield Question(
        id="board",
        text=_("All results on one board: sort and filter it, on a phone too"),
        url="leaderboard/",
    )
    if samples:
        yield Question(
            id="samples",
            text=_("Show me the raw samples of a figure: those of the newest result"),
            url=samples,
        )
    yield Question(id="data", text=_("All data as Parquet, CSV or JSON"), url="data/")
    yield Question(
        id="correct",
        text=_("A chip's page is wrong, or lacks something: find the chip and correct it"),
        url="chips/",
    )
