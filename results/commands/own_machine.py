"""`fenmark predict --own`: an archive's engines at loads that were not measured."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from results.archive.evidence import unmarked
from results.prediction.own import EngineLoad, Unmeasured, held_out, own_engines, time_of
from suites import models
from suites.base.errors import CheckError, UserError
from suites.base.terminal import Terminal, complain, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from results.prediction.own import OwnEngine

__all__ = ["predict_own"]


def predict_own(
    directory: Path, load: tuple[int, int, int], model: str | None, *, json_: bool
) -> None:
    """Say what each engine takes for a step and for a prompt of a load.

    Args:
        load: tokens of a prompt, of an answer, and requests under way.
        model: as the library names it; None for all.

    Raises:
        UserError: the archive holds no cell of the inference suite, of this model.
        CheckError: no engine can be predicted at this load.
    """
    wanted = models.load(model).id if model else None
    results = unmarked(directory, lambda error: complain(f"fenmark: {error}"))
    measured = own_engines(own.predicate for own in results)
    engines = [own for own in measured if wanted in {None, own.model}]
    if not engines:
        raise UserError(
            "holds no engine measured by the inference suite",
            where=str(directory),
            expected="signed results of `fenmark run --suite inference`",
        )
    isl, osl, batch = load
    asked = {
        "tpot": EngineLoad("decode", batch, isl + osl // 2),
        "ttft": EngineLoad("prefill", 1, isl),
    }
    told = [_predictions(own, asked) for own in engines]
    if json_:
        print_json(told, allow_nan=False)
    else:
        terminal = Terminal(piped=200)
        for engine, prediction in zip(engines, told, strict=True):
            terminal.say(engine.words())
            for line in _lines(prediction, batch):
                terminal.say(line, indent=2)
    if all(prediction["tpot_ms"] is None and prediction["ttft_ms"] is None for prediction in told):
        raise CheckError("no engine can be predicted at this load", where=str(directory))


def _predictions(own: OwnEngine, asked: dict[str, EngineLoad]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "machine": own.machine,
        "engine": own.engine,
        "version": own.version,
        "model": own.model,
        "precision": own.precision,
        "refused": {},
        "held_out": [asdict(held) for held in held_out(own)],
    }
    for name, load in asked.items():
        try:
            told[f"{name}_ms"] = time_of(own, load)
        except Unmeasured as refused:
            told[f"{name}_ms"] = None
            told["refused"][name] = str(refused)
    return told


def _lines(told: dict[str, Any], batch: int) -> Iterator[str]:
    for name, of in (("tpot", f" at {batch} at once"), ("ttft", " of one prompt alone")):
        ms = told[f"{name}_ms"]
        time = f"{ms:.4g} ms{of}" if ms is not None else f"refused: {told['refused'][name]}"
        yield f"{name.upper()} {time}"
    for kind in ("unseen context", "unseen batch", "prefill"):
        own = [abs(held["off"]) for held in told["held_out"] if held["kind"] == kind]
        off = f"off by {max(own):.1%} at most, of {len(own)}" if own else "too few cells to say"
        yield f"{kind} held out: {off}"
