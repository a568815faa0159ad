"""Whether an answer is right: by program, exactly, with no judge."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from suites.base.printable import printable

if TYPE_CHECKING:
    from suites.quality.items import GradedQuestion

__all__ = ["graded"]

_MOST = 20_000  # characters of an answer; what is longer has not followed the question
_NUMBER = re.compile(r"-?\d+")
_FENCE = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL)
_LEAD = re.compile(r"^(?:the\s+)?(?:final\s+)?answer(?:\s+is)?\s*[:=]?\s*", re.IGNORECASE)
_MARKS = " \t*_`\"'$.。,;:!()[]\u201c\u201d\u2018\u2019\\"


def graded(item: GradedQuestion, answer: str) -> bool:
    """Tell whether an answer is right.

    A line is compared without marks of emphasis, quotes and a leading "answer is"; a number as a
    number, so that 1,234 is 1234. JSON is compared as values, fences around it are allowed.
    """
    if len(answer) > _MOST:
        return False
    match item.grade:
        case "line":
            return _same_line(_last_line(answer), item.expected)
        case "json":
            return bool(_json_in(answer) == json.loads(item.expected))
        case "words":
            return _keeps(_last_line(answer), json.loads(item.expected))


def _last_line(answer: str) -> str:
    lines = [line.strip() for line in answer.strip().splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _same_line(line: str, expected: str) -> bool:
    plain = _LEAD.sub("", line.strip(_MARKS)).strip(_MARKS)
    if plain.casefold() == expected.casefold():
        return True
    if not _NUMBER.fullmatch(expected):
        return False
    digits = re.sub(r"(?<=\d)[,\u2009\u202f _](?=\d{3}\b)", "", plain).replace("−", "-")
    digits = re.sub(r"(?<=\d)\.0+$", "", digits)
    named = re.sub(r"^[a-z]\s*=\s*", "", digits)
    return bool(_NUMBER.fullmatch(named)) and int(named) == int(expected)


def _json_in(answer: str) -> Any:
    fenced = _FENCE.findall(answer)
    text = fenced[-1] if fenced else answer
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _keeps(line: str, rules: dict[str, Any]) -> bool:
    words = printable(line, _MOST).split(" ")
    return (
        len(words) == rules["count"]
        and all(word.isascii() and word.isalpha() and word.islower() for word in words)
        and all(word.startswith(rules["first"]) for word in words)
        and not any(rules["without"] and rules["without"] in word for word in words)
        and all(len(word) >= rules["shortest"] for word in words)
        and (not rules["ascending"] or words == sorted(set(words)))
    )
