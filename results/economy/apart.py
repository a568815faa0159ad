"""Input, cached and output tokens priced apart, and blended again for a mix. Pure.

A serving row's rent is all borne by its output tokens. Apart, each kind bears its share of it: by
the time a token took in the prefill and decode windows of the same result, or else by a stated
split. What a request costs stays what it was.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results.economy.economics import Measured

__all__ = ["STATED", "Apart", "Kinds", "apart", "blended", "read_kinds"]

_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinds:
    """An amount of each kind of token: how many in a mix, or what one costs beside the others."""

    input: float
    cached: float
    output: float

    @property
    def label(self) -> str:
        """As a reader writes it."""
        return f"{self.input:g}:{self.cached:g}:{self.output:g}"


# An assumption, named wherever it is used: an output token as dear as four of input, a cached one a
# tenth of one of input.
STATED = Kinds(input=1.0, cached=0.1, output=4.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """USD per million tokens of each kind.

    Attributes:
        input_usd, output_usd: None where nothing says how the cost is shared.
        cached_usd: of input the engine had read before: by the stated split, beside `input_usd`.
        by: what shared the cost: the windows, or the stated split.
    """

    input_usd: float | None
    cached_usd: float | None
    output_usd: float | None
    by: str


def read_kinds(text: str, where: str) -> Kinds:
    """Read "3:1", input to output, or "3:1:1" with cached input between them.

    Args:
        where: flag, for the message.

    Raises:
        UserError: it is neither, or all of it is zero.
    """
    parts = text.split(":")
    if not all(map(_NUMBER.fullmatch, parts)) or len(parts) not in {2, 3}:
        raise UserError(
            f"{text[:40]!r} is none",
            where=where,
            expected="input:output such as 3:1, or input:cached:output such as 3:6:1",
        )
    first, *middle, last = map(float, parts)
    if not first + sum(middle) + last > 0:
        raise UserError(f"{text!r} has no tokens", where=where, expected="a part above zero")
    return Kinds(input=first, cached=sum(middle), output=last)


def apart(rate: Measured, usd: float, rows: Sequence[Measured], stated: Kinds = STATED) -> Apart:
    """Share the cost of the tokens a rate counts among all kinds of token it took.

    Args:
        rate: a prefill, decode or output throughput.
        usd: cost per million of the tokens it counts.
        rows: of the same result.
        stated: what a token of each kind costs beside the others, where no window says.

    Returns:
        prices with which a request costs what it did.
    """
    prefill, decode = _windows(rate, rows)
    cached = stated.cached / stated.input if stated.input else 0.0
    if rate.metric != "output_throughput":
        return _of_phase(rate, usd, prefill, decode, cached)
    isl, osl = (_label(rate, name) for name in ("isl", "osl"))
    if not isl or not osl:
        return Apart(input_usd=None, cached_usd=None, output_usd=usd, by="output tokens bear all")
    if prefill and decode:
        each = Kinds(
            input=1 / prefill.value, cached=cached / prefill.value, output=1 / decode.value
        )
        by = f"time of {prefill.case} and {decode.case}"
    else:
        each, by = stated, f"stated split {stated.label}"
    share = _share_cached(rate, rows)
    weight = isl * ((1 - share) * each.input + share * each.cached) + osl * each.output
    per_weight = usd * osl / weight if weight else 0.0
    return Apart(
        input_usd=each.input * per_weight,
        cached_usd=each.cached * per_weight,
        output_usd=each.output * per_weight,
        by=by,
    )


def blended(prices: Apart, mix: Kinds) -> float | None:
    """USD per million tokens of a mix; None where a kind that is in it has no price."""
    parts = (
        (prices.input_usd, mix.input),
        (prices.cached_usd, mix.cached),
        (prices.output_usd, mix.output),
    )
    if any(usd is None for usd, tokens in parts if tokens):
        return None
    whole = sum(tokens for _, tokens in parts)
    return sum((usd or 0.0) * tokens for usd, tokens in parts) / whole


def _of_phase(
    rate: Measured, usd: float, prefill: Measured | None, decode: Measured | None, cached: float
) -> Apart:
    """One phase alone: the other kind takes the same machine for the time of its own window."""
    is_input = rate.metric == "prefill_throughput"
    other = decode if is_input else prefill
    beside = usd * rate.value / other.value if other else None
    input_usd, output_usd = (usd, beside) if is_input else (beside, usd)
    return Apart(
        input_usd=input_usd,
        cached_usd=None if input_usd is None else input_usd * cached,
        output_usd=output_usd,
        by=f"time of {rate.case}{f' and {other.case}' if other else ''}",
    )


def _windows(rate: Measured, rows: Sequence[Measured]) -> tuple[Measured | None, Measured | None]:
    """Find the prefill of the nearest prompt and the decode of the nearest batch.

    Both are got as the rate was: measured figures are shared by measured ones.
    """
    of_inference = [
        row
        for row in rows
        if (row.suite, row.method) == ("inference", rate.method)
        and row.value > 0
        and row.labels.get("valid", True)
    ]
    return (
        _nearest(of_inference, "prefill_throughput", "isl", _label(rate, "isl")),
        _nearest(of_inference, "decode_throughput", "batch", _label(rate, "concurrency")),
    )


def _nearest(rows: Sequence[Measured], metric: str, label: str, wanted: float) -> Measured | None:
    """Find the rate whose label is nearest in ratio; the fastest where nothing is asked."""
    found = [row for row in rows if row.metric == metric]

    def distance(row: Measured) -> tuple[float, float]:
        own = _label(row, label)
        return (abs(math.log(own / wanted)) if own and wanted else 0.0, -row.value)

    return min(found, key=distance, default=None)


def _label(row: Measured, name: str) -> float:
    """A positive number of a label; 0 where there is none."""
    value = row.labels.get(name)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return 0.0
    return float(value) if 0 < value < math.inf else 0.0


def _share_cached(rate: Measured, rows: Sequence[Measured]) -> float:
    """Share of the input that the engine says it had read before."""
    said = (
        _label(row, "share_of_input")
        for row in rows
        if (row.suite, row.case, row.metric) == (rate.suite, rate.case, "cached_tokens")
    )
    return min(1.0, next(said, 0.0))
