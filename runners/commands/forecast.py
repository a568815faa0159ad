"""`fenmark forecast`: a prediction, signed and logged before anybody measured; and its score."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from results.prediction.cell_options import (  # noqa: TC001 - typer reads its types
    ConcurrencyOption,
    DpOption,
    EngineOption,
    EpOption,
    IslOption,
    OslOption,
    PrecisionOption,
    TpOption,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results.archive.scoring import Scored
    from results.prediction.cells import ServingCell

__all__ = ["forecast"]


def forecast(
    chip: Annotated[str | None, typer.Option(help="By any name of `fenmark chips`.")] = None,
    model: Annotated[str | None, typer.Option(help="Id of `fenmark model list`.")] = None,
    isl: IslOption = 1024,
    osl: OslOption = 1024,
    concurrency: ConcurrencyOption = 32,
    precision: PrecisionOption = "",
    engine: EngineOption = "vllm",
    tp: TpOption = 1,
    dp: DpOption = 1,
    ep: EpOption = 1,
    ready: Annotated[
        bool, typer.Option("--ready", help="Of every chip that no public result was learnt of.")
    ] = False,
    forecaster: Annotated[
        str | None, typer.Option(help="Who forecasts; else this program and its version.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Archive to enter forecasts in.")] = None,
    enter: Annotated[
        Path | None, typer.Option(help="Enter the signed forecasts of this archive in --out.")
    ] = None,
    score: Annotated[
        Path | None, typer.Option(help="Verify and score the forecasts of this archive.")
    ] = None,
    results: Annotated[
        list[Path] | None,
        typer.Option(help="With --score: another archive whose results count; may repeat."),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Sign a prediction and enter it in an archive's log, before anybody measured; or score them.

    A forecast names chip, model, load, interval, level and price sheet. It is never edited: a
    result of the same cell that is entered later scores it. `fenmark choose` and `predict` say
    what is forecast. Exits 1 if a forecast does not verify or a cell cannot be predicted.

    Examples:
      fenmark forecast --ready --out out/forecasts
      fenmark forecast --enter out/forecasts --out results/public
    """
    from suites.base.errors import UserError

    sources = [score is not None, enter is not None, ready, chip is not None]
    if (
        sum(sources) != 1
        or (score is None) != (out is not None)
        or (chip is None) != (model is None)
        or (results and score is None)
    ):
        raise UserError(
            "says too little or too much",
            where="forecast",
            expected="--out, with --chip and --model, with --ready or with --enter; or --score",
        )
    if score is not None:
        _score(score, results or [], json_=json_)
    elif enter is not None and out is not None:
        _enter_signed(enter, out, json_=json_)
    elif out is not None:
        setup = {"precision": precision, "engine": engine, "layout": (tp, dp, ep)}
        load = (isl, osl, concurrency)
        cells = [_cell(chip, model, load, setup)] if chip and model else _ready()
        _enter(cells, out, forecaster, json_=json_)


def _cell(chip: str, model: str, load: tuple[int, int, int], setup: dict[str, Any]) -> ServingCell:
    from results.prediction.chip import entry_of
    from results.prediction.predict import Workload, cell_of
    from suites import models

    workload = Workload(isl=load[0], osl=load[1], concurrency=load[2])
    return cell_of(entry_of(chip).id, models.load(model).id, workload, **setup)


def _ready() -> list[ServingCell]:
    from results.prediction.forecasts import ready
    from results.prediction.predict import predictor
    from suites.base.terminal import Terminal

    cells, refused = ready(predictor())
    terminal = Terminal(stderr=True)
    for what, why in refused:
        terminal.say(f"not forecast: {what}: {why}")
    return cells


def _enter(cells: Sequence[ServingCell], out: Path, forecaster: str | None, *, json_: bool) -> None:
    from datetime import UTC, datetime

    from results.archive import forecasts
    from results.catalog import newest_version
    from results.economy.money_options import money_of
    from results.prediction.forecasts import forecast_of
    from results.prediction.predict import predictor
    from runners.machine import keys
    from suites.base.errors import CheckError
    from suites.base.terminal import Terminal, print_json

    made = predictor().predict(cells)
    for cell, prediction in zip(cells, made, strict=True):
        if prediction.refused:
            raise CheckError(
                f"not predicted: {prediction.refused}", where=f"{cell.chip}, {cell.model}"
            )
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    by, money = forecaster or f"fenmark {newest_version()}", money_of({})
    signed = [
        forecast_of(cell, prediction, now, by, money)
        for cell, prediction in zip(cells, made, strict=True)
    ]
    key = keys.load_or_create()
    digests = forecasts.enter(out, signed, key.signer, key.log_signer)
    if json_:
        told = zip(digests, signed, strict=True)
        print_json([{"digest": digest, **own.model_dump(mode="json")} for digest, own in told])
        return
    terminal = Terminal()
    for own in signed:
        time = own.tpot_ms
        terminal.say(
            f"◈ {own.cell.words()}: TPOT {time.value:.3g} ms, "
            f"90% within {time.low:.3g} to {time.high:.3g} ms, from {own.level}"
        )
    terminal.say(f"signed and logged {len(signed)} forecasts in {out}", whole=True)
    terminal.say(f"score    fenmark forecast --score {out}", whole=True)


def _enter_signed(source: Path, out: Path, *, json_: bool) -> None:
    from results.archive import forecasts
    from runners.machine import keys
    from suites.base.terminal import Terminal, print_json

    digests = forecasts.enter_signed(source, out, keys.load_or_create().log_signer)
    if json_:
        print_json(digests)
    else:
        Terminal().say(f"logged {len(digests)} signed forecasts in {out}", whole=True)


def _score(folder: Path, results: Sequence[Path], *, json_: bool) -> None:
    from dataclasses import asdict

    from results.archive.scoring import calibrations_of, scored
    from results.reported.shipping import shipped_files
    from suites.base.errors import CheckError, UserError
    from suites.base.terminal import Terminal, complain, print_json

    broken: list[UserError] = []
    forecasts = scored(folder, broken.append, shipped_files(), results)
    if not forecasts and not broken:
        raise UserError("holds no forecast", where=str(folder), remedy="see `fenmark forecast`")
    for error in broken:
        complain(f"fenmark: {error}")
    runs = calibrations_of(forecasts)
    if json_:
        print_json(
            {
                "forecasts": [
                    {
                        "digest": own.logged.digest,
                        "index": own.logged.index,
                        "runner": own.logged.runner,
                        **own.logged.forecast.model_dump(mode="json"),
                        "scores": [asdict(each) for each in own.scores],
                    }
                    for own in forecasts
                ],
                "calibration": [asdict(run) for run in runs],
            },
            allow_nan=False,
        )
    else:
        terminal = Terminal(piped=200)
        for own in forecasts:
            for line in _lines(own):
                terminal.say(line)
        for run in runs:
            terminal.say(
                f"{run.forecaster} ({run.runner}), {run.level}, {run.metric.upper()}: "
                f"{run.inside} of {run.scored} inside an interval of 90%, "
                f"median error {run.off:.1%}"
            )
    if broken:
        raise CheckError(f"forecasts that do not verify: {len(broken)}", where=str(folder))


def _lines(own: Scored) -> Sequence[str]:
    cell = own.logged.forecast.cell.words()
    if not own.scores:
        return [f"waits    {cell}"]
    return [
        f"{'inside' if each.inside else 'outside':8} {cell}: {each.metric.upper()} "
        f"{each.measured_ms:.4g} ms {each.kind}, {each.off:+.1%} of the forecast"
        + ("" if each.inside else f", ×{each.beyond:.3g} beyond the interval")
        for each in own.scores
    ]
