"""Read a recorded HTTP response: when did which token arrive, and was the answer what we asked?

Everything here works on bytes and times already taken; nothing here is timed.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from suites.base.printable import printable
from suites.client.counting import Events, count
from suites.client.http_body import MalformedError, Places, dechunk, read_head
from suites.client.pooled import read_pooled
from suites.client.responses import as_chat, is_of_responses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.client.http_body import Head

__all__ = ["Answer", "read_answer"]

_DONE = b"[DONE]"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Reasoning models stream their thoughts under names of their own.
_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_text", "thought")
# Text of a fragment. A quote inside JSON text is escaped, so these bytes cannot occur inside a
# string: a match is a key.
_TEXT = re.compile(rb'"(text|content|%b)"\s*:\s*"([^"\\]+)"' % "|".join(_THOUGHTS).encode())
# Behind the last event's chunk.
_CHUNK_END = b"\r\n"
_LAST_LINES = [b"0\r\n", _CHUNK_END]
_DATA = b"data:"
_EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")
_FIELD = re.compile(rb"[\w.-]*")
_ERROR = re.compile(rb"^event: ?error\s*$", re.MULTILINE)
# Events that only keep the connection alive.
_KEEP_ALIVE = {b"ping", b"heartbeat", b"keepalive", b"keep-alive"}
# Other fields of a fragment that tokens are in; what else stands there is about it.
_SPOKEN = ("refusal", "tool_calls", "function_call", "arguments", "audio")
# Texts in these that are names, and no tokens.
_NAMES = {"role", "id", "type", "object", "model", "finish_reason"}
# Alike events compared at once; where one is not, twice as many are before it is found.
_TOGETHER = 64
# Those that end an answer: why it is finished, what was used, [DONE].
_LAST_EVENTS = 3
# Answers that ended for another reason than their length; the last ones are DeepSeek's and Zhipu's.
_CUT_OFF = {
    *("content_filter", "error", "abort"),
    *("insufficient_system_resource", "sensitive", "network_error"),
}
# How a compressed body begins, and how one is called that is not: some say so to keep gateways
# from doing it.
_GZIP = b"\x1f\x8b"
_AS_IT_IS = {"", "identity", "none", "utf-8"}
# No count of tokens is higher: as many as a signed number holds exactly.
_MOST_COUNTED = 2**53
# A fragment's lists and objects inside each other: a tool's arguments are three down.
_DEEPEST = 6


@dataclass(slots=True, kw_only=True)
class Answer:
    """What one response held.

    Attributes:
        token_ns: arrival of each event that brought tokens; two in one read share a time.
        tokens: how many these were; thoughts that were not shown are not among them.
        first_tokens: how many of them came with the first arrival.
        counted_by: see `suites.client.counting.Counted.by`.
        silent_tokens: those that events without text stand for.
        text: all fragments, as they stood in JSON; `first_text` bytes of it came first.
        hidden_tokens: counted by the server and not shown.
        thoughts: events that brought thoughts for the reader to see.
        answer_ns: arrival of the first fragment that is not a thought; 0 where none came.
        doubt: why the pace of the tokens is not known, "" where it is.
        failure: "" or the name of what was wrong.
        detail: the server's own words, for people.
        error_code: status of the error that an event told of, 0 where it has none.
        prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens: as the server counts,
            None if it does not say.
        counts_each: the server counted in every event.
        finished: it gave a reason for the end.
        timings: the engine's own figures, as llama.cpp gives them.
        sent_ns: when the built-in emitter sent each fragment; empty for other servers.
        pooled: vectors or scores, where the answer is not a stream of tokens but these.
    """

    token_ns: list[int] = field(default_factory=list)
    tokens: int = 0
    first_tokens: float = 0.0
    counted_by: str = "events"
    silent_tokens: int = 0
    text: bytes = b""
    first_text: int = 0
    hidden_tokens: int = 0
    thoughts: int = 0
    answer_ns: int = 0
    doubt: str = ""
    failure: str = ""
    detail: str = ""
    error_code: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    counts_each: bool = False
    finished: bool = False
    timings: dict[str, float] = field(default_factory=dict)
    sent_ns: list[int] = field(default_factory=list)
    pooled: int = 0


def read_answer(
    raw: bytes,
    sizes: Sequence[int],
    stamps: Sequence[int],
    *,
    expected_tokens: int,
    failure: str = "",
) -> Answer:
    """Turn a response, read in pieces of `sizes` at `stamps`, into token times and a verdict.

    `expected_tokens` is 0 where any number will do, and that of vectors or scores where nothing is
    generated. `failure` is what the wire already knows; a more telling name found in the bytes wins
    over none, never over one.
    """
    answer = Answer(failure=failure)
    try:
        _read(raw, sizes, stamps, answer)
    except MalformedError as error:
        answer.failure = answer.failure or "garbage"
        answer.detail = answer.detail or str(error)
    if not answer.failure:
        answer.failure = _count_failure(answer, expected_tokens)
    return answer


def _count_failure(answer: Answer, expected_tokens: int) -> str:
    if not answer.token_ns:
        return "empty"
    if answer.pooled and not expected_tokens:
        return "not_streamed"
    counted = answer.pooled or answer.completion_tokens
    if counted is None:
        counted = len(answer.token_ns)
    if counted < expected_tokens:
        return "short"
    return "long" if counted > expected_tokens > 0 else ""


def _read(raw: bytes, sizes: Sequence[int], stamps: Sequence[int], answer: Answer) -> None:
    if not raw:
        answer.failure = answer.failure or "closed_early"
        return
    head = read_head(raw)
    if head is None:
        raise MalformedError(f"no HTTP response: {raw[:80]!r}")
    broken_off = bool(answer.failure)
    cut = None
    if head.status == 200:
        cut = _even_events(raw, head.end, sizes, stamps, broken_off=broken_off)
    if cut is None:
        body, places, ended = _body(raw, head)
        if pooled := read_pooled(body) if _is_plain_json(head, body) else None:
            answer.pooled, answer.prompt_tokens = pooled
            answer.token_ns = [stamps[-1]]
            return
        if name := _no_stream(head, body):
            answer.failure = name
            answer.detail = printable(body[:300].decode(errors="replace").strip(), 300)
            return
        if not ended and not answer.failure:
            raise MalformedError("chunks without an end")
        cut = _any_events(body, places, sizes, stamps)
    _settle(_read_events(cut, answer), cut.arrivals, answer)


def _settle(events: Events, arrivals: Sequence[int], answer: Answer) -> None:
    """Say which events were tokens."""
    counted = count(
        events,
        arrivals,
        completion=answer.completion_tokens,
        reasoning=answer.reasoning_tokens,
    )
    answer.token_ns = list(map(arrivals.__getitem__, counted.places))
    answer.tokens, answer.first_tokens = counted.tokens, counted.first
    answer.counted_by, answer.silent_tokens = counted.by, counted.silent
    answer.hidden_tokens, answer.doubt = counted.hidden, counted.doubt
    first_ns = answer.token_ns[0] if answer.token_ns else 0
    at_first = bisect_right(events.shown, first_ns, key=arrivals.__getitem__)
    answer.text = b"".join(events.texts)
    answer.first_text = sum(map(len, events.texts[:at_first]))
    answer.thoughts, answer.counts_each = events.thoughts, len(events.rising) > 1
    answer.answer_ns = arrivals[events.first_answer] if events.first_answer >= 0 else 0


def _body(raw: bytes, head: Head) -> tuple[bytes, Places, bool]:
    """The body, where its pieces were on the wire, and whether it ends as its head said."""
    if head.framing == "chunked":
        return dechunk(raw, head.end)
    return raw[head.end :], ([0], [head.end]), True


def _is_plain_json(head: Head, body: bytes) -> bool:
    return head.status == 200 and not _is_compressed(head) and body.lstrip()[:1] == b"{"


def _is_compressed(head: Head) -> bool:
    return head.headers.get("content-encoding", "").lower() not in _AS_IT_IS


def _no_stream(head: Head, body: bytes) -> str:
    """Name an answer that is not a stream of events, "" for one that may be."""
    if head.status != 200:
        return f"http_{head.status}"
    if _is_compressed(head) or body.startswith(_GZIP):
        return "compressed"
    begins = body.lstrip()[:1]
    if begins == b"<":  # a page for people
        return "garbage"
    return "not_streamed" if begins in {b"{", b"["} else ""


def _arrivals(ends: Sequence[int], sizes: Sequence[int], stamps: Sequence[int]) -> list[int]:
    """Times of the reads that brought the bytes before these ends."""
    read_of = partial(bisect_left, list(accumulate(sizes)))
    return list(map(stamps.__getitem__, map(read_of, ends)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """A body cut into its events.

    Attributes:
        parts: what each one says.
        arrivals: time of the read that brought each one's last byte.
        rest: what stands behind the last.
    """

    parts: list[bytes]
    arrivals: list[int]
    rest: bytes = b""


def _read_events(cut: _Cut, answer: Answer) -> Events:
    """Take counts, errors and the end from a body, and what each event said."""
    events = Events()
    done, place = False, 0
    while place < len(cut.parts):
        part = cut.parts[place]
        data = _data_of(part)
        place += 1
        if data == _DONE:
            done = True
        elif data is not None:
            message = _message(part, data)
            _read_message(message, answer)
            thoughts = events.thoughts
            if _read_text(message, place - 1, events):
                texts = _alike(cut.parts, place, _around_text(part, message))
                events.show_all(place, texts, thought=events.thoughts > thoughts)
                events.answers[_index_of(message["choices"][0])] += len(texts)
                if answer.sent_ns:
                    answer.sent_ns += _times(texts)
                place += len(texts)
    if cut.rest.strip() and not answer.failure:
        answer.failure = "closed_early"
    if events.are_of_several and not answer.failure:
        answer.failure = "several"
    if not done and not answer.finished and not answer.failure:
        answer.failure = "no_done"
    return events


def _alike(parts: Sequence[bytes], start: int, around: tuple[bytes, bytes]) -> list[bytes]:
    """Texts of the events from `start` on that differ from one already read in them alone.

    These carry text and no more: they are not parsed but compared, many at once, and half as many
    where these are not all alike, down to the first that is not.
    """
    texts: list[bytes] = []
    before, behind = around
    begin, end, between = len(before), -len(behind), behind + before
    together = _TOGETHER if before else 0
    # The last few are seldom alike.
    stop = len(parts) - sum(not part.startswith(before) for part in parts[-_LAST_EVENTS:])
    while together and start < stop:
        block = parts[start : min(start + together, stop)]
        inside = [part[begin:end] for part in block]
        # Where none is too short for it, as none without text is, each stands in its own place.
        same = b"".join((before, between.join(inside), behind)) == b"".join(block)
        if same and _are_plain(inside):
            texts += inside
            start += len(block)
        else:
            together = len(block) // 2
    return texts


def _are_plain(texts: Sequence[bytes]) -> bool:
    """Whether none is empty, holds a quote, or ends by escaping the one behind it."""
    joined = b"".join(texts)
    escapes = b"\\" in joined and any(text.endswith(b"\\") for text in texts)
    return all(texts) and b'"' not in joined and not escapes


def _around_text(part: bytes, message: dict[str, Any]) -> tuple[bytes, bytes]:
    """What stands before and behind the text of an event.

    Nothing where that is not plain, where it holds several, or says more than its text.
    """
    texts = list(_TEXT.finditer(part))
    more = any(map(message.get, ("error", "usage", "timings")))
    if len(texts) != 1 or len(part.splitlines()) != 1 or more:
        return b"", b""
    return part[: texts[0].start(2)], part[texts[0].end(2) :]


def _even_events(
    raw: bytes, start: int, sizes: Sequence[int], stamps: Sequence[int], *, broken_off: bool
) -> _Cut | None:
    """Cut an answer as nearly all servers send it, None for any other.

    Each event of one line is a chunk of its own, and the end is there, or it was broken off behind
    a chunk: then the lines are, in turn, a size, an event, an empty one and the chunk's end. What
    all have in common is looked at once for all, and sizes for each that occurs.
    """
    # Cut by line ends, which are looked for faster than any longer mark.
    reading = BytesIO(raw)
    reading.seek(start)
    lines = reading.readlines()
    whole = lines[-2:] == _LAST_LINES
    end = -2 if whole else len(lines)
    size_lines, parts, empty, chunk_ends = (lines[turn:end:4] for turn in range(4))
    number, lengths = len(parts), {size: _length_of(size) for size in set(size_lines)}
    if (
        not (whole or broken_off)
        or len(size_lines) != len(chunk_ends)
        or empty.count(b"\n") != number
        or chunk_ends.count(_CHUNK_END) != number
        or list(map(lengths.get, size_lines)) != list(map(len, parts))
    ):
        return None
    # Besides size and event, each with its line end: the empty line, the chunk's end of two bytes.
    taken = {size: len(size) + length + 3 for size, length in lengths.items()}
    on_the_wire = list(map(taken.__getitem__, size_lines))
    if len(sizes) > 1 and sizes[0] == start:  # the head came alone
        start, sizes, stamps = 0, sizes[1:], stamps[1:]
    if _one_a_read(on_the_wire, start, sizes):
        in_the_last = number - len(sizes) + 1
        return _Cut(parts=parts, arrivals=[*stamps[:-1], *[stamps[-1]] * in_the_last])
    ends = accumulate(on_the_wire, initial=start - 2)
    return _Cut(parts=parts, arrivals=_arrivals(list(ends)[1:], sizes, stamps))


def _one_a_read(on_the_wire: Sequence[int], start: int, sizes: Sequence[int]) -> bool:
    """Whether each read brought one event: the first the head as well, the last a few events."""
    apart = len(sizes) - 1
    few = 0 <= len(on_the_wire) - apart <= _LAST_EVENTS
    return few and [sizes[0] - start, *sizes[1:apart]] == on_the_wire[:apart]


def _length_of(size: bytes) -> int:
    """Length of an event by the first line of its chunk, which holds an empty line as well."""
    try:
        return int(size, 16) - 1
    except ValueError:
        return -1


def _any_events(body: bytes, places: Places, sizes: Sequence[int], stamps: Sequence[int]) -> _Cut:
    """Cut any body; `places` says where on the wire its pieces were."""
    if b"\r" in body:
        cuts = [match.span() for match in _EVENT_END.finditer(body)]
        begins = [0, *(end for _, end in cuts)]
        parts = [body[a:b] for a, (b, _) in zip(begins, cuts, strict=False)]
        rest = body[begins[-1] :]
    else:
        *parts, rest = body.split(b"\n\n")
        cuts = list(pairwise(accumulate((len(part) + 2 for part in parts), initial=0)))
    body_starts, wire_starts = places
    # The chunk that holds an event's last byte, and its place on the wire.
    pieces = [bisect_left(body_starts, end) - 1 for _, end in cuts]
    ends = [
        wire_starts[piece] + end - body_starts[piece]
        for piece, (_, end) in zip(pieces, cuts, strict=True)
    ]
    return _Cut(parts=parts, arrivals=_arrivals(ends, sizes, stamps), rest=rest)


def _data_of(event: bytes) -> bytes | None:
    """The data of one server-sent event, None for comments, other fields and signs of life."""
    if event.startswith(_DATA) and not (b"\n" in event or b"\r" in event):
        return event[len(_DATA) :].strip()
    lines = []
    for line in event.removeprefix(_BYTE_ORDER_MARK).splitlines():
        name, _, value = line.partition(b":")
        if name == b"data":
            lines.append(value.removeprefix(b" "))
        elif name == b"event" and value.strip().lower() in _KEEP_ALIVE:
            return None
        elif not _FIELD.fullmatch(name):
            raise MalformedError(f"no server-sent event: {line[:80]!r}")
    return b"\n".join(lines).strip() if lines else None


def _message(event: bytes, data: bytes) -> dict[str, Any]:
    message = _json(data)
    if b"event" in event and _ERROR.search(event):
        return {"error": message}
    return as_chat(message) if is_of_responses(message) else message


def _json(data: bytes) -> dict[str, Any]:
    try:
        message = json.loads(data.decode("utf-8", "surrogatepass") or "{}")
    except (ValueError, RecursionError):
        raise MalformedError(f"no JSON: {data[:80]!r}") from None
    if not isinstance(message, dict):
        raise MalformedError(f"no JSON object: {data[:80]!r}")
    return message


def _read_message(message: dict[str, Any], answer: Answer) -> None:
    """Take counts, timings and errors from one message."""
    error = message if message.get("object") == "error" else message.get("error")
    if error:
        answer.failure = answer.failure or "error_event"
        answer.detail = json.dumps(error)[:300]
        code = error.get("code") if isinstance(error, dict) else 0
        answer.error_code = code if isinstance(code, int) else 0
    try:
        if usage := message.get("usage"):
            _read_usage(usage, answer)
        if timings := message.get("timings"):
            answer.timings.update({name: float(value) for name, value in timings.items()})
            if answer.cached_tokens is None:  # llama.cpp's name for it
                answer.cached_tokens = _counted(timings, "cache_n", None)
        if message.get("text_is") == "sent_ns":
            answer.sent_ns += _times([choice["text"] for choice in message["choices"]])
        for choice in message.get("choices") or []:
            reason = choice.get("finish_reason")
            answer.finished |= bool(reason)
            if reason in _CUT_OFF:
                answer.failure = answer.failure or str(reason)
    except (TypeError, ValueError, AttributeError, KeyError, OverflowError):
        raise MalformedError(f"unexpected fields: {json.dumps(message)[:80]}") from None


def _times(texts: Sequence[str | bytes]) -> list[int]:
    """What the emitter's texts are."""
    try:
        return list(map(int, texts))
    except ValueError:
        raise MalformedError(f"no times: {str(texts)[:80]}") from None


def _read_text(message: dict[str, Any], place: int, events: Events) -> bool:
    """Note what one message brings: text, a token without text, a count; say whether text."""
    choices = [choice for choice in message.get("choices") or [] if isinstance(choice, dict)]
    usage = message.get("usage") or {}
    if choices and usage.get("completion_tokens") is not None:
        events.rising.append((place, int(usage["completion_tokens"])))
    shown = False
    for choice in choices:
        text, thought = _text_of(choice)
        if text:
            events.show(place, json.dumps(text)[1:-1].encode(), thought=thought)
            events.answers[_index_of(choice)] += 1
            shown = True
        elif choice.get("finish_reason"):
            events.final = place
        elif events.shown or events.blank or "role" not in _fields_of(choice):
            events.blank.append(place)
    return shown


def _index_of(choice: dict[str, Any]) -> int:
    """Which of a request's answers a fragment is of."""
    index = choice.get("index")
    return index if type(index) is int else 0


def _fields_of(choice: dict[str, Any]) -> dict[str, Any]:
    delta = choice.get("delta")
    return delta if isinstance(delta, dict) else {}


def _read_usage(usage: dict[str, Any], answer: Answer) -> None:
    answer.completion_tokens = _counted(usage, "completion_tokens", answer.completion_tokens)
    answer.prompt_tokens = _counted(usage, "prompt_tokens", answer.prompt_tokens)
    details = usage.get("prompt_tokens_details") or {}
    answer.cached_tokens = _counted(details, "cached_tokens", answer.cached_tokens)
    details = usage.get("completion_tokens_details") or {}
    answer.reasoning_tokens = _counted(details, "reasoning_tokens", answer.reasoning_tokens)


def _counted(counts: dict[str, Any], name: str, before: int | None) -> int | None:
    """A count as it stands there, or as it was said before.

    Raises:
        ValueError: it is none.
    """
    if counts.get(name) is None:
        return before
    count = int(counts[name])
    if not 0 <= count <= _MOST_COUNTED:
        raise ValueError(name)
    return count


def _text_of(choice: dict[str, Any]) -> tuple[str, bool]:
    """Text of a fragment and whether it is a thought; the same words may stand under two names."""
    fields = _fields_of(choice)
    if answer := choice.get("text") or fields.get("content"):
        return _words(answer), _is_thought(answer)
    for name in _THOUGHTS:
        if fields.get(name):
            return _words(fields[name]), True
    return _words([fields.get(name) for name in _SPOKEN]), False


def _words(value: Any, depth: int = 0) -> str:
    """All text in a fragment's value: plain, in parts, or a tool's name and arguments."""
    if isinstance(value, str):
        return value
    if depth > _DEEPEST:
        return ""
    if isinstance(value, dict):
        value = [part for name, part in value.items() if name not in _NAMES]
    return "".join(_words(part, depth + 1) for part in value) if isinstance(value, list) else ""


def _is_thought(value: Any) -> bool:
    """Whether all parts of a content in parts are thoughts."""
    return isinstance(value, list) and all(
        isinstance(part, dict) and part.get("type") in _THOUGHTS for part in value
    )
