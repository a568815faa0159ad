"""Whether an endpoint serves the weights that a reference was made of: token by token. Pure.

A reference holds places in texts, and the likeliest next tokens of trusted weights at each. What
an endpoint gives at the same places is compared: how often the likeliest token is the same, and
the divergence of the two distributions (Kullback and Leibler 1951).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import takewhile
from random import Random
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from suites.base.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "GREEDY_TOKENS",
    "Reference",
    "ReferencePlace",
    "TokenAgreement",
    "agreement",
    "divergence",
    "share_of_other_ids",
]

# Mean divergence in nats per token. Rounding by another batch or thread count stays far below the
# first; of llama.cpp's quantizations of an 8B model (its own table: Q8_0 0.0014, Q4_K_M 0.031,
# Q3_K_M 0.089, Q2_K 0.44) those of four bits and more stay below the second.
SAME_NATS, QUANTIZED_NATS = 0.0005, 0.06
# Where a quantization changes the likeliest token more often than this it is another model.
_SAME_TOP, _QUANTIZED_TOP = 0.98, 0.85
# Tokens of a greedy continuation.
GREEDY_TOKENS = 16
# A share of tokens that bear other ids, and of how many: a few texts stand for several tokens.
_OTHER_IDS, _LEAST_SHARED = 0.05, 10
_LEAST = 1e-9  # of a token that the other side does not tell
_RESAMPLES = 1000
TokenVerdict = Literal["same", "same within quantization", "different", "undecided"]


class ReferencePlace(StrictModel):
    """A text and what comes next.

    Attributes:
        text: what the model reads.
        logprobs: natural logarithms of the likeliest tokens' probabilities, by their text.
        greedy: texts of the tokens that greedy decoding goes on with; empty where not told.
    """

    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    logprobs: Annotated[
        dict[Annotated[str, Field(max_length=200)], Annotated[float, Field(le=1e-3, ge=-200)]],
        Field(min_length=1, max_length=100),
    ]
    greedy: Annotated[
        list[Annotated[str, Field(max_length=200)]], Field(max_length=GREEDY_TOKENS)
    ] = []


class Reference(StrictModel):
    """What trusted weights say.

    Attributes:
        format: of the file.
        model: what was served.
        weights: who says so, or a digest of them.
        seed: of the questions behind `right`, in hexadecimal.
        right: right answers and answers of each "family/level".
        places: for `agreement`.
        ids: of tokens by their text, as far as the server told them.
    """

    format: Literal[1]
    model: Annotated[str, Field(min_length=1, max_length=300)]
    weights: Annotated[str, Field(max_length=300)] = ""
    seed: Annotated[str, Field(pattern=r"^[0-9a-f]{2,128}$")]
    right: dict[Annotated[str, Field(max_length=60)], tuple[int, int]]
    places: Annotated[list[ReferencePlace], Field(max_length=5000)] = []
    ids: Annotated[
        dict[Annotated[str, Field(max_length=200)], Annotated[int, Field(ge=0, lt=2**32)]],
        Field(max_length=200_000),
    ] = {}

    def to_bytes(self) -> bytes:
        """Return its file."""
        return self.model_dump_json(indent=1).encode() + b"\n"

    def in_words(self) -> str:
        """Say what it holds, in a line."""
        right, asked = (sum(counts[at] for counts in self.right.values()) for at in (0, 1))
        return f"{right} of {asked} right, {len(self.places)} places, {len(self.ids)} token ids"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAgreement:
    """How an endpoint's next tokens agree with a reference's.

    Attributes:
        top: share of places whose likeliest token is the same, with its 95% interval.
        nats: mean divergence per token from the reference, with its 95% interval.
        prefix: mean tokens of the greedy continuation before the first that differs, with its 95%
            interval; None where either side does not tell them.
        prefix_of: mean tokens of the reference's continuations, `GREEDY_TOKENS` at most.
        other_ids: see `share_of_other_ids`.
    """

    top: float
    top_low: float
    top_high: float
    nats: float
    nats_low: float
    nats_high: float
    n: int
    verdict: TokenVerdict
    prefix: float | None = None
    prefix_low: float | None = None
    prefix_high: float | None = None
    prefix_of: float | None = None
    other_ids: float | None = None


def agreement(
    reference: Sequence[Mapping[str, float]],
    told: Sequence[Mapping[str, float]],
    *,
    continuations: Sequence[tuple[Sequence[str], Sequence[str]]] = (),
    other_ids: float | None = None,
) -> TokenAgreement:
    """Compare the next tokens at the same places.

    Args:
        continuations: texts of greedy tokens, of the reference and told; where both tell them.
        other_ids: see `share_of_other_ids`; another vocabulary is another model.

    Intervals by a bootstrap over places (Efron 1979), seeded, so that two readers get the same.

    Raises:
        ValueError: there is no place, or one without candidates.
    """
    if not reference or len(reference) != len(told) or not all(told):
        raise ValueError("candidates are needed at every place")
    pairs = list(zip(reference, told, strict=True))
    tops = [float(_top(trusted) == _top(given)) for trusted, given in pairs]
    nats = [divergence(trusted, given) for trusted, given in pairs]
    top_low, top_high = _resampled(tops)
    nats_low, nats_high = _resampled(nats)
    prefixes = [_prefix(trusted, given) for trusted, given in continuations]
    prefix_low, prefix_high = _resampled(prefixes) if prefixes else (None, None)
    return TokenAgreement(
        top=_mean(tops),
        top_low=top_low,
        top_high=top_high,
        nats=_mean(nats),
        nats_low=nats_low,
        nats_high=nats_high,
        n=len(pairs),
        verdict="different"
        if (other_ids or 0) > _OTHER_IDS
        else _verdict(top_low, top_high, nats_low, nats_high),
        prefix=_mean(prefixes) if prefixes else None,
        prefix_low=prefix_low,
        prefix_high=prefix_high,
        prefix_of=_mean([len(trusted) for trusted, _ in continuations]) if prefixes else None,
        other_ids=other_ids,
    )


def _prefix(reference: Sequence[str], told: Sequence[str]) -> int:
    """Count the tokens of two continuations before the first that differs."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(reference, told, strict=False))
    return sum(1 for _ in same)


def share_of_other_ids(reference: Mapping[str, int], told: Mapping[str, int]) -> float | None:
    """Return which share of the tokens told by both bears another id; None of fewer than ten."""
    shared = reference.keys() & told.keys()
    if len(shared) < _LEAST_SHARED:
        return None
    return sum(reference[text] != told[text] for text in shared) / len(shared)


def _resampled(values: Sequence[float]) -> tuple[float, float]:
    """Ends of the 95% interval of a mean; of places as often and in the same order each time."""
    random = Random(0)
    return _ends([_mean(random.choices(values, k=len(values))) for _ in range(_RESAMPLES)])


def _verdict(top_low: float, top_high: float, nats_low: float, nats_high: float) -> TokenVerdict:
    if nats_low > QUANTIZED_NATS or top_high < _QUANTIZED_TOP:
        return "different"
    if nats_high < SAME_NATS and top_low >= _SAME_TOP:
        return "same"
    if nats_high < QUANTIZED_NATS and top_low >= _QUANTIZED_TOP:
        return "same within quantization"
    return "undecided"


def divergence(reference: Mapping[str, float], told: Mapping[str, float]) -> float:
    """Return the divergence in nats over the reference's candidates and one for all the others.

    Σ p·ln(p ÷ q); candidates that the other side does not tell share what it left over, and are no
    likelier than the least of those it tells: a tie at the last place makes no divergence.
    """
    unknown = [token for token in reference if token not in told]
    share = _left_over(told.values()) / (len(unknown) + 1)
    share = max(min(share, math.exp(min(told.values()))), _LEAST)
    shares = {token: math.exp(told[token]) if token in told else share for token in reference}
    total = sum(
        math.exp(logprob) * (logprob - math.log(max(shares[token], _LEAST)))
        for token, logprob in reference.items()
    )
    others = _left_over(reference.values())
    if others > 0:
        total += others * (math.log(others) - math.log(max(1 - sum(shares.values()), _LEAST)))
    return max(0.0, total)


def _left_over(logprobs: Iterable[float]) -> float:
    return max(0.0, 1.0 - math.fsum(map(math.exp, logprobs)))


def _top(logprobs: Mapping[str, float]) -> str:
    return max(logprobs.items(), key=lambda item: (item[1], item[0]))[0]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _ends(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    at = round(0.025 * (len(ordered) - 1))
    return ordered[at], ordered[-1 - at]
