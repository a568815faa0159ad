"""`fenmark reference`: record what trusted weights answer, for the correctness gate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from suites.client.subject import TestedEndpoint

__all__ = ["reference"]

# Prompts and answers of the gate are far shorter.
_CONTEXT = 512
# Of questions: the longest are of some 15,000 tokens.
_SLOTS, _LONG_CONTEXT, _ANSWER_TOKENS = 2, 18_432, 2048


def reference(
    weights: Annotated[
        Path | None, typer.Option(help="A GGUF file, or a model folder with --engine.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="The engine trusted with it.")] = None,
    engine_program: Annotated[str | None, typer.Option(help="Its program.")] = None,
    model: Annotated[
        str | None, typer.Option(help="The name it is served under, if not its own.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write, instead of the place runs look in.")
    ] = None,
    quality: Annotated[
        Path | None,
        typer.Option(help="Also write answers and next tokens, for `fenmark quality --reference`."),
    ] = None,
    count: Annotated[int, typer.Option(min=11, max=5_000, help="Of --quality: questions.")] = 600,
    places: Annotated[
        int, typer.Option(min=0, max=5000, help="Of --quality: places to tell next tokens at.")
    ] = 300,
) -> None:
    """Record the greedy continuations of trusted weights; runs with these weights must agree.

    With --quality also a file that others check an endpoint against: right answers to
    questions, and at some places the likeliest next tokens, their log-probabilities and ids.

    Examples:
      fenmark reference --weights model.gguf
      fenmark reference --weights model.gguf --quality model.json
    """
    from suites.base.errors import UserError
    from suites.base.terminal import Terminal
    from suites.client.subject import subject, subject_spec
    from suites.engines.gate import record, store

    if weights is None:
        raise UserError("no weights", where="--weights", expected="a GGUF file or a model folder")
    if quality and quality.exists():
        raise UserError("is there already", where=str(quality), remedy="name another")
    options = {
        "weights": str(weights.absolute()),
        "engine": engine,
        "engine_program": engine_program,
        "model": model,
    }
    spec = {**subject_spec(options), "gate": False}
    slots, context = (_SLOTS, _LONG_CONTEXT) if quality else (1, _CONTEXT)
    with subject(spec, slots=slots, context=context) as trusted:
        reference = record(
            trusted.target.url,
            model=spec["model"],
            weights_sha256=trusted.engine["weights_sha256"],
            engine=f"{trusted.engine['name']} {trusted.engine['version']}",
        )
        Terminal().say(str(store(reference, out)))
        if quality:
            _record_answers(trusted, quality, count, places)


def _record_answers(trusted: TestedEndpoint, file: Path, count: int, places: int) -> None:
    import secrets

    from suites.base.files import write_atomically
    from suites.base.terminal import Terminal
    from suites.client.target import Target
    from suites.quality.asking import Asker
    from suites.quality.probe import record

    target = Target(url=trusted.target.url, model=trusted.target.model, api="chat")
    made = record(
        Asker(target),
        secrets.token_bytes(16),
        model=target.model,
        weights=trusted.engine["weights_sha256"],
        count=count,
        places=places,
        max_tokens=_ANSWER_TOKENS,
    )
    write_atomically(file, made.to_bytes())
    Terminal().say(f"{made.in_words()}, in {file}", whole=True)
