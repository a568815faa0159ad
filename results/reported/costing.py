"""What a million tokens cost in a reported result, by the same rules as in a measured one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.economy.apart import STATED
from results.economy.costs import cost_rows
from results.statement.precision import served

if TYPE_CHECKING:
    from results.catalog import PriceSheet
    from results.economy.apart import Kinds
    from results.economy.costs import CostRow
    from results.economy.own_prices import Own
    from results.statement.reported import ReportedResult
    from suites.models import Geometry

__all__ = ["reported_cost_rows"]


def reported_cost_rows(
    result: ReportedResult,
    sheet: PriceSheet,
    rental: str | None = None,
    own: Own | None = None,
    *,
    model: Geometry | None = None,
    split: Kinds = STATED,
) -> list[CostRow]:
    """Derive a cost row from every rate a result reports.

    Where it does not say how many chips made the rate, it has no rent, no owned cost and no floor.
    """
    chip = result.chip
    return cost_rows(
        result.measurements,
        chip=chip.catalog_id if chip.count else None,
        count=chip.count or 1,
        sheet=sheet,
        served=served(result.model, result.precision, own=model),
        rental=rental,
        own=own,
        split=split,
    )
