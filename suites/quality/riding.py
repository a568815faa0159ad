"""Questions beside a measurement: which cell of another suite asks them, and how."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suites.base.errors import UserError
from suites.quality.items import LEVELS
from suites.quality.record import MOST_PLACES
from suites.quality.reference_file import read_reference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from suites.base.records import CellSpec

__all__ = ["beside"]

_USUAL = {
    "quick": {"questions": 110, "answer_tokens": 256},
    "standard": {"questions": 600, "answer_tokens": 2048},
    "full": {"questions": 2000, "answer_tokens": 2048},
}
# Questions are asked on one engine: after its load, else after its isolated phases.
_HOSTS = ("serving", "inference")
# An engine of ours has room for so long a question; longer ones are left out, and counted.
_QUESTION_TOKENS = 5_120
# Digits and ids are short tokens: a token has at least so many characters of a question.
_CHARACTERS_A_TOKEN = 2
_AT_ONCE = 16
# For the remaining time only.
_TOKENS_S, _ANSWER_TOKENS = 200.0, 60


def beside(cells: Sequence[CellSpec], profile: str, options: Mapping[str, Any]) -> list[CellSpec]:
    """Let the first engine of a run answer questions when its own measurement is over.

    Raises:
        UserError: no engine or endpoint is measured, its weights are random, or the reference
            cannot be read.
    """
    host = next((cell for name in _HOSTS for cell in cells if cell.suite == name), None)
    if host is None:
        raise UserError(
            "questions without a server that is measured",
            where="--suite quality",
            expected="serving,quality or inference,quality",
            remedy="`fenmark quality` asks alone",
        )
    endpoint = bool(options.get("endpoint"))
    if not endpoint and not options.get("weights"):
        raise UserError(
            "random weights have no right answers",
            where="--suite quality",
            remedy="it goes with --weights or --endpoint",
        )
    if (options.get("api") or "completions") not in {"completions", "chat", "responses"}:
        raise UserError("nothing answers a question", where="--api", expected="chat or completions")
    spec = _spec(profile, options, endpoint=endpoint)
    asked_s = spec["count"] * _ANSWER_TOKENS / _TOKENS_S
    asking = replace(
        host,
        spec={**host.spec, "quality": spec},
        estimated_s=host.estimated_s + asked_s,
    )
    return [asking if cell is host else cell for cell in cells]


def _spec(profile: str, options: Mapping[str, Any], *, endpoint: bool) -> dict[str, Any]:
    usual = _USUAL[profile]
    tokens = int(options.get("answer_tokens") or usual["answer_tokens"])
    given = options.get("quality_reference")
    if given and len(read_reference(Path(given)).places) > MOST_PLACES:
        raise UserError(
            f"more than {MOST_PLACES} places",
            where=str(given),
            expected="fewer: what they give is signed and read again",
        )
    api = options.get("question_api") or "chat"
    if api not in {"chat", "completions"}:
        raise UserError(f"unknown {api!r}", where="--question-api", expected="chat or completions")
    return {
        "seed": int(options.get("seed") or 0),
        "count": max(len(LEVELS), int(options.get("questions") or usual["questions"])),
        "api": api,
        "answer_tokens": tokens,
        "temperature": float(options.get("temperature") or 0.0),
        "reference": str(given) if given else None,
        "at_once": _AT_ONCE,
        # What an engine of ours is given; how much an endpoint takes, it says itself.
        "context": 0 if endpoint else _QUESTION_TOKENS + tokens,
        "longest": 0 if endpoint else _QUESTION_TOKENS * _CHARACTERS_A_TOKEN,
    }
