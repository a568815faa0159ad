"""The live board's data: dictionary-encoded columns, one file a model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from leaderboard.pages import load
from leaderboard.text import clean
from leaderboard.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from leaderboard.figures import Figure
    from leaderboard.models import ModelView
    from leaderboard.ranking import BoardRow
    from results.economics import Span

__all__ = ["files", "words"]

# Five digits carry more than any interval here; the exact figures are in the downloads.
_DIGITS = 5
_TIERS = ("self-signed", "registered", "ci", "reproduced")


def words(_: Words) -> dict[str, str]:
    """Return what the live board says, by the keys it asks for."""
    return {
        "model": _("Model"),
        "chip": _("Chip"),
        "suite": _("Suite"),
        "precision": _("Precision"),
        "tier": _("Trust"),
        "search": _("Search"),
        "currency": _("Currency"),
        "columns": _("Columns"),
        "all": _("all"),
        "more": _("Show more"),
        "rows": _("{n} rows"),
        "n": _("n = {n}"),
        "verify": _("verify"),
        "fen": _("one fen"),
        "flagged": _("flagged"),
        "electricity": _("electricity"),
        "modelled": _("modelled"),
        "reported": _("reported"),
        **{f"tier-{tier}": _(tier) for tier in _TIERS},
    }


def files(rows: Sequence[BoardRow], models: Mapping[str, ModelView]) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes): an index of models, most rows first, and a shard for each."""
    by_model: dict[str, list[tuple[int, BoardRow]]] = {}
    for rank, row in enumerate(rows):
        if row.throughput:
            by_model.setdefault(row.model_id, []).append((rank, row))
    index = [
        {"id": model, "name": clean(models[model].name) if model else "–", "rows": len(own)}
        for model, own in sorted(by_model.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    yield "board/index.json", _encode(index)
    for model, own in by_model.items():
        yield f"board/{model}.json", _encode(_shard(own))


def _shard(rows: Sequence[tuple[int, BoardRow]]) -> dict[str, Any]:
    english, chinese = Words.load("en"), Words.load("zh")
    board = [row for _, row in rows]
    loads = _dictionary(load(english, row.point) for row in board)
    by_text = {load(english, row.point): load(chinese, row.point) for row in board}
    strings = {
        "chip_id": _dictionary(row.point.result.chip_id for row in board),
        "chip": _dictionary(row.chip for row in board),
        "model": _dictionary(row.point.model for row in board),
        "model_id": _dictionary(row.model_id for row in board),
        "precision": _dictionary(row.point.precision for row in board),
        "engine": _dictionary(row.engine for row in board),
        "suite": _dictionary(row.point.suite for row in board),
        "case": _dictionary(row.point.case for row in board),
        "load": loads | {"zh": [clean(by_text.get(text, text)) for text in loads["values"]]},
        "profile": _dictionary(row.point.result.predicate.run.profile for row in board),
        "tier": _dictionary(row.point.result.tier for row in board),
        "date": _dictionary(row.point.result.date for row in board),
        "digest": _dictionary(row.point.result.digest for row in board),
        "energy_method": _dictionary(row.energy.method if row.energy else "" for row in board),
        "electricity_method": _dictionary(
            row.cost.electricity.method if row.cost and row.cost.electricity else ""
            for row in board
        ),
    }
    numbers: dict[str, list[float | None]] = {"rank": [rank for rank, _ in rows]}
    for name in ("throughput", "ttft", "tpot", "energy"):
        figures = [_figure(row, name) for row in board]
        numbers |= _ends(name, figures)
        numbers[f"{name}_n"] = [f.n if f else None for f in figures]
    numbers["flags"] = [len(row.point.result.flags) for row in board]
    numbers["count"] = [row.point.result.predicate.machine.chip.count for row in board]
    rents = [row.cost.rent if row.cost else None for row in board]
    power = [row.cost.electricity if row.cost else None for row in board]
    numbers |= _ends("cost", [rent.cny if rent else None for rent in rents])
    numbers |= _ends("electricity", [one.fens if one else None for one in power])
    numbers["cost_usd"] = [_short(rent.usd.value) if rent else None for rent in rents]
    numbers["fens"] = [_short(rent.fens.value) if rent else None for rent in rents]
    return {"rows": len(board), "strings": strings, "numbers": numbers}


def _figure(row: BoardRow, name: str) -> Figure | None:
    match name:
        case "throughput":
            return row.throughput
        case "energy":
            return row.energy
        case _:
            return row.point.figures.get(name)


def _ends(name: str, spans: Sequence[Figure | Span | None]) -> dict[str, list[float | None]]:
    """Return three columns: the value and the two ends of its interval."""
    return {
        name: [_short(span.value) if span else None for span in spans],
        f"{name}_low": [_short(span.low) if span else None for span in spans],
        f"{name}_high": [_short(span.high) if span else None for span in spans],
    }


def _dictionary(texts: Iterable[str]) -> dict[str, Any]:
    codes: dict[str, int] = {}
    rows = [codes.setdefault(clean(text), len(codes)) for text in texts]
    return {"values": list(codes), "codes": rows}


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")


def _encode(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
