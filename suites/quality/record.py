"""What questions gave, as raw samples keep it: enough to grade every answer again. Pure.

The questions themselves are not kept: who reads makes them again from the seed.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from suites.base.strict_model import StrictModel
from suites.quality.agreement import GREEDY_TOKENS, Reference
from suites.quality.hidden import LEAST_ROOM, MOST_ANSWERS, MOST_REQUESTS, Hidden, seed_of
from suites.quality.items import GradedQuestion, items

__all__ = [
    "MOST_CHARACTERS",
    "MOST_PLACES",
    "MOST_QUESTIONS",
    "HiddenRecord",
    "NextTokens",
    "QualityRecord",
    "RecordedAnswer",
    "kept",
    "questions",
]

MOST_QUESTIONS = 2_000
# A right answer ends with its last line, or is JSON that is shorter.
MOST_CHARACTERS = 4_096
MOST_PLACES = 1_000
_MOST_LOADS = 2_000


_Token = Annotated[str, Field(max_length=200)]


class _Recorded(StrictModel):
    @classmethod
    def of(cls, facts: Any) -> Self:
        """Read what `model_dump` made of one, and JSON of that.

        Raises:
            ValueError: it is none.
        """
        return cls.model_validate_json(json.dumps(facts))


class RecordedAnswer(_Recorded):
    """What came back to a question.

    Attributes:
        text: its end, as `kept` keeps it; None where there was no answer.
        tokens: output tokens as the server counts them; None where it does not.
    """

    text: Annotated[str, Field(max_length=MOST_CHARACTERS)] | None
    tokens: Annotated[int, Field(ge=0, le=10**9)] | None = None


class NextTokens(_Recorded):
    """What a server told at one of a reference's places.

    Attributes:
        logprobs: natural logarithms of the likeliest next tokens' probabilities, by their text.
        greedy: texts of the tokens that greedy decoding goes on with; empty where not told.
    """

    logprobs: Annotated[
        dict[_Token, Annotated[float, Field(le=0, ge=-200)]], Field(min_length=1, max_length=100)
    ]
    greedy: Annotated[list[_Token], Field(max_length=GREEDY_TOKENS)] = []


class QualityRecord(_Recorded):
    """Questions asked one after another, or a few at a time, of a server without other load.

    Attributes:
        seed: of the run.
        count: questions made; those longer than `longest` characters were not asked (0: all were).
        answer_tokens: most tokens of an answer.
        answers: to those asked, in order.
        reference: what the answers are compared with.
        next_tokens: what the server told at the reference's places.
        token_ids: ids that it told, of tokens whose ids the reference has, by their text.
    """

    seed: Annotated[int, Field(ge=0, le=2**53 - 1)]
    count: Annotated[int, Field(ge=1, le=MOST_QUESTIONS)]
    longest: Annotated[int, Field(ge=0, le=10**9)]
    api: Literal["chat", "completions"]
    answer_tokens: Annotated[int, Field(ge=1, le=100_000)]
    temperature: Annotated[float, Field(ge=0, le=2)]
    answers: Annotated[list[RecordedAnswer], Field(max_length=MOST_QUESTIONS)]
    reference: Reference | None = None
    next_tokens: Annotated[list[NextTokens], Field(max_length=MOST_PLACES)] = []
    token_ids: Annotated[
        dict[_Token, Annotated[int, Field(ge=0, lt=2**32)]], Field(max_length=200_000)
    ] = {}

    def questions(self) -> list[GradedQuestion]:
        """Make the questions that were asked."""
        return questions(self.seed, self.count, self.longest)


_Answers = Annotated[
    dict[Annotated[int, Field(ge=0, lt=MOST_REQUESTS)], RecordedAnswer],
    Field(max_length=MOST_ANSWERS),
]


class HiddenRecord(_Recorded):
    """Questions hidden among the loads of one engine, and their like at rest.

    Attributes:
        process: which of the run's engines.
        share, room: see `suites.quality.hidden.Hidden`.
        rest: answers at rest, by number.
        loads: answers under each load, by its case and number.
    """

    seed: Annotated[int, Field(ge=0, le=2**53 - 1)]
    process: Annotated[int, Field(ge=0, le=10_000)]
    share: Annotated[float, Field(gt=0, le=1)]
    room: Annotated[int, Field(ge=LEAST_ROOM, le=10**9)]
    rest: _Answers
    loads: Annotated[dict[str, _Answers], Field(max_length=_MOST_LOADS)]

    @property
    def requests(self) -> int:
        """Requests among which its answers are looked for."""
        return sum(max(answers, default=-1) + 1 for answers in (self.rest, *self.loads.values()))

    @property
    def answers(self) -> int:
        return sum(map(len, (self.rest, *self.loads.values())))

    def hidden(self, case: str) -> Hidden:
        """Which requests of a load are questions."""
        return Hidden(seed=seed_of(self.seed, self.process, case), share=self.share, room=self.room)


def questions(seed: int, count: int, longest: int) -> list[GradedQuestion]:
    """Make the questions of a run that are short enough to be asked."""
    made = items(f"questions/{seed}".encode(), count)
    return [item for item in made if not longest or len(item.prompt) <= longest]


def kept(text: str) -> str:
    """Return the end of an answer, which tells whether it is right; without broken characters."""
    return text[-MOST_CHARACTERS:].encode(errors="replace").decode()
