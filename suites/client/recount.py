"""Hold an engine's own count of its output against the text it sent, token by token.

A count is a claim: 2 tokens made and 128 claimed look like a fast engine. Pure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from suites.client.counting import UNHELD, plain, seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.client.request import Request
    from suites.client.tokenizing import Tokens

__all__ = ["counted_how", "recounted"]

# Text made of n tokens is split again into about as many: tags of thoughts and tools are not shown,
# and a tokenizer joins what a model wrote in pieces.
_NEARLY, _TAGS = 0.1, 8
# The fewest pieces of a vocabulary are fewer than any tokenizer takes.
_NEARLY_LEAST = 0.25
# Stands for bytes that make no character: how many, and of how many tokens, is not known.
_CUT = "\ufffd"


def recounted(request: Request, tokens: Tokens) -> Request:
    """Return the request with its output counted by its text.

    An engine's count that the text does not bear out is doubted; where an engine never counts,
    the tokenizer does.
    """
    if request.pooled or request.failure not in {"", "short", "long"}:
        return request
    text = seen(plain(request.text))
    counted = tokens.count(text)
    exact = tokens.by == "tokenizer"
    if not request.told:
        return _counted(request, tokens, counted) if exact else request
    claimed = request.output_tokens
    spoken = claimed - request.silent_tokens
    few = counted < (1 - (_NEARLY if exact else _NEARLY_LEAST)) * spoken - _TAGS
    surely = tokens.count(text.replace(_CUT, "")) if exact and _CUT in text else counted
    many = exact and surely > (1 + _NEARLY) * claimed + _TAGS
    if few or many:
        shown = counted if few else surely
        doubt = f"{claimed} tokens counted, and {shown} in their text by the {tokens.by}"
        return replace(request, doubt=doubt)
    if not exact or not counted:
        return request
    # The count is borne out, so what made it doubtful was its text's look.
    if request.counted_by == "text":
        first = claimed * _first(request, tokens) / counted
        return replace(request, first_tokens=min(first, float(claimed)), doubt="")
    looked = request.counted_by == "server" and request.doubt.endswith(UNHELD)
    return replace(request, doubt="") if looked else request


def _counted(request: Request, tokens: Tokens, counted: int) -> Request:
    """A request that nobody counted but we."""
    failure = ""
    if asked := request.asked_tokens:
        slack = max(1, _NEARLY * asked)
        failure = "short" if counted < asked - slack else "long" if counted > asked + slack else ""
    first = float(min(_first(request, tokens), counted))
    return replace(request, output_tokens=counted, first_tokens=first, failure=failure, doubt="")


def _first(request: Request, tokens: Tokens) -> int:
    return tokens.count(seen(plain(request.text[: request.first_text])))


def counted_how(requests: Sequence[Request], tokens: Tokens | None) -> str:
    """How output tokens are known, as rows say it."""
    if tokens is not None and (tokens.by == "tokenizer" or all(r.told for r in requests)):
        return tokens.by
    return "server" if requests and all(request.told for request in requests) else "fragments"
