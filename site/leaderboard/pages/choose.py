"""The choose page and its data: which configuration serves a workload for least."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from leaderboard.base.text import clean
from leaderboard.pages.choose_answer import OPENING, SERVED_BY
from leaderboard.read.cache import kept
from leaderboard.words import Words
from results import catalog
from results.catalog.api_data import api_price, api_sheet
from results.catalog.prices_data import RENTAL_CLASSES
from results.prediction import in_browser
from results.prediction.choose import MARGIN
from results.prediction.market import OWNED, in_region, owning
from results.prediction.predict import predictor
from suites import models

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from leaderboard.pages.choose_answer import FirstAnswer
    from results.catalog import PriceSheet
    from results.prediction.observed import Observed

__all__ = ["MODEL_NAMES", "common", "context", "market", "of_model"]

# Other names that a model is looked for by.
MODEL_NAMES = {"deepseek-v3": "DeepSeek-V3, DeepSeek-R1"}
_CHINESE = Words.load("zh")
# How sentences begin that say why a chip is not predicted.
_REFUSALS = ("no evidence: ", "{weights} GB", "memory does not", "TP {tp}", "EP {ep}")
_PERCENTILES = ("50", "90", "95", "99", "99.9")


def context(_: Words, sheet: PriceSheet, answer: FirstAnswer) -> dict[str, Any]:
    """Return what the page shows before a reader's first question: a form, and its answer."""
    return {
        "answer": answer,
        "models": sorted(
            ((name, MODEL_NAMES.get(name, models.load(name).name)) for name in models.available()),
            key=lambda pair: pair[1].casefold(),
        ),
        "classes": [*RENTAL_CLASSES, OWNED],
        "default": sheet.default_class,
        "regions": [tariff.region for tariff in sheet.tariffs],
        "region": sheet.reference_tariff,
        "served_by": SERVED_BY,
        "percentiles": _PERCENTILES,
        "opening": OPENING,
        "margin": MARGIN,
        "sheet": sheet,
        "words": _sentences(_),
        "refusals": {
            english: told for english, told in _.notices.items() if english.startswith(_REFUSALS)
        },
    }


def _sentences(_: Words) -> dict[str, str]:
    """Return what the answer is told in."""
    return {
        "best": _("Least: {setup}, {n} chips."),
        "none": _(
            "No configuration holds the limits at a price. The reason of each chip stands below; "
            "wider limits or another class may help."
        ),
        "failed": _("The tables could not be loaded."),
        "chips": _(
            "no chip {name}: ids of the catalogue, each with how many there are, "
            "such as h200-sxm:16, l40s"
        ),
        "one price": _("a price of your own is of one kind of chip: name it under chips at hand"),
        "month": _("month"),
        "more": _("{n} more hold the limits"),
        "all": _("show all"),
        "at once": _("{n} at once"),
        "measured": _("measured"),
        "attested": _("attested"),
        "reported": _("reported"),
        "predicted": _("predicted"),
        "datasheet": _("by datasheet"),
        "kernels": _("by kernel tables"),
        "calibrated": _("calibrated"),
        "own": _("own"),
        "own from": _("from {measured}"),
        "own wrong": _("{file} holds no tables of an own machine."),
        "own over": _("{metric} is {ms} ms at best, over {limit} ms"),
        "own over margin": _(
            "{metric} is {ms} ms at best, over {limit} ms with the margin of {margin}"
        ),
        "own unseen": _("not predicted at these lengths: too little was measured"),
        "tie": _("a tie: the intervals of the bills overlap"),
        "unseen": "{reason}",
        "unpredicted": _("{n} chips that nothing is known of for this model"),
        "few": _("takes {chips} chips, {has} are at hand"),
        "unpriced": _("holds the limits, but has no price in this class"),
        "over": _("{metric} is {ms} ms at best, over {limit} ms: {setup}, {load} at once"),
        "over margin": _(
            "{metric} is {ms} ms at best, over {limit} ms with the margin of {margin}: "
            "{setup}, {load} at once"
        ),
        "api": _(
            "A hosted API for the same tokens: {low} to {high}, median {usd} {unit} a month; "
            "the fleet above is busy {percent}% of the time."
        ),
        "no api": _("A hosted API: fewer than three hosts sell this model."),
        "apart": _(
            "Served apart (disaggregated), {setup} takes {prefill} prefill : {decode} decode "
            "engines; the cache's way between them is not counted."
        ),
        "no class": _("nothing holds the limits in this class"),
        "your own": _("your own price"),
        **{kind: _(kind) for kind in (*RENTAL_CLASSES, OWNED)},
    }  # fmt: skip


@cache
def common() -> dict[str, Any]:
    """Return the tables that all models share."""
    return in_browser.common(predictor())


def of_model(model: str, loads: Iterable[Observed]) -> dict[str, Any]:
    """Return what one model adds: its tables, and what is known of its loads."""
    evidence = in_browser.of_evidence(predictor(), models.load(model), loads)
    return {"id": model, **_tables(model), "evidence": evidence}


def _tables(model: str) -> dict[str, Any]:
    """Return a model's tables: another result changes none of them."""

    def made() -> bytes:
        return json.dumps(in_browser.of_model(predictor(), models.load(model))).encode()

    tables: dict[str, Any] = json.loads(kept(f"choose-{model}", "", made))
    return tables


def market(sheet: PriceSheet) -> dict[str, Any]:
    """Return prices of chips by class, what owning costs, tariffs with their grids, and APIs."""
    chips = catalog.chips()
    return {
        "sheet": sheet.id,
        "pue": sheet.pue.value,
        "names": {name: entry.name for name, entry in chips.items()},
        "classes": {kind: _rents(sheet, kind) for kind in RENTAL_CLASSES},
        "owned": {
            name: [own.usd_per_hour, own.kw, *_labels(own.label)]
            for name in chips
            if (own := owning(name, sheet))
        },
        "regions": [_region(sheet, tariff.region) for tariff in sheet.tariffs],
        "apis": {name: sold for name in models.available() if (sold := _api(sheet, name))},
    }


def _rents(sheet: PriceSheet, kind: str) -> Mapping[str, Any]:
    rents = {name: sheet.rental(name, kind) for name in catalog.chips()}
    return {name: [own.usd_per_hour, *_labels(own.label)] for name, own in rents.items() if own}


def _labels(label: str) -> tuple[str, str]:
    """Say what a price rests on in English and in Chinese."""
    return clean(label), clean(_CHINESE.listed(label))


def _region(sheet: PriceSheet, region: str) -> dict[str, Any]:
    moved, mix = in_region(sheet, region)
    return {
        "region": region,
        "usd_per_kwh": moved.usd_per_kwh,
        "g_per_kwh": mix.g_per_kwh,
        "grid": mix.code,
    }


def _api(sheet: PriceSheet, model: str) -> list[list[float]] | None:
    """Median, least and most of input and of output tokens, USD per million."""
    prices = [api_price(api_sheet(sheet.id), model, kind) for kind in ("input", "output")]
    told = [[own.usd, own.low, own.high] for own in prices if own]
    return told if len(told) == len(prices) else None
