"""A picture of one session: each request from its sending to its last token, and its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from results.archive.svg_parts import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Picture, framed, ticks
from suites.base.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["MOST_TURNS", "SessionTurn", "draw"]

MOST_TURNS = 1_000
_LANE, _BAR, _TOKENS, _GAP = 16, 11, 88, 36
# Requests side by side that have a line of their own; more share the last.
_MOST_LANES = 24
_LEAST_WIDTH = 1.0
_Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
_Tokens = Annotated[int, Field(ge=0, le=10**9)]


class SessionTurn(BaseModel):
    """One request of a session; times in seconds from when the session began.

    Attributes:
        turn: from 1; 0 for a sub-agent's.
        cached: of the input, what the server had; None where it does not say.
    """

    model_config = ConfigDict(frozen=True)

    turn: int = Field(ge=0, le=10**9)
    sent_s: _Seconds
    first_s: _Seconds
    ended_s: _Seconds
    input: _Tokens
    output: _Tokens
    cached: _Tokens | None


def draw(cell: str, case: str, turns: Sequence[SessionTurn]) -> Picture:
    """Draw when each request waited and was answered, and how many tokens its prompt had."""
    turns = sorted(turns, key=lambda turn: turn.sent_s)
    span_s = max(turn.ended_s for turn in turns) or 1.0
    lanes = _lanes(turns)
    tokens_top = TOP + 14 + _LANE * (max(lanes) + 1) + _GAP
    height = tokens_top + _TOKENS + BOTTOM + 14
    words = _words(turns, span_s)
    parts = [*_requests(turns, lanes, span_s), *_prompts(turns, span_s, tokens_top)]
    svg = framed(f"A session of {printable(case, 200)}", words, height, parts)
    return Picture(cell=cell, case=f"{case}, one session", words=words, height=height, svg=svg)


def _lanes(turns: Sequence[SessionTurn]) -> list[int]:
    """Lay requests out so that none covers another: turns first, each sub-agent's where it fits."""
    free_s = [0.0]
    lanes = []
    for turn in turns:
        first = 0 if turn.turn else 1
        free = (n for n in range(first, len(free_s)) if free_s[n] <= turn.sent_s)
        lane = min(next(free, len(free_s)), _MOST_LANES - 1)
        free_s[lane : lane + 1] = [turn.ended_s]
        lanes.append(lane)
    return lanes


def _across(seconds: float, span_s: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * min(seconds, span_s) / span_s, 1)


def _requests(turns: Sequence[SessionTurn], lanes: Sequence[int], span_s: float) -> Iterator[str]:
    yield f'<text x="{LEFT + 6}" y="{TOP + 8}">'
    yield "requests: to the first token (orange), its answer (blue)</text>"
    for turn, lane in zip(turns, lanes, strict=True):
        top = TOP + 14 + lane * _LANE
        for kind, begin, end in (
            ("wait", turn.sent_s, turn.first_s),
            ("answer", turn.first_s, turn.ended_s),
        ):
            left = _across(begin, span_s)
            width = max(_LEAST_WIDTH, round(_across(end, span_s) - left, 1))
            yield f'<rect class="{kind}" x="{left}" y="{top}" width="{width}" height="{_BAR}"/>'


def _prompts(turns: Sequence[SessionTurn], span_s: float, top: float) -> Iterator[str]:
    bottom = top + _TOKENS
    most = max(turn.input for turn in turns) or 1
    yield f'<path class="axis" d="M{LEFT} {top}V{bottom}H{WIDTH - RIGHT}"/>'
    yield f'<text x="{LEFT + 6}" y="{top - 3}">'
    yield "input tokens of each request: had by the server (grey), to be read (orange)</text>"
    yield f'<text x="{LEFT - 6}" y="{top + 9}" text-anchor="end">{most:,}</text>'
    yield f'<text x="{LEFT - 6}" y="{bottom}" text-anchor="end">0</text>'
    for seconds in ticks(span_s):
        at = f'x="{_across(seconds, span_s)}" y="{bottom + 14}"'
        yield f'<text {at} text-anchor="middle">{seconds:g}</text>'
    for turn in turns:
        known = min(turn.cached or 0, turn.input)
        whole, had = (round(_TOKENS * tokens / most, 1) for tokens in (turn.input, known))
        at = f'x="{_across(turn.sent_s, span_s)}" width="3"'
        yield f'<rect class="wait" {at} y="{round(bottom - whole, 1)}" height="{whole}"/>'
        yield f'<rect class="known" {at} y="{round(bottom - had, 1)}" height="{had}"/>'


def _words(turns: Sequence[SessionTurn], span_s: float) -> str:
    """What the picture shows, for those who do not see it."""
    own = [turn for turn in turns if turn.turn]
    told = [f"{span_s:.3g} seconds, {len(own)} turns"]
    if len(own) < len(turns):
        told.append(f"and {len(turns) - len(own)} requests of sub-agents")
    waited = [turn.first_s - turn.sent_s for turn in turns]
    inputs = [turn.input for turn in turns]
    cached = [turn.cached for turn in turns if turn.cached is not None]
    more = f", {sum(cached) / max(1, sum(inputs)):.0%} of it had by the server" if cached else ""
    return (
        f"{' '.join(told)}. Input {min(inputs):,} to {max(inputs):,} tokens{more}; "
        f"first token after {min(waited):.3g} to {max(waited):.3g} seconds."
    )
