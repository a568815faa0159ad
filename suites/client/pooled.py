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
        items: vectors of numbers, or scores that are numbers, each of a document of its own.
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
    items = _items(listed) if isinstance(listed, list) else 0
    return Pooled(items, _input_tokens(message)) if items else None


def _items(listed: list[Any]) -> int:
    """How many there are; a document that is scored twice counts once."""
    items = [item for item in listed if isinstance(item, dict) and _is_item(item)]
    places = [item["index"] for item in items if type(item.get("index")) is int]
    return len(items) - (len(places) - len(set(places)))


def _is_item(item: dict[str, Any]) -> bool:
    vector = item.get("embedding")
    if isinstance(vector, str):  # the numbers' bytes in base64
        return bool(vector)
    if isinstance(vector, list):
        return bool(vector) and type(vector[0]) in {int, float, list}
    return any(type(item.get(name)) in {int, float} for name in _SCORES)


def _input_tokens(message: dict[str, Any]) -> int | None:
    meta = message.get("meta")
    usage = message.get("usage") or (meta.get("tokens") if isinstance(meta, dict) else None)
    counts: dict[str, Any] = usage if isinstance(usage, dict) else {}
    counted = (counts.get(name) for name in ("prompt_tokens", "input_tokens", "total_tokens"))
    return next((number for number in counted if type(number) is int and number > 0), None)
