"""What hosts ask for tokens: sourced, of models whose geometry ships, never of a thin market."""

from __future__ import annotations

import pytest

from results.catalog.api_data import ApiOffer, ApiSheet, api_price, api_sheet, api_sheets
from suites import models


def offer(host: str, output: float, cached: float | None = None, model: str = "qwen3-8b"):
    return ApiOffer(
        model=model,
        name="Qwen3-8B",
        host=host,
        input_usd=0.1,
        cached_usd=cached,
        output_usd=output,
        date="2026-07-02",
        source="a price list",
    )


def sheet(*offers: ApiOffer) -> ApiSheet:
    return ApiSheet(id="2026-07-02", offers=list(offers))


def test_every_offer_is_of_a_model_that_ships_and_names_where_it_was_read():
    for held in api_sheets().values():
        assert {item.model for item in held.offers} <= set(models.available())
        pairs = [(item.model, item.host) for item in held.offers]
        assert len(pairs) == len(set(pairs))
        for item in held.offers:
            assert item.source.startswith("models.dev ")
            assert item.cached_usd is None or item.cached_usd < item.input_usd
            assert item.date <= held.id


def test_the_price_is_the_median_with_the_whole_range_beside_it():
    held = sheet(offer("a", 0.9), offer("b", 0.2), offer("c", 0.3), offer("d", 9.0, model="other"))
    price = api_price(held, "qwen3-8b", "output")
    assert (price.usd, price.low, price.high, price.offers) == (0.3, 0.2, 0.9, 3)
    assert price.label == "Qwen3-8B, output tokens, 2026-07-02, 3 hosts"
    assert api_price(held, "qwen3-8b", "input").usd == 0.1


def test_fewer_than_three_hosts_are_no_price_of_that_kind():
    held = sheet(offer("a", 0.9, 0.05), offer("b", 0.2, 0.01), offer("c", 0.3))
    assert api_price(held, "qwen3-8b", "output") is not None
    assert api_price(held, "qwen3-8b", "cached") is None
    assert api_price(held, "unknown", "output") is None
    assert api_price(None, "qwen3-8b", "output") is None


@pytest.mark.parametrize(
    ("day", "known"),
    [("2026-11-28", True), ("2026-07-02", True), ("2026-07", True), ("2026-07-01", False)],
)
def test_a_day_knows_no_later_price(day, known):
    assert (api_sheet(day) is not None) is known


def test_a_reader_s_own_sheet_has_the_newest_prices():
    assert api_sheet("mine") is list(api_sheets().values())[-1]
