"""The probe: questions asked, graded and summed up, and places compared with a reference."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from suites.base.errors import CheckError
from suites.quality.agreement import (
    GREEDY_TOKENS,
    Reference,
    ReferencePlace,
    TokenAgreement,
    agreement,
    share_of_other_ids,
)
from suites.quality.grading import graded
from suites.quality.items import FAMILIES, items
from suites.quality.scores import QualityScore, ScoreComparison, compared, wilson

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from suites.quality.asking import Asker, Reply
    from suites.quality.items import GradedQuestion
    from suites.quality.scores import Stratum

__all__ = [
    "Probed",
    "agreement_of",
    "by_stratum",
    "check_answered",
    "next_tokens",
    "of_reference",
    "probe",
    "record",
    "token_ids",
]

# A share of questions without an answer that still says something of the model.
_MOST_FAILED = 0.02
_CANDIDATES = 10
_PART = "\ufffd"  # of a character, as servers show it
# Texts of places: the questions themselves, cut where the next token is open.
_SHORTEST, _LONGEST = 40, 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What the probe found.

    Attributes:
        seed: of the questions, in hexadecimal.
        families: score of each.
        overall: of all questions.
        failed: questions without an answer; they count as wrong.
        tokens_per_solved: output tokens of all answers by right ones; None where the server does
            not count, or nothing was right.
        strata: right answers and answers by family and level.
        comparison: with a reference's right answers; None without.
        agreement: with a reference's next tokens; None without.
    """

    seed: str
    families: Mapping[str, QualityScore]
    overall: QualityScore
    failed: int
    tokens_per_solved: float | None
    strata: Mapping[Stratum, tuple[int, int]]
    comparison: ScoreComparison | None = None
    agreement: TokenAgreement | None = None

    @property
    def verdict(self) -> str:
        """What is said of the weights: of the agreement where there is one."""
        if self.agreement:
            return self.agreement.verdict
        return self.comparison.verdict if self.comparison else "no reference"

    def to_json(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "families": {name: asdict(score) for name, score in self.families.items()},
            "overall": asdict(self.overall),
            "failed": self.failed,
            "tokens_per_solved": self.tokens_per_solved,
            "comparison": asdict(self.comparison) if self.comparison else None,
            "agreement": asdict(self.agreement) if self.agreement else None,
            "verdict": self.verdict,
        }


def probe(
    asker: Asker,
    seed: bytes,
    *,
    count: int,
    max_tokens: int,
    reference: Reference | None = None,
    done: Callable[[], None] = lambda: None,
) -> Probed:
    """Ask, grade, and compare.

    Args:
        seed: of the questions: such as the challenge of a log.
        count: of questions.
        max_tokens: of an answer.
        done: called after each request.

    Raises:
        UserError, CheckError: see `Asker.ask`; or more than 2% of the questions had no answer.
    """
    asked = items(seed, count)
    replies = asker.ask([item.prompt for item in asked], max_tokens=max_tokens, done=done)
    failed = check_answered(replies)
    rights = [
        not reply.failure and graded(item, reply.text)
        for item, reply in zip(asked, replies, strict=True)
    ]
    strata = by_stratum(asked, rights)
    right = sum(right for right, _ in strata.values())
    counts = [reply.tokens for reply in replies]
    tokens = sum(n for n in counts if n is not None) if None not in counts else None
    return Probed(
        seed=seed.hex(),
        families={name: _family(strata, name) for name in FAMILIES if _asks(strata, name)},
        overall=wilson(right, len(asked)),
        failed=failed,
        tokens_per_solved=tokens / right if tokens and right else None,
        strata=strata,
        comparison=compared(strata, of_reference(reference))
        if reference and reference.right
        else None,
        agreement=_agreement(asker, reference, done) if reference and reference.places else None,
    )


def check_answered(replies: Sequence[Reply]) -> int:
    """Return how many questions had no answer.

    Raises:
        CheckError: they are more than 2%.
    """
    failures = [reply.failure for reply in replies if reply.failure]
    if len(failures) > _MOST_FAILED * len(replies):
        raise CheckError(
            f"{len(failures)} of {len(replies)} questions had no answer: {failures[0]}",
            where="quality",
            expected=f"at most {_MOST_FAILED:.0%}",
        )
    return len(failures)


def by_stratum(
    asked: Sequence[GradedQuestion], rights: Sequence[bool]
) -> dict[Stratum, tuple[int, int]]:
    """Count right answers and answers by family and level."""
    counts: defaultdict[Stratum, list[int]] = defaultdict(lambda: [0, 0])
    for item, right in zip(asked, rights, strict=True):
        count = counts[item.family, item.level]
        count[0] += right
        count[1] += 1
    return {key: (right, n) for key, (right, n) in sorted(counts.items())}


def _asks(strata: Mapping[Stratum, tuple[int, int]], family: str) -> bool:
    return any(name == family for name, _ in strata)


def _family(strata: Mapping[Stratum, tuple[int, int]], family: str) -> QualityScore:
    own = [counts for (name, _), counts in strata.items() if name == family]
    return wilson(sum(right for right, _ in own), sum(n for _, n in own))


def of_reference(reference: Reference) -> dict[Stratum, tuple[int, int]]:
    """Right answers and answers of a reference, by family and level."""
    strata = {}
    for key, counts in reference.right.items():
        family, _, level = key.partition("/")
        if family in FAMILIES and level.isdecimal():
            strata[family, int(level)] = counts
    return strata


def _agreement(asker: Asker, reference: Reference, done: Callable[[], None]) -> TokenAgreement:
    told = next_tokens(asker, reference, done)
    return agreement_of(
        reference,
        [reply.logprobs or {} for reply in told],
        [reply.greedy for reply in told],
        token_ids(told),
    )


def agreement_of(
    reference: Reference,
    logprobs: Sequence[Mapping[str, float]],
    greedy: Sequence[Sequence[str]],
    ids: Mapping[str, int],
) -> TokenAgreement:
    """Compare what a server told with a reference, place by place.

    Args:
        logprobs: of the likeliest next tokens; greedy: texts of the tokens that follow.
        ids: of tokens by their text, as far as the server tells them.

    Raises:
        ValueError: see `suites.quality.agreement.agreement`; or places are missing.
    """
    continuations = [
        (place.greedy, told)
        for place, told in zip(reference.places, greedy, strict=True)
        if place.greedy and told
    ]
    return agreement(
        [place.logprobs for place in reference.places],
        logprobs,
        continuations=continuations,
        other_ids=share_of_other_ids(reference.ids, ids),
    )


def next_tokens(
    asker: Asker, reference: Reference, done: Callable[[], None] = lambda: None
) -> list[Reply]:
    """Ask for the likeliest next tokens at a reference's places, and for those that follow.

    Raises:
        UserError: see `Asker.ask`.
        CheckError: likewise; or the server gives no log-probabilities.
    """
    told = asker.ask(
        [place.text for place in reference.places],
        max_tokens=GREEDY_TOKENS,
        logprobs=_CANDIDATES,
        done=done,
    )
    missing = [reply.failure or "no log-probabilities" for reply in told if not reply.logprobs]
    if missing:
        raise CheckError(
            missing[0],
            where="--reference",
            expected="a server that gives log-probabilities (logprobs)",
        )
    return told


def token_ids(told: Sequence[Reply]) -> dict[str, int]:
    """Gather ids by text; texts that stand for several tokens are left out."""
    by_text: defaultdict[str, set[int]] = defaultdict(set)
    for reply in told:
        for text, number in reply.ids.items():
            if text and _PART not in text:
                by_text[text].add(number)
    return {text: ids.pop() for text, ids in sorted(by_text.items()) if len(ids) == 1}


def record(
    asker: Asker,
    seed: bytes,
    *,
    model: str,
    weights: str,
    count: int,
    places: int,
    max_tokens: int,
    done: Callable[[], None] = lambda: None,
) -> Reference:
    """Make a reference of what trusted weights answer.

    Args:
        weights: who says that they are, or a digest of them.
        count, places: of questions, and of places for agreement; none where the server gives no
            log-probabilities.

    Raises:
        UserError, CheckError: see `probe`.
    """
    probed = probe(asker, seed, count=count, max_tokens=max_tokens, done=done)
    texts = _texts(seed, places)
    replies = (
        asker.ask(texts, max_tokens=GREEDY_TOKENS, logprobs=_CANDIDATES, done=done) if texts else []
    )
    kept = [
        ReferencePlace(
            text=text,
            logprobs={token: min(logprob, 0.0) for token, logprob in reply.logprobs.items()},
            greedy=list(reply.greedy),
        )
        for text, reply in zip(texts, replies, strict=True)
        if reply.logprobs
    ]
    return Reference(
        format=1,
        model=model,
        weights=weights,
        seed=seed.hex(),
        right={f"{family}/{level}": counts for (family, level), counts in probed.strata.items()},
        places=kept,
        ids=token_ids(replies),
    )


def _texts(seed: bytes, count: int) -> list[str]:
    """Cut questions of another seed where a word ends."""
    random = Random(b"places" + seed)
    texts = []
    for item in items(b"places" + seed, count):
        text = item.prompt[:_LONGEST]
        ends = [at for at, sign in enumerate(text) if sign == " " and at >= _SHORTEST]
        texts.append(text[: random.choice(ends)] if ends else text)
    return texts
