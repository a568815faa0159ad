"""Read a recorded HTTP response: when did which token arrive, and was the answer what we asked?

Everything here works on bytes and times already taken; nothing here is timed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Answer", "body_is_complete", "framing", "read_answer", "says_close"]

_HEAD_END = b"\r\n\r\n"
_HTTP = b"HTTP/1."
_DONE = b"[DONE]"
# A fragment with text in it. A quote inside JSON text is escaped, so these bytes cannot occur
# inside a string: a match is a key. Reasoning models stream their thoughts under other names.
_TEXT = re.compile(rb'"(?:text|content|reasoning_content|reasoning)"\s*:\s*"(?!")')
_EVENT_END = re.compile(rb"\n\n|\r\n\r\n|\r\r")


class _MalformedError(Exception):
    """The bytes are no HTTP response with server-sent events of JSON."""


@dataclass(slots=True, kw_only=True)
class Answer:
    """What one response held.

    Attributes:
        token_ns: arrival of each fragment with text; two in one read share a time.
        failure: "" or the name of what was wrong.
        detail: the server's own words, for people.
        prompt_tokens, completion_tokens, cached_tokens: as the server counts, None if it does
            not say.
        timings: the engine's own figures, as llama.cpp gives them.
        sent_ns: when the built-in emitter sent each fragment; empty for other servers.
    """

    token_ns: list[int] = field(default_factory=list)
    failure: str = ""
    detail: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    timings: dict[str, float] = field(default_factory=dict)
    sent_ns: list[int] = field(default_factory=list)


def framing(start: bytes) -> str:
    """How the end of a body is known.

    "chunked", "length", "until close"; "none" where this is no HTTP, "" while the head is open.
    """
    if start[: len(_HTTP)] != _HTTP[: len(start)]:
        return "none"
    head, found, _ = start.partition(_HEAD_END)
    if not found:
        return ""
    headers = _headers(head)
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return "chunked"
    return "length" if "content-length" in headers else "until close"


def says_close(start: bytes) -> bool:
    """Whether the head announces that the server hangs up after this answer."""
    headers = _headers(start.partition(_HEAD_END)[0])
    return headers.get("connection", "").lower() == "close" or not start.startswith(b"HTTP/1.1")


def body_is_complete(reads: Sequence[bytes], how: str) -> bool:
    """Say whether the last byte of the body has come; called on likely ends only."""
    if how in {"until close", "none"}:
        return how == "none"
    if how == "chunked":
        # The common end, without going through the whole stream: the terminator after [DONE].
        tail = b"".join(reads[-8:])
        if not tail.endswith(b"0\r\n\r\n"):
            return False
        if b"\ndata: [DONE]\n\n\r\n0\r\n\r\n" in tail:
            return True
    raw = b"".join(reads)
    head, _, body = raw.partition(_HEAD_END)
    try:
        if how == "length":
            return len(body) >= int(_headers(head)["content-length"])
        return _dechunk(raw, len(head) + len(_HEAD_END))[2]
    except (ValueError, _MalformedError):
        return True  # what cannot be followed ends here; reading it will say "garbage"


def read_answer(
    raw: bytes,
    sizes: Sequence[int],
    stamps: Sequence[int],
    *,
    expected_tokens: int,
    failure: str = "",
) -> Answer:
    """Turn a response, read in pieces of `sizes` at `stamps`, into token times and a verdict.

    `failure` is what the wire already knows; a more telling name found in the bytes wins over
    none, never over one.
    """
    answer = Answer(failure=failure)
    try:
        _read(raw, sizes, stamps, answer)
    except _MalformedError as error:
        answer.failure = answer.failure or "garbage"
        answer.detail = answer.detail or str(error)
    if not answer.failure:
        answer.failure = _count_failure(answer, expected_tokens)
    return answer


def _count_failure(answer: Answer, expected_tokens: int) -> str:
    if not answer.token_ns:
        return "empty"
    counted = answer.completion_tokens
    if counted is None:
        counted = len(answer.token_ns)
    if counted < expected_tokens:
        return "short"
    return "long" if counted > expected_tokens else ""


def _read(raw: bytes, sizes: Sequence[int], stamps: Sequence[int], answer: Answer) -> None:
    if not raw:
        answer.failure = answer.failure or "closed_early"
        return
    head, found, _ = raw.partition(_HEAD_END)
    if not found or not raw.startswith(_HTTP):
        raise _MalformedError(f"no HTTP response: {raw[:80]!r}")
    status = _status(head)
    start = len(head) + len(_HEAD_END)
    if framing(raw[:start]) == "chunked":
        body, places = _even_chunks(raw, start) or _dechunk(raw, start)[:2]
    else:
        body, places = raw[start:], ([0], [start])
    if status != 200:
        answer.failure = f"http_{status}"
        answer.detail = body[:300].decode(errors="replace").strip()
        return
    _read_events(body, _Clock(places, sizes, stamps), answer)


class _Clock:
    """Gives the times at which positions of the body had arrived."""

    def __init__(self, places: _Places, sizes: Sequence[int], stamps: Sequence[int]) -> None:
        self._body_starts, self._wire_starts = (np.asarray(starts, np.int64) for starts in places)
        self._read_ends = np.cumsum(np.asarray(sizes, np.int64))
        self._stamps = np.asarray(stamps, np.int64)

    def arrivals(self, body_ends: Sequence[int]) -> list[int]:
        """Times of the reads that brought the bytes before `body_ends`."""
        if not body_ends:
            return []
        ends = np.asarray(body_ends, np.int64)
        # The chunk that holds the last byte, its place on the wire, the read that covers it.
        piece = np.searchsorted(self._body_starts, ends) - 1
        on_wire = self._wire_starts[piece] + ends - self._body_starts[piece]
        times: list[int] = self._stamps[np.searchsorted(self._read_ends, on_wire)].tolist()
        return times


def _read_events(body: bytes, clock: _Clock, answer: Answer) -> None:
    events, rest = _events(body)
    judged_fast = _fast_until(body, len(events))
    # The first key with text is, as a rule, that of all: looking for its bytes is fast.
    found = _TEXT.search(body)
    key = found[0] if found else _DONE
    empty = key + b'"'
    done = False
    ends: list[int] = []
    for event, end in events:
        plain = end <= judged_fast and event.startswith(b"data: {") and event.endswith(b"}")
        if plain and key in event and empty not in event:
            ends.append(end)
            continue
        data = _data_of(event)
        if data == _DONE:
            done = True
        elif data is not None and _read_message(_json(data), answer):
            ends.append(end)
    answer.token_ns = clock.arrivals(ends)
    answer.sent_ns = list(map(int, _SENT.findall(body)))
    if rest.strip() and not answer.failure:
        answer.failure = "closed_early"
    if not done and not answer.failure:
        answer.failure = "no_done"


def _fast_until(body: bytes, events: int) -> int:
    """Up to where no event says more than its text: no error, one line each, no counts yet."""
    if b'"error"' in body or body.count(b"\n") != 2 * events:
        return 0
    counts_at = body.find(b'"usage":{')
    return counts_at if counts_at >= 0 else len(body)


def _events(body: bytes) -> tuple[list[tuple[bytes, int]], bytes]:
    """Events with the position after each, and what stands behind the last."""
    if b"\r" not in body:
        *parts, rest = body.split(b"\n\n")
        return list(zip(parts, accumulate(len(part) + 2 for part in parts), strict=True)), rest
    events = []
    start = 0
    for end in _EVENT_END.finditer(body):
        events.append((body[start : end.start()], end.end()))
        start = end.end()
    return events, body[start:]


_SENT = re.compile(rb'"sent_ns":(\d+)')


def _data_of(event: bytes) -> bytes | None:
    """The data of one server-sent event, None for comments and other fields."""
    lines = []
    for line in event.splitlines():
        name, _, value = line.partition(b":")
        if name == b"data":
            lines.append(value.removeprefix(b" "))
        elif name not in {b"", b"event", b"id", b"retry"}:
            raise _MalformedError(f"no server-sent event: {line[:80]!r}")
    return b"\n".join(lines) if lines else None


def _json(data: bytes) -> dict[str, Any]:
    try:
        message = json.loads(data)
    except ValueError:
        raise _MalformedError(f"no JSON: {data[:80]!r}") from None
    if not isinstance(message, dict):
        raise _MalformedError(f"no JSON object: {data[:80]!r}")
    return message


def _read_message(message: dict[str, Any], answer: Answer) -> bool:
    """Take counts, timings and errors from one message; say whether it carries text."""
    if message.get("error"):
        answer.failure = answer.failure or "error_event"
        answer.detail = json.dumps(message["error"])[:300]
    try:
        _read_usage(message.get("usage") or {}, answer)
        timings = message.get("timings") or {}
        answer.timings.update({name: float(value) for name, value in timings.items()})
        if "cache_n" in timings and answer.cached_tokens is None:  # llama.cpp's name for it
            answer.cached_tokens = int(timings["cache_n"])
        return any(_text_of(choice) for choice in message.get("choices") or [])
    except (TypeError, ValueError, AttributeError):
        raise _MalformedError(f"unexpected fields: {json.dumps(message)[:80]}") from None


def _read_usage(usage: dict[str, Any], answer: Answer) -> None:
    if "completion_tokens" in usage:
        answer.completion_tokens = int(usage["completion_tokens"])
    if "prompt_tokens" in usage:
        answer.prompt_tokens = int(usage["prompt_tokens"])
    details = usage.get("prompt_tokens_details") or {}
    if details.get("cached_tokens") is not None:
        answer.cached_tokens = int(details["cached_tokens"])


def _text_of(choice: dict[str, Any]) -> str:
    delta = choice.get("delta") or {}
    return (
        choice.get("text")
        or delta.get("content")
        or delta.get("reasoning_content")
        or delta.get("reasoning")
        or ""
    )


def _status(head: bytes) -> int:
    try:
        return int(head.split(b" ", 2)[1])
    except (IndexError, ValueError):
        raise _MalformedError(f"no status line: {head[:80]!r}") from None


def _headers(head: bytes) -> dict[str, str]:
    pairs = (line.decode("latin-1").partition(":") for line in head.split(b"\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


# Where chunks begin: in the body, and on the wire.
_Places = tuple["Sequence[int] | NDArray[np.int64]", "Sequence[int] | NDArray[np.int64]"]


def _even_chunks(raw: bytes, start: int) -> tuple[bytes, _Places] | None:
    """Body and places of chunks as nearly all servers send them; None for any others.

    No line end inside a chunk, no extension, no trailer, and the end is there: then sizes and
    chunks stand in turn between the line ends.
    """
    if not raw.endswith(b"\r\n0\r\n\r\n"):
        return None
    parts = raw[start:].split(b"\r\n")[:-3]
    sizes, chunks = parts[::2], parts[1::2]
    lengths = list(map(len, chunks))
    try:
        if [int(size, 16) for size in sizes] != lengths:
            return None
    except ValueError:
        return None
    taken = np.fromiter(map(len, parts), np.int64, len(parts)) + 2
    on_wire = start + np.cumsum(taken) - taken
    body_ends = np.cumsum(lengths, dtype=np.int64)
    return b"".join(chunks), (body_ends - lengths, on_wire[1::2])


def _dechunk(raw: bytes, start: int) -> tuple[bytes, _Places, bool]:
    """Body and places of any chunks, and whether the last one was among them."""
    pieces: list[bytes] = []
    body_starts: list[int] = []
    wire_starts: list[int] = []
    places = body_starts, wire_starts
    length = 0
    at = start
    while (line_end := raw.find(b"\r\n", at)) >= 0:
        try:
            size = int(raw[at:line_end].split(b";")[0], 16)
        except ValueError:
            raise _MalformedError(f"no chunk size: {raw[at : at + 40]!r}") from None
        at = line_end + 2
        if size == 0:
            # Trailers may stand between the last chunk and the empty line.
            return b"".join(pieces), places, raw.find(b"\r\n", at) >= 0
        piece = raw[at : at + size]
        body_starts.append(length)
        wire_starts.append(at)
        pieces.append(piece)
        length += len(piece)
        at += size + 2
    return b"".join(pieces), places, False
