"""Forecasts from predictions, and what became of them: a score each, and calibration. Pure.

A forecast is scored by results of its cell that came after it; it is never changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from results.prediction.choose import METRICS
from results.prediction.deployments import accelerators
from results.prediction.predict import Workload, cell_of
from results.statement.forecast import Forecast, ForecastCell, ForecastTime

if TYPE_CHECKING:
    from collections.abc import Iterable

    from results.economy.own_prices import Money
    from results.prediction.cells import ServingCell
    from results.prediction.choose import Options
    from results.prediction.predict import Prediction, Predictor

__all__ = ["Calibration", "Score", "calibrations", "forecast_of", "ready", "score"]

# What is forecast of each chip that no public result was learnt of: model, TP, requests under way.
_READY = (("llama-3.1-8b", 1, 16), ("llama-3.1-70b", 8, 64))
_LENGTHS = (1024, 1024)
# The first that a chip is known to compute in.
_PRECISIONS = ("fp8", "bf16")


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A forecast beside one figure.

    Attributes:
        metric: "tpot" or "ttft".
        kind, where: of the result.
        measured_ms: its mean.
        off: measured ÷ forecast − 1.
        inside: whether it lies inside the interval.
        beyond: by what factor it lies outside of it; 1 inside.
    """

    metric: str
    kind: str
    where: str
    measured_ms: float
    off: float
    inside: bool
    beyond: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How often a forecaster's intervals hold at one level.

    Attributes:
        forecaster: as they name themselves. runner: id of the key that signed.
        scored: figures; inside: of them those in their interval, which nine of ten should be.
        off: median of the absolute error.
    """

    forecaster: str
    runner: str
    level: str
    metric: str
    scored: int
    inside: int
    off: float


def forecast_of(
    cell: ServingCell, prediction: Prediction, made_at: str, forecaster: str, money: Money
) -> Forecast:
    """Make a forecast of a cell that is not refused; its price is of the sheet's default class.

    Args:
        made_at: RFC 3339 in UTC.
    """
    rental = money.sheet.rental(cell.chip)
    rate = prediction.tokens_per_s_chip
    usd = rental.usd_per_hour / (rate * 3600) * 1e6 if rental and rate else None
    tpot, ttft = (
        ForecastTime(
            value=getattr(prediction, f"{name}_ms"),
            low=getattr(prediction, f"{name}_low"),
            high=getattr(prediction, f"{name}_high"),
        )
        for name in ("tpot", "ttft")
    )
    layout = cell.layout
    return Forecast(
        schema_version=1,
        made_at=made_at,
        forecaster=forecaster,
        cell=ForecastCell(
            chip=cell.chip,
            model=cell.model,
            engine=cell.engine,
            precision=cell.precision,
            tp=layout.tp,
            dp=layout.dp,
            ep=layout.ep,
            isl=round(cell.isl),
            osl=round(cell.osl),
            concurrency=round(cell.concurrency or 1),
        ),
        tpot_ms=tpot,
        ttft_ms=ttft,
        level=prediction.basis,
        price_sheet=money.sheet.id if usd else None,
        usd_per_mtok=usd,
    )


def ready(using: Predictor) -> tuple[list[ServingCell], list[tuple[str, str]]]:
    """Cells of chips that no public result was learnt of, and of others why there is none."""
    known = {cell.chip for cell in using.base.samples["tpot"].cells}
    cells, refused = [], []
    for name in sorted(set(accelerators()) - known):
        for model, tp, load in _READY:
            workload = Workload(isl=_LENGTHS[0], osl=_LENGTHS[1], concurrency=load)
            tried = [
                cell_of(name, model, workload, precision=bits, engine="vllm", layout=(tp, 1, 1))
                for bits in _PRECISIONS
            ]
            made = using.predict(tried)
            good = [cell for cell, own in zip(tried, made, strict=True) if not own.refused]
            cells += good[:1]
            if not good:
                refused.append((f"{name}, {model}", made[-1].refused))
    return cells, refused


def score(forecast: Forecast, seen: Options) -> list[Score]:
    """Hold a forecast against options of its model: those of the same cell."""
    own = forecast.cell
    scores = []
    for place, option in enumerate(seen.options):
        layout = option.setup.layout
        same = (
            (own.chip, own.engine, own.precision, own.tp, own.dp, own.ep, own.concurrency)
            == (option.setup.chip, option.setup.engine, option.setup.precision,
                layout.tp, layout.dp, layout.ep, option.concurrency)
        )  # fmt: skip
        if not same or option.kind == "predicted":
            continue
        for metric, expected, times in zip(
            METRICS, (forecast.ttft_ms, forecast.tpot_ms), (seen.ttft, seen.tpot), strict=True
        ):
            measured = float(times[0, place])
            scores.append(_score(metric, expected, measured, option.kind, option.basis))
    return scores


def _score(metric: str, expected: ForecastTime, measured: float, kind: str, where: str) -> Score:
    beyond = max(expected.low / measured, measured / expected.high, 1.0)
    return Score(
        metric=metric,
        kind=kind,
        where=where,
        measured_ms=measured,
        off=measured / expected.value - 1,
        inside=beyond == 1.0,
        beyond=beyond,
    )


def calibrations(scored: Iterable[tuple[str, Forecast, Score]]) -> list[Calibration]:
    """Running calibration by forecaster, key, level and metric: a name alone anybody may give.

    Args:
        scored: id of the key, forecast and score.
    """
    groups: dict[tuple[str, str, str, str], list[Score]] = {}
    for runner, forecast, own in scored:
        key = (forecast.forecaster, runner, forecast.level, own.metric)
        groups.setdefault(key, []).append(own)
    return [
        Calibration(
            forecaster=forecaster,
            runner=runner,
            level=level,
            metric=metric,
            scored=len(own),
            inside=sum(score.inside for score in own),
            off=median(abs(score.off) for score in own),
        )
        for (forecaster, runner, level, metric), own in sorted(groups.items())
    ]
