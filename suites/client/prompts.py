"""Prompts of a known length, none of which an engine has seen before."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from suites.client.vocabulary import PIECE_BYTES, UNIQUE_TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from suites.client.target import Target

__all__ = ["BLOCK_TOKENS", "Conversations", "PromptWriter", "Prompts", "Questions", "Turn"]

# Tokens that one id of a trace stands for, as Mooncake's trace has it.
BLOCK_TOKENS = 512

# Where a prompt may begin in the stream, and from one to the next: coprime, so all are taken.
_PLACES = 65_536
_STRIDE = 40_503


class PromptWriter:
    """Writes requests of any length from one stream of tokens: same seed, same bytes.

    A prompt is a part all have in common, unique tokens that number it so that no cached prefix
    matches beyond that part, and as much as is needed of the stream, from a place of its own: no
    two prompts have the same tokens in the same places. It is a copy, nothing is drawn.
    """

    def __init__(self, target: Target, *, longest: int, seed: int | str) -> None:
        """Draw the stream, for prompts of at most so many tokens."""
        self._target, self._vocabulary = target, target.vocabulary
        self._head = target.head()
        self._separator = self._vocabulary.separator.encode()
        draw = random.Random(seed)
        self._first = draw.randrange(len(self._vocabulary.pieces) ** UNIQUE_TOKENS)
        self._common = self._draw(draw, longest)
        self._stream = self._draw(draw, longest + _PLACES)
        self._frames: dict[tuple[int, str], tuple[bytes, bytes]] = {}

    def _draw(self, draw: random.Random, count: int) -> bytes:
        pieces = [f"{piece}{self._vocabulary.separator}" for piece in self._vocabulary.pieces]
        return "".join(draw.choices(pieces, k=count)).encode()

    def request(
        self,
        number: int,
        *,
        messages: Sequence[int],
        common: int,
        output_tokens: int,
        blocks: Sequence[int] = (),
        fresh: tuple[int, int] | None = None,
        model: str = "",
        parts: bytes = b"",
        question: bytes = b"",
    ) -> bytes:
        """Bytes of a request whose messages end after so many tokens; the last is its length.

        Args:
            blocks: an id for each 512 tokens of the prompt; the same id gives the same tokens.
            fresh: from which token on, and by which number, the prompt is new: what stands there
                no other prompt has.
            model: asked for in place of the target's.
            parts: of a chat's message, before its text: images or sounds, as JSON.
            question: stands at the end of the text, in place of as many bytes of it.
        """
        ends = [PIECE_BYTES * (tokens - self._vocabulary.special) for tokens in messages]
        if blocks:
            block = PIECE_BYTES * BLOCK_TOKENS
            text = b"".join(self._text(id_, 0, block) for id_ in blocks)[: ends[-1] - 1]
        elif fresh and fresh[0] < messages[-1]:
            kept = PIECE_BYTES * (fresh[0] - self._vocabulary.special)
            # Numbers of its own, from the other half of all there are.
            other = len(self._vocabulary.pieces) ** UNIQUE_TOKENS // 2 + fresh[1]
            text = self._text(number, common, kept) + self._text(other, 0, ends[-1] - 1 - kept)
        else:
            text = self._text(number, common, ends[-1] - 1)
        if question:
            kept = (len(text) - len(question)) // PIECE_BYTES * PIECE_BYTES
            text = text[: max(0, kept - 1)] + question
        if self._target.api == "rerank":
            text = self._target.ranked(text)
        if self._target.chats and len(ends) > 1:
            starts = [0, *ends]
            text = self._target.joined(
                [text[a : b - 1] for a, b in zip(starts, ends, strict=False)]
            )
        before, after = self._frame(output_tokens, model)
        if parts:
            before = b'%b[%b,{"type":"text","text":"' % (before[:-1], parts)
            after = b'"}]' + after[1:]
        length = len(before) + len(text) + len(after)
        return b"%b%d\r\n\r\n%b%b%b" % (self._head, length, before, text, after)

    def _frame(self, output_tokens: int, model: str) -> tuple[bytes, bytes]:
        key = output_tokens, model
        if key not in self._frames:
            target = replace(self._target, model=model) if model else self._target
            self._frames[key] = target.frame(output_tokens)
        return self._frames[key]

    def _text(self, number: int, common: int, length: int) -> bytes:
        place = PIECE_BYTES * (number * _STRIDE % _PLACES)
        pieces, number = self._vocabulary.pieces, self._first + number
        unique = bytearray()
        for _ in range(UNIQUE_TOKENS):
            number, digit = divmod(number, len(pieces))
            unique += pieces[digit].encode() + self._separator
        text = self._common[: PIECE_BYTES * common] + unique
        return bytes(text + self._stream[place : place + length - len(text)])[:length]


class Questions(Protocol):
    """Questions hidden among requests, by the requests' numbers."""

    def hides(self, number: int) -> bool:
        """Whether this one is a question."""

    def text(self, number: int) -> bytes:
        """The question, as a text of JSON has it."""


class Prompts:
    """The requests of one run: of one size, or of sizes that come round."""

    def __init__(
        self,
        target: Target,
        *,
        input_tokens: int,
        output_tokens: int,
        seed: int | str,
        shared: float = 0.0,
        lengths: Sequence[tuple[int, int]] = (),
        models: Sequence[str] = (),
        parts: Callable[[int], bytes] = lambda _: b"",
        part: tuple[int, int] = (0, 1),
        questions: Questions | None = None,
    ) -> None:
        """Prepare them.

        Args:
            lengths: input and output tokens of one request after another, over and over; without,
                all are of one size.
            output_tokens: of each answer; the most, where the target ends answers naturally.
            shared: share of every prompt that all have in common.
            models: asked for in turn, over and over; without, the target's.
            parts: images or sounds of a request, by its number.
            part: which of how many processes this is; all draw from one seed.
            questions: hidden among them.
        """
        self._place, self._places = part
        self._questions = questions
        self._natural, self._pooled = target.natural, target.pooled
        self._lengths = lengths or ((input_tokens, output_tokens),)
        self._share, self._models, self._parts = shared, models or ("",), parts
        longest = max(tokens for tokens, _ in self._lengths)
        self._writer = PromptWriter(target, longest=longest, seed=seed)

    def size(self, index: int) -> tuple[int, int]:
        """Input and output tokens of request `index`; no output where its length is open.

        Where nothing is generated, vectors or scores in place of output tokens.
        """
        input_tokens, most = self._lengths[self._number(index) % len(self._lengths)]
        return input_tokens, self._pooled or (0 if self._natural else most)

    def shared(self, index: int) -> int:
        """Tokens that request `index` has in common with earlier ones."""
        return max(0, _common(self._share, self.size(index)[0]))

    def question(self, index: int) -> int:
        """Number of the question that request `index` hides, -1 for none."""
        number = self._number(index)
        return number if self._questions and self._questions.hides(number) else -1

    def model(self, index: int) -> str:
        """The model that request `index` asks for, "" for the target's."""
        return self._models[self._number(index) % len(self._models)]

    def request(self, index: int) -> bytes:
        """Bytes of request `index`."""
        number = self._number(index)
        input_tokens, most = self._lengths[number % len(self._lengths)]
        return self._writer.request(
            number,
            messages=(input_tokens,),
            common=_common(self._share, input_tokens),
            output_tokens=most,
            model=self.model(index),
            parts=self._parts(number),
            question=self._questions.text(number)
            if self._questions and self._questions.hides(number)
            else b"",
        )

    def _number(self, index: int) -> int:
        return index * self._places + self._place


class Conversations:
    """The requests of a trace: each turn's prompt begins with all of the turn before.

    Answers of earlier turns are stand-ins of the same length, for the same trace is to be the
    same load whatever the engine says: a prefix cache can match up to the earlier prompt's end.
    """

    def __init__(
        self, target: Target, turns: Sequence[Turn], *, seed: int | str, shared: float = 0.0
    ) -> None:
        """Prepare them; `shared` is the share of each session's first prompt common to all."""
        self._turns = turns
        self._messages: list[tuple[int, ...]] = []
        self._common: dict[int, int] = {}
        last: dict[int, tuple[int, ...]] = {}
        for turn in turns:
            self._common.setdefault(turn.session, _common(shared, turn.input_tokens))
            messages = (*last.get(turn.session, ()), turn.input_tokens)
            self._messages.append(messages)
            last[turn.session] = (*messages, turn.input_tokens + turn.output_tokens)
        longest = max(max(turn.input_tokens, BLOCK_TOKENS * bool(turn.blocks)) for turn in turns)
        self._writer = PromptWriter(target, longest=longest, seed=seed)

    def size(self, index: int) -> tuple[int, int]:
        """Input and output tokens of turn `index`."""
        return self._turns[index][1:3]

    def shared(self, index: int) -> int:
        """Tokens that turn `index` has in common with earlier ones."""
        if self._turns[index].blocks:
            return self._turns[index].known_tokens
        earlier = self._messages[index][:-1]
        return earlier[-1] if earlier else max(0, self._common[self._turns[index].session])

    def request(self, index: int) -> bytes:
        """Bytes of turn `index`."""
        turn = self._turns[index]
        return self._writer.request(
            turn.session,
            messages=self._messages[index],
            common=self._common[turn.session],
            output_tokens=turn.output_tokens,
            blocks=turn.blocks,
        )


def _common(share: float, input_tokens: int) -> int:
    """Tokens in common; the rest has room for the unique ones."""
    return min(round(share * input_tokens), input_tokens - UNIQUE_TOKENS)


class Turn(NamedTuple):
    """One request of a trace.

    Attributes:
        arrival_s: due, from the first request of the trace on.
        input_tokens: of the whole prompt, which holds the session's earlier turns.
        output_tokens: of the answer.
        session: turns with the same number follow one another.
        blocks: ids of the prompt's blocks of 512 tokens, where the trace says which are the same.
        known_tokens: of these, tokens at its start that earlier prompts of the trace had.
    """

    arrival_s: float
    input_tokens: int
    output_tokens: int
    session: int
    blocks: tuple[int, ...] = ()
    known_tokens: int = 0
