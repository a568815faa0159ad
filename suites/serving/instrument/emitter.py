"""A server with a known schedule: it says in each event when it really sent it.

Truth for the self-check is the time at which an event was handed to the kernel, never the time
the schedule asked for: one process in Python is late itself at thousands of events a second.
Runs as its own process: `python -m suites.serving.instrument.emitter --ttft-ms 20 --itl-ms 20`.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import selectors
import socket
import struct
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic_ns
from typing import TYPE_CHECKING, Self

from suites.engines.process import EngineProcess, die_with_parent, say

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Emitter", "Schedule"]

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
# As long as a real engine's event (vLLM: about 230 bytes, llama.cpp: about 260). The text of each
# is the time at which it was sent.
_OPENING = (
    b'data: {"id":"%b","object":"text_completion","created":1700000000,"model":"emitter",'
    b'"text_is":"sent_ns",'
)
_EVENT = (
    b'"choices":[{"index":0,"text":" %d","logprobs":null,'
    b'"finish_reason":null,"stop_reason":null}]}\n\n'
)
_LAST = b'"choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":%d}}\n\n'
# Linux stamps what arrives (socket(7); asm-generic/socket.h, not in Python's module): a busy
# emitter reads a request later than the client sent it.
_SO_TIMESTAMPNS = 35
_STAMP = struct.Struct("ll")  # seconds and nanoseconds of the wall clock
_NOTHING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
_LISTING = b'{"object":"list","data":[{"id":"emitter","object":"model"}]}'
_MODELS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_LISTING),
    _LISTING,
)
_END = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When the emitter sends: first event `ttft_ms` after the request, then every `itl_ms`.

    Attributes:
        stall_every, stall_ms: every n-th event comes this much later (0: never).
        pause_after_s, pause_s: the whole server stands still once, this long after it started
            serving (0: never).
        burst: events in one send.
    """

    ttft_ms: float = 20.0
    itl_ms: float = 20.0
    stall_every: int = 0
    stall_ms: float = 0.0
    pause_after_s: float = 0.0
    pause_s: float = 0.0
    burst: int = 1


class Emitter:
    """The emitter in its own process, for as long as the context lasts."""

    def __init__(
        self, schedule: Schedule, *, cpu: int | None = None, log: Path | None = None
    ) -> None:
        """Describe it.

        Args:
            cpu: core to stay on.
            log: gets a line of JSON for each answered request: `names` (its response's id, its
                X-Request-ID), `received_ns` (when the kernel had it) and `sent_ns` of each event,
                on the monotonic clock.
        """
        self._schedule, self._cpu, self._log = schedule, cpu, log
        self._process: EngineProcess | None = None
        self.url = ""

    def __enter__(self) -> Self:
        options = []
        for name in Schedule.__dataclass_fields__:
            options += [f"--{name.replace('_', '-')}", str(getattr(self._schedule, name))]
        if self._cpu is not None:
            options += ["--cpu", str(self._cpu)]
        if self._log is not None:
            options += ["--log", str(self._log)]
        command = [sys.executable, "-m", "suites.serving.instrument.emitter", *options]
        self._process = EngineProcess(command, name="emitter", ready_within_s=20)
        self.url = self._process.ready()["url"]
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.stop()


@dataclass(slots=True, eq=False)
class _Stream:
    """One connection's request in progress."""

    socket: socket.socket
    inbox: bytes = b""
    opening: bytes = b""
    sent: int = 0
    tokens: int = 0
    prompt_tokens: int = 0
    counts: bool = False
    names: list[str] = field(default_factory=list)
    received_ns: int = 0
    times: list[int] = field(default_factory=list)


class _EmitterServer:
    def __init__(self, schedule: Schedule, log: Path | None = None) -> None:
        self._schedule = schedule
        self._log = log.open("w", buffering=1) if log else None
        self._itl_ns = int(schedule.itl_ms * 1e6)
        self._due: list[tuple[int, int, _Stream]] = []  # (time, tie-break, stream)
        self._order = 0
        self._requests = 0
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._pause_at = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def run(self) -> None:
        while True:
            for key, _ in self._selector.select(self._sleep_s()):
                if key.data is None:
                    self._accept()
                else:
                    self._receive(key.data)
            self._send_due()

    def _sleep_s(self) -> float | None:
        """Whole milliseconds until the next event; the rest is spun for accuracy."""
        if not self._due:
            return None
        return max(0, self._due[0][0] - monotonic_ns()) // 1_000_000 / 1e3

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except BlockingIOError:
                return
            peer.setblocking(False)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if sys.platform == "linux":
                peer.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self._selector.register(peer, selectors.EVENT_READ, _Stream(peer))

    def _receive(self, stream: _Stream) -> None:
        try:
            data, stamps, *_ = stream.socket.recvmsg(1 << 20, socket.CMSG_SPACE(_STAMP.size))
        except BlockingIOError:
            return
        except OSError:
            data, stamps = b"", []
        if not data:
            self._drop(stream)
            return
        stream.inbox += data
        head, head_end, body = stream.inbox.partition(b"\r\n\r\n")
        length = int(_header(head, b"content-length") or 0)
        if not head_end or len(body) < length:
            return
        stream.inbox = b""
        if head.startswith(b"GET "):  # what clients ask beside their load
            stream.socket.send(_MODELS if b"/models " in head else _NOTHING)
            return
        stream.received_ns = _arrival_ns(stamps)
        request = json.loads(body[:length]) if length else {}
        prompt = request.get("prompt") or request.get("messages") or []
        stream.prompt_tokens, stream.tokens = len(prompt), int(request.get("max_tokens", 16))
        stream.sent, stream.times = 0, []
        # Some clients fail on a count that they did not ask for.
        stream.counts = bool((request.get("stream_options") or {}).get("include_usage"))
        self._requests += 1
        name = b"cmpl-%020x" % self._requests
        stream.opening = _OPENING % name
        stream.names = [name.decode(), _header(head, b"x-request-id").decode()]
        now = monotonic_ns()
        if not self._pause_at and self._schedule.pause_s:
            self._pause_at = now + int(self._schedule.pause_after_s * 1e9)
        self._plan(stream, now + int(self._schedule.ttft_ms * 1e6))

    def _plan(self, stream: _Stream, at_ns: int) -> None:
        self._order += 1
        heapq.heappush(self._due, (at_ns, self._order, stream))

    def _send_due(self) -> None:
        now = monotonic_ns()
        if self._pause_at and now >= self._pause_at:
            self._pause_at = 1 << 62  # once
            time.sleep(self._schedule.pause_s)
            now = monotonic_ns()
        while self._due and self._due[0][0] <= now:
            at_ns, _, stream = heapq.heappop(self._due)
            if stream.socket.fileno() < 0:
                continue
            if not self._send_event(stream):
                self._drop(stream)
            elif stream.sent < stream.tokens:
                self._plan(stream, at_ns + self._gap_ns(stream.sent))

    def _gap_ns(self, sent: int) -> int:
        every = self._schedule.stall_every
        stalled = every and sent % every == 0
        return self._itl_ns + (int(self._schedule.stall_ms * 1e6) if stalled else 0)

    def _send_event(self, stream: _Stream) -> bool:
        count = min(self._schedule.burst, stream.tokens - stream.sent)
        first = stream.sent == 0
        stream.sent += count
        tail = b""
        if stream.sent >= stream.tokens:
            last = _LAST % (stream.prompt_tokens, stream.tokens)
            tail = (_chunk(stream.opening + last) if stream.counts else b"") + _END
        times = [monotonic_ns() for _ in range(count)]
        stream.times += times
        events = b"".join(_chunk(stream.opening + _EVENT % time) for time in times)
        if stream.sent >= stream.tokens:
            self._note(stream)
        message = (_HEAD if first else b"") + events + tail
        try:
            return stream.socket.send(message) == len(message)
        except OSError:
            return False

    def _note(self, stream: _Stream) -> None:
        if self._log:
            line = {"names": stream.names, "received_ns": stream.received_ns}
            self._log.write(json.dumps({**line, "sent_ns": stream.times}) + "\n")

    def _drop(self, stream: _Stream) -> None:
        if 0 < stream.sent < stream.tokens:  # left midway: what it was sent was work for it too
            self._note(stream)
        self._selector.unregister(stream.socket)
        stream.socket.close()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _header(head: bytes, wanted: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == wanted:
            return value.strip()
    return b""


def _arrival_ns(stamps: Sequence[tuple[int, int, bytes]]) -> int:
    """When the kernel had what was just read, on the monotonic clock; else it is now."""
    now, wall = monotonic_ns(), time.time_ns()
    for level, kind, value in stamps:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, nanoseconds = map(int, _STAMP.unpack(value))
            return now - (wall - seconds * 10**9 - nanoseconds)
    return now


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, option in Schedule.__dataclass_fields__.items():
        kind = type(option.default)
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=option.default)
    parser.add_argument("--cpu", type=int)
    parser.add_argument("--log", type=Path)
    options = vars(parser.parse_args())
    cpu, log = options.pop("cpu"), options.pop("log")
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    die_with_parent()
    server = _EmitterServer(Schedule(**options), log)
    say({"url": server.url})
    server.run()


if __name__ == "__main__":
    _main()
