"""Which results stand for a model at full width, and who is barred for not answering as well. Pure.

Results of one model that were asked on the same terms are compared with those of them at full width
whose own answers are not worse than the others'.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from results.agreement.quality import is_full_width, pooled, standing, without
from suites.models.names import known_as

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from results.agreement.quality import QualityAnswers, QualityStanding
    from results.economy.economics import Span
    from suites.quality.scores import Stratum

__all__ = ["Answering", "References", "references", "standings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """What is known of the weights behind one result.

    Attributes:
        model, precision: as the engine names them.
        weights: "real", "random" or "unknown".
        asked: what it answered; None where it was asked nothing, or oddly.
        solved_tokens: tokens of a right answer; None where unknown.
    """

    digest: str
    model: str
    precision: str
    weights: str
    asked: QualityAnswers | None
    solved_tokens: Span | None = None

    @property
    def full_width(self) -> bool:
        return is_full_width(self.model, self.precision)

    @property
    def alike(self) -> tuple[object, ...]:
        """Results of one model that were asked on one set of terms."""
        return (known_as(self.model) or self.model, self.asked.terms if self.asked else None)

    def barred(self, stands: QualityStanding) -> bool:
        """Whether it may not rank; random weights answer nothing, and say so."""
        return self.weights != "random" and not stands.ranks


@dataclass(frozen=True, slots=True)
class References:
    """Sound results at full width that are alike, and their answers together."""

    results: Sequence[Answering]
    digests: AbstractSet[str]
    strata: Mapping[Stratum, tuple[int, int]]

    @classmethod
    def of(cls, results: Sequence[Answering]) -> References:
        """Put results together."""
        strata = pooled(result.asked for result in results if result.asked)
        return cls(results, {result.digest for result in results}, strata)

    def standing(self, own: Answering) -> QualityStanding:
        """Hold a result against the others."""
        among = own.digest in self.digests
        others = without(self.strata, own.asked) if among and own.asked else self.strata
        # One at full width that is left out is worse than those that stand.
        full_width = among or (own.full_width and not self.digests)
        return standing(own.asked, others, full_width=full_width)

    @property
    def tokens(self) -> Span | None:
        """Tokens of a right answer: those of the result that is surest of them."""
        known = [result.solved_tokens for result in self.results if result.solved_tokens]
        return min(known, key=lambda span: (span.high or math.inf) / span.value, default=None)


_NONE = References((), frozenset(), {})


def references(
    results: Iterable[Answering], sound: AbstractSet[str]
) -> Mapping[tuple[object, ...], References]:
    """Results at full width that others are compared with; none that is worse than the rest.

    Args:
        sound: digests of those that nothing else speaks against.
    """
    groups: defaultdict[tuple[object, ...], list[Answering]] = defaultdict(list)
    for result in results:
        real = result.weights != "random"
        if real and result.full_width and result.asked and result.digest in sound:
            groups[result.alike].append(result)
    return {alike: _those_that_stand(group) for alike, group in groups.items()}


def _those_that_stand(group: Sequence[Answering]) -> References:
    together = References.of(group)
    return References.of([result for result in group if together.standing(result).ranks])


def standings(
    results: Iterable[Answering], among: Mapping[tuple[object, ...], References]
) -> dict[str, QualityStanding]:
    """How each result stands, by digest."""
    return {result.digest: among.get(result.alike, _NONE).standing(result) for result in results}
