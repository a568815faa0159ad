"""Offers of rent gathered into prices: a median and a range for each chip and class. Pure.

One offer is one provider's price of one machine in one region. A market of fewer than three offers
says nothing of a price: it is refused, and named.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from results.catalog.prices_data import GENERIC, RENTAL_CLASSES, PriceSheet, RentalPrice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["FEWEST", "ChipOffers", "Offer", "chip_of", "markets", "sheet_of", "toml_of"]

FEWEST = 3  # offers that make a price
_DIGITS = 6  # significant, of what is written
# What providers call a chip -> its id, the first that is found; names are squeezed first. A form
# that nobody states is not a chip: an H100 of unknown form may be either.
_NAMES: tuple[tuple[str, str], ...] = (
    (r"h100.*nvl|nvl.*h100|h100nvl|nc\d+adi?sh100", "h100-nvl"),
    (r"gh200.*144g", "gh200-144gb"),
    (r"gh200", "gh200"),
    (r"h100.*pcie|pcie.*h100", "h100-pcie"),
    (
        # Their drivers name an H100 SXM by its memory; Google's a3-ultragpu has H200.
        r"h100.*sxm|sxm.*h100|h10080gbhbm3|h100mega|nd\d+isr?f?\w*h100|\|p548|\|p54x|\|a3(?!ultra)",
        "h100-sxm",
    ),
    (r"h200.*nvl|nvl.*h200", "h200-nvl"),
    (r"(?<!g)h200", "h200-sxm"),
    (r"gb200", "gb200"),
    (r"gb300", "gb300"),
    (r"(?<!g)b200", "b200-sxm"),
    (r"(?<!g)b300", "b300-sxm"),
    (r"a100.*pcie.*(80g|\|81920)|a10080g.*pcie|nc\d+adsa100", "a100-80gb-pcie"),
    (
        r"a10080g.*sxm|a100.*sxm.*(80g|\|81920)|a10080g.*\|(p4de|a2ultra)|nd\d+am\w*a100",
        "a100-80gb-sxm",
    ),
    (
        r"a10040g.*sxm|a100.*sxm.*(40g|\|40960)|a100(40g)?\|(p4d24|a2high)|nd\d+as\w*a100",
        "a100-40gb-sxm",
    ),
    (r"l40s", "l40s"),
    (r"(?<![a-z0-9])l4(?![0-9a-z])|(?<![a-z0-9])l424g", "l4"),
    (r"(?<![a-z0-9])l20(?!\d)", "l20"),
    (r"mi300x", "instinct-mi300x"),
    (r"mi325x", "instinct-mi325x"),
    (r"mi350x", "instinct-mi350x"),
    (r"mi355x", "instinct-mi355x"),
    (r"rtx3090(?!ti)", "rtx-3090"),
    (r"rtx4090(?!d)", "rtx-4090"),
    (r"rtx5090", "rtx-5090"),
    (r"rtxpro6000(?!.*(mig|maxq|24g|48g))", "rtx-pro-6000-blackwell"),
    (r"rtxpro5000", "rtx-pro-5000-blackwell"),
    (r"rtxpro4500", "rtx-pro-4500-blackwell"),
    (r"(?<![a-z0-9])a10(?![0-9g])|(?<![a-z0-9])a1024g", "a10"),
    (r"(?<![a-z0-9])a30(?!\d)", "a30"),
    (r"inferentia2", "inferentia2"),
    (r"trainium2(?!\d)", "trainium2"),
    (r"arcprob60", "arc-pro-b60"),
    (r"arcprob70", "arc-pro-b70"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One price of one machine.

    Attributes:
        chip: catalogue id, or `GENERIC` for any logical core.
        price_class: of `RENTAL_CLASSES`.
        usd_per_hour: of one chip, or one logical core of a CPU.
        per: "chip" or "core".
        provider, machine, region: whose, which and where; two alike are one offer.
    """

    chip: str
    price_class: str
    usd_per_hour: float
    per: str
    provider: str
    machine: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipOffers:
    """All offers of one chip in one class.

    Attributes:
        usd: median; USD per unit and hour.
        low, high: 10% and 90% of the offers, linear between them.
        providers: who offers, sorted.
    """

    chip: str
    price_class: str
    per: str
    usd: float
    low: float
    high: float
    offers: int
    providers: tuple[str, ...]

    @property
    def is_thin(self) -> bool:
        return self.offers < FEWEST

    @property
    def line(self) -> str:
        """Chip, class and what was seen, for a market too thin to state a price of."""
        names = ", ".join(self.providers)
        return (
            f"{self.chip}, {self.price_class}: {self.offers} of {FEWEST} offers, "
            f"{self.low:.4g} to {self.high:.4g} USD/h ({names})"
        )


def chip_of(*names: str) -> str | None:
    """Return the id of an accelerator by what a catalogue of prices says of it; None if unsure.

    Args:
        names: its name, the machine's, its memory: each may state the form.
    """
    squeezed = "|".join(re.sub(r"[\s_.()-]+", "", name.lower()) for name in names)
    return next((chip for pattern, chip in _NAMES if re.search(pattern, squeezed)), None)


def markets(offers: Iterable[Offer]) -> list[ChipOffers]:
    """Gather offers by chip and class, in their order; two alike count once."""
    groups: defaultdict[tuple[str, str, str], set[Offer]] = defaultdict(set)
    for offer in offers:
        groups[offer.chip, offer.price_class, offer.per].add(offer)
    order = {name: place for place, name in enumerate(RENTAL_CLASSES)}
    each = [_market(key, own) for key, own in groups.items()]
    return sorted(each, key=lambda market: (market.chip, order[market.price_class]))


def sheet_of(
    offers: Iterable[Offer], base: PriceSheet, *, name: str, day: str, source: str
) -> PriceSheet:
    """Make a sheet of offers; what they say nothing of is as on an earlier one.

    A class that the offers price is theirs alone: an earlier price of it would stand beside one of
    another day. Prices of other classes keep their dates.

    Args:
        name: id of the new sheet.
        day: when the offers stood.
        source: where they were read.
    """
    every = markets(offers)
    good = [market for market in every if not market.is_thin]
    rows = [_price(market, day, source) for market in good if market.chip != GENERIC]
    priced = {row.price_class for row in rows}
    kept = [price for price in base.rentals if price.price_class not in priced]
    generic = [_price(market, day, source) for market in good if market.chip == GENERIC]
    generic = [price for price in generic if price.price_class == RENTAL_CLASSES[0]]
    return base.model_copy(
        update={
            "id": name,
            "rentals": [*rows, *kept],
            "generic": generic[0] if generic else base.generic,
            "thin": [market.line for market in every if market.is_thin],
        }
    )


def toml_of(sheet: PriceSheet) -> str:
    """Write a sheet as the file it is read from."""
    data = sheet.model_dump(exclude_none=True, exclude={"preferred", "own"})
    plain = {name: value for name, value in data.items() if not isinstance(value, (dict, list))}
    lines = [f"{name} = {_value(value)}" for name, value in plain.items()]
    if data["thin"]:
        lines += ["thin = [", *(f"  {_value(line)}," for line in data["thin"]), "]"]
    for name in ("pue", "cny_per_usd", *(["eur_per_usd"] if "eur_per_usd" in data else [])):
        lines += ["", f"[{name}]", *_fields(data[name])]
    for name, value in data.get("ownership", {}).items():
        lines += ["", f"[ownership.{name}]", *_fields(value)]
    if "generic" in data:
        lines += ["", "[generic]", *_fields(data["generic"])]
    for name in ("tariffs", "rentals", "purchases"):
        for row in data[name]:
            lines += ["", f"[[{name}]]", *_fields(row)]
    return "\n".join(lines) + "\n"


def _market(key: tuple[str, str, str], offers: set[Offer]) -> ChipOffers:
    chip, price_class, per = key
    prices = sorted(offer.usd_per_hour for offer in offers)
    tenths = quantiles(prices, n=10, method="inclusive") if len(prices) > 1 else prices
    thin = len(prices) < FEWEST
    return ChipOffers(
        chip=chip,
        price_class=price_class,
        per=per,
        usd=median(prices),
        low=prices[0] if thin else tenths[0],
        high=prices[-1] if thin else tenths[-1],
        offers=len(prices),
        providers=tuple(sorted({offer.provider for offer in offers})),
    )


def _price(market: ChipOffers, day: str, source: str) -> RentalPrice:
    def rounded(usd: float) -> float:
        return float(f"{usd:.{_DIGITS}g}")

    return RentalPrice.model_validate(
        {
            "chip": market.chip,
            "per": market.per,
            "kind": market.price_class,
            "usd_per_hour": rounded(market.usd),
            "usd_per_hour_low": rounded(market.low),
            "usd_per_hour_high": rounded(market.high),
            "offers": market.offers,
            "date": day,
            "source": f"{source}: {', '.join(market.providers)}"[:1000],
        }
    )


def _fields(row: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {_value(value)}" for name, value in row.items()]


def _value(value: Any) -> str:
    # Every JSON string without surrogates is a TOML string, and every number a number.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
