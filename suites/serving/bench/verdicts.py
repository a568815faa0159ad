"""What our client makes of every behaviour: right, void with a reason, or refused by a name.

`python -m suites.serving.bench.verdicts` prints them as a page of the documentation. The client's
own protocol reads the bytes at the times they would come, on a clock that only the table moves.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, cast

from suites.client.request import read_exchange
from suites.client.wire import Connection, Exchange, Tape
from suites.serving.bench.behaviours import BEHAVIOURS, INPUT_TOKENS, STEP_MS, ScriptedAnswer
from suites.serving.bench.goals import goal
from suites.serving.instrument.validity import gap_problems, pace_problems, problems
from suites.serving.load.outcome import LoadOutcome

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from suites.client.request import Request

__all__ = ["BehaviourVerdict", "judged", "page", "played", "summed_up"]

# A request has failed when it takes longer.
_LIMIT_MS = 60_000.0
# Where several tokens come in one event, their share of the text stands for their number.
_NEARLY = 0.03

_HEAD = """---
title: What servers do
description: Ways in which servers, engines and gateways answer, and what Fenmark makes of each.
---

# What servers do

Generated from `suites/serving/bench/behaviours.py` by `python -m suites.serving.bench.verdicts`; a
test keeps it so, and holds every figure that is given against what the server did.

{count} ways to answer a request for 128 tokens, from what engines and gateways were reported to do.
*Right*: TTFT, TPOT and the number of tokens are true. *Void*: some are not given, and why.
*Refused*: the request has failed under this name; more than 1% of such requests void the point,
and where all are refused nothing is signed.

"""
_COLUMNS = ("a server that", "is", "because")


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourVerdict:
    """What becomes of a request that was answered so.

    Attributes:
        kind: "right", "void", "refused", or "wrong": a false figure that is called valid.
        because: why figures are not given; which ones are wrong.
        figures: those that are given, by name.
    """

    kind: str
    because: str
    figures: dict[str, float]


def played(behaviour: ScriptedAnswer) -> Request:
    """Let the client read what the behaviour sends."""
    now_ns = 0
    ended: list[Exchange] = []
    connection = Connection(lambda _, exchange: ended.append(exchange), clock=lambda: now_ns)
    connection.connection_made(cast("asyncio.BaseTransport", _Transport()))
    exchange = Exchange(
        index=0, input_tokens=INPUT_TOKENS, output_tokens=behaviour.asked, measured=True
    )
    connection.send(exchange, b"")
    for ms, data in behaviour.sent:
        now_ns = round(ms * 1e6)
        if not ended:
            connection.data_received(data)
    if not ended and behaviour.then != "keep":
        broken = ConnectionResetError() if behaviour.then == "reset" else None
        connection.connection_lost(broken)
    if not ended:
        now_ns = round(_LIMIT_MS * 1e6)
        connection.abort("timeout")
    tape = Tape()
    tape.record(exchange)
    return read_exchange(tape, exchange)


class _Transport:
    """Takes what a connection does to it; TLS, since there is no socket to write to."""

    def get_extra_info(self, name: str) -> bool:
        return name == "ssl_object"

    def write(self, data: bytes) -> None: ...

    def abort(self) -> None: ...

    def close(self) -> None: ...


def judged(behaviour: ScriptedAnswer, request: Request) -> BehaviourVerdict:
    """Hold what the client says against what the server did."""
    if request.failure:
        return BehaviourVerdict(kind="refused", because=request.failure, figures={})
    outcome = _outcome(request)
    every = "; ".join(problems(outcome))
    pace = "; ".join(pace_problems(outcome))
    void = {
        "tokens": every,
        "ttft": every or "answers hide their thoughts" * (request.hidden_tokens > 0),
        "ttfo": every,
        "tpot": every or pace,
        "itl": every or pace or "; ".join(gap_problems(outcome)),
    }
    figures = {name: _figure(request, name) for name, why in void.items() if not why}
    wrong = [
        f"{name} {value:.4g}, truly {true:.4g}"
        for name, value in figures.items()
        if abs(value - (true := _true(behaviour, name))) > _NEARLY * true
    ]
    if wrong:
        return BehaviourVerdict(kind="wrong", because="; ".join(wrong), figures=figures)
    # Gaps between events that carry several tokens are none between tokens; the rest stands.
    reasons = dict.fromkeys(why for name, why in void.items() if why and name != "itl")
    return BehaviourVerdict(
        kind="void" if reasons else "right", because="; ".join(reasons), figures=figures
    )


def _figure(request: Request, name: str) -> float:
    if name == "tokens":
        return float(request.output_tokens)
    if name == "itl":
        return median(request.gaps_ms)
    return float(getattr(request, f"{name}_ms"))


def _true(behaviour: ScriptedAnswer, name: str) -> float:
    return {
        "tokens": float(behaviour.tokens),
        "ttft": behaviour.ttft_ms,
        "ttfo": behaviour.ttfo_ms or behaviour.ttft_ms,
        "tpot": behaviour.tpot_ms,
        "itl": STEP_MS,  # a pause midway is in the mean and not in the usual gap
    }[name]


def _outcome(request: Request) -> LoadOutcome:
    """A load of this one request, made by a client that had nothing else to do."""
    return LoadOutcome(
        requests=[request],
        start_ns=0,
        end_ns=request.ended_ns,
        cpu_share=0.0,
        events=len(request.token_ns),
        parse_s=0.0,
        lag_ms=[],
        reconnects=0,
    )


def page(say: Callable[[str], str] = str) -> str:
    """Return the page of the documentation: every behaviour, and what becomes of it.

    Args:
        say: English text -> the text in the page's language.
    """
    rows = [f"| {' | '.join(map(say, _COLUMNS))} |\n|---|---|---|\n"]
    for behaviour in BEHAVIOURS:
        verdict = judged(behaviour, played(behaviour))
        # The names of failures are the report's own words.
        refused = verdict.kind == "refused"
        because = f"`{verdict.because}`" if refused else say(verdict.because)
        rows.append(f"| {say(behaviour.name)} | {say(verdict.kind)} | {because} |\n")
    return say(_HEAD).format(count=len(BEHAVIOURS)) + "".join(rows)


def summed_up() -> str:
    """Say how many behaviours end how, and whether any figure is wrong and called valid."""
    kinds = Counter(judged(behaviour, played(behaviour)).kind for behaviour in BEHAVIOURS)
    each = ", ".join(f"{kinds[kind]} {kind}" for kind in ("right", "void", "refused"))
    wrong = f"{len(BEHAVIOURS)} behaviours of servers: {each}, {kinds['wrong']} wrong and valid"
    return goal(wrong, "none wrong", met=not kinds["wrong"])


if __name__ == "__main__":
    print(page(), end="")
