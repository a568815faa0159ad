"""Read a recorded HTTP response: when did which token arrive, and was the answer what we asked?

Everything here works on bytes and times already taken; nothing here is timed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from suites.base.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Answer", "body_is_complete", "framing", "read_answer", "says_close"]

_HEAD_END = b"\r\n\r\n"
_HTTP = b"HTTP/1."
_DONE = b"[DONE]"
# Text of a fragment. A quote inside JSON text is escaped, so these bytes cannot occur inside a
# string: a match is a key. Reasoning models stream their thoughts under other names.
_TEXT = re.compile(rb'"(?:text|content|reasoning_content|reasoning)"\s*:\s*"([^"\\]+)"')
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
    events = _even_events(raw, start) if status == 200 else None
    if events is None:
        chunked = framing(raw[:start]) == "chunked"
        body, places = _dechunk(raw, start)[:2] if chunked else (raw[start:], ([0], [start]))
        if status != 200:
            answer.failure = f"http_{status}"
            answer.detail = printable(body[:300].decode(errors="replace").strip(), 300)
            return
        events = _any_events(body, places)
    times = _arrivals(events.ends[_read_events(events, answer)], sizes, stamps)
    answer.token_ns = times


def _arrivals(ends: NDArray[np.int64], sizes: Sequence[int], stamps: Sequence[int]) -> list[int]:
    """Times of the reads that brought the bytes before these ends."""
    read_ends = np.cumsum(np.asarray(sizes, np.int64))
    times: list[int] = np.asarray(stamps, np.int64)[np.searchsorted(read_ends, ends)].tolist()
    return times


@dataclass(frozen=True, slots=True, kw_only=True)
class _Events:
    """A body cut into its events.

    Attributes:
        parts: what each one says.
        ends: positions on the wire behind each.
        rest: what stands behind the last.
    """

    parts: list[bytes]
    ends: NDArray[np.int64]
    rest: bytes = b""


def _read_events(events: _Events, answer: Answer) -> list[int]:
    """Take counts, errors and the end from a body; give the places of events that carry text.

    An event that differs from one already read in the text alone carries text and no more: it is
    compared, not parsed. The text must hold no quote, and not end by escaping the one behind it.
    """
    places: list[int] = []
    before, behind, done = b"", b"", False
    for place, part in enumerate(events.parts):
        if before and part.startswith(before) and part.endswith(behind):
            text = part[len(before) : -len(behind)]
            if text and b'"' not in text and text[-1:] != b"\\":
                places.append(place)
                if answer.sent_ns:
                    answer.sent_ns.append(int(text))
                continue
        data = _data_of(part)
        if data == _DONE:
            done = True
        elif data is not None and _read_message(message := _json(data), answer):
            places.append(place)
            before, behind = (b"", b"") if _says_more(message) else _around_text(part)
    if events.rest.strip() and not answer.failure:
        answer.failure = "closed_early"
    if not done and not answer.failure:
        answer.failure = "no_done"
    return places


def _says_more(message: dict[str, Any]) -> bool:
    return any(message.get(name) for name in ("error", "usage", "timings"))


def _around_text(part: bytes) -> tuple[bytes, bytes]:
    """What stands before and behind the text of an event; nothing where that is not plain."""
    found = _TEXT.search(part)
    if not found or b"\n" in part:
        return b"", b""
    return part[: found.start(1)], part[found.end(1) :]


def _even_events(raw: bytes, start: int) -> _Events | None:
    """Cut an answer as nearly all servers send it, None for any other.

    Each event of one line is a chunk of its own, and the end is there: then the lines are, in
    turn, a size, an event, an empty one and the chunk's end. What all have in common is looked at
    once for all, and sizes for each that occurs.
    """
    lines = raw[start:].split(b"\n")
    sizes, parts, empty, chunk_ends = (lines[turn:-3:4] for turn in range(4))
    count, lengths = len(parts), list(map(len, parts))
    if (
        lines[-3:] != [b"0\r", b"\r", b""]
        or len(sizes) != len(chunk_ends)
        or empty.count(b"") != count
        or chunk_ends.count(b"\r") != count
        or not all(_is_size_of(*seen) for seen in set(zip(sizes, lengths, strict=True)))
    ):
        return None
    taken = np.asarray(lengths, np.int64) + np.asarray(list(map(len, sizes)), np.int64)
    # Beyond the two: their line ends, the empty line, the chunk's end of two bytes.
    ends = start + np.cumsum(taken + 5) - 2
    return _Events(parts=parts, ends=ends)


def _is_size_of(size: bytes, length: int) -> bool:
    """Whether a chunk's first line gives the size of an event of this length with its end."""
    try:
        return int(size, 16) == length + 2
    except ValueError:
        return False


def _any_events(body: bytes, places: _Places) -> _Events:
    """Cut any body; `places` says where on the wire its pieces were."""
    if b"\r" in body:
        cuts = [match.span() for match in _EVENT_END.finditer(body)]
        begins = [0, *(end for _, end in cuts)]
        parts = [body[a:b] for a, (b, _) in zip(begins, cuts, strict=False)]
        rest = body[begins[-1] :]
    else:
        *parts, rest = body.split(b"\n\n")
        cuts = list(pairwise(accumulate((len(part) + 2 for part in parts), initial=0)))
    ends = np.asarray([end for _, end in cuts], np.int64)
    body_starts, wire_starts = (np.asarray(starts, np.int64) for starts in places)
    # The chunk that holds an event's last byte, and its place on the wire.
    piece = np.searchsorted(body_starts, ends) - 1
    return _Events(
        parts=parts,
        ends=wire_starts[piece] + ends - body_starts[piece],
        rest=rest,
    )


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
        texts = [_text_of(choice) for choice in message.get("choices") or []]
        if message.get("text_is") == "sent_ns":
            answer.sent_ns += [int(text) for text in texts]
        return any(texts)
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
