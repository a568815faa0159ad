"""Conversations of people and agents: how their prompts grow, and what of them a cache may know.

Pure: turns are laid out and written here; `suites.serving.load.agents` sends them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from suites.base.errors import UserError
from suites.client.prompts import PromptWriter
from suites.client.vocabulary import MOST_TOKENS, UNIQUE_TOKENS
from suites.serving.load.think import Think

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.client.target import Target

__all__ = ["SessionRequests", "SessionShape", "Step"]

# Halvings that find a share to the last digit of a float.
_HALVINGS = 60


class Step(NamedTuple):
    """One request of a session.

    Attributes:
        messages: tokens of the prompt at the end of each message; the last is its length.
        output_tokens: of the answer.
        shared_tokens: with which earlier prompts began as well.
        kept_tokens: at the prompt's start, which the session's later prompts begin with as well.
    """

    messages: tuple[int, ...]
    output_tokens: int
    shared_tokens: int
    kept_tokens: int

    @property
    def input_tokens(self) -> int:
        return self.messages[-1]


@dataclass(frozen=True, kw_only=True)
class SessionShape:
    """What every session of a load looks like.

    Each turn's prompt holds the turns before it, stand-ins for their answers, and what is new: a
    person's message or a tool's result. Once in a session, halfway, `sub_agents` run side by side,
    each with a context of its own that begins at the session's first size and grows over half as
    many turns; the session goes on when the last has ended, its prompt longer by their answers.

    Attributes:
        kind: whose they are.
        turns: requests of a session, those of sub-agents apart.
        first_tokens: of the first prompt.
        turn_tokens: new with each further turn, besides the answer before.
        output_tokens: of each answer.
        shared_prefix: share of the first prompt that all sessions have in common.
        think: the pause before each further turn, None for none.
        sub_agents: how many, 0 for none.
        cache_target: share of all input tokens that an earlier prompt began with; 0 for as much as
            growing prompts have of themselves. For a lower one the end of each prompt is rewritten
            in the next, as agents do that shorten their context.
    """

    kind: Literal["users", "agents"]
    turns: int
    first_tokens: int
    turn_tokens: int
    output_tokens: int
    shared_prefix: float = 0.0
    think: Think | None = None
    sub_agents: int = 0
    cache_target: float = 0.0

    def __post_init__(self) -> None:
        """Check that there can be such sessions.

        Raises:
            UserError: sub-agents of a single turn, a prompt longer than any, or a share that
                prompts of these sizes cannot have.
        """
        grown = (self.turns - 1) * (self.output_tokens + self.turn_tokens)
        longest = self.first_tokens + grown + self.sub_agents * self.output_tokens
        if longest > MOST_TOKENS:
            raise UserError(
                f"{longest} tokens in the last prompt",
                where="turns",
                expected=f"at most {MOST_TOKENS}",
            )
        if self.sub_agents and self.turns < 2:
            raise UserError("sub-agents of a single turn", where="turns", expected="at least 2")
        least, most = self._share_at(0.0), self._share_at(1.0)
        if self.cache_target and not least <= self.cache_target <= most:
            raise UserError(
                f"{self.cache_target:g} of the input cannot be known to a cache",
                where="cache_target",
                expected=f"from {least:.3f} to {most:.3f} with prompts of these sizes",
                remedy="fewer new tokens a turn, more turns or --shared-prefix raise it",
            )

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read back what `dataclasses.asdict` and JSON made of it."""
        think = data["think"]
        return cls(**{**data, "think": Think(**think) if think else None})

    @property
    def fork(self) -> int:
        """The turn after which sub-agents run, 0 for none."""
        return (self.turns + 1) // 2 if self.sub_agents else 0

    @property
    def common_tokens(self) -> int:
        """Tokens that the first prompts of all sessions and sub-agents have in common."""
        share = round(self.shared_prefix * self.first_tokens)
        return min(share, self.first_tokens - UNIQUE_TOKENS)

    @cached_property
    def main(self) -> tuple[Step, ...]:
        """The session's own turns."""
        return tuple(self._steps(self._main_messages, self._keep))

    @cached_property
    def sub(self) -> tuple[Step, ...]:
        """Turns of each of its sub-agents."""
        return tuple(self._steps(self._sub_messages, self._keep))

    @property
    def requests(self) -> int:
        """Requests of a session, those of its sub-agents included."""
        return len(self._every(self.main, self.sub))

    @property
    def in_flight(self) -> int:
        """Most requests of one session at a time."""
        return max(1, self.sub_agents)

    @property
    def mean_tokens(self) -> float:
        """Mean input tokens of a request."""
        every = self._every(self.main, self.sub)
        return sum(step.input_tokens for step in every) / len(every)

    @property
    def longest(self) -> int:
        """Input tokens of the longest prompt."""
        return max(step.input_tokens for step in (*self.main, *self.sub))

    @property
    def shared_share(self) -> float:
        """Share of all input tokens with which an earlier prompt began."""
        return _share(self._every(self.main, self.sub))

    @property
    def _main_messages(self) -> list[int]:
        """Where the messages of the last prompt end: prompt, answer, what is new, answer, …"""
        results = self.sub_agents * self.output_tokens
        grown = [self.first_tokens]
        for turn in range(1, self.turns):
            grown += [self.output_tokens, self.turn_tokens + results * (turn == self.fork)]
        return list(accumulate(grown))

    @property
    def _sub_messages(self) -> list[int]:
        turns = self.turns // 2 if self.sub_agents else 0
        return self._main_messages[: max(0, 2 * turns - 1)]

    def _every(self, main: Sequence[Step], sub: Sequence[Step]) -> list[Step]:
        return [*main, *(list(sub) * self.sub_agents)]

    @cached_property
    def _keep(self) -> float:
        """How much of a prompt's length the next one may share, for the asked share of all."""
        if not self.cache_target:
            return 1.0
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (
                (middle, high) if self._share_at(middle) < self.cache_target else (low, middle)
            )
        return high

    def _share_at(self, keep: float) -> float:
        main = self._steps(self._main_messages, keep)
        return _share(self._every(main, self._steps(self._sub_messages, keep)))

    def _steps(self, messages: Sequence[int], keep: float) -> list[Step]:
        ends = [tuple(messages[: place + 1]) for place in range(0, len(messages), 2)]
        lengths = [end[-1] for end in ends]
        # The unique tokens that tell one session from the next are always kept.
        least = self.common_tokens + UNIQUE_TOKENS
        kept = [
            max(least, min(now, int(keep * following))) for now, following in pairwise(lengths)
        ] + lengths[-1:]
        shared = [max(0, self.common_tokens), *kept]
        return [
            Step(messages=end, output_tokens=self.output_tokens, shared_tokens=a, kept_tokens=b)
            for end, a, b in zip(ends, shared, kept, strict=False)
        ]


def _share(steps: Sequence[Step]) -> float:
    return sum(step.shared_tokens for step in steps) / sum(step.input_tokens for step in steps)


class SessionRequests:
    """The requests of a load of sessions, in the order in which they are planned."""

    def __init__(
        self,
        target: Target,
        sessions: SessionShape,
        *,
        seed: int | str,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        """Prepare them; `part` is which of how many processes this is, all of one seed."""
        self._sessions = sessions
        self._place, self._places = part
        self._planned: list[tuple[Step, int]] = []
        self._writer = PromptWriter(target, longest=sessions.longest, seed=seed)

    def plan(self, session: int, thread: int, turn: int) -> None:
        """Say which the next request is: turn (from 1) of a session or of its sub-agent `thread`.

        Thread 0 is the session itself.
        """
        steps = self._sessions.sub if thread else self._sessions.main
        text = session * (1 + self._sessions.sub_agents) + thread
        self._planned.append((steps[turn - 1], text))

    def size(self, index: int) -> tuple[int, int]:
        """Input and output tokens of request `index`."""
        step, _ = self._planned[index]
        return step.input_tokens, step.output_tokens

    def shared(self, index: int) -> int:
        """Tokens that request `index` has in common with earlier ones."""
        return self._planned[index][0].shared_tokens

    def request(self, index: int) -> bytes:
        """Bytes of request `index`."""
        step, text = self._planned[index]
        return self._writer.request(
            text,
            messages=step.messages,
            common=self._sessions.common_tokens,
            output_tokens=step.output_tokens,
            fresh=(step.kept_tokens, index * self._places + self._place),
        )
