"""Questions hidden among a load's requests: which requests are one, and what each asks. Pure.

A server may answer questions well that come one by one, and serve something cheaper under load.
So a share of the load's requests are questions, in the load's own words and fields; the same kind
of question was asked before, at rest, and the answers are compared.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from suites.base.errors import UserError
from suites.quality.grading import graded
from suites.quality.items import FAMILIES, GradedQuestion

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = [
    "LEAST_ROOM",
    "MOST_ANSWERS",
    "MOST_REQUESTS",
    "Hidden",
    "is_right",
    "overlooked",
    "seed_of",
]

# Questions that are short, whose answer is a line of a few tokens.
_FAMILIES = ("arithmetic", "algebra", "strings", "lists", "trace", "translation")
_LEVELS = 3
_DRAWS = 1000
# Every draw of some family fits into so many bytes.
LEAST_ROOM = 150
# Of a whole run, kept as evidence: answers, and requests among which they are looked for. They
# are graded again in seconds.
MOST_ANSWERS, MOST_REQUESTS = 20_000, 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """Which requests of a load are questions.

    Attributes:
        seed: of the choice and of the questions.
        share: of the requests, above 0.
        room: bytes of a prompt, as JSON has it, that a question may take.
    """

    seed: str
    share: float
    room: int

    def hides(self, number: int) -> bool:
        """Whether request `number` of the load is a question."""
        drawn = hashlib.sha256(f"{self.seed}/{number}".encode()).digest()[:8]
        return int.from_bytes(drawn, "big") < self.share * 2**64

    def question(self, number: int) -> GradedQuestion:
        """Make the question of a request.

        Raises:
            UserError: there is no room for any.
        """
        random = Random(f"{self.seed}/{number}")
        for _ in range(_DRAWS):
            family, level = random.choice(_FAMILIES), random.randrange(_LEVELS)
            prompt, expected, grade = FAMILIES[family](random, level)
            item = GradedQuestion(
                family=family, level=level, prompt=prompt, expected=expected, grade=grade
            )
            if len(_in_json(item)) <= self.room:
                return item
        raise UserError(
            f"no question fits {self.room} bytes of a prompt",
            where="hidden_share",
            expected="longer prompts",
        )

    def text(self, number: int) -> bytes:
        """The question as it stands inside a text of JSON, on lines of its own."""
        return _in_json(self.question(number))

    def all_of(self) -> Hidden:
        """The same kind of questions, and nothing else."""
        return replace(self, share=1.0)


def _in_json(item: GradedQuestion) -> bytes:
    return json.dumps(f"\n\n{item.prompt}", ensure_ascii=False)[1:-1].encode()


def seed_of(seed: int, process: int, case: str) -> str:
    """The seed of one load's hidden questions, from that of the run; "rest" for those at rest."""
    return f"{seed}/{process}/{case}"


def is_right(item: GradedQuestion, answer: str) -> bool:
    """Whether any line of an answer is right.

    A load's answers go on after their end of sequence: what a model says then is not looked at
    as its last line. At rest and under load the same holds.
    """
    return any(graded(item, line) for line in answer.splitlines() if line.strip())


def overlooked(hidden: Hidden, numbers: Collection[int]) -> int:
    """Count questions that a load asked before its last one kept, and that are not kept.

    Raises:
        ValueError: a number is none that a load has, or no question.
    """
    if any(number < 0 or not hidden.hides(number) for number in numbers):
        raise ValueError("an answer to a request that is not a question")
    asked = sum(map(hidden.hides, range(max(numbers, default=-1) + 1)))
    return asked - len(numbers)
