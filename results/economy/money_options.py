"""The options of money, each once: `fenmark run`, `show` and `cost` take them alike."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from suites.base.parameters import with_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from results.economy.own_prices import Money

__all__ = ["MONEY_OPTIONS", "MoneyOption", "money_of", "with_money"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyOption:
    """One of them.

    Attributes:
        name: parameter of the command; of `own_prices` where it is not a choice of a sheet.
        is_file: whether it names a file.
    """

    name: str
    help: str
    is_file: bool = False


MONEY_OPTIONS = (
    MoneyOption(
        name="price",
        help="Your own price of the machine: 0.12/h, 0.9CNY/h; of each chip or core: 2.5/chip/h.",
    ),
    MoneyOption(name="owned", help="What the machine cost to buy: 1500, 9000CNY; see --life."),
    MoneyOption(name="life", help="Years it is to last: 4y."),
    MoneyOption(name="tariff", help="Your price of electricity: 0.10/kWh, 0.6CNY/kWh."),
    MoneyOption(
        name="currency",
        help="Show costs in USD, CNY or EUR; of one result, else in dollars and yuan.",
    ),
    MoneyOption(
        name="price_sheet",
        help="Your own price sheet instead of the newest of the catalogue.",
        is_file=True,
    ),
    MoneyOption(name="as_of", help="At the prices known on this day: 2026-11-28."),
)


def money_of(given: Mapping[str, Any]) -> Money:
    """Read what a reader gives of them; None is one that was not given.

    Raises:
        UserError: one does not read as such, or cannot be meant; names the flag or the file.
    """
    # A command's --help reads this module, and no sheet.
    from results.catalog.prices_data import chosen_sheet
    from results.economy.own_prices import own_prices

    sheet = chosen_sheet(given.get("price_sheet"), given.get("as_of"))
    names = ("price", "owned", "life", "tariff", "currency")
    return own_prices(sheet, **{name: given.get(name) for name in names})


def with_money(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all of them, as keyword arguments."""
    import typer

    return with_parameters(
        command,
        after=[
            inspect.Parameter(
                option.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[
                    (Path if option.is_file else str) | None, typer.Option(help=option.help)
                ],
            )
            for option in MONEY_OPTIONS
        ],
    )
