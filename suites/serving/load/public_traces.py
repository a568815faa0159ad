"""Traces as their publishers give them: Mooncake, Azure LLM inference, BurstGPT.

- Mooncake (JSONL): `timestamp` in ms, `input_length`, `output_length`, and `hash_ids`, one for each
  512 tokens of the prompt; prompts with the same leading ids begin with the same tokens.
- Azure LLM inference trace (CSV): `TIMESTAMP`, `ContextTokens`, `GeneratedTokens`.
- BurstGPT (CSV): `Timestamp` in s, `Request tokens`, `Response tokens`. Its sessions do not say
  whether a prompt holds the turns before it, so each request stands alone.

What got no answer then is left out; prompts and answers too short to be told apart are lengthened
to the least that can be.
"""

from __future__ import annotations

import csv
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from suites.base import files, json_file
from suites.base.errors import UserError
from suites.client.prompts import BLOCK_TOKENS, Turn
from suites.client.vocabulary import MOST_TOKENS, UNIQUE_TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["public_turns"]

_LEAST_INPUT, _LEAST_OUTPUT = UNIQUE_TOKENS + 1, 2
_MOST_ID = 2**53 - 1
_MOST_S = 1e15


def public_turns(raw: bytes, path: str) -> list[tuple[Turn, int]] | None:
    """Read a public trace: turns with the lines they are from, None where it is of another kind.

    Raises:
        UserError: a line is wrong; it names the file and the line.
    """
    first = raw.lstrip()[:4096].splitlines()[:1]
    if first and first[0].startswith(b"{"):
        return list(_mooncake(raw, path)) if b'"input_length"' in first[0] else None
    head = first[0].decode("utf-8", "replace") if first else ""
    if "ContextTokens" in head:
        return list(_rows(raw, path, _azure))
    if "Request tokens" in head:
        return list(_rows(raw, path, _burstgpt))
    return None


def _mooncake(raw: bytes, path: str) -> Iterator[tuple[Turn, int]]:
    example = '{"timestamp": 0, "input_length": 600, "output_length": 9, "hash_ids": [0, 1]}'
    for number, line in enumerate(raw.splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        fields = json_file.parse(line, where, expected=example)
        if not isinstance(fields, dict):
            raise UserError("no JSON object", where=where, expected=example)
        ids = fields.get("hash_ids", [])
        if not isinstance(ids, list) or not all(type(i) is int and 0 <= i <= _MOST_ID for i in ids):
            raise UserError("hash_ids are not a list of ids", where=where, expected=example)
        input_tokens = _tokens(fields, "input_length", where)
        if ids and len(ids) != (blocks := math.ceil(input_tokens / BLOCK_TOKENS)):
            raise UserError(
                f"{len(ids)} hash_ids for {input_tokens} tokens",
                where=where,
                expected=f"{blocks}, one for each {BLOCK_TOKENS}",
            )
        arrival_s = _number(fields, "timestamp", where) / 1e3
        output_tokens = _tokens(fields, "output_length", where)
        if turn := _turn(number, arrival_s, input_tokens, output_tokens):
            yield turn._replace(blocks=tuple(ids)), number


def _rows(
    raw: bytes, path: str, read: Callable[[Mapping[str, Any], str], tuple[float, int, int]]
) -> Iterator[tuple[Turn, int]]:
    reader = csv.DictReader(files.decoded(raw, path).splitlines(), strict=True)
    try:
        for row in reader:
            if turn := _turn(reader.line_num, *read(row, f"{path}:{reader.line_num}")):
                yield turn, reader.line_num
    except csv.Error as error:
        raise UserError(
            f"no CSV ({error})", where=f"{path}:{reader.line_num}", expected="a header and rows"
        ) from error


def _azure(row: Mapping[str, Any], where: str) -> tuple[float, int, int]:
    try:
        time = datetime.fromisoformat(row.get("TIMESTAMP") or "")
    except ValueError:
        raise UserError(
            "TIMESTAMP is not a time", where=where, expected="such as 2023-11-16 18:15:46.6805900"
        ) from None
    arrival_s = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    return (
        arrival_s,
        _tokens(row, "ContextTokens", where),
        _tokens(row, "GeneratedTokens", where),
    )


def _burstgpt(row: Mapping[str, Any], where: str) -> tuple[float, int, int]:
    return (
        _number(row, "Timestamp", where),
        _tokens(row, "Request tokens", where),
        _tokens(row, "Response tokens", where),
    )


def _turn(number: int, arrival_s: float, input_tokens: int, output_tokens: int) -> Turn | None:
    if not input_tokens or not output_tokens:
        return None
    return Turn(
        arrival_s=arrival_s,
        input_tokens=max(input_tokens, _LEAST_INPUT),
        output_tokens=max(output_tokens, _LEAST_OUTPUT),
        session=number,
    )


def _value(fields: Mapping[str, Any], name: str) -> float:
    """A number as it stands there, NaN where none does."""
    given = fields.get(name)
    try:
        return float(given) if type(given) in {int, float, str} else math.nan  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return math.nan


def _number(fields: Mapping[str, Any], name: str, where: str) -> float:
    value = _value(fields, name)
    if not 0 <= value < _MOST_S:
        raise UserError(f"{name} is not a time", where=where, expected="a number from 0")
    return value


def _tokens(fields: Mapping[str, Any], name: str, where: str) -> int:
    value = _value(fields, name)
    if not (0 <= value <= MOST_TOKENS and value == int(value)):
        raise UserError(
            f"{name} is {str(fields.get(name))[:20]!r}",
            where=where,
            expected=f"a whole number from 0 to {MOST_TOKENS}",
        )
    return int(value)
