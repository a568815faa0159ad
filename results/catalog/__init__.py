"""Chips and prices as data: every value with its unit in its name and its source beside it."""

from results.catalog.chip_names import all_named, match
from results.catalog.chips_data import ChipEntry, ChipSigns, Sku, chips, nearest, require
from results.catalog.identity import identify
from results.catalog.logs_data import KnownLog, known_logs
from results.catalog.prices_data import (
    Ownership,
    PriceSheet,
    Purchase,
    RentalPrice,
    Tariff,
    latest_prices,
    price_sheets,
    prices_as_of,
    prices_known,
)
from results.catalog.versions_data import Version, newest_version, versions

__all__ = [
    "ChipEntry",
    "ChipSigns",
    "KnownLog",
    "Ownership",
    "PriceSheet",
    "Purchase",
    "RentalPrice",
    "Sku",
    "Tariff",
    "Version",
    "all_named",
    "chips",
    "identify",
    "known_logs",
    "latest_prices",
    "match",
    "nearest",
    "newest_version",
    "price_sheets",
    "prices_as_of",
    "prices_known",
    "require",
    "versions",
]
