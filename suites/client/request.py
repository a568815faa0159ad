"""One request as it was answered: its times, its counts, its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from suites.client.stream import read_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.client.recording import Recording
    from suites.client.wire import Exchange, Tape

__all__ = ["Request", "read_exchange", "read_recording"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What became of one request; times on the monotonic clock in ns.

    Attributes:
        index: position in the plan.
        intended_ns, sent_ns: latency counts from the first; their difference is send delay.
        token_ns: arrival of each fragment with text.
        ended_ns: end of the response.
        input_tokens, output_tokens: as counted by the engine, else as asked for and received.
        failure: "" or the name of what went wrong; a failed request has no latency.
        detail: the server's words.
        measured: sent in steady state.
        cached_tokens: prompt tokens the engine says it had in a cache, None if it says nothing.
        timings: the engine's own figures.
        truth_ns: when the built-in emitter sent each fragment.
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

    @property
    def ttft_ms(self) -> float:
        """From the intended send time to the first fragment with text."""
        return (self.token_ns[0] - self.intended_ns) / 1e6

    @property
    def tpot_ms(self) -> float:
        """(latency − TTFT) / (output tokens − 1); needs two tokens."""
        return (self.token_ns[-1] - self.token_ns[0]) / 1e6 / (self.output_tokens - 1)

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


def read_exchange(tape: Tape, exchange: Exchange) -> Request:
    """Parse one recorded exchange."""
    answer = read_answer(
        tape.raw(exchange),
        exchange.sizes or (),
        exchange.stamps,
        expected_tokens=exchange.output_tokens,
        failure=exchange.failure,
    )
    prompt, completion = answer.prompt_tokens, answer.completion_tokens
    return Request(
        index=exchange.index,
        intended_ns=exchange.intended_ns,
        sent_ns=exchange.sent_ns,
        token_ns=answer.token_ns,
        ended_ns=exchange.ended_ns,
        input_tokens=exchange.input_tokens if prompt is None else prompt,
        output_tokens=len(answer.token_ns) if completion is None else completion,
        failure=answer.failure,
        detail=answer.detail,
        measured=exchange.measured,
        cached_tokens=answer.cached_tokens,
        timings=answer.timings,
        truth_ns=answer.sent_ns,
    )


def read_recording(recording: Recording) -> list[Request]:
    """Parse everything a load recorded, in order of sending."""
    ordered = sorted(recording.exchanges, key=lambda exchange: exchange.index)
    return [read_exchange(recording.tape, exchange) for exchange in ordered]
