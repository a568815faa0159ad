"""How long a person reads, or a tool works, before a conversation's next turn."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from suites.base.errors import UserError

if TYPE_CHECKING:
    import random

__all__ = ["Think", "read_think"]

PauseKind = Literal["fixed", "exponential", "uniform", "lognormal"]
_TEXT = re.compile(r"(?:([a-z]+):)?([\d.]+)(?:[:-]([\d.]+))?", re.ASCII)
_MOST_S = 86_400.0
_MOST_SIGMA = 4.0
_EXPECTED = "seconds such as 5, exponential:5, uniform:2-8 or lognormal:5:1.2 (median, sigma)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Think:
    """A distribution of pauses.

    Attributes:
        kind: "fixed" and "exponential" have the mean `a`, "uniform" lies from `a` to `b`,
            "lognormal" has the median `a` and the deviation `b` of its logarithm.
        a, b: in seconds; `b` of "lognormal" has no unit.
    """

    kind: PauseKind
    a: float
    b: float = 0.0

    def draw_s(self, draw: random.Random) -> float:
        """One pause in seconds, a day at most."""
        match self.kind:
            case "fixed":
                pause_s = self.a
            case "exponential":
                pause_s = draw.expovariate(1 / self.a)
            case "uniform":
                pause_s = draw.uniform(self.a, self.b)
            case "lognormal":
                pause_s = draw.lognormvariate(math.log(self.a), self.b)
        return min(pause_s, _MOST_S)

    @property
    def mean_s(self) -> float:
        """The mean pause."""
        if self.kind == "uniform":
            return (self.a + self.b) / 2
        return self.a * math.exp(self.b**2 / 2)  # b is 0 but for "lognormal"

    @property
    def text(self) -> str:
        """As `read_think` takes it, and as labels say it."""
        separator = "-" if self.kind == "uniform" else ":"
        return f"{self.kind}:{self.a:g}" + f"{separator}{self.b:g}" * bool(self.b)


def read_think(text: str) -> Think:
    """Read "5", "exponential:5", "uniform:2-8" or "lognormal:5:1.2".

    Raises:
        UserError: it is none of these, or out of bounds.
    """
    wrong = UserError(f"{text[:40]!r} is not a think time", where="think_time", expected=_EXPECTED)
    match = _TEXT.fullmatch(text)
    if not match:
        raise wrong
    try:
        kind, a, b = match[1] or "fixed", float(match[2]), float(match[3] or 0)
    except ValueError:
        raise wrong from None
    known = kind in get_args(PauseKind) and (kind in {"uniform", "lognormal"}) == bool(match[3])
    bounds = a < b <= _MOST_S if kind == "uniform" else 0 < a <= _MOST_S and b <= _MOST_SIGMA
    if not known or not bounds:
        raise wrong
    return Think(kind=kind, a=a, b=b)  # type: ignore[arg-type] # just looked at
