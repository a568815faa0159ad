"""Ask a run's questions of the server that was just measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suites.base.child import note
from suites.quality.asking import Asker
from suites.quality.probe import check_answered, next_tokens, token_ids
from suites.quality.record import NextTokens, QualityRecord, RecordedAnswer, kept, questions
from suites.quality.reference_file import read_reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from suites.client.target import Target
    from suites.quality.agreement import Reference
    from suites.quality.asking import Reply

__all__ = ["ask"]


def ask(target: Target, spec: Mapping[str, Any], *, at_once: int) -> dict[str, Any]:
    """Ask, and return what is kept: see `suites.quality.record.QualityRecord`.

    Args:
        spec: as `suites.quality.riding` made it.
        at_once: requests that the server decodes together.

    Raises:
        UserError, CheckError: see `suites.quality.probe.probe`.
    """
    asked = questions(spec["seed"], spec["count"], spec["longest"])
    reference = read_reference(Path(spec["reference"])) if spec["reference"] else None
    asker = Asker(
        replace(target, api=spec["api"]),
        temperature=spec["temperature"],
        concurrency=min(at_once, spec["at_once"]),
    )
    note(f"asking {len(asked)} questions")
    replies = asker.ask([item.prompt for item in asked], max_tokens=spec["answer_tokens"])
    check_answered(replies)
    record = QualityRecord(
        seed=spec["seed"],
        count=spec["count"],
        longest=spec["longest"],
        api=spec["api"],
        answer_tokens=spec["answer_tokens"],
        temperature=spec["temperature"],
        answers=[_answer(reply) for reply in replies],
        reference=reference,
        **(_next_token_evidence(asker, reference) if reference and reference.places else {}),
    )
    return record.model_dump(mode="json")


def _next_token_evidence(asker: Asker, reference: Reference) -> dict[str, Any]:
    """Ask at the reference's places; of ids those that can be compared are kept."""
    replies = next_tokens(asker, reference)
    return {
        "next_tokens": [
            NextTokens(
                logprobs={token: min(log, 0.0) for token, log in (reply.logprobs or {}).items()},
                greedy=list(reply.greedy),
            )
            for reply in replies
        ],
        "token_ids": {
            text: number for text, number in token_ids(replies).items() if text in reference.ids
        },
    }


def _answer(reply: Reply) -> RecordedAnswer:
    return RecordedAnswer(text=None if reply.failure else kept(reply.text), tokens=reply.tokens)
