"""From when on a machine of your own is cheaper than an API."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results import catalog
from results.commands.api_lines import api_lines, tokens_of
from results.economy import costs
from results.economy.breakeven import at_volume, breakeven_utilization, tokens_a_month
from results.statement.precision import served
from suites.base.errors import UserError
from tests.results.economy.test_economics import row

positive = st.floats(1e-3, 1e6)


def test_a_machine_at_half_the_api_s_price_must_be_busy_half_the_time():
    assert breakeven_utilization(0.3, 0.6) == 0.5
    # 100 tokens/s x 3600 x 730.5 h.
    assert tokens_a_month(100, 1.0) == pytest.approx(262_980_000)


def test_a_month_that_takes_more_than_one_machine_pays_for_whole_ones():
    month = at_volume(300e6, tokens_per_s=100, full_usd=0.5, api_usd=2.0)
    assert month.machines == 2
    assert month.utilization == pytest.approx(300 / 525.96)
    assert month.own_usd == pytest.approx(525.96 * 0.5)
    assert month.api_usd == pytest.approx(600)


@given(positive, positive, positive)
def test_at_the_break_even_both_bills_are_the_same(rate, api, share):
    full = api * min(share, 1.0)
    tokens = tokens_a_month(rate, breakeven_utilization(full, api))
    month = at_volume(tokens * (1 - 1e-9), tokens_per_s=rate, full_usd=full, api_usd=api)
    assert month.machines == 1
    assert month.own_usd == pytest.approx(month.api_usd, rel=1e-6)


@pytest.fixture
def cost():
    rate = row("output_throughput", 2500.0, case="closed/c64")
    [cost_row] = costs.cost_rows(
        [rate],
        chip="h100-sxm",
        count=1,
        sheet=catalog.price_sheets()["2026-11-28"],
        served=served("meta-llama/Llama-3.1-8B-Instruct", "fp8"),
    )
    return cost_row


def test_a_row_has_the_price_of_its_own_tokens_and_both_break_evens(cost):
    assert (cost.tokens, cost.api.usd) == ("output", 0.22)
    apart = cost.api_apart
    assert (apart.input, apart.cached, apart.output, apart.by) == (0.186, 0.186, 0.22, "API")
    assert cost.breakeven_utilization == pytest.approx(cost.rental_usd.value / 0.22)
    # At full use the capital is spread over all hours instead of the sheet's 40%.
    sheet = catalog.price_sheets()["2026-11-28"]
    bought = sheet.purchase("h100-sxm")
    capital = (bought.usd_low + bought.usd_high) / 2 / (5 * 8766)
    electricity = 0.7 * 1.54 * 0.0872
    full = (capital + electricity) / (2500 * 3600) * 1e6
    assert cost.owned.full_usd == pytest.approx(full)
    assert cost.owned_breakeven_utilization == pytest.approx(full / 0.22)
    assert cost.owned.full_usd < cost.owned.usd.value


def test_the_lines_say_price_break_even_and_the_month(cost):
    price, *lines = api_lines([({}, "h100-sxm", cost)], 2e9)
    assert price == (
        "API price: 0.22 USD/Mtok (0.05 to 0.61), Llama 3.1 8B Instruct, output tokens, "
        "2026-07-02, 6 hosts"
    )
    assert lines[0].startswith("  h100-sxm, closed/c64, rented: never below the API: 0.443")
    assert lines[1] == (
        "    at 2e+09 a month: 1 such machine, 30% busy, 2,915 USD; the API 440 USD"
    )
    assert (
        "owned (chip alone, 2026-06): below the API from 39% busy on, 2.58e+09 output tokens"
        in lines[2]
    )


def test_a_model_that_nobody_sells_has_no_line():
    rate = row("output_throughput", 2500.0)
    [cost_row] = costs.cost_rows(
        [rate],
        chip="h100-sxm",
        count=1,
        sheet=catalog.latest_prices(),
        served=served("qwen2.5-0.5b", "fp16"),
    )
    assert (cost_row.api, cost_row.breakeven_utilization) == (None, None)
    assert list(api_lines([({}, "h100-sxm", cost_row)], None)) == []


@pytest.mark.parametrize(("text", "tokens"), [("2e9", 2e9), ("500M", 5e8), ("1.5 G", 1.5e9)])
def test_a_volume_is_read(text, tokens):
    assert tokens_of(text) == tokens


@pytest.mark.parametrize("text", ["", "-1", "many", "0", "1e99", "5 lakh"])
def test_a_volume_that_is_none_is_refused(text):
    with pytest.raises(UserError, match="--volume"):
        tokens_of(text)
