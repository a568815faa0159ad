"""What a check is given, what it is, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from random import Random

    from results.statement import Measurement, Statement

__all__ = [
    "TOLERANCE",
    "Context",
    "Finding",
    "Nonce",
    "Outcome",
    "Rule",
    "label_number",
    "label_tokens",
    "place_of",
]

Outcome = Literal["accepted", "flagged", "refused"]
Nonce = Literal["issued", "unknown", "used", "expired"]

# A chip may boost a little above its stated clock, and power caps are held on average only.
TOLERANCE = 1.10
# Longest context any model of the catalogue states, with room for ten times more.
_MOST_TOKENS = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a statement is held against besides itself.

    Attributes:
        now: UTC; None where the time of checking says nothing (an archive of old results).
        nonce: what became of the challenge it names; None where nobody can tell.
        samples: digests of raw samples already known, and the result that brought them.
        choose: picks the kernel outputs to compute again; None where none shall be.
        claims: what the certificate of a keyless signature says of the job that signed.
    """

    now: datetime | None = None
    nonce: Nonce | None = None
    samples: Mapping[str, str] = field(default_factory=dict)
    choose: Random | None = None
    claims: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a rule has against a statement.

    Attributes:
        rule: its name.
        outcome: "flagged" or "refused".
        where: field of the predicate, or the case and metric.
        reason: one line for people, with both figures.
    """

    rule: str
    outcome: Outcome
    where: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """Return the four fields."""
        return {
            "rule": self.rule,
            "outcome": self.outcome,
            "where": self.where,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A named check.

    Attributes:
        outcome: of what it finds.
        source: why the rule holds.
        find: yields where and reason.
    """

    name: str
    outcome: Outcome
    source: str
    find: Callable[[Statement, Context], Iterator[tuple[str, str]]]


def label_number(item: Measurement, label: str) -> float | None:
    """A label as a number; labels are the runner's own, so it may be anything."""
    found = item.labels.get(label)
    return None if isinstance(found, str | bool | None) else float(found)


def label_tokens(item: Measurement, label: str) -> int | None:
    """A label as a number of tokens that a model could hold."""
    found = label_number(item, label)
    return int(found) if found is not None and 1 <= found <= _MOST_TOKENS else None


def place_of(item: Measurement) -> str:
    return f"{item.case} {item.metric}"
