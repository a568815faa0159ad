"""The portable engine's OpenAI door: completions over HTTP, one token an event."""

from __future__ import annotations

import json
import queue
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from suites.base.errors import CheckError, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suites.engines.portable.decoder import Decoder

__all__ = ["server"]

_BODY_BYTES = 64 * 2**20
# What a decoder gives for half a character.
_REPLACEMENT = "\ufffd"


@dataclass(slots=True, kw_only=True, eq=False)
class _Request:
    """One completion.

    Attributes:
        prompt: token ids.
        limit: output tokens at most.
        ends: tokens that end it.
        tokens: what came, in order; an exception where decoding failed, None at the end.
        left: whether the client has gone.
        begun_s, first_s, last_s: when the prompt was begun, and the first and last token there.
    """

    prompt: list[int]
    limit: int
    ends: set[int]
    stream: bool
    tokens: queue.SimpleQueue[int | Exception | None] = field(default_factory=queue.SimpleQueue)
    left: bool = False
    count: int = 0
    ended: str = "length"
    begun_s: float = 0.0
    first_s: float = 0.0
    last_s: float = 0.0

    def give(self, token: int) -> bool:
        """Hand a token on; whether the request is over with it."""
        if token in self.ends:
            self.ended = "stop"
            self.tokens.put(None)
            return True
        self.last_s = time.perf_counter()
        self.first_s = self.first_s or self.last_s
        self.count += 1
        self.tokens.put(token)
        if self.count < self.limit and not self.left:
            return False
        self.tokens.put(None)
        return True


class _Worker(threading.Thread):
    """The one thread that computes: prompts first, then a token for every row, again and again."""

    def __init__(self, decoder: Decoder, slots: int) -> None:
        super().__init__(daemon=True)
        self._decoder, self._slots = decoder, slots
        self._waiting: queue.SimpleQueue[_Request] = queue.SimpleQueue()
        self._rows: list[_Request] = []

    def submit(self, request: _Request) -> None:
        self._waiting.put(request)

    def run(self) -> None:
        while True:
            self._admit()
            if not self._rows:
                continue
            try:
                tokens = self._decoder.step()
            except Exception as error:  # noqa: BLE001 - told to each client; the server lives on
                self._fail(error)
                continue
            over = [
                row
                for row, (request, token) in enumerate(zip(self._rows, tokens, strict=True))
                if request.give(token)
            ]
            for row in reversed(over):
                self._drop(row)

    def _admit(self) -> None:
        """Start what waits while rows are free; wait where nothing runs."""
        while len(self._rows) < self._slots:
            try:
                request = self._waiting.get(block=not self._rows)
            except queue.Empty:
                return
            self._start(request)

    def _start(self, request: _Request) -> None:
        request.begun_s = time.perf_counter()
        try:
            token = self._decoder.start(request.prompt)
        except Exception as error:  # noqa: BLE001 - out of memory, say: told to the client
            request.tokens.put(error)
            return
        self._rows.append(request)
        if request.give(token):
            self._drop(len(self._rows) - 1)

    def _drop(self, row: int) -> None:
        self._decoder.drop(row)
        self._rows[row] = self._rows[-1]
        self._rows.pop()

    def _fail(self, error: Exception) -> None:
        for row in reversed(range(len(self._rows))):
            self._rows[row].tokens.put(error)
            self._drop(row)


class _Text:
    """Text of tokens as they come: whole characters only."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._start = self._read = 0

    def add(self, token: int) -> str:
        """The text this token adds; empty while a character is not whole."""
        self._ids.append(token)
        # From one token back: how a word begins depends on what stands before it.
        before = self._tokenizer.decode(self._ids[self._start : self._read])
        text: str = self._tokenizer.decode(self._ids[self._start :])
        if text.endswith(_REPLACEMENT):
            return ""
        self._start, self._read = self._read, len(self._ids)
        return text[len(before) :]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """What is served, and within which bounds."""

    worker: _Worker
    tokenizer: Any
    model: str
    version: str
    ends: set[int]
    context: int
    vocabulary: int

    def read(self, body: bytes) -> tuple[_Request, bool]:
        """The request a body asks for, and whether a stream tells its usage.

        Raises:
            UserError: it cannot be answered as asked.
        """
        try:
            asked = json.loads(body)
        except ValueError:
            raise UserError("the body is not JSON") from None
        if not isinstance(asked, dict):
            raise UserError("the body is not an object")
        prompt = self._prompt(asked.get("prompt"))
        limit = asked.get("max_tokens", 16)
        if not isinstance(limit, int) or not 0 < limit <= self.context - len(prompt):
            raise UserError(
                f"max_tokens {limit!r} after a prompt of {len(prompt)} tokens; "
                f"the context is {self.context}"
            )
        if asked.get("temperature") or asked.get("n", 1) != 1:
            raise UserError("this engine decodes greedily, one answer: temperature 0, n 1")
        options = asked.get("stream_options")
        return _Request(
            prompt=prompt,
            limit=limit,
            ends=set() if asked.get("ignore_eos") else self.ends,
            stream=bool(asked.get("stream")),
        ), isinstance(options, dict) and bool(options.get("include_usage"))

    def _prompt(self, given: object) -> list[int]:
        if isinstance(given, list) and len(given) == 1 and isinstance(given[0], str | list):
            given = given[0]
        tokens = self.tokenizer.encode(given) if isinstance(given, str) else given
        if not isinstance(tokens, list) or not tokens:
            raise UserError("prompt: expected one text, or a list of token ids")
        if not all(type(token) is int and 0 <= token < self.vocabulary for token in tokens):
            raise UserError(f"prompt: token ids are 0 to {self.vocabulary - 1}")
        return tokens

    def usage(self, request: _Request, *, text: str) -> dict[str, Any]:
        """An answer, or its last event, with usage and the engine's own timings (ms)."""
        steps = request.count - 1
        counts = {"prompt_tokens": len(request.prompt), "completion_tokens": request.count}
        timings = {"prompt_ms": (request.first_s - request.begun_s) * 1e3}
        if steps > 0:
            timings["predicted_per_token_ms"] = (request.last_s - request.first_s) * 1e3 / steps
        return {
            **self.event(text, ended=request.ended),
            "usage": {**counts, "total_tokens": sum(counts.values())},
            "timings": timings,
        }

    def event(self, text: str, *, ended: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "text": text, "finish_reason": ended, "logprobs": None}
        return {"object": "text_completion", "model": self.model, "choices": [choice]}


def server(
    decoder: Decoder,
    tokenizer: Any,
    *,
    slots: int,
    model: str,
    version: str,
    ends: set[int],
    context: int,
    vocabulary: int,
    address: tuple[str, int],
) -> ThreadingHTTPServer:
    """A server that answers once `serve_forever` is called.

    Args:
        slots: requests decoded together; more wait.
        version: what `/version` tells.
        ends: tokens that end an answer unless a request says `ignore_eos`.
        context: tokens of one request, prompt and answer.
        vocabulary: token ids there are.
    """
    worker = _Worker(decoder, slots)
    worker.start()
    served = _Served(
        worker=worker,
        tokenizer=tokenizer,
        model=model,
        version=version,
        ends=ends,
        context=context,
        vocabulary=vocabulary,
    )

    class Handler(_Handler):
        state = served

    listening = ThreadingHTTPServer(address, Handler)
    listening.daemon_threads = True
    return listening


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state: _Served

    def log_message(self, *_: object) -> None:
        """Say nothing: a line a request would cost time."""

    def do_GET(self) -> None:
        known: dict[str, dict[str, Any]] = {
            "/health": {},
            "/version": {"version": self.state.version},
            "/v1/models": {"object": "list", "data": [{"id": self.state.model, "object": "model"}]},
        }
        if self.path in known:
            self._answer(HTTPStatus.OK, known[self.path])
        else:
            self._answer(HTTPStatus.NOT_FOUND, _problem(f"no {self.path} here"))

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _BODY_BYTES:
            self.close_connection = True
            self._answer(HTTPStatus.LENGTH_REQUIRED, _problem("Content-Length is missing or large"))
            return
        body = self.rfile.read(int(length))
        if self.path != "/v1/completions":
            self._answer(HTTPStatus.NOT_FOUND, _problem(f"no {self.path} here"))
            return
        try:
            request, tell = self.state.read(body)
        except UserError as error:
            self._answer(HTTPStatus.BAD_REQUEST, _problem(str(error)))
            return
        self.state.worker.submit(request)
        try:
            if request.stream:
                self._stream(request, tell=tell)
            else:
                text = "".join(_pieces(request, self.state.tokenizer))
                self._answer(HTTPStatus.OK, self.state.usage(request, text=text))
        except OSError:  # the client has gone
            request.left = self.close_connection = True
        except CheckError as error:
            self.close_connection = True
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, _problem(str(error)))

    def _stream(self, request: _Request, *, tell: bool) -> None:
        pieces = _pieces(request, self.state.tokenizer)
        first = next(pieces, "")  # an error before the first token still has its status
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self._event(self.state.event(first))
            for piece in pieces:
                self._event(self.state.event(piece))
        except CheckError as error:  # too late for a status
            self.close_connection = True
            self._event(_problem(str(error)))
            return
        last = self.state.usage(request, text="")
        self._event(last if tell else self.state.event("", ended=request.ended))
        self._chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _event(self, content: dict[str, Any]) -> None:
        self._chunk(b"data: %b\n\n" % json.dumps(content).encode())

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _answer(self, status: HTTPStatus, content: dict[str, Any]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _problem(text: str) -> dict[str, Any]:
    return {"error": {"message": text, "type": "invalid_request_error"}}


def _pieces(request: _Request, tokenizer: Any) -> Iterator[str]:
    """Text of each token as it comes.

    Raises:
        CheckError: decoding failed.
    """
    text = _Text(tokenizer)
    while (token := request.tokens.get()) is not None:
        if isinstance(token, Exception):
            raise CheckError(f"{type(token).__name__}: {token}")
        yield text.add(token)
