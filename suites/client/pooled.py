"""Read an answer that generates nothing: vectors of embeddings, or scores of documents.

As OpenAI, vLLM, SGLang and llama.cpp give embeddings, and as Cohere, Jina and these give ranks.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

__all__ = ["Pooled", "read_pooled"]

_SCORES = ("relevance_score", "score")


class Pooled(NamedTuple):
    """Such an answer.

    Attributes:
        items: vectors that are not empty, or scores that are numbers.
        input_tokens: as the server counts them, None if it does not say.
    """

    items: int
    input_tokens: int | None


def read_pooled(body: bytes) -> Pooled | None:
    """Read a body of JSON; None where it holds neither vectors nor scores."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or message.get("error"):
        return None
    listed = message.get("data") or message.get("results")
    items = sum(map(_is_item, listed)) if isinstance(listed, list) else 0
    return Pooled(items, _input_tokens(message)) if items else None


def _is_item(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    vector = item.get("embedding")
    if isinstance(vector, (list, str)):  # numbers, or their bytes in base64
        return bool(vector)
    return any(type(item.get(name)) in {int, float} for name in _SCORES)


def _input_tokens(message: dict[str, Any]) -> int | None:
    meta = message.get("meta")
    usage = message.get("usage") or (meta.get("tokens") if isinstance(meta, dict) else None)
    counts: dict[str, Any] = usage if isinstance(usage, dict) else {}
    counted = (counts.get(name) for name in ("prompt_tokens", "input_tokens", "total_tokens"))
    return next((number for number in counted if type(number) is int and number > 0), None)
