"""A mix of adapters: which of a server's models each request names."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["cycle_of", "mix_text", "read_mix"]

# Requests after which the mix comes round: each share is met to this part in every round.
_ROUND = 1024
_MOST = 256
_NAME = re.compile(r"[A-Za-z0-9][\w./@+-]{0,127}", re.ASCII)
_EXPECTED = "names with weights, such as sql:3,chat:1"
Mix = tuple[tuple[str, float], ...]


def read_mix(words: Sequence[str]) -> Mix:
    """Read names with weights, "sql:3"; a name alone weighs 1.

    Returns:
        Names with their shares, which add up to 1, the largest first.

    Raises:
        UserError: a name or a weight that is none, a name twice, or too many.
    """
    weights: dict[str, float] = {}
    for word in words:
        name, _, weight = word.rpartition(":") if ":" in word else (word, ":", "1")
        try:
            value = float(weight)
        except ValueError:
            value = 0.0
        if not _NAME.fullmatch(name) or not 0 < value <= 1e6 or name in weights:
            raise UserError(f"{word[:80]!r} will not do", where="lora_mix", expected=_EXPECTED)
        weights[name] = value
    if not 1 <= len(weights) <= _MOST:
        raise UserError(
            f"{len(weights)} adapters", where="lora_mix", expected=f"1 to {_MOST} of them"
        )
    total = sum(weights.values())
    ranked = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple((name, weight / total) for name, weight in ranked)


def cycle_of(mix: Mix) -> tuple[str, ...]:
    """Names of one request after another, over and over: shares as exact as a round can have them.

    The order is shuffled, and the same in all runs, so that these compare.
    """
    owed = [(share * _ROUND) for _, share in mix]
    counts = [max(1, int(count)) for count in owed]
    # What rounding left over goes to those it took most from.
    by_rest = sorted(range(len(mix)), key=lambda place: counts[place] - owed[place])
    for place in by_rest[: max(0, _ROUND - sum(counts))]:
        counts[place] += 1
    names = [name for (name, _), count in zip(mix, counts, strict=True) for _ in range(count)]
    random.Random(0).shuffle(names)
    return tuple(names)


def mix_text(mix: Mix) -> str:
    """Say the shares in one line; a long one ends with how many more there are."""
    shares = [f"{name}:{share:.4g}" for name, share in mix]
    for kept in range(len(shares), 0, -1):
        more = f", and {len(shares) - kept} more" if kept < len(shares) else ""
        text = ", ".join(shares[:kept]) + more
        if len(text) <= 240:
            return text
    return f"{len(shares)} adapters"
