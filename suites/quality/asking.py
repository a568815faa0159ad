"""Ask an endpoint questions, many at a time, and keep what it answered."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any

from suites.base.errors import CheckError, UserError
from suites.base.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import httpx

    from suites.client.target import Target

__all__ = ["Asker", "Reply"]

_MOST_FAILURES = 10  # in a row; then the server is left alone
_SAID = 300  # characters of a server's words
_LEAST = -200.0  # a logarithm of a chance that is none
_TOKEN, _MOST_CANDIDATES = 200, 100  # characters of a token; tokens told at one place


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back.

    Attributes:
        text: the answer; thoughts that the server tells apart are not in it.
        tokens: output tokens by the server's count, thoughts included; None where it has none.
        logprobs: of the first token's candidates, by its text; empty where none were asked for.
        greedy: texts of the answer's tokens, told where candidates are.
        ids: of tokens by their text, as far as the server tells them.
        failure: why there is no answer; empty where there is one.
    """

    text: str = ""
    tokens: int | None = None
    logprobs: dict[str, float] | None = None
    greedy: tuple[str, ...] = ()
    ids: Mapping[str, int] = field(default_factory=dict)
    failure: str = ""


class Asker:
    """An endpoint and how it is asked."""

    def __init__(self, target: Target, *, temperature: float = 0.0, concurrency: int = 16) -> None:
        """Keep the parts.

        Args:
            concurrency: requests at a time.
        """
        self._target, self._temperature, self._concurrency = target, temperature, concurrency

    def ask(
        self,
        prompts: Sequence[str],
        *,
        max_tokens: int,
        logprobs: int = 0,
        done: Callable[[], None] = lambda: None,
    ) -> list[Reply]:
        """Ask every question once; replies come in the order of the questions.

        Args:
            logprobs: candidates of the first token to tell.
            done: called after each.

        Raises:
            UserError: the server cannot be reached.
            CheckError: ten requests in a row failed; in the server's words.
        """
        import httpx  # loaded where a cell asks: it takes a sixth of a second

        from suites.client.bounded_answers import BoundedTransport

        stop, row = Event(), [0]

        addresses = [self._target.alone(place).address for place in range(len(self._target.urls))]

        def ask_at(place: int, prompt: str) -> Reply:
            if stop.is_set():
                return Reply(failure="not asked")
            address = addresses[place % len(addresses)]
            reply = self._one_reply(client, address, prompt, max_tokens, logprobs)
            row[0] = row[0] + 1 if reply.failure else 0
            if row[0] >= _MOST_FAILURES:
                stop.set()
            done()
            return reply

        transport = BoundedTransport(verify=self._target.tls or None, retries=1)
        with (
            httpx.Client(transport=transport, headers=self._headers(), timeout=110) as client,
            ThreadPoolExecutor(self._concurrency) as pool,
        ):
            replies = list(pool.map(ask_at, range(len(prompts)), prompts))
        if stop.is_set():
            raise CheckError(
                f"ten requests in a row failed: {next(r.failure for r in replies if r.failure)}",
                where=self._target.address,
            )
        return replies

    def _headers(self) -> dict[str, str]:
        target = self._target
        own = {target.key_header: target.key} if target.key_header and target.key else {}
        usual = {"Authorization": f"Bearer {target.key}"} if target.key and not own else {}
        return dict(target.headers) | own | usual

    def _one_reply(
        self, client: httpx.Client, address: str, prompt: str, max_tokens: int, logprobs: int
    ) -> Reply:
        import httpx

        target, chats = self._target, self._target.api == "chat"
        body: dict[str, Any] = {
            "model": target.model,
            target.max_tokens_field or "max_tokens": max_tokens,
            "temperature": self._temperature,
            "stream": False,
            **(
                {"messages": [{"role": "user", "content": prompt}]} if chats else {"prompt": prompt}
            ),
        }
        if logprobs:
            body |= (
                {"logprobs": True, "top_logprobs": logprobs} if chats else {"logprobs": logprobs}
            )
        body = {name: value for name, value in body.items() if name not in target.without}
        try:
            answer = client.post(address, json=body | target.body)
        except httpx.ConnectError as error:
            raise UserError(
                f"cannot connect ({error})",
                where=address,
                expected="a running OpenAI-compatible server",
            ) from error
        except httpx.HTTPError as error:
            return Reply(failure=str(error) or type(error).__name__)
        if answer.status_code != httpx.codes.OK:
            excerpt = printable(" ".join(answer.text.split()), _SAID)
            return Reply(failure=f"HTTP {answer.status_code}: {excerpt}")
        return _read(answer.content, max_tokens)


def _read(content: bytes, max_tokens: int) -> Reply:
    try:
        message = json.loads(content)
        choice = message["choices"][0]
        text = choice["message"]["content"] if "message" in choice else choice["text"]
        tokens = (message.get("usage") or {}).get("completion_tokens")
        return Reply(
            text=text or "",
            tokens=tokens if isinstance(tokens, int) and tokens >= 0 else None,
            logprobs=_together(_candidates(choice.get("logprobs"))),
            greedy=tuple(_greedy(choice.get("logprobs"), max_tokens)),
            ids=dict(_ids(choice.get("logprobs"), max_tokens)),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return Reply(failure="no answer of an OpenAI-compatible server")


def _together(candidates: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Add up tokens of one text, such as parts of a character: chances add, not logarithms."""
    chances: defaultdict[str, float] = defaultdict(float)
    for text, logprob in candidates:
        chances[text] += math.exp(min(logprob, 0.0))
    if any(map(math.isnan, chances.values())):
        raise ValueError("a logarithm that is not a number")
    return {
        text: max(min(math.log(chance), 0.0), _LEAST) for text, chance in chances.items() if chance
    }


def _candidates(told: Any) -> Iterator[tuple[str, float]]:
    """Candidates of the first token, in either of the two forms."""
    if not told:
        return
    if told.get("content"):
        for candidate in told["content"][0]["top_logprobs"][:_MOST_CANDIDATES]:
            yield str(candidate["token"])[:_TOKEN], float(candidate["logprob"])
    elif told.get("top_logprobs"):
        for token, logprob in list(told["top_logprobs"][0].items())[:_MOST_CANDIDATES]:
            yield str(token)[:_TOKEN], float(logprob)


def _greedy(told: Any, most: int) -> Iterator[str]:
    """Texts of the tokens of an answer, in either of the two forms."""
    told = told or {}
    steps = told.get("content")
    texts = [step["token"] for step in steps] if steps else told.get("tokens") or []
    yield from (str(text)[:_TOKEN] for text in texts[:most])


def _ids(told: Any, most: int) -> Iterator[tuple[str, int]]:
    """Ids that llama.cpp tells beside each candidate."""
    for step in ((told or {}).get("content") or [])[:most]:
        for candidate in (step.get("top_logprobs") or [])[:_MOST_CANDIDATES]:
            number = candidate.get("id")
            if type(number) is int and 0 <= number < 2**32:
                yield str(candidate["token"])[:_TOKEN], number
