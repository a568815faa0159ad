"""`fenmark reference`: record what trusted weights answer, for the correctness gate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["reference"]

# Prompts and answers of the gate are far shorter.
_CONTEXT = 512


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
) -> None:
    """Record the greedy continuations of trusted weights; runs with these weights must agree.

    Example: fenmark reference --weights model.gguf
    """
    from suites.base.errors import UserError
    from suites.base.terminal import Terminal
    from suites.client.subject import subject, subject_spec
    from suites.engines.gate import record, store

    if weights is None:
        raise UserError("no weights", where="--weights", expected="a GGUF file or a model folder")
    options = {
        "weights": str(weights.absolute()),
        "engine": engine,
        "engine_program": engine_program,
        "model": model,
    }
    spec = {**subject_spec(options), "gate": False}
    with subject(spec, slots=1, context=_CONTEXT) as trusted:
        found = record(
            trusted.target.url,
            model=spec["model"],
            weights_sha256=trusted.engine["weights_sha256"],
            engine=f"{trusted.engine['name']} {trusted.engine['version']}",
        )
    Terminal().say(str(store(found, out)))
