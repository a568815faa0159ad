"""Send isolated prefills and decodes to one engine and time them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import monotonic_ns
from typing import TYPE_CHECKING

from suites.base.child import note
from suites.base.errors import CheckError
from suites.base.records import Series, Window
from suites.client.loop import run_loop
from suites.client.prompts import Prompts
from suites.client.request import Request, read_exchange
from suites.client.wire import Connection, Exchange, Tape, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from suites.base.records import Label
    from suites.client.target import Target

__all__ = ["InferenceCase", "measure"]

# A prompt this short warms the connection, the server's worker and the decode path.
_WARM_TOKENS = 16
_LIMIT_S = 600.0
# Time for the server to accept the connections: a first byte is not to pay for it.
_SETTLE_S = 0.01
# A busy machine may hand over a short answer in one piece. Such a round says nothing; so many of
# them are asked again, with other prompts.
_SPARE_ROUNDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceCase:
    """One isolated measurement.

    Attributes:
        family: "prefill" (one prompt, one token) or "decode" (`batch` prompts, then steps).
        input_tokens: prompt length; for decode the context at the first step.
        output_tokens: 1 for prefill.
        batch: requests in flight together.
        repeats: timed rounds.
    """

    family: str
    input_tokens: int
    output_tokens: int
    batch: int
    repeats: int

    @property
    def name(self) -> str:
        if self.family == "prefill":
            return f"prefill/isl{self.input_tokens}"
        return f"decode/b{self.batch}/ctx{self.input_tokens}"

    @property
    def labels(self) -> dict[str, Label]:
        if self.family == "prefill":
            return {"isl": self.input_tokens, "batch": 1}
        return {
            "batch": self.batch,
            "context": self.input_tokens,
            "isl": self.input_tokens,
            "osl": self.output_tokens,
        }


def measure(
    target: Target, case: InferenceCase, *, seed: int | str, check_alive: Callable[[], None]
) -> list[Series]:
    """Run one case and give its series.

    Raises:
        CheckError: a request failed or the engine counted other tokens than we asked for.
        UserError: the endpoint cannot be reached.
    """
    try:
        rounds = run_loop(_rounds(target, case, seed))
    except CheckError:
        check_alive()  # its own last words say more
        raise
    for requests in rounds:
        _check_counts(case, requests)
    return _prefill(case, rounds) if case.family == "prefill" else _decode(case, rounds)


async def _rounds(target: Target, case: InferenceCase, seed: int | str) -> list[list[Request]]:
    """Requests of each round; one untimed short round warms everything first."""
    tape = Tape()
    # Other prompts for each case: an engine with a prefix cache remembers those of the last one.
    prompts = Prompts(
        target,
        input_tokens=case.input_tokens,
        output_tokens=case.output_tokens,
        seed=f"{seed}/{case.name}",
    )
    warm = Prompts(
        target, input_tokens=_WARM_TOKENS, output_tokens=2, seed=f"{seed}/{case.name}/warm"
    )
    await _round(target, warm, 0, case.batch, tape)
    rounds: list[list[Request]] = []
    spare, start = _SPARE_ROUNDS, 0
    while len(rounds) < case.repeats:
        requests = await _round(target, prompts, start, case.batch, tape)
        start += case.batch
        if spare and not _can_be_timed(case, requests):
            spare -= 1
            note(f"{case.name}: a round could not be timed and is asked again")
        else:
            rounds.append(requests)
    return rounds


async def _open(target: Target, done: asyncio.Queue[Exchange]) -> Connection:
    try:
        connection = Connection(lambda _, exchange: done.put_nowait(exchange))
        return await connect(target, connection)
    except OSError as error:
        raise CheckError(f"cannot connect ({error.strerror or error})", where=target.url) from error


async def _round(
    target: Target, prompts: Prompts, start: int, batch: int, tape: Tape
) -> list[Request]:
    """Send `batch` requests at once, each on a connection opened before, and wait for all."""
    done: asyncio.Queue[Exchange] = asyncio.Queue()
    connections = [await _open(target, done) for _ in range(batch)]
    await asyncio.sleep(_SETTLE_S)
    payloads = [prompts.request(start + place) for place in range(batch)]
    input_tokens, output_tokens = prompts.size(start)
    for place, connection in enumerate(connections):
        exchange = Exchange(
            index=start + place,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            intended_ns=monotonic_ns(),
            measured=True,
        )
        connection.send(exchange, payloads[place])
    try:
        async with asyncio.timeout(_LIMIT_S):
            ended = [await done.get() for _ in connections]
    except TimeoutError:
        raise CheckError(
            f"no answer within {_LIMIT_S:.0f} s", where=f"prompt of {input_tokens} tokens"
        ) from None
    finally:
        for connection in connections:
            connection.abort("cancelled")
    for exchange in ended:
        tape.record(exchange)
    return [read_exchange(tape, exchange) for exchange in ended]


def _check_counts(case: InferenceCase, requests: Sequence[Request]) -> None:
    for request in requests:
        if request.failure:
            raise CheckError(
                f"request failed: {request.failure} {request.detail}".strip(), where=case.name
            )
        if request.input_tokens != case.input_tokens:
            raise CheckError(
                f"the engine counted {request.input_tokens} prompt tokens",
                where=case.name,
                expected=str(case.input_tokens),
                remedy="only an engine that takes token ids can be measured exactly",
            )
        if request.cached_tokens:
            raise CheckError(
                f"the engine took {request.cached_tokens} prompt tokens from a cache",
                where=case.name,
                expected="prefix caching switched off",
            )


def _prefill(case: InferenceCase, rounds: Sequence[Sequence[Request]]) -> list[Series]:
    requests = [request for requests in rounds for request in requests]
    windows = tuple(
        Window(start_ns=r.sent_ns, end_ns=r.token_ns[0], input_tokens=r.input_tokens)
        for r in requests
    )
    times_ms = [request.ttft_ms for request in requests]
    rates = [case.input_tokens / time_ms * 1e3 for time_ms in times_ms]
    engine = [r.timings["prompt_ms"] for r in requests if "prompt_ms" in r.timings]
    return [
        _series(case, "ttft", "ms", times_ms, windows),
        _series(case, "prefill_throughput", "tokens/s", rates, windows),
        *([_series(case, "engine_ttft", "ms", engine)] if engine else []),
    ]


def _can_be_timed(case: InferenceCase, requests: Sequence[Request]) -> bool:
    """Whether a round holds steps to time; one that failed is for `_check_counts` to name."""
    if case.family == "prefill" or any(request.failure for request in requests):
        return True
    start, end = _together_ns(requests)
    return start < end and all(len(_inside(r, start, end)) > 1 for r in requests)


def _together_ns(requests: Sequence[Request]) -> tuple[int, int]:
    """From the last one's first token to the first one's last: all decode, none fills or ended."""
    start = max(request.token_ns[0] for request in requests)
    return start, min(request.token_ns[-1] for request in requests)


def _inside(request: Request, start: int, end: int) -> list[int]:
    return [time for time in request.token_ns if start <= time <= end]


def _decode(case: InferenceCase, rounds: Sequence[Sequence[Request]]) -> list[Series]:
    """Time steps only while all requests of the batch decode: no prefill, none ended."""
    steps_ms: list[float] = []
    rates: list[float] = []
    windows: list[Window] = []
    engine: list[float] = []
    for requests in rounds:
        if not _can_be_timed(case, requests):
            raise _untimed(case)
        start, end = _together_ns(requests)
        tokens = 0
        for request in requests:
            inside = _inside(request, start, end)
            steps_ms.append((inside[-1] - inside[0]) / 1e6 / (len(inside) - 1))
            tokens += len(inside) - 1
            # The engine's mean spans a request's whole life, neighbours' prefills included.
            if case.batch == 1 and "predicted_per_token_ms" in request.timings:
                engine.append(request.timings["predicted_per_token_ms"])
        rates.append(tokens / (end - start) * 1e9)
        windows.append(Window(start_ns=start, end_ns=end, output_tokens=tokens))
    return [
        _series(case, "tpot", "ms", steps_ms, tuple(windows)),
        _series(case, "decode_throughput", "tokens/s", rates, tuple(windows)),
        *([_series(case, "engine_tpot", "ms", engine)] if engine else []),
    ]


def _untimed(case: InferenceCase) -> CheckError:
    if case.batch == 1:
        return CheckError(
            "all tokens came in one piece, again and again",
            where=case.name,
            expected="a server that sends each token when it has it",
            remedy="or the machine is too busy: run again on a quiet one",
        )
    return CheckError(
        "the batch never decoded together",
        where=case.name,
        expected=f"an engine that takes {case.batch} requests at once",
    )


def _series(
    case: InferenceCase,
    metric: str,
    unit: str,
    samples: Sequence[float],
    windows: tuple[Window, ...] = (),
) -> Series:
    return Series(
        suite="inference",
        case=case.name,
        metric=metric,
        unit=unit,
        samples=tuple(samples),
        labels=case.labels,
        windows=windows,
    )
