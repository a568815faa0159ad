"""What a plan will take: time by the suites' own estimates, rent by a price sheet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runners.options.options import RunOptions, expand
from runners.options.registry import of_suite
from suites.kernels.backends import installed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results.catalog import PriceSheet, RentalPrice
    from runners.plans.cells import Combination
    from runners.plans.fitting import TargetMachine

__all__ = ["Estimator", "HourlyRent", "rent"]

# Of a cell besides its suites: interpreter, probes, signing, the log. Measured: 1.5 to 3 s.
_OVERHEAD_S = 3.0


class Estimator:
    """Sums up the suites' estimates; equal questions are asked once.

    For another machine than this one the kernel suite's time is that of the CPU backends.
    """

    def __init__(self, *, here: bool) -> None:
        self._here = here
        self._known: dict[Any, float] = {}

    def seconds(self, cell: Combination) -> float:
        """Estimate a cell's wall time, in s.

        Raises:
            UserError: an option of the cell is wrong.
        """
        options = cell.options()
        chosen = dict(options.suite_options)
        if not self._here or "backend" not in chosen:
            chosen["backend"] = [name for name in installed() if ":" not in name]
        return _OVERHEAD_S + sum(
            self._suites_s(names, options.profile, chosen) for names in _apart(options.suites)
        )

    def _suites_s(self, names: tuple[str, ...], profile: Any, chosen: dict[str, Any]) -> float:
        known = {option.in_statement for name in names for option in of_suite(name)}
        chosen = {key: value for key, value in chosen.items() if key in known}
        key = (names, profile, repr(sorted(chosen.items())))
        if key not in self._known:
            asked = RunOptions(suites=names, profile=profile, suite_options=chosen)
            self._known[key] = sum(cell.estimated_s for cell in expand(asked))
        return self._known[key]


def _apart(suites: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Suites that are estimated by themselves; questions with those that may ask them."""
    if "quality" not in suites:
        return [(name,) for name in suites]
    alone = [name for name in suites if name == "kernels"]
    return [*((name,) for name in alone), tuple(name for name in suites if name not in alone)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyRent:
    """What a machine's hours cost.

    Attributes:
        low, high: USD.
        price: the row of the price sheet.
        sheet: which.
    """

    low: float
    high: float
    price: RentalPrice
    sheet: str


def rent(seconds: Sequence[float], target: TargetMachine, sheet: PriceSheet) -> HourlyRent | None:
    """Return the rent of a target for so many seconds; None where its chip has no price."""
    price = sheet.any_rental(target.chip.id) if target.chip else None
    if price is None or price.per != "chip" or target.chip is None:
        return None
    units = max(target.chips // target.chip.chips, 1)
    hours = sum(seconds) / 3600 * units
    return HourlyRent(
        low=hours * price.usd_per_hour_low,
        high=hours * price.usd_per_hour_high,
        price=price,
        sheet=sheet.id,
    )
