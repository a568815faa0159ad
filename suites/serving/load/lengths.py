"""How long requests are where they are not all alike: a uniform spread, or a file of lengths."""

from __future__ import annotations

import random
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from suites.base import files, json_file
from suites.base.errors import UserError
from suites.client.vocabulary import MOST_TOKENS, UNIQUE_TOKENS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["mean_of", "read_lengths", "spread_lengths"]

# Sizes that come round; a spread takes each of so many equal steps once, so its mean is exact.
_ROUND = 1024
_MOST_LINES = 65_536
_MOST_BYTES = 2**23
_LEAST = {"isl": UNIQUE_TOKENS + 1, "osl": 2}
_EXAMPLE = '{"isl": 120, "osl": 40}'


def spread_lengths(
    input_tokens: int, output_tokens: int, *, isl_spread: float, osl_spread: float
) -> tuple[tuple[int, int], ...]:
    """Lengths uniform from (1 − spread) to (1 + spread) times the mean, input and output apart.

    As `--random-range-ratio` of vLLM's benchmark. The same for all runs, so that these compare.
    """
    draw = random.Random(0)
    inputs = _spread(input_tokens, isl_spread, _LEAST["isl"], draw)
    outputs = _spread(output_tokens, osl_spread, _LEAST["osl"], draw)
    return tuple(zip(inputs, outputs, strict=True))


def _spread(mean: int, spread: float, least: int, draw: random.Random) -> list[int]:
    steps = [(2 * step + 1) / _ROUND - 1 for step in range(_ROUND)]
    draw.shuffle(steps)
    return [max(least, round(mean * (1 + spread * step))) for step in steps]


def read_lengths(path: Path) -> tuple[tuple[tuple[int, int], ...], str]:
    """Read a JSONL file of lengths, `{"isl": 120, "osl": 40}` a line.

    Returns:
        The lengths in the file's order, and the file's SHA-256.

    Raises:
        UserError: the file is missing, empty or too long, or a line is wrong; it names the line.
    """
    raw = files.read(path, _MOST_BYTES, expected=f"lines such as {_EXAMPLE}")
    lengths = tuple(
        _line(line, f"{path}:{number}")
        for number, line in enumerate(raw.splitlines(), start=1)
        if line.strip()
    )
    if not 1 <= len(lengths) <= _MOST_LINES:
        raise UserError(
            f"holds {len(lengths)} requests",
            where=str(path),
            expected=f"1 to {_MOST_LINES} lines such as {_EXAMPLE}",
        )
    return lengths, sha256(raw).hexdigest()


def _line(line: bytes, where: str) -> tuple[int, int]:
    fields = json_file.parse(line, where, expected=_EXAMPLE)
    if not isinstance(fields, dict) or fields.keys() != _LEAST.keys():
        raise UserError("no pair of lengths", where=where, expected=_EXAMPLE)
    return _whole(fields, "isl", where), _whole(fields, "osl", where)


def _whole(fields: dict[str, Any], name: str, where: str) -> int:
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, int):
        raise UserError(f"{name} is not a whole number", where=where, expected=_EXAMPLE)
    if not _LEAST[name] <= value <= MOST_TOKENS:
        raise UserError(
            f"{name} is {str(value)[:20]}",
            where=where,
            expected=f"from {_LEAST[name]} to {MOST_TOKENS}",
        )
    return value


def mean_of(lengths: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Mean input and output tokens, rounded."""
    inputs, outputs = zip(*lengths, strict=True)
    return round(sum(inputs) / len(inputs)), round(sum(outputs) / len(outputs))
