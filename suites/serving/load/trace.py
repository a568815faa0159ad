"""Read a trace: which requests came when, how long they were, and which belong together.

One JSON object a line: `{"arrival": 0.5, "isl": 120, "osl": 40, "session": "a"}`. `arrival` is in
seconds, `isl` counts the whole prompt, earlier turns and their answers included. Without `session`
a request stands alone. Public traces of other forms are read too; see `public_traces`.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any

from suites.base import files, json_file
from suites.base.errors import UserError
from suites.client.prompts import BLOCK_TOKENS, Turn
from suites.client.vocabulary import MOST_TOKENS, UNIQUE_TOKENS
from suites.serving.load.public_traces import public_turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Trace", "busiest_rate", "read_trace"]

_FIELDS = {"arrival", "isl", "osl", "session"}
_MOST_BYTES = 2**28  # some three million requests
_MOST_S = 1e9  # thirty years
_EXAMPLE = '{"arrival": 0.5, "isl": 120, "osl": 40, "session": "a"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A trace as read.

    Attributes:
        name: stem of the file.
        sha256: digest of the file, so that a result says what was replayed.
        turns: by arrival, the first at 0.
    """

    name: str
    sha256: str
    turns: tuple[Turn, ...]


def read_trace(path: Path) -> Trace:
    """Read a JSONL file.

    Raises:
        UserError: the file is missing or empty, or a line is wrong; it names file and line.
    """
    raw = files.read(path, _MOST_BYTES, expected=f"lines such as {_EXAMPLE}")
    numbered = public_turns(raw, str(path))
    if numbered is None:
        sessions: dict[str, int] = {}
        numbered = [
            (_turn(line, f"{path}:{number}", sessions), number)
            for number, line in enumerate(raw.splitlines(), start=1)
            if line.strip()
        ]
    if not numbered:
        raise UserError("holds no request", where=str(path), expected=f"lines such as {_EXAMPLE}")
    numbered.sort(key=lambda pair: pair[0].arrival_s)
    _check_sessions(numbered, path)
    start_s = numbered[0][0].arrival_s
    turns = tuple(turn._replace(arrival_s=turn.arrival_s - start_s) for turn, _ in numbered)
    turns = tuple(_with_known(turns))
    return Trace(name=path.stem, sha256=sha256(raw).hexdigest(), turns=turns)


def _with_known(turns: Sequence[Turn]) -> Iterator[Turn]:
    """Say of each turn how many tokens earlier prompts began with: its leading known blocks."""
    seen: set[int] = set()
    for turn in turns:
        known = sum(1 for _ in takewhile(seen.__contains__, turn.blocks))
        seen.update(turn.blocks)
        yield turn._replace(known_tokens=min(known * BLOCK_TOKENS, turn.input_tokens))


def busiest_rate(turns: Sequence[Turn]) -> float:
    """Requests due in the busiest second."""
    first = most = 0
    for last, turn in enumerate(turns):
        while turn.arrival_s - turns[first].arrival_s >= 1:
            first += 1
        most = max(most, last - first + 1)
    return float(most)


def _turn(line: bytes, where: str, sessions: dict[str, int]) -> Turn:
    fields = json_file.parse(line, where, expected=_EXAMPLE)
    if not isinstance(fields, dict):
        raise UserError("no JSON object", where=where, expected=_EXAMPLE)
    if unknown := sorted(fields.keys() - _FIELDS):
        raise UserError(f"unknown field {unknown[0]!r}", where=where, expected=_EXAMPLE)
    session = fields.get("session")
    return Turn(
        arrival_s=_number(fields, "arrival", where, least=0.0, most=_MOST_S),
        input_tokens=_whole(fields, "isl", where, least=UNIQUE_TOKENS + 1),
        output_tokens=_whole(fields, "osl", where, least=2),
        # Without a name, a session of its own; `repr` keeps 1 and "1" apart, and both from places.
        session=sessions.setdefault(where if session is None else repr(session), len(sessions)),
    )


def _check_sessions(numbered: Sequence[tuple[Turn, int]], path: Path) -> None:
    """Every later prompt has room for the earlier one, its answer, and something new."""
    lines: dict[int, list[tuple[Turn, int]]] = {}
    for turn, number in numbered:
        lines.setdefault(turn.session, []).append((turn, number))
    for session in lines.values():
        for (earlier, _), (later, number) in pairwise(session):
            held = earlier.input_tokens + earlier.output_tokens
            if later.input_tokens <= held:
                raise UserError(
                    f"isl {later.input_tokens} does not hold the session's earlier turns",
                    where=f"{path}:{number}",
                    expected=f"more than {held}: the prompt and the answer before it",
                )


def _number(fields: dict[str, Any], name: str, where: str, *, least: float, most: float) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UserError(f"{name} is {value!r}", where=where, expected="a number")
    if not least <= value <= most:
        what = f"{name} is {value}"[:80]
        raise UserError(what, where=where, expected=f"from {least:g} to {most:g}")
    return float(value)


def _whole(fields: dict[str, Any], name: str, where: str, *, least: int) -> int:
    value = _number(fields, name, where, least=least, most=MOST_TOKENS)
    if value != int(value):
        raise UserError(f"{name} is {value}", where=where, expected="a whole number")
    return int(value)
