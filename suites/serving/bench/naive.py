"""The clients everybody writes, for `compare` beside it: line by line, parsed as they come.

And one below them all, `bare`: a protocol that stamps each read, keeps it, and does nothing else
a client must do. What a client costs above it is its own.

`python -m suites.serving.bench.naive --client httpx --url URL --streams 64` prints one JSON object.
Runs in an environment that may hold nothing of ours: the standard library and the client only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from typing import Any
from urllib.parse import urlsplit

__all__: list[str] = []

Body = dict[str, Any]
AnswerTimes = tuple[int, list[tuple[int, int]]]  # sent, then (seen, truly sent) of each token

_TRULY_SENT = re.compile(rb'"text":" (\d+)"')


async def _httpx(url: str, streams: int, rounds: int, body: Body) -> list[AnswerTimes]:
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(timeout=600, limits=limits) as client:

        async def ask() -> AnswerTimes:
            sent = time.monotonic_ns()
            async with client.stream("POST", url, json=body) as response:
                return sent, [
                    seen async for line in response.aiter_lines() if (seen := _seen(line))
                ]

        return await _rounds(ask, streams, rounds)


async def _aiohttp(url: str, streams: int, rounds: int, body: Body) -> list[AnswerTimes]:
    import aiohttp  # type: ignore[import-not-found] # installed by compare, elsewhere

    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as client:

        async def ask() -> AnswerTimes:
            sent = time.monotonic_ns()
            async with client.post(url, json=body) as response:
                tokens = [
                    seen
                    async for line in response.content
                    if (seen := _seen(line.decode().strip()))
                ]
                return sent, tokens

        return await _rounds(ask, streams, rounds)


async def _bare(url: str, streams: int, rounds: int, body: Body) -> list[AnswerTimes]:
    parts, content = urlsplit(url), json.dumps(body).encode()
    host, port = parts.hostname or "", parts.port or 80
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(content)}"
    request = b"%b\r\n\r\n%b" % (head.encode(), content)
    loop = asyncio.get_running_loop()

    class Stream(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport, self.over = transport, loop.create_future()
            self.rounds: list[tuple[int, list[tuple[int, bytes]]]] = []
            self.ask()

        def ask(self) -> None:
            self.reads: list[tuple[int, bytes]] = []
            self.rounds.append((time.monotonic_ns(), self.reads))
            self.transport.write(request)

        def data_received(self, data: bytes) -> None:
            self.reads.append((time.monotonic_ns(), data))
            if not data.endswith(b"0\r\n\r\n"):
                return
            if len(self.rounds) < rounds:
                self.ask()
            else:
                self.transport.close()
                self.over.set_result(None)

    opened = [await loop.create_connection(Stream, host, port) for _ in range(streams)]
    await asyncio.gather(*(stream.over for _, stream in opened))
    return [
        (sent, [(at, int(text)) for at, data in reads for text in _TRULY_SENT.findall(data)])
        for _, stream in opened
        for sent, reads in stream.rounds[1:]
    ]


def _seen(line: str) -> tuple[int, int] | None:
    now = time.monotonic_ns()
    if not line.startswith("data: {"):
        return None
    message = json.loads(line[6:])
    return (now, int(message["choices"][0]["text"])) if message["choices"] else None


async def _rounds(ask: Any, streams: int, rounds: int) -> list[AnswerTimes]:
    async def stream() -> list[AnswerTimes]:
        return [await ask() for _ in range(rounds)][1:]

    return [
        answer
        for answers in await asyncio.gather(*(stream() for _ in range(streams)))
        for answer in answers
    ]


_CLIENTS = {"bare": _bare, "httpx": _httpx, "aiohttp": _aiohttp}


def _loop_of(client: str) -> Any:
    """Give the bare one the loop that ours runs on; the others are as everybody writes them."""
    if client != "bare":
        return None
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--client", choices=list(_CLIENTS), required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument(
        "--rounds", type=int, default=6, help="of requests; the first opens connections"
    )
    parser.add_argument("--tokens", type=int, default=64)
    options = parser.parse_args()
    body = {"model": "emitter", "prompt": [1] * 16, "max_tokens": options.tokens, "stream": True}
    body["stream_options"] = {"include_usage": True}
    ask = _CLIENTS[options.client]
    run = ask(f"{options.url}/v1/completions", options.streams, options.rounds, body)
    with asyncio.Runner(loop_factory=_loop_of(options.client)) as runner:
        answers = runner.run(run)
    print(json.dumps({"answers": answers}))


if __name__ == "__main__":
    _main()
