"""Servers that mislead clients, each with its own truth of what it made when.

`python -m suites.serving.bench.odd_server --behaviour NAME --log FILE`: its first line says where.
Tokens are made one after another at one pace; what differs is how they reach the client.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from time import monotonic_ns
from typing import Any

from suites.engines.process import die_with_parent, say

__all__ = ["BEHAVIOURS", "ServerBehaviour"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerBehaviour:
    """How a server answers.

    Attributes:
        ttft_ms, itl_ms: until the first token is made, and from one to the next.
        real: share of the counted tokens that the model made; the rest are empty events behind the
            end of its sequence, sent at once.
        tokens_an_event: made one by one, told together.
        held: events that something on the way keeps back and hands on in one piece.
        cached_ttft_ms: of a prompt it had before, 0 for no cache.
        at_a_time: requests it works on together, the others wait; 0 for any number.
        rate: requests a second to be asked of it, 0 for streams.
        twice: ask everything twice, and take what the second time says.
    """

    name: str
    ttft_ms: float = 200.0
    itl_ms: float = 10.0
    real: float = 1.0
    tokens_an_event: int = 1
    held: int = 1
    cached_ttft_ms: float = 0.0
    at_a_time: int = 0
    rate: float = 0.0
    twice: bool = False


BEHAVIOURS = (
    ServerBehaviour(name="in turn"),
    ServerBehaviour(name="empty tail", real=0.25),
    ServerBehaviour(name="three tokens an event", tokens_an_event=3),
    ServerBehaviour(name="bursts", held=8),
    ServerBehaviour(name="cache", cached_ttft_ms=20.0, twice=True),
    # One at a time, for 100 + 59 ms: 6.3 a second, and half more is asked.
    ServerBehaviour(name="overload", ttft_ms=100.0, itl_ms=1.0, at_a_time=1, rate=9.0),
)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_END = b"data: [DONE]\n\n"


class _OddServer:
    def __init__(self, behaviour: ServerBehaviour, log: Path) -> None:
        self._of = behaviour
        self._log = log.open("w", buffering=1)
        self._known: set[str] = set()
        self._free = asyncio.Semaphore(behaviour.at_a_time or 1_000_000)
        self._answered = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after another on a connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode("latin-1").lower().split("\r\n")
                length = next((int(v[15:]) for v in lines if v.startswith("content-length:")), 0)
                body = json.loads(await reader.readexactly(length) or b"{}")
                if lines[0].startswith("post"):
                    await self._answer(body, writer)
                else:
                    await self._models(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _models(self, writer: asyncio.StreamWriter) -> None:
        """What clients ask before they begin."""
        body = json.dumps({"object": "list", "data": [{"id": "odd", "object": "model"}]}).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % len(body) + body)
        await writer.drain()

    async def _answer(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        received_ns = monotonic_ns()
        prompt = body.get("prompt") or body.get("messages") or ""
        asked = int(body.get("max_tokens") or body.get("max_completion_tokens") or 16)
        async with self._free:
            counted = (body.get("stream_options") or {}).get("include_usage")
            made_ns = await self._stream(prompt, asked, writer, counted=bool(counted))
        line = {"received_ns": received_ns, "made_ns": made_ns}
        self._log.write(json.dumps(line) + "\n")

    async def _stream(
        self, prompt: Any, asked: int, writer: asyncio.StreamWriter, *, counted: bool
    ) -> list[int]:
        key = json.dumps(prompt)
        of, known = self._of, key in self._known
        self._known.add(key)
        self._answered += 1
        name = f"cmpl-{self._answered}"
        real = max(2, round(of.real * asked))
        ttft_ms = of.cached_ttft_ms if known and of.cached_ttft_ms else of.ttft_ms
        at_ns = monotonic_ns() + int(1e6 * ttft_ms)
        writer.write(_HEAD)
        made_ns: list[int] = []
        ready: list[bytes] = []
        told = 0
        for token in range(real):
            await asyncio.sleep(max(0.0, (at_ns - monotonic_ns()) / 1e9))
            made_ns.append(monotonic_ns())
            at_ns += int(of.itl_ms * 1e6)
            last = token == real - 1
            if (token + 1) % of.tokens_an_event == 0 or last:
                ready.append(_event(name, " word" * (token + 1 - told)))
                told = token + 1
            if len(ready) >= of.held or last:
                writer.write(b"".join(map(_chunk, ready)))
                ready = []
        tail = [_event(name, "")] * (asked - real)
        count = len(prompt) if isinstance(prompt, list) else len(prompt.split())
        usage = {"prompt_tokens": count, "completion_tokens": asked, "total_tokens": count + asked}
        # Some clients fail on a count that they did not ask for.
        closing = [_event(name, "", finish="length")]
        closing += [_event(name, None, usage=usage)] * counted + [_END]
        writer.write(b"".join(map(_chunk, [*tail, *closing])) + b"0\r\n\r\n")
        await writer.drain()
        return made_ns


def _event(
    name: str, text: str | None, *, finish: str | None = None, usage: dict[str, int] | None = None
) -> bytes:
    choices = [] if text is None else [{"index": 0, "text": text, "finish_reason": finish}]
    event = {"id": name, "object": "text_completion", "created": 1, "model": "odd"}
    return b"data: %b\n\n" % json.dumps({**event, "choices": choices, "usage": usage}).encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--behaviour", required=True, choices=[of.name for of in BEHAVIOURS])
    parser.add_argument("--log", type=Path, required=True)
    options = parser.parse_args()
    die_with_parent()
    behaviour = next(of for of in BEHAVIOURS if of.name == options.behaviour)
    served = await asyncio.start_server(
        _OddServer(behaviour, options.log).serve, "127.0.0.1", 0, backlog=1024, limit=2**24
    )
    say({"url": f"http://127.0.0.1:{served.sockets[0].getsockname()[1]}"})
    await served.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
