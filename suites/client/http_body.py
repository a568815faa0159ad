"""Where the head and the body of a recorded HTTP response are, and whether its end has come.

Lenient where RFC 9112 lets a reader be: bare line feeds, empty lines before the status line, chunk
extensions and trailers are read; interim answers (1xx) are passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Head",
    "MalformedError",
    "Places",
    "body_is_complete",
    "dechunk",
    "read_head",
]

_HTTP = b"HTTP/1."
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_NOT_BLANK = re.compile(rb"[^\r\n]")  # found by C: a server may send a flood of empty lines
_LINE_END = re.compile(rb"\r?\n")
# How a chunked body ends: the last chunk, trailers, an empty line. It starts with plain bytes,
# which are looked for thirty times as fast as a choice.
# What stands behind it is read by nobody.
_TAIL = re.compile(rb"\n0+[ \t]*(?:;[^\r\n]*)?\r?\n(?:[^\r\n]+\r?\n)*\r?\n")
_TAIL_BYTES = 8192
# No head is longer, interim answers before it included, and no chunk larger.
_LONGEST_HEAD, _LARGEST_CHUNK = 2**16, 2**40
# How nearly all streams end: the last event in a chunk of its own, then the last chunk.
_USUAL_END = b"\ndata: [DONE]\n\n\r\n0\r\n\r\n"
# Of a status (RFC 9112, section 4).
_DIGITS = 3
# Answers that never have a body (RFC 9110, sections 15.3.5 and 15.4.5).
_BODILESS = (204, 304)

# Where chunks begin: in the body, and on the wire.
Places = tuple["Sequence[int]", "Sequence[int]"]


class MalformedError(Exception):
    """The bytes are not an HTTP response with server-sent events of JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The head of the final answer.

    Attributes:
        status: its code.
        headers: by lower-case name.
        old: HTTP/1.0, whose server hangs up.
        end: where on the wire the body begins.
    """

    status: int
    headers: dict[str, str]
    old: bool
    end: int

    @property
    def closes(self) -> bool:
        """Whether the server hangs up after this answer."""
        return self.old or self.headers.get("connection", "").lower() == "close"

    @property
    def retry_after_s(self) -> float:
        """How long the server asks to be left alone, 0 where it does not say in seconds."""
        header = self.headers.get("retry-after", "")
        return float(header) if header.isascii() and header.isdigit() else 0.0

    @property
    def length(self) -> int:
        """Bytes of the body as the head says, 0 where it says none or no number."""
        header = self.headers.get("content-length", "")
        return int(header) if header.isascii() and header.isdigit() and len(header) < 19 else 0

    @property
    def framing(self) -> str:
        """How the end of the body is known: "chunked", "length", "bodiless" or "until close"."""
        if self.status in _BODILESS:
            return "bodiless"
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return "chunked"
        return "length" if "content-length" in self.headers else "until close"


def read_head(raw: bytes) -> Head | None:
    """Read the head of the final answer, None while it is not whole.

    Raises:
        MalformedError: this is not an HTTP response, or its head has no end.
    """
    at = 0
    while True:
        first = _NOT_BLANK.search(raw, at)
        if first is None:
            break
        at = first.start()
        start = raw[at : at + len(_HTTP)]
        if start != _HTTP[: len(start)]:
            raise MalformedError(f"no HTTP response: {raw[at : at + 80]!r}")
        end = _HEAD_END.search(raw, at)
        if end is None:
            break
        status, headers, old = _lines_read(raw[at : end.start()])
        at = end.end()
        if status >= 200:
            return Head(status=status, headers=headers, old=old, end=at)
    if len(raw) > _LONGEST_HEAD:
        raise MalformedError(f"a head without end: {raw[:80]!r}")
    return None


def body_is_complete(reads: Sequence[bytes], how: str) -> bool:
    """Say whether the last byte of the body has come; called on likely ends only."""
    if how == "bodiless":
        return True
    if how == "chunked" and _has_usual_end(reads):
        return True
    if how == "until close" or (how == "chunked" and not _TAIL.search(_last(reads))):
        return False
    raw = b"".join(reads)
    try:
        head = read_head(raw)
        if how == "chunked":
            return head is not None and dechunk(raw, head.end)[2]
        return head is not None and len(raw) - head.end >= int(head.headers["content-length"])
    except (ValueError, MalformedError):
        return True  # what cannot be followed ends here; reading it will say "garbage"


def _has_usual_end(reads: Sequence[bytes]) -> bool:
    """Whether it is over, seen without going through the stream: asked once for each answer."""
    end = reads[-1]
    if len(end) < len(_USUAL_END):
        end = b"".join(reads[-8:])
    return end.endswith(_USUAL_END)


def _last(reads: Sequence[bytes]) -> bytes:
    """The last few kilobytes."""
    taken: list[bytes] = []
    size = 0
    for read in reversed(reads):
        taken.append(read)
        size += len(read)
        if size >= _TAIL_BYTES:
            break
    return b"".join(reversed(taken))[-_TAIL_BYTES:]


def dechunk(raw: bytes, start: int) -> tuple[bytes, Places, bool]:
    """Body and places of any chunks, and whether the last one and its trailers were among them.

    Raises:
        MalformedError: a chunk without a size.
    """
    pieces: list[bytes] = []
    body_starts: list[int] = []
    wire_starts: list[int] = []
    places = body_starts, wire_starts
    length = 0
    at = start
    while line_end := _LINE_END.search(raw, at):
        try:
            size = int(raw[at : line_end.start()].split(b";")[0], 16)
        except ValueError:
            size = -1
        if not 0 <= size <= _LARGEST_CHUNK:
            raise MalformedError(f"no chunk size: {raw[at : at + 40]!r}")
        at = line_end.end()
        if size == 0:
            return b"".join(pieces), places, _trailers_end(raw, at)
        piece = raw[at : at + size]
        body_starts.append(length)
        wire_starts.append(at)
        pieces.append(piece)
        length += len(piece)
        at += size
        if behind := _LINE_END.match(raw, at):
            at = behind.end()
        elif at + 1 < len(raw):
            raise MalformedError(f"no chunk end: {raw[at : at + 40]!r}")
        else:
            break
    return b"".join(pieces), places, False


def _trailers_end(raw: bytes, at: int) -> bool:
    """Whether the empty line behind the last chunk's trailers has come."""
    while line_end := _LINE_END.search(raw, at):
        if line_end.start() == at:
            return True
        at = line_end.end()
    return False


@lru_cache(maxsize=8)
def _lines_read(lines: bytes) -> tuple[int, dict[str, str], bool]:
    """Status, headers, and whether it is of HTTP/1.0; most answers of a load have the same head."""
    status, *rest = _LINE_END.split(lines)
    return _status(status), _headers(rest), not status.startswith(b"HTTP/1.1")


def _status(line: bytes) -> int:
    code = line.split(b" ", 2)[1:2]
    if not code or not (code[0].isdigit() and len(code[0]) == _DIGITS):
        raise MalformedError(f"no status line: {line[:80]!r}")
    return int(code[0])


def _headers(lines: Sequence[bytes]) -> dict[str, str]:
    pairs = (line.decode("latin-1").partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
