"""The clients everybody writes, for `suites.serving.compare`: line by line, parsed as they come.

`python -m suites.serving.naive --client httpx --url URL --streams 64` prints one JSON object.
Runs in an environment that may hold nothing of ours: the standard library and the client only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import Any

__all__: list[str] = []

Body = dict[str, Any]
Answer = tuple[int, list[tuple[int, int]]]  # sent, then (seen, truly sent) of each token

_ROUNDS = 3  # the first one warms connections and is not counted


async def _httpx(url: str, streams: int, body: Body) -> list[Answer]:
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(timeout=600, limits=limits) as client:

        async def ask() -> Answer:
            sent = time.monotonic_ns()
            async with client.stream("POST", url, json=body) as response:
                return sent, [
                    seen async for line in response.aiter_lines() if (seen := _seen(line))
                ]

        return await _rounds(ask, streams)


async def _aiohttp(url: str, streams: int, body: Body) -> list[Answer]:
    import aiohttp  # type: ignore[import-not-found] # installed by compare, elsewhere

    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as client:

        async def ask() -> Answer:
            sent = time.monotonic_ns()
            async with client.post(url, json=body) as response:
                tokens = [
                    seen
                    async for line in response.content
                    if (seen := _seen(line.decode().strip()))
                ]
                return sent, tokens

        return await _rounds(ask, streams)


def _seen(line: str) -> tuple[int, int] | None:
    now = time.monotonic_ns()
    if not line.startswith("data: {"):
        return None
    message = json.loads(line[6:])
    return (now, int(message["choices"][0]["text"])) if message["choices"] else None


async def _rounds(ask: Any, streams: int) -> list[Answer]:
    async def stream() -> list[Answer]:
        return [await ask() for _ in range(_ROUNDS)][1:]

    return [
        answer
        for answers in await asyncio.gather(*(stream() for _ in range(streams)))
        for answer in answers
    ]


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--client", choices=["httpx", "aiohttp"], required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--tokens", type=int, default=64)
    options = parser.parse_args()
    run = _httpx if options.client == "httpx" else _aiohttp
    body = {"model": "emitter", "prompt": [1] * 16, "max_tokens": options.tokens, "stream": True}
    answers = asyncio.run(run(f"{options.url}/v1/completions", options.streams, body))
    print(json.dumps({"answers": answers}))


if __name__ == "__main__":
    _main()
