"""Input, cached and output tokens apart, and blended again for a mix. Pure.

A serving row's rent and energy are all borne by its output tokens. Apart, each kind bears its
share: of the rent by the time a token took in the prefill and decode windows of the same result, of
the energy by the joules it took there where a meter saw both; or else by a stated split. What a
request takes stays what it was.
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

__all__ = ["STATED", "Apart", "Kinds", "apart", "blended", "energy_apart", "read_kinds"]

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
    """What a million tokens of each kind take: USD, or kWh.

    Attributes:
        input, output: None where nothing says how the whole is shared.
        cached: of input the engine had read before: by the stated split, beside `input`.
        by: what shared the whole: the windows, or the stated split.
    """

    input: float | None
    cached: float | None
    output: float | None
    by: str

    def plus(self, other: Apart) -> Apart:
        """Add two parts of one whole; a kind that one of them does not know stays unknown."""
        return Apart(
            input=_sum(self.input, other.input),
            cached=_sum(self.cached, other.cached),
            output=_sum(self.output, other.output),
            by=self.by if self.by == other.by else f"{self.by}; {other.by}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Windows:
    """What a token takes in the windows: seconds, or joules; None where there is no such window."""

    input: float | None
    output: float | None
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
    """Share the rent of the tokens a rate counts among all kinds of token it took.

    Args:
        rate: a prefill, decode or output throughput.
        usd: cost per million of the tokens it counts.
        rows: of the same result.
        stated: what a token of each kind costs beside the others, where no window says.

    Returns:
        prices with which a request costs what it did.
    """
    return _shared(rate, usd, rows, _seconds(*_windows(rate, rows)), stated)


def energy_apart(
    rate: Measured, energy: float, rows: Sequence[Measured], stated: Kinds = STATED
) -> Apart:
    """Share energy, or its price, likewise: by joules where a meter saw both windows.

    Args:
        energy: kWh, or USD for them, per million of the tokens the rate counts.
    """
    prefill, decode = _windows(rate, rows)
    each = _joules(prefill, decode, rows) or _seconds(prefill, decode)
    return _shared(rate, energy, rows, each, stated)


def blended(prices: Apart, mix: Kinds) -> float | None:
    """USD per million tokens of a mix; None where a kind that is in it has no price."""
    parts = (
        (prices.input, mix.input),
        (prices.cached, mix.cached),
        (prices.output, mix.output),
    )
    if any(usd is None for usd, tokens in parts if tokens):
        return None
    whole = sum(tokens for _, tokens in parts)
    return sum((usd or 0.0) * tokens for usd, tokens in parts) / whole


def _shared(
    rate: Measured, whole: float, rows: Sequence[Measured], each: _Windows, stated: Kinds
) -> Apart:
    cached = stated.cached / stated.input if stated.input else 0.0
    if rate.metric != "output_throughput":
        return _of_phase(rate, whole, each, cached)
    isl, osl = (_label(rate, name) for name in ("isl", "osl"))
    if not isl or not osl:
        return Apart(input=None, cached=None, output=whole, by="output tokens bear all")
    by = each.by
    if each.input and each.output:
        kinds = Kinds(input=each.input, cached=cached * each.input, output=each.output)
    else:
        kinds, by = stated, f"stated split {stated.label}"
    share = _share_cached(rate, rows)
    weight = isl * ((1 - share) * kinds.input + share * kinds.cached) + osl * kinds.output
    per_weight = whole * osl / weight if weight else 0.0
    return Apart(
        input=kinds.input * per_weight,
        cached=kinds.cached * per_weight,
        output=kinds.output * per_weight,
        by=by,
    )


def _of_phase(rate: Measured, whole: float, each: _Windows, cached: float) -> Apart:
    """One phase alone: a token of the other kind takes what it took in its own window."""
    is_input = rate.metric == "prefill_throughput"
    own, other = (each.input, each.output) if is_input else (each.output, each.input)
    beside = whole * other / own if own and other else None
    input_, output = (whole, beside) if is_input else (beside, whole)
    return Apart(
        input=input_,
        cached=None if input_ is None else input_ * cached,
        output=output,
        by=each.by,
    )


def _windows(rate: Measured, rows: Sequence[Measured]) -> tuple[Measured | None, Measured | None]:
    """Find the prefill of the nearest prompt and the decode of the nearest batch; a phase its own.

    Both are got as the rate was: measured figures are shared by measured ones.
    """
    of_inference = [
        row
        for row in rows
        if (row.suite, row.method) == ("inference", rate.method)
        and row.value > 0
        and row.labels.get("valid", True)
    ]
    prefill = _nearest(of_inference, "prefill_throughput", "isl", _label(rate, "isl"))
    decode = _nearest(of_inference, "decode_throughput", "batch", _label(rate, "concurrency"))
    return (
        rate if rate.metric == "prefill_throughput" else prefill,
        rate if rate.metric == "decode_throughput" else decode,
    )


def _seconds(prefill: Measured | None, decode: Measured | None) -> _Windows:
    cases = [row.case for row in (prefill, decode) if row]
    return _Windows(
        input=1 / prefill.value if prefill else None,
        output=1 / decode.value if decode else None,
        by=f"time of {' and '.join(cases)}",
    )


def _joules(
    prefill: Measured | None, decode: Measured | None, rows: Sequence[Measured]
) -> _Windows | None:
    """Joules of a token in each window; None where no meter saw one of them."""
    if not prefill or not decode:
        return None
    metered = {
        (row.suite, row.case, row.metric): row.value
        for row in reversed(rows)  # of several meters the first is that of all chips
        if row.method == "measured" and row.value > 0
    }
    each = (
        metered.get((prefill.suite, prefill.case, "energy_per_input_token")),
        metered.get((decode.suite, decode.case, "energy_per_output_token")),
    )
    if None in each:
        return None
    return _Windows(input=each[0], output=each[1], by=f"energy of {prefill.case} and {decode.case}")


def _sum(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b


def _nearest(rows: Sequence[Measured], metric: str, label: str, wanted: float) -> Measured | None:
    """Find the rate whose label is nearest in ratio; the fastest where nothing is asked."""
    candidates = [row for row in rows if row.metric == metric]

    def distance(row: Measured) -> tuple[float, float]:
        own = _label(row, label)
        return (abs(math.log(own / wanted)) if own and wanted else 0.0, -row.value)

    return min(candidates, key=distance, default=None)


def _label(row: Measured, name: str) -> float:
    """A positive number of a label; 0 where there is none."""
    value = row.labels.get(name)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return 0.0
    return float(value) if 0 < value < math.inf else 0.0


def _share_cached(rate: Measured, rows: Sequence[Measured]) -> float:
    """Share of the input that the engine says it had read before."""
    shares = (
        _label(row, "share_of_input")
        for row in rows
        if (row.suite, row.case, row.metric) == (rate.suite, rate.case, "cached_tokens")
    )
    return min(1.0, next(shares, 0.0))
