"""One request as it was answered: its times, its counts, its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from suites.client.stream import read_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.client.recording import Recording
    from suites.client.stream import Answer
    from suites.client.wire import Exchange, Tape

__all__ = ["READ", "Request", "answer_of", "read_exchange", "read_recording"]

# What is said of answers that are read: nothing, or that they are not of the length asked for.
READ = frozenset({"", "short", "long", "prompt_cut"})

# A server that counts fewer prompt tokens than this share of those sent has cut the prompt.
_UNCUT = 0.98
# No tokenizer makes more tokens than there are bytes; a template adds its own.
_MOST_ADDED = 2048
# To token ids a server adds where a sequence begins, and little else.
_MOST_ADDED_TO_IDS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What became of one request; times on the monotonic clock in ns.

    Attributes:
        index: position in the plan.
        intended_ns, sent_ns: latency counts from the first; their difference is send delay.
        token_ns: arrival of each event that brought tokens.
        ended_ns: end of the response.
        input_tokens, output_tokens: as counted by the engine, else as asked for and received;
            where nothing is generated, as asked for at most.
        failure: "" or the name of what went wrong; a failed request has no latency.
        detail: the server's words.
        measured: sent in steady state.
        cached_tokens: prompt tokens the engine says it had in a cache, None if it says nothing.
        timings: the engine's own figures.
        truth_ns: when the built-in emitter sent each fragment.
        first_tokens: how many came with the first arrival.
        hidden_tokens: counted by the engine and not shown; no output.
        thoughts: events that brought thoughts for the reader to see.
        answer_ns: arrival of the first fragment that is not a thought; 0 where none came.
        doubt: why the count of the tokens is not known, "" where it is.
        shared_tokens: of the prompt, those that an earlier request has as well.
        asked_tokens: output asked for, 0 for as many as the model gives.
        pooled: vectors or scores of the answer, where it is these.
        place: at which of the target's addresses, -1 where it was sent nowhere.
        told: whether the engine counted its output.
        counted_by, silent_tokens, text, first_text: see `suites.client.stream.Answer`.
        session, turn: which conversation of the load, and its turn; see `Exchange`.
        sent_tokens: of the prompt, as asked for.
        adapter: the model it asked for, where a load asks for several.
        question: number of the hidden question that it asks, -1 for none.
    """

    index: int
    intended_ns: int
    sent_ns: int
    token_ns: Sequence[int]
    ended_ns: int
    input_tokens: int
    output_tokens: int
    failure: str
    detail: str
    measured: bool
    cached_tokens: int | None
    timings: dict[str, float]
    truth_ns: Sequence[int]
    first_tokens: float = 1.0
    hidden_tokens: int = 0
    thoughts: int = 0
    answer_ns: int = 0
    doubt: str = ""
    shared_tokens: int = 0
    asked_tokens: int = 0
    told: bool = False
    place: int = 0
    pooled: int = 0
    counted_by: str = "events"
    silent_tokens: int = 0
    text: bytes = b""
    first_text: int = 0
    session: int = -1
    turn: int = 0
    sent_tokens: int = 0
    adapter: str = ""
    question: int = -1

    @property
    def ttft_ms(self) -> float:
        """From the intended send time to the first token; where thoughts are hidden, shown."""
        return (self.token_ns[0] - self.intended_ns) / 1e6

    @property
    def ttfo_ms(self) -> float:
        """From the intended send time to the first token of the answer, behind all thoughts."""
        return (self.answer_ns - self.intended_ns) / 1e6

    @property
    def has_pace(self) -> bool:
        """Whether tokens came one after another, as many as are counted."""
        return not self.doubt and self.output_tokens > self.first_tokens

    @property
    def tpot_ms(self) -> float:
        """Time per output token; needs `has_pace`.

        From the first arrival to the last token, over the tokens that came after the first
        arrival: one fewer than all where each has an event of its own.
        """
        later = self.output_tokens - self.first_tokens
        return (self.token_ns[-1] - self.token_ns[0]) / 1e6 / later

    @property
    def e2e_ms(self) -> float:
        """From the intended send time to the last fragment."""
        return (self.token_ns[-1] - self.intended_ns) / 1e6

    @property
    def send_delay_ms(self) -> float:
        return (self.sent_ns - self.intended_ns) / 1e6

    @property
    def gaps_ms(self) -> list[float]:
        """Times between fragments; 0 for two that came in one read."""
        return [(later - earlier) / 1e6 for earlier, later in pairwise(self.token_ns)]


def answer_of(tape: Tape, exchange: Exchange) -> Answer:
    """Read what one recorded exchange was answered."""
    return read_answer(
        tape.raw(exchange),
        exchange.sizes or (),
        exchange.stamps,
        expected_tokens=exchange.output_tokens,
        failure=exchange.failure,
    )


def read_exchange(tape: Tape, exchange: Exchange) -> Request:
    """Parse one recorded exchange."""
    answer = answer_of(tape, exchange)
    asked = exchange.input_tokens
    prompt = asked if answer.prompt_tokens is None else answer.prompt_tokens
    cut = prompt < _UNCUT * asked
    if answer.pooled:  # a server counts a question once for each document, or what it likes
        prompt = min(prompt, asked)
    most = exchange.sent_bytes + _MOST_ADDED
    beyond = prompt > (asked + _MOST_ADDED_TO_IDS if exchange.by_ids else most)
    claimed = f"{prompt} prompt tokens counted of {asked} sent" * beyond
    return Request(
        index=exchange.index,
        intended_ns=exchange.intended_ns,
        sent_ns=exchange.sent_ns,
        token_ns=answer.token_ns,
        ended_ns=exchange.ended_ns,
        input_tokens=prompt,
        output_tokens=answer.tokens,
        failure=answer.failure or ("prompt_cut" if cut else ""),
        detail=answer.detail,
        measured=exchange.measured,
        cached_tokens=answer.cached_tokens,
        timings=answer.timings,
        truth_ns=answer.sent_ns,
        first_tokens=answer.first_tokens,
        hidden_tokens=answer.hidden_tokens,
        thoughts=answer.thoughts,
        answer_ns=answer.answer_ns,
        doubt=answer.doubt or claimed,
        # What the server adds to every prompt, a chat's template, is common to all.
        shared_tokens=exchange.shared_tokens + max(0, prompt - asked),
        asked_tokens=exchange.output_tokens,
        place=exchange.place,
        told=answer.completion_tokens is not None,
        pooled=answer.pooled,
        counted_by=answer.counted_by,
        silent_tokens=answer.silent_tokens,
        text=answer.text,
        first_text=answer.first_text,
        session=exchange.session,
        turn=exchange.turn,
        sent_tokens=asked,
    )


def read_recording(recording: Recording) -> list[Request]:
    """Parse everything a load recorded, in order of sending."""
    ordered = sorted(recording.exchanges, key=lambda exchange: exchange.index)
    return [read_exchange(recording.tape, exchange) for exchange in ordered]
