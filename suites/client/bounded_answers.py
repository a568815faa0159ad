"""An HTTP transport that reads no answer without end: those who run a log may not be friends.

Nor one that is compressed: a few kilobytes of it may be gigabytes.
"""

from __future__ import annotations

import os
import time
from functools import cache
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

__all__ = ["BoundedTransport"]

# A log's largest answer is a result of 1 MiB.
_MOST_BYTES = 2**21
_LONGEST_S = 120.0


@cache
def _trusted(_named: tuple[str | None, ...]) -> ssl.SSLContext:
    """Authorities that certificates are checked by: reading them takes longer than a short call."""
    return httpx.create_ssl_context()


def _named() -> tuple[str | None, ...]:
    """Where the environment says that they are."""
    return os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")


class BoundedTransport(httpx.HTTPTransport):
    """Gives up on answers of more than 2 MiB, or that take more than two minutes.

    Args:
        verify: what certificates are checked by; None: the authorities of this machine's Python.
        most_bytes, longest_s: other bounds, where these are not the right ones.
    """

    def __init__(
        self,
        *,
        verify: ssl.SSLContext | bool | None = None,
        retries: int = 0,
        most_bytes: int = _MOST_BYTES,
        longest_s: float = _LONGEST_S,
    ) -> None:
        super().__init__(verify=_trusted(_named()) if verify is None else verify, retries=retries)
        self._most_bytes, self._longest_s = most_bytes, longest_s

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer; reading the body raises `httpx.ReadError` beyond the bounds.

        Raises:
            httpx.ReadError: the answer is compressed, though nobody asked for it.
        """
        request.headers["Accept-Encoding"] = "identity"
        answer = super().handle_request(request)
        if (encoding := answer.headers.get("content-encoding", "identity")) != "identity":
            answer.close()
            raise httpx.ReadError(f"compressed ({encoding[:20]!r}), which was not asked for")
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
