"""`fenmark predict`: what a cell that nobody measured would do, and how sure that is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results.prediction.cells import ServingCell
    from results.prediction.predict import Prediction, Predictor

__all__ = ["predict"]

_COLUMNS = (
    "id", "ttft_ms", "ttft_low", "ttft_high", "tpot_ms", "tpot_low", "tpot_high", "basis",
    "refused",
)  # fmt: skip


def predict(
    cells: Annotated[
        Path | None, typer.Option(help="A table of cells to predict, CSV; goes with --out.")
    ] = None,
    kernels: Annotated[
        list[Path] | None,
        typer.Option(help="A chip's folder of kernel tables, or a folder of such; may repeat."),
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="A table of measured cells to learn from besides, CSV.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where the predictions go, CSV.")] = None,
    chip: Annotated[str | None, typer.Option(help="By any name of `fenmark chips`.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Id of `fenmark model list`, or a config.json.")
    ] = None,
    isl: Annotated[int, typer.Option(min=1, max=10_000_000, help="Tokens of a prompt.")] = 1024,
    osl: Annotated[int, typer.Option(min=1, max=10_000_000, help="Tokens of an answer.")] = 1024,
    concurrency: Annotated[
        int, typer.Option(min=1, max=10_000_000, help="Requests under way.")
    ] = 32,
    precision: Annotated[
        str, typer.Option(help="Of the weights: bf16, fp8, fp4, int4; with --own q4_k_m too.")
    ] = "",
    engine: Annotated[str, typer.Option(help="Such as vllm, sglang, trtllm.")] = "vllm",
    tp: Annotated[int, typer.Option(min=1, max=1024, help="Ranks that share attention.")] = 1,
    dp: Annotated[
        int, typer.Option(min=1, max=1024, help="Groups with sequences of their own.")
    ] = 1,
    ep: Annotated[int, typer.Option(min=1, max=1024, help="Ranks that share out experts.")] = 1,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print every term and what the fit changed.")
    ] = False,
    ask: Annotated[
        bool, typer.Option("--ask", help="Say which three cells to measure next.")
    ] = False,
    plan: Annotated[
        Path | None, typer.Option(help="With --ask: write them as a plan for `fenmark plan run`.")
    ] = None,
    own: Annotated[
        Path | None,
        typer.Option(help="An archive: its engines, by their own cells, at what was not measured."),
    ] = None,
    tables: Annotated[
        Path | None, typer.Option(help="With --own: write what the page Choose reads, JSON.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Predict mean TTFT and TPOT, with intervals that hold 90% of cells that were held out.

    A table's cells that cannot be predicted are refused by name, and the run succeeds.

    Example: fenmark predict --chip h200-sxm --model llama-3.1-70b --precision fp8 --tp 4
    """
    from results.prediction.cells import clean, read_cells
    from results.prediction.chip import read_chips
    from results.prediction.predict import Predictor
    from suites.base.errors import UserError

    if own is not None:
        if any((cells, kernels, calibration, out, chip, ask, explain)):
            raise UserError(
                "is of its own machine", where="--own", expected="a load, --model and --precision"
            )
        from results.commands.own_machine import OwnQuestion, predict_own

        question = OwnQuestion(
            isl=isl, osl=osl, concurrency=concurrency, model=model, precision=precision
        )
        predict_own(own, question, tables=tables, json_=json_)
        return
    if tables is not None:
        raise UserError("is of an own machine", where="--tables", expected="--own")
    read = [chip for folder in kernels or () for chip in read_chips(folder)]
    learnt = clean(read_cells(calibration)) if calibration else []
    using = Predictor({chip.entry.id: chip for chip in read}, learnt)
    if cells is not None:
        if out is None or chip is not None or ask:
            raise UserError("predicts a table", where="--cells", expected="--out, and no --chip")
        _table(using, read_cells(cells), out)
        return
    if chip is None or model is None:
        raise UserError(
            "says too little", where="predict", expected="--cells, or --chip and --model"
        )
    setup = {"precision": precision, "engine": engine, "layout": (tp, dp, ep), "using": using}
    if ask:
        _ask(chip, model, setup, plan, json_=json_)
    else:
        _predict_one(chip, model, (isl, osl, concurrency), setup, explain=explain, json_=json_)


def _table(using: Predictor, cells: list[ServingCell], out: Path) -> None:
    import csv
    import io

    from suites.base.files import write_atomically

    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for prediction in using.predict(cells):
        table.writerow([_field(getattr(prediction, name)) for name in _COLUMNS])
    write_atomically(out, text.getvalue().encode())


def _field(value: float | str | None) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value or ""


def _predict_one(
    chip: str,
    model: str,
    load: tuple[int, int, int],
    setup: dict[str, Any],
    *,
    explain: bool,
    json_: bool,
) -> None:
    from dataclasses import asdict

    from results.prediction.chip import entry_of
    from results.prediction.predict import Workload, cell_of
    from suites import models
    from suites.base.errors import CheckError
    from suites.base.terminal import Terminal, print_json

    using: Predictor = setup.pop("using")
    geometry = models.load(model)
    workload = Workload(isl=load[0], osl=load[1], concurrency=load[2])
    cell = cell_of(entry_of(chip).id, geometry.id, workload, **setup)
    prediction = using.predict([cell], {geometry.id: geometry})[0]
    power = using.power(prediction, cell, geometry)
    if json_:
        print_json({**asdict(prediction), "power": asdict(power) if power else None})
    if prediction.refused:
        raise CheckError(f"not predicted: {prediction.refused}", where=f"{chip}, {model}")
    if not json_:
        terminal = Terminal()
        for line in _lines(prediction):
            terminal.say(line)
        if power:
            (watts, low, high), joules = power.watts, power.joules_per_token[0]
            terminal.say(
                f"{watts:.0f} W a chip, 90% within {low:.0f} to {high:.0f} W; "
                f"{joules:.3g} J of the chips an output token"
            )
        if explain:
            _explain(terminal, prediction)


def _lines(prediction: Prediction) -> Sequence[str]:
    def ends(name: str) -> str:
        middle, low, high = (getattr(prediction, f"{name}_{end}") for end in ("ms", "low", "high"))
        return f"{name.upper()} {middle:.3g} ms, 90% within {low:.3g} to {high:.3g} ms"

    error = f"{prediction.error * 100:.1f}%" if prediction.error is not None else "unknown"
    lines = [
        ends("tpot"),
        ends("ttft"),
        f"{prediction.tokens_per_s_chip:.4g} output tokens/s on each chip",
        f"predicted from {prediction.basis}; median error of held-out TPOT {error}",
    ]
    return [*lines, *(f"wider: {rule}" for rule in prediction.wider)]


def _explain(terminal: Any, prediction: Prediction) -> None:
    from rich.table import Table

    for title, terms in (("TPOT", prediction.terms), ("TTFT", prediction.first_terms)):
        table = Table(f"term of {title}", "ms by kernels", "ms fitted", box=None)
        for name, (before, after) in terms.items():
            if before:
                table.add_row(name, f"{before:.4g}", f"{after:.4g}")
        terminal.show(table)
    terminal.say(f"a decode step waits most for {prediction.bound}")
    terminal.say(f"engine, model and set-up change TPOT by a further {prediction.further:+.1%}")


def _ask(chip: str, model: str, setup: dict[str, Any], plan: Path | None, *, json_: bool) -> None:
    from results.prediction.predict import asked
    from suites.base.files import write_atomically
    from suites.base.terminal import Terminal, print_json

    cells = asked(chip, model, **setup)
    loads = [
        {"isl": int(c.isl), "osl": int(c.osl), "concurrency": int(c.concurrency or 1)}
        for c in cells
    ]
    if plan is not None:
        write_atomically(plan, _as_plan(model, setup, loads).encode())
    if json_:
        print_json(loads)
        return
    terminal = Terminal()
    terminal.say("measure next, in this order:")
    for load in loads:
        terminal.say(", ".join(f"{name} {value}" for name, value in load.items()), indent=2)


def _as_plan(model: str, setup: dict[str, Any], loads: list[dict[str, int]]) -> str:
    import json

    tp, dp, _ = setup["layout"]
    axes = "\n".join(
        f"ask{place} = {{ isl = {load['isl']}, osl = {load['osl']}, "
        f"concurrency = [{load['concurrency']}] }}"
        for place, load in enumerate(loads, 1)
    )
    return (
        'name = "asked"\n'
        'answers = "Which cells make the prediction of the others surest?"\n'
        'suites = ["serving"]\n\n'
        f"[options]\nengine = {json.dumps(setup['engine'])}\nmodel = {json.dumps(model)}\n"
        f"tp = {tp}\ndp = {dp}\n\n"
        f"[axes.load]\n{axes}\n"
    )
