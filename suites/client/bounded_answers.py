"""An HTTP transport that reads no answer without end: those who run a log may not be friends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BoundedTransport"]

# A log's largest answer is a result of 1 MiB.
_MOST_BYTES = 2**21
_LONGEST_S = 120.0


class BoundedTransport(httpx.HTTPTransport):
    """Gives up on answers of more than 2 MiB, or that take more than two minutes."""

    def __init__(
        self, *, most_bytes: int = _MOST_BYTES, longest_s: float = _LONGEST_S, **options: Any
    ) -> None:
        """Take other bounds where these are not the right ones; options are `HTTPTransport`'s."""
        super().__init__(**options)
        self._most_bytes, self._longest_s = most_bytes, longest_s

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer; reading the body raises `httpx.ReadError` beyond the bounds."""
        answer = super().handle_request(request)
        until = time.monotonic() + self._longest_s
        stream = _Bounded(answer.stream, until, self._most_bytes)
        return httpx.Response(
            answer.status_code,
            headers=answer.headers,
            stream=stream,
            extensions=answer.extensions,
        )


class _Bounded(httpx.SyncByteStream):
    def __init__(
        self,
        stream: httpx.SyncByteStream | httpx.AsyncByteStream,
        until: float,
        most_bytes: int,
    ) -> None:
        assert isinstance(stream, httpx.SyncByteStream)
        self._stream, self._until, self._most_bytes = stream, until, most_bytes

    def __iter__(self) -> Iterator[bytes]:
        read = 0
        for chunk in self._stream:
            read += len(chunk)
            if read > self._most_bytes or time.monotonic() > self._until:
                raise httpx.ReadError("an answer without end")
            yield chunk

    def close(self) -> None:
        self._stream.close()
