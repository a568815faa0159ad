"""The live board's data: dictionary-encoded columns, one file a model."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from leaderboard.figures import ranking
from leaderboard.figures.rows import translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leaderboard.pages.models import ModelView
    from leaderboard.words import Words

__all__ = ["columns", "index", "opening", "proof_words", "shard", "words"]

_TIERS = ("self-signed", "registered", "CI-attested", "reproduced")
# Beyond this many rows the board opens with one model: a megabyte nobody asked for helps nobody,
# and tokens of different models are not the same work.
_MANY = 2000
_TEXTS = (
    "chip_id", "chip", "model", "model_id", "precision", "engine", "suite", "case", "load", "page",
    "profile", "tier", "date", "quality", "doubts", "moderated", "meter", "throughput_method",
    "energy_method",
    "electricity_method", "price_sheet", "rent_price", "owned_basis", "floor_method", "per",
)  # fmt: skip
# What a reader may choose from; the index has it, so that the choice is there before the rows.
_CHOICES = ("chip", "suite", "precision", "tier")
_COUNTS = ("place", "flags", "barred", "random", "equal_least", "warned", "count")
_NUMBERS = (
    *(
        f"{name}{end}"
        for name in ("throughput", "ttft", "tpot", "energy")
        for end in ("", "_low", "_high", "_n")
    ),
    *(
        f"{name}{end}"
        for name in ("rent_usd", "owned_usd", "electricity_usd", "electricity_fens")
        for end in ("", "_low", "_high")
    ),
    "rent_fens",
    *(f"{name}{end}" for name in ("solved_usd", "equal_usd") for end in ("", "_low", "_high")),
    "purchase_usd",
    "draw_usd",
    "floor_usd",
)


def words(_: Words) -> dict[str, str]:
    """Return what the live board says, by the keys it asks for."""
    return {
        "model": _("Model"),
        "chip": _("Chip"),
        "suite": _("Suite"),
        "precision": _("Precision"),
        "tier": _("Trust"),
        "search": _("Search"),
        "columns": _("Columns"),
        "all": _("all"),
        "unit": _("Energy in"),
        "more": _("Show more"),
        "empty": _("No row fits these choices; without them there are {n}."),
        "reset": _("Show them all"),
        "sort": _("Order"),
        "best first": _("best first"),
        "worst first": _("worst first"),
        "cite": _("To cite this view: Fenmark leaderboard, {n} rows, {url}"),
        "rows": _("{n} rows"),
        "n": _("n = {n}"),
        "fen": _("{n}× one fen"),
        "electricity": _("electricity"),
        "modelled": _("modelled"),
        "reported": _("reported"),
        "attested": _("attested"),
        **answer_words(_),
        **proof_words(_),
    }


def answer_words(_: Words) -> dict[str, str]:
    """Return what a live table says of what right answers cost."""
    return {
        "solved": _("1,000 right answers: {cost}"),
        "equal": _("a million tokens of equal quality: {cost}"),
        "equal-least": _("a million tokens of equal quality: {cost}, the least here"),
    }


def proof_words(_: Words) -> dict[str, str]:
    """Return what a live table says of the result behind a row."""
    return {
        "all figures": _("all figures"),
        "verify": _("verify"),
        "interval": _("95% interval"),
        "flagged": _("flagged"),
        "warnings": _("{n} warnings"),
        **{mark: _(mark) for mark in ("disputed", "superseded", "withdrawn")},
        "no challenge": _("no challenge"),
        "no raw samples": _("no raw samples"),
        "no self-check": _("no self-check"),
        "shorter than its profile": _("shorter than its profile"),
        **{profile: _(profile) for profile in ("quick", "standard", "full")},
        **{f"tier-{tier}": _(tier) for tier in _TIERS},
    }


def columns(_: Words) -> dict[str, str]:
    """Return the titles of the columns a reader may hide, as the table's template has them."""
    return {
        "model": _("Model"),
        "load": _("Load"),
        "throughput": _("Output tokens/s"),
        "ttft": _("TTFT, median"),
        "tpot": _("TPOT, median"),
        "energy": _("Energy, output tokens"),
        "cost": _("Cost, output tokens"),
        "owned": _("Owned"),
        "floor": _("Physical floor"),
        "proof": _("Proof"),
    }


def opening(rows: pd.DataFrame) -> str:
    """Return the id of the model a big board opens with, empty where it opens with all."""
    counts = rows["model_id"].value_counts()
    if counts.sum() <= _MANY:
        return ""
    return str(min(counts[counts == counts.max()].index))


def index(rows: pd.DataFrame, models: Mapping[str, ModelView]) -> bytes:
    """Return what the board must know before any row: models, most rows first, and choices.

    Args:
        rows: those with a throughput.
    """
    counts = [(str(model), int(count)) for model, count in rows["model_id"].value_counts().items()]
    serving = rows.loc[ranking.opens(rows), "model_id"].value_counts()
    return _encode(
        {
            "opening": opening(rows),
            "models": [
                {
                    "id": model,
                    "name": models[model].name if model else "–",
                    "rows": count,
                    "serving": int(serving.get(model, 0)),
                }
                for model, count in sorted(counts, key=lambda counted: (-counted[1], counted[0]))
            ],
            # What the board opens with may be chosen again, whether there is any or not.
            "choices": {name: sorted(rows[name].unique()) for name in _CHOICES}
            | {"suite": sorted({"serving", *rows["suite"].unique()})},
        }
    )


def shard(rows: pd.DataFrame) -> tuple[bytes, bytes]:
    """Return the columns of one model's rows, in their rank, and their digests.

    Digests do not compress: they would be half of what a phone must load.
    """
    texts = rows.assign(date=rows["finished_at"].str[:10])
    strings = {name: _dictionary(texts[name]) for name in _TEXTS}
    for name in ("load", "quality"):
        strings[name]["zh"] = _dictionary_of(
            strings[name]["values"], texts[name], texts[f"{name}_zh"]
        )
    for name in ("meter", "rent_price", "owned_basis", "floor_method"):
        strings[name]["zh"] = [translated(text, "zh") for text in strings[name]["values"]]
    numbers: dict[str, Sequence[float | None]] = {
        name: rows[name].astype(int).tolist() for name in _COUNTS
    }
    numbers |= {name: _numbers(rows[name]) for name in _NUMBERS}
    columns = {"rows": len(rows), "strings": strings, "numbers": numbers}
    return _encode(columns), _encode(rows["digest"].tolist())


def _dictionary(texts: pd.Series[str]) -> dict[str, Any]:
    codes, values = pd.factorize(texts)
    return {"values": list(values), "codes": codes.tolist()}


def _dictionary_of(
    values: Sequence[str], texts: pd.Series[str], others: pd.Series[str]
) -> list[str]:
    by_text = dict(zip(texts.tolist(), others.tolist(), strict=True))
    return [by_text[value] for value in values]


def _numbers(column: pd.Series[float]) -> list[float | int | None]:
    """Write whole numbers without a fraction and missing ones as null: as short as JSON can be."""
    return [None if math.isnan(value) else _shortest(value) for value in column.tolist()]


def _shortest(value: float) -> float | int:
    # Beyond this a double writes itself with an exponent, which is shorter.
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def _encode(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
