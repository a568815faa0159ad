"""`fenmark predict --own`: an archive's engines at what was not measured."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from results.archive.evidence import unmarked
from results.prediction.own import EngineLoad, Unmeasured, Wanted, own_engines
from results.prediction.own_tables import tables_of
from results.prediction.own_width import KINDS, alike, errors_of, predict_load, source_of
from suites import models
from suites.base.errors import CheckError, UserError
from suites.base.files import write_atomically
from suites.base.terminal import Terminal, complain, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from results.prediction.own import HeldOutLoad, OwnEngine
    from suites.models import Geometry

__all__ = ["OwnQuestion", "predict_own"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnQuestion:
    """What is asked of an archive.

    Attributes:
        isl, osl, concurrency: tokens of a prompt and of an answer, and requests under way.
        model: id or path of a geometry; None for those that were measured.
        precision: of its weights; empty for those that were measured.
    """

    isl: int
    osl: int
    concurrency: int
    model: str | None = None
    precision: str = ""


def predict_own(
    directory: Path, question: OwnQuestion, *, tables: Path | None, json_: bool
) -> None:
    """Say what each engine takes for a step, for a prompt and for a batch of requests.

    Args:
        tables: where to write what the page *Choose* reads; None for nowhere.

    Raises:
        UserError: the archive holds no cell of the inference suite; model or precision is unknown.
        CheckError: no engine can be predicted at this load.
    """
    results = unmarked(directory, lambda error: complain(f"fenmark: {error}"))
    engines = own_engines(own.predicate for own in results)
    if not engines:
        raise UserError(
            "holds no engine measured by the inference suite",
            where=str(directory),
            expected="signed results of `fenmark run --suite inference`",
        )
    geometry = models.load(question.model) if question.model else None
    asked = [
        (own, wanted, errors_of(own, engines))
        for own, wanted in _pairs(engines, geometry, question.precision)
    ]
    told = [_predictions(own, wanted, errors, question) for own, wanted, errors in asked]
    if tables is not None:
        made = json.dumps(tables_of(asked), separators=(",", ":"))
        write_atomically(tables, made.encode())
    if json_:
        print_json(told, allow_nan=False)
    else:
        terminal = Terminal(piped=200)
        for (own, wanted, _), figures in zip(asked, told, strict=True):
            terminal.say(_heading(own, wanted))
            for line in _lines(figures, question.concurrency):
                terminal.say(line, indent=2)
    if all(len(figures["refused"]) > 1 for figures in told):
        raise CheckError("no engine can be predicted at this load", where=str(directory))


def _pairs(
    engines: list[OwnEngine], geometry: Geometry | None, precision: str
) -> Iterator[tuple[OwnEngine, Wanted]]:
    """What is asked for, and the measured engine it is predicted from; each once."""
    seen = set()
    for own in engines:
        wanted = Wanted.of(geometry or own.home.geometry, precision) if precision else own.home
        if geometry and not precision:
            wanted = Wanted(geometry, own.precision, own.home.bits)
        source = source_of(alike(engines, own), wanted)
        key = (source.words(), wanted.geometry.id, wanted.precision)
        if key not in seen:
            seen.add(key)
            yield source, wanted


def _predictions(
    own: OwnEngine, wanted: Wanted, errors: Sequence[HeldOutLoad], asked: OwnQuestion
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "machine": own.machine,
        "engine": own.engine,
        "version": own.version,
        "model": wanted.geometry.id,
        "precision": wanted.precision,
        "measured": {"model": own.model, "precision": own.precision},
        "evidence": "predicted",
        "basis": "own",
        "refused": {},
        "unmeasured": {},
        "wider": {},
        "held_out": [asdict(held) for held in errors],
    }
    loads = {
        "tpot": EngineLoad("decode", asked.concurrency, asked.isl + asked.osl // 2),
        "ttft": EngineLoad("prefill", 1, asked.isl),
    }
    for name, load in loads.items():
        figure = None
        try:
            figure = predict_load(own, load, errors, wanted)
        except Unmeasured as refused:
            told["refused"][name] = str(refused)
        for end in ("ms", "low", "high"):
            told[f"{name}_{end}"] = getattr(figure, end, None)
        told["unmeasured"][name] = figure.kinds if figure else ()
        told["wider"][name] = figure.wider if figure else ()
    told["output_tokens_per_s"] = None if told["refused"] else _rate(told, asked)
    return told


def _rate(told: dict[str, Any], asked: OwnQuestion) -> dict[str, float]:
    """Tokens of answers each second: prompts read one after another, then all decode together."""

    def at(end: str) -> float:
        prompts: float = asked.concurrency * told[f"ttft_{end}"]
        answers: float = told[f"tpot_{end}"] * (asked.osl - 1)
        return asked.concurrency * asked.osl * 1e3 / (prompts + answers)

    return {"value": at("ms"), "low": at("high"), "high": at("low")}


def _heading(own: OwnEngine, wanted: Wanted) -> str:
    if wanted == own.home:
        return own.words()
    asked = f"{own.engine} {own.version}, {wanted.geometry.id}, {wanted.precision}"
    return f"{asked}, on {own.machine}; from {own.model}, {own.precision}"


def _lines(told: dict[str, Any], batch: int) -> Iterator[str]:
    for name, of in (("tpot", f" at {batch} at once"), ("ttft", " of one prompt alone")):
        if name in told["refused"]:
            yield f"{name.upper()} refused: {told['refused'][name]}"
            continue
        middle, low, high = (told[f"{name}_{end}"] for end in ("ms", "low", "high"))
        why = (*told["unmeasured"][name], *(f"wider: {rule}" for rule in told["wider"][name]))
        yield (
            f"{name.upper()} {middle:.4g} ms{of}, "
            f"90% within {low:.4g} to {high:.4g} ms ({', '.join(why)})"
        )
    if rate := told["output_tokens_per_s"]:
        ends = f"90% within {rate['low']:.4g} to {rate['high']:.4g}"
        yield f"{rate['value']:.4g} output tokens/s, {ends}"
    for kind in KINDS:
        own = [abs(held["off"]) for held in told["held_out"] if held["kind"] == kind]
        off = f"off by {max(own):.1%} at most, of {len(own)}" if own else "too few cells to say"
        yield f"{kind} held out: {off}"
