"""A first request to an endpoint, before anything is measured: does it answer, and as we read it?

What it refuses is left out from then on, and said: hosted services know few of the fields that
engines take. Every word of the server's is printed as a stranger's.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from contextlib import suppress
from dataclasses import replace
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from suites.base.child import note
from suites.base.errors import CheckError, UserError
from suites.base.printable import printable
from suites.client.listing import listed, said_of
from suites.client.loop import run_loop
from suites.client.prompts import Prompts
from suites.client.request import READ, answer_of, read_exchange
from suites.client.vocabulary import WORDS
from suites.client.wire import Connection, Exchange, Tape, connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suites.client.stream import Answer
    from suites.client.target import Target

__all__ = ["preflight"]

_LIMIT_S = 300.0
# How often it is looked at whether its answer has an end.
_LOOK_S = 0.1
_INPUT_TOKENS, _OUTPUT_TOKENS = 32, 16
_CACHE_TOKENS = 256
# Answers that another form of the request may change: a field was not understood. vLLM finds some
# of it out when its answer has begun, and tells in an event.
_NOT_UNDERSTOOD = {400, 422}
_EXPECTED = {"embeddings": "a vector", "rerank": "a score for every document"}
# Fewer vectors or scores than inputs are not an answer.
_READ_POOLED = {"", "prompt_cut"}
# The same prompt again is answered in less than this share of the time, by a cache.
_QUICKER = 0.6
_LEAST_GAIN_MS = 5.0


def preflight(target: Target) -> tuple[Target, dict[str, Any]]:
    """Ask once at every address, and say what was understood.

    Returns:
        How to ask from now on, and what was understood as flags of the engine: `counts` tells
        where it counts tokens, `length` whether it makes as many as asked, `prefix_cache` whether
        it answers a repeated prompt from memory.

    Raises:
        CheckError: it does not answer with a stream of tokens.
        UserError: nobody listens there.
    """
    everywhere, target = target.more, target.alone(0)
    target, flags = _checked_address(target)
    target = replace(target, more=everywhere)
    for place in range(1, len(target.urls)):
        _check_alike(target.alone(place))
    return target, flags | ({"addresses": len(target.urls)} if everywhere else {})


def _check_alike(target: Target) -> None:
    """Let a further address answer as the first one does."""
    note(f"asking {target.address}")
    answer = _ask(target)
    if answer.failure not in (_READ_POOLED if target.pooled else READ):
        raise _refusal(target, answer)


def _checked_address(target: Target) -> tuple[Target, dict[str, Any]]:
    target, answer = _understood(target)
    if target.pooled:
        counted = "at the end" if answer.prompt_tokens is not None else "not at all"
        models = said_of(target.model, listed(target))
        note(f"{target.address} answers: counts tokens {counted}, {models}")
        return target, {"counts": counted}
    target, answer = _counted(target, answer)
    as_asked = not target.natural and bool(target.extras) and answer.failure == ""
    flags: dict[str, Any] = {
        "counts": _counts(answer),
        "length": "as asked" if as_asked else "as the model ends it",
        "prefix_cache": _cache(target, answer),
    }
    note(
        f"{target.address} answers with a stream: takes {target.vocabulary.kind}, counts tokens "
        f"{flags['counts']}, length {flags['length']}, prefix cache {flags['prefix_cache']}, "
        f"{said_of(target.model, listed(target))}"
    )
    return target, flags


def _understood(target: Target) -> tuple[Target, Answer]:
    """Find the fullest form of a request that the endpoint understands."""
    note(f"asking {target.address}")
    first: Answer | None = None
    for form in _forms(target):
        answer = _ask(form)
        if answer.failure in (_READ_POOLED if target.pooled else READ):
            if first is not None:
                refused = "token ids" if form.words is WORDS else "some fields"
                note(f"it refused {refused} ({_detail_of(first)}); asking without them")
            return form, answer
        first = first or answer
        if not _is_not_understood(answer):
            break
    assert first is not None
    raise _refusal(target, first)


def _refusal(target: Target, first: Answer) -> CheckError:
    return CheckError(
        f"the first request failed: {first.failure}{_detail_of(first, ', ')}",
        where=target.address,
        expected=_EXPECTED.get(target.api, "a stream of tokens"),
        remedy=_remedy(target, first),
    )


def _forms(target: Target) -> Iterator[Target]:
    yield target
    if target.pooled:
        if not target.vocabulary.is_text:
            yield replace(target, words=WORDS)
        return
    if target.extras and not target.natural:
        yield replace(target, extras=())
    if target.api != "responses" and target.max_tokens_field in {"", "max_tokens"}:
        yield replace(target, extras=(), max_tokens_field="max_completion_tokens")


def _remedy(target: Target, answer: Answer) -> str:
    if answer.failure in {"http_401", "http_403"}:
        return "give its key in a variable named by --api-key-env"
    if answer.failure == "http_404":
        return (
            f"look at the address and at --model, it {said_of(target.model, listed(target))}; "
            "a path with a version is used as given"
        )
    if answer.failure.startswith("http_3"):
        return "give the address that it sends to, which is not followed by itself"
    if _is_not_understood(answer) and target.api == "completions":
        return "an endpoint that takes no token ids, or not these, is asked with --api chat"
    return ""


def _remedy_of_no_connection(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "give its authority by --ca, or take any certificate by --insecure"
    return "look whether it is http or https" if isinstance(error, ssl.SSLError) else ""


def _is_not_understood(answer: Answer) -> bool:
    names = {f"http_{code}" for code in _NOT_UNDERSTOOD}
    told = answer.failure == "error_event" and answer.error_code in _NOT_UNDERSTOOD
    return told or answer.failure in names


def _detail_of(answer: Answer, before: str = "") -> str:
    return f"{before}{printable(answer.detail, 200)}" if answer.detail else ""


def _counted(target: Target, answer: Answer) -> tuple[Target, Answer]:
    """Ask for a count in every event where fragments and tokens are not the same."""
    even = answer.tokens == len(answer.token_ns) and not answer.doubt and not answer.hidden_tokens
    if even or answer.counts_each:
        return target, answer
    counting = replace(target, each_counts=True)
    again = _ask(counting)
    return (counting, again) if again.failure in READ and again.counts_each else (target, answer)


def _counts(answer: Answer) -> str:
    if answer.counts_each:
        return "in every event"
    return "at the end" if answer.completion_tokens is not None else "not at all"


def _cache(target: Target, answer: Answer) -> str:
    """Say whether the endpoint remembers prompts: by its own word, else by two requests."""
    if answer.cached_tokens is not None:
        return "told"
    seed = secrets.token_hex(8)
    times_ms = []
    for _ in range(2):
        request = read_exchange(*_recorded_answer(target, _CACHE_TOKENS, 2, seed))
        if request.failure not in READ:
            return "unknown"
        times_ms.append(request.ttft_ms)
    fresh_ms, again_ms = times_ms
    answers = again_ms < _QUICKER * fresh_ms and fresh_ms - again_ms > _LEAST_GAIN_MS
    return "not told, and answers" if answers else "not told, and not seen"


def _ask(target: Target) -> Answer:
    input_tokens = max(_INPUT_TOKENS, target.least_tokens)
    return answer_of(*_recorded_answer(target, input_tokens, _OUTPUT_TOKENS, secrets.token_hex(8)))


def _recorded_answer(
    target: Target, input_tokens: int, output_tokens: int, seed: str
) -> tuple[Tape, Exchange]:
    """Send one request on a connection of its own and record what comes back."""
    prompts = Prompts(target, input_tokens=input_tokens, output_tokens=output_tokens, seed=seed)
    exchange = Exchange(
        index=0, input_tokens=input_tokens, output_tokens=prompts.size(0)[1], measured=True
    )
    run_loop(_send(target, exchange, prompts.request(0)))
    tape = Tape()
    tape.record(exchange)
    return tape, exchange


async def _send(target: Target, exchange: Exchange, payload: bytes) -> None:
    over = asyncio.Event()
    connection = Connection(lambda *_: over.set())
    try:
        await connect(target, connection)
    except OSError as error:
        raise UserError(
            f"cannot connect ({error.strerror or error})",
            where=target.address,
            expected="a running OpenAI-compatible server",
            remedy=_remedy_of_no_connection(error),
        ) from error
    exchange.intended_ns = monotonic_ns()
    connection.send(exchange, payload)
    try:
        async with asyncio.timeout(_LIMIT_S):
            while not over.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(over.wait(), _LOOK_S)
                connection.abort_if_endless()
    except TimeoutError:
        connection.abort("timeout")
    finally:
        connection.abort("cancelled")
