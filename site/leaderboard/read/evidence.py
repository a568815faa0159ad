"""What signed and reported rows show of each chip and model, for claims and for the one-fen page.

Only the rows that go furthest are kept: a claim is set beside the best of them.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from leaderboard.base.text import clean
from leaderboard.figures.conditions import drafting
from leaderboard.figures.rows import shown
from leaderboard.figures.standing import RANDOM
from leaderboard.read import cache
from leaderboard.words import Words
from results.economy.claims import ClaimEvidence
from results.statement.precision import served
from suites.models.names import known_as

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from leaderboard.figures.rows import PageRow
    from leaderboard.read.reported import Reported, ReportedLine, Section
    from results.economy.costs import CostRow

__all__ = ["evidence"]

_ENGLISH = Words.load("en")
# Column of the board -> whether the least of it goes furthest.
_BEST = {
    "rent_usd": True,
    "owned_usd": True,
    "electricity_usd": True,
    "energy": True,
    "throughput": False,
    "interactivity": False,
}
# What each kind of token is called in reported figures, of the chips alone.
_ENERGY = {
    "input": "energy_per_input_token of the chip",
    "output": "energy_per_output_token of the chip",
}


def evidence(rows: pd.DataFrame, reported: Reported, stamp: str) -> list[ClaimEvidence]:
    """Gather what may be set beside a claim.

    No flagged or disputed row, none whose answers are worse or unknown, none of MLPerf, nothing
    simulated; of what was measured here no row whose tokens some condition made other work.

    Args:
        stamp: identifies the code and the prices that costs are computed with.
    """
    made_of = f"{stamp} {reported.made_of}"
    made = cache.kept("evidence", made_of, partial(_packed, reported))
    published = (ClaimEvidence(**fields) for fields in json.loads(made))
    return list(chain(_measured(rows), published))


def _packed(reported: Reported) -> bytes:
    return json.dumps([asdict(row) for row in _reported(reported)]).encode()


def _measured(rows: pd.DataFrame) -> Iterator[ClaimEvidence]:
    measured = rows["throughput_method"] == "measured"
    unmarked = (rows["flags"] == 0) & (rows["moderated"] == "")
    alike = (rows["conditions"] == "") & ~rows["barred"]
    ranked = rows[rows["valid"] & unmarked & measured & alike]
    places: set[int] = set()
    for column, least in _BEST.items():
        groups = ranked[ranked[column].notna()].groupby(["chip_id", "model_id", "precision"])[
            column
        ]
        places |= set(groups.idxmin() if least else groups.idxmax())
    for row in shown(ranked.loc[sorted(places)]):
        model = known_as(row.model)
        if model:
            yield _signed(row, model)


def _signed(row: PageRow, model: str) -> ClaimEvidence:
    energy = row.figures.get("energy")
    per_user = row.figures.get("interactivity")
    return ClaimEvidence(
        chip=row.chip_id,
        chip_name=row.chip,
        model=model,
        tokens="output",
        tokens_per_s_per_chip=row.figures["throughput"].value / row.chips,
        joules_per_token=energy.value if energy and energy.method == "measured" else None,
        tokens_per_s_per_user=per_user.value if per_user else None,
        rented_usd=row.rent.usd.value if row.rent else None,
        owned_usd=row.owned.usd.value if row.owned else None,
        electricity_usd=row.electricity.usd.value if row.electricity else None,
        floor_usd=row.floor.usd if row.floor else None,
        kind="measured",
        where=row.where,
        words=" · ".join(filter(None, _described(row))),
        date=row.date,
        statistic="median",
        quick=row.profile == "quick",
    )


def _described(row: PageRow) -> tuple[str, ...]:
    random = RANDOM if row.quality == RANDOM else ""
    return (row.chip, row.model, row.precision, row.engine, row.load, random)


def _reported(reported: Reported) -> Iterator[ClaimEvidence]:
    for section in reported.sections:
        usable = section.publisher.view == "general" and section.chip_id
        if usable and section.publisher.evidence in {"", "measured by its publisher"}:
            for line in section.lines:
                yield from _published(section, line)


def _published(section: Section, line: ReportedLine) -> Iterator[ClaimEvidence]:
    model = served(line.result.model, line.result.precision)
    count = line.result.chip.count
    if not model or not count or line.flags:
        return
    asked = line.asked
    isl, osl = asked.get("isl"), asked.get("osl")
    for cost in line.costs:
        row = _costed(section, line, cost, model.id, count)
        yield row
        if cost.tokens == "output" and isinstance(isl, int) and isinstance(osl, int):
            yield row.of_all_tokens(isl, osl)


def _costed(
    section: Section, line: ReportedLine, cost: CostRow, model: str, count: int
) -> ClaimEvidence:
    energy = line.figures.get(_ENERGY[cost.tokens])
    per_user, tpot = line.figures.get("interactivity"), line.figures.get("tpot")
    speed = per_user.value if per_user else 1000 / tpot.value if tpot else None
    words = (
        section.chip, line.subject, line.result.precision, line.result.engine,
        line.load(_ENGLISH), section.publisher.title,
    )  # fmt: skip
    return ClaimEvidence(
        chip=section.chip_id,
        chip_name=section.chip,
        model=model,
        tokens=cost.tokens,
        tokens_per_s_per_chip=cost.tokens_per_s.value / count,
        joules_per_token=energy.value if energy else None,
        tokens_per_s_per_user=speed,
        rented_usd=cost.rental_usd.value if cost.rental_usd else None,
        owned_usd=cost.owned.usd.value if cost.owned else None,
        electricity_usd=cost.energy_usd.value if cost.energy_usd else None,
        floor_usd=cost.floor_usd,
        kind="reported",
        where=f"reported/{section.id}/#{line.anchor}",
        words=" · ".join(clean(part) for part in words if part),
        date=clean(line.result.date or line.source.date or ""),
        statistic=str(getattr(per_user or tpot, "labels", {}).get("statistic", "")),
        drafts=drafting(line.asked),
    )
