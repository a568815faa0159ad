"""The rows of a page of others' results: what it opens with, and the file with the rest."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from leaderboard.base.text import clean, figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from leaderboard.read.reported import ReportedLine, Section
    from leaderboard.words import Words
    from results.economy.costs import CostRow
    from results.statement.reported import ReportedMeasurement

__all__ = ["PAGE", "as_file", "context"]

# Rows in the page itself, and of each page that a reader turns to: `PAGE` in reported.js.
PAGE = 50
# MLPerf's results compare with each other within these and a model, and with nothing else.
_APART = ("Category", "Scenario")
_MARKS = ("statistic", "tokens")


def context(_: Words, section: Section) -> dict[str, Any]:
    """Return what the page shows before any script runs."""
    rows = _rows(_, section)
    columns = section.columns(_)
    costed = any(row["costs"] for row in rows)
    return {
        "section": section,
        "words": _,
        "columns": columns,
        "costed": costed,
        "rows": rows[:PAGE],
        "total": len(rows),
        "pages": -(-len(rows) // PAGE),
        "choices": {
            "model": list(section.by_subject),
            "precision": sorted({row["precision"] for row in rows} - {""}),
            "engine": sorted({row["engine"] for row in rows} - {""}),
        },
        "sorts": {
            "model": _("Model"),
            "load": _("Load"),
            "chips": _("Chips"),
            **columns,
            **({"cost": _("Cost, output tokens")} if costed else {}),
            "date": _("Published"),
        },
    }


def as_file(_: Words, section: Section) -> str:
    """Return every row as JSON, in the order that the page opens with."""
    return json.dumps(_rows(_, section), ensure_ascii=False, separators=(",", ":"))


def _rows(_: Words, section: Section) -> list[dict[str, Any]]:
    apart = section.publisher.view != "general"
    published = {line.anchor: place for place, line in enumerate(section.lines)}
    groups: dict[tuple[str, ...], int] = {}
    rows = []
    for line in _as_published(section) if apart else _by_turns(section):
        own = (line.subject, *(str(line.asked.get(name, "")) for name in _APART)) if apart else ()
        group = groups.setdefault(own, len(groups))
        several = len(section.publisher.files) > 1
        rows.append(
            {
                "id": line.anchor,
                "group": group,
                "published": published[line.anchor],
                "model": line.subject,
                "precision": clean(line.result.precision or ""),
                "engine": clean(line.result.engine or ""),
                "load": line.load(_),
                "flags": list(line.flags),
                "chips": line.result.chip.count,
                "figures": {key: _figure(_, told, line.p99) for key, told in line.figures.items()},
                "costs": [_cost(_, cost) for cost in line.costs if cost.tokens == "output"],
                "link": line.link,
                "date": clean(line.result.date or ""),
                "system": clean(line.result.system or ""),
                "place": " · ".join(
                    (line.place(_), *([clean(line.source.file)] if several else []))
                ),
            }
        )
    return rows


def _as_published(section: Section) -> Iterable[ReportedLine]:
    return (line for lines in section.by_subject.values() for line in lines)


def _by_turns(section: Section) -> Iterable[ReportedLine]:
    """Give the cheapest row of each model, then the second of each; flagged rows come last."""
    turns: defaultdict[tuple[bool, int], list[ReportedLine]] = defaultdict(list)
    for lines in section.by_subject.values():
        for turn, line in enumerate(sorted(lines, key=_price)):
            turns[bool(line.flags), turn].append(line)
    return (line for turn in sorted(turns) for line in turns[turn])


def _price(line: ReportedLine) -> tuple[bool, float, float]:
    """Order by the rent of output tokens; where none is known, by tokens of a chip, most first."""
    rents = [
        cost.rental_usd.value
        for cost in line.costs
        if cost.tokens == "output" and cost.rental_usd is not None
    ]
    rate = line.figures.get("output_throughput") or line.figures.get("total_throughput")
    of_chip = rate.value / (line.result.chip.count or 1) if rate else 0.0
    return bool(line.flags), min(rents, default=float("inf")), -of_chip


def _figure(
    _: Words, told: ReportedMeasurement, p99: Mapping[str, ReportedMeasurement]
) -> list[Any]:
    """Return value, unit and what else must be said of it."""
    marks: Mapping[str, object] = told.labels
    notes = (_.listed(clean(str(marks[name]))) for name in _MARKS if marks.get(name))
    tail = p99.get(told.metric, told)
    worst = [] if tail is told else [f"p99 {figure(tail.value)} {_.listed(clean(tail.unit))}"]
    return [told.value, _.listed(clean(told.unit)), *notes, *worst]


def _cost(_: Words, cost: CostRow) -> dict[str, Any]:
    """Return dollars and fens for a million output tokens, None where they are not known."""
    return {
        "rent": cost.rental_usd.value if cost.rental_usd else None,
        "rental": _.listed(clean(cost.rental_kind or "")),
        "fens": cost.fen.value if cost.fen else None,
        "owned": cost.owned.usd.value if cost.owned else None,
        "kwh": cost.energy_kwh.value if cost.energy_kwh else None,
        "floor": cost.floor_usd,
    }
