"""Events of the Responses API as those of chat completions, which the client reads.

Names of events: platform.openai.com/docs/api-reference/responses-streaming. What repeats text that
came before (`….done`), and what only says where it stands, brings nothing.
"""

from __future__ import annotations

from typing import Any

__all__ = ["as_chat", "is_of_responses"]

# A summary is written by another model and is not what was thought: it brings no tokens.
_NAMES = {
    "response.output_text.delta": "content",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning.delta": "reasoning",
    "response.refusal.delta": "refusal",
    "response.function_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "arguments",
    "response.mcp_call_arguments.delta": "arguments",
    "response.code_interpreter_call_code.delta": "arguments",
}
_ENDS = {"response.completed": "stop", "response.incomplete": "length"}
_FAILURES = {"response.failed", "response.cancelled", "error"}


def is_of_responses(message: dict[str, Any]) -> bool:
    """Whether an event is one of the Responses API."""
    kind = message.get("type")
    return isinstance(kind, str) and (kind.startswith("response.") or kind == "error")


def as_chat(message: dict[str, Any]) -> dict[str, Any]:
    """Say in the words of chat completions what an event says."""
    kind = message["type"]
    told = message.get("response")
    response: dict[str, Any] = told if isinstance(told, dict) else {}
    if kind in _FAILURES:
        return {"error": response.get("error") or message}
    if name := _NAMES.get(kind):
        return {"choices": [{"delta": {name: message.get("delta")}}]}
    if kind not in _ENDS:
        return {}
    details = response.get("incomplete_details")
    why = details.get("reason") if isinstance(details, dict) else None
    end = "content_filter" if why == "content_filter" else _ENDS[kind]
    return {
        "choices": [{"delta": {}, "finish_reason": end}],
        "usage": _usage(response.get("usage")),
    }


def _usage(told: Any) -> dict[str, Any]:
    usage: dict[str, Any] = told if isinstance(told, dict) else {}
    return {
        "prompt_tokens": usage.get("input_tokens"),
        "completion_tokens": usage.get("output_tokens"),
        "prompt_tokens_details": usage.get("input_tokens_details"),
        "completion_tokens_details": usage.get("output_tokens_details"),
    }
