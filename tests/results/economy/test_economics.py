"""Money and energy per million tokens: golden values by hand, and laws that must hold."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results import catalog
from results.catalog.prices_data import RentalPrice, read_sheet
from results.economy import costs, economics
from results.economy.own_prices import Own
from results.statement.precision import served
from suites.base.records import Row

positive = st.floats(1e-3, 1e6)


def row(metric, value, half=0.0, case="decode/b1/ctx64", method="measured", **labels):
    return Row(
        suite="inference",
        case=case,
        metric=metric,
        unit="",
        value=value,
        low=value - half,
        high=value + half,
        n=3,
        method=method,
        labels=labels,
    )


def test_eight_chips_at_two_dollars_and_1000_tokens_a_second():
    # $16 an hour over 3.6 Mtok an hour.
    assert economics.rental_usd_per_mtok(2.0, 8, 1000.0) == pytest.approx(16 / 3.6)


def test_one_joule_a_token_is_0_2778_kwh_per_million():
    assert economics.kwh_per_mtok(1.0) == pytest.approx(0.27777778)


def test_one_joule_a_token_at_ten_cents_and_a_pue_of_one_and_a_half():
    assert economics.energy_usd_per_mtok(1.0, 1.5, 0.10) == pytest.approx(0.0416666667)


def test_one_dollar_at_seven_yuan_is_700_fen():
    assert economics.fen_multiple(1.0, 7.0) == pytest.approx(700.0)


def test_a_machine_of_one_s_own():
    # $30,000 over 30,000 h at half use is $2 an hour, plus $0.50, plus 1 kW x 1.5 x $0.10 = $0.15;
    # 500 tokens/s are 1.8 Mtok an hour.
    usd = economics.ownership_usd_per_mtok(
        capex_usd=30_000,
        life_h=30_000,
        utilization=0.5,
        other_opex_usd_per_h=0.5,
        power_kw=1.0,
        pue=1.5,
        usd_per_kwh=0.10,
        tokens_per_s=500,
    )
    assert usd == pytest.approx(2.65 / 1.8)


@given(positive, positive, positive, st.floats(1.01, 100))
def test_cost_rises_with_price_and_falls_with_speed(price, chips, rate, factor):
    base = economics.rental_usd_per_mtok(price, chips, rate)
    assert economics.rental_usd_per_mtok(price * factor, chips, rate) > base
    assert economics.rental_usd_per_mtok(price, chips, rate * factor) < base


@given(positive, positive, positive, st.floats(0.1, 100))
def test_twice_the_chips_at_twice_the_speed_cost_the_same(price, chips, rate, factor):
    base = economics.rental_usd_per_mtok(price, chips, rate)
    scaled = economics.rental_usd_per_mtok(price, chips * factor, rate * factor)
    assert scaled == pytest.approx(base)


@given(positive, positive, positive)
def test_the_electricity_of_two_phases_is_the_sum_of_theirs(prefill_j, decode_j, tariff):
    parts = [economics.energy_usd_per_mtok(j, 1.3, tariff) for j in (prefill_j, decode_j)]
    whole = economics.energy_usd_per_mtok(prefill_j + decode_j, 1.3, tariff)
    assert sum(parts) == pytest.approx(whole)


@pytest.fixture
def sheet():
    return catalog.latest_prices()


def test_a_cost_row_turns_the_interval_of_the_rate_around(sheet):
    price = sheet.rental("epyc-9004")
    [cost] = costs.cost_rows(
        [row("decode_throughput", 10.0, half=1.0)], chip="epyc-9004", count=2, sheet=sheet
    )
    hourly = 2 * price.usd_per_hour / 3600 * 1e6
    assert cost.rental_usd.value == pytest.approx(hourly / 10)
    assert cost.rental_usd.low == pytest.approx(hourly / 11)
    assert cost.rental_usd.high == pytest.approx(hourly / 9)
    assert cost.fen.value == pytest.approx(cost.rental_usd.value * sheet.cny_per_usd.value * 100)
    assert cost.price_sheet == sheet.id


def test_energy_joins_the_rate_of_its_own_case_and_token_kind(sheet):
    rows = [
        row("decode_throughput", 10.0),
        row("energy_per_output_token", 3.6, case="decode/b9/ctx64"),
        row("energy_per_input_token", 3.6),
        row("energy_per_output_token", 7.2, method="modelled", meter="nameplate model"),
    ]
    [cost] = costs.cost_rows(rows, chip=None, count=1, sheet=sheet)
    assert cost.energy_kwh.value == pytest.approx(2.0)
    assert (cost.energy_method, cost.energy_meter) == ("modelled", "nameplate model")


def test_measured_energy_goes_before_modelled(sheet):
    rows = [
        row("decode_throughput", 10.0),
        row("energy_per_output_token", 7.2, method="modelled"),
        row("energy_per_output_token", 3.6),
    ]
    [cost] = costs.cost_rows(rows, chip=None, count=1, sheet=sheet)
    assert cost.energy_method == "measured"


def test_an_unlisted_accelerator_has_no_price_and_none_is_guessed(sheet):
    [cost] = costs.cost_rows([row("decode_throughput", 1.0)], chip=None, count=1, sheet=sheet)
    assert (cost.rental_usd, cost.fen, cost.energy_kwh) == (None, None, None)
    assert cost.missing == "no on-demand price of an unlisted chip"


@pytest.mark.parametrize("chip", [None, "core-ultra-2", "apple-m4"])
def test_a_processor_without_a_price_has_that_of_any_core_and_says_so(sheet, chip):
    rates = [row("decode_throughput", 10.0)]
    [cost] = costs.cost_rows(rates, chip=chip, count=2, sheet=sheet, kind="cpu")
    assert cost.rental_usd.value == pytest.approx(2 * sheet.generic.usd_per_hour / 0.036)
    assert cost.price.generic
    assert cost.rental_kind.startswith("generic vcpu, on-demand, ")
    # It is one class of offers, and stands for no other.
    [cost] = costs.cost_rows(rates, chip=chip, count=2, sheet=sheet, kind="cpu", rental="spot")
    assert cost.rental_usd is None


def test_one_result_alone_may_be_costed_in_another_class(mine):
    reserved = mine.rentals[0].model_copy(update={"chip": "gb200", "kind": "reserved-3y"})
    sheet = mine.model_copy(update={"rentals": [*mine.rentals, reserved], "preferred": ()})
    rate = [bare("decode_throughput", 1000.0)]
    [ranked] = costs.cost_rows(rate, chip="gb200", count=1, sheet=sheet)
    assert (ranked.rental_usd, ranked.missing) == (
        None,
        "no on-demand price of gb200; it has reserved-3y",
    )
    [alone] = costs.cost_rows(rate, chip="gb200", count=1, sheet=sheet, any_class=True)
    assert alone.price.price_class == "reserved-3y"


def test_a_price_below_owning_or_half_its_class_is_flagged(mine):
    rate = bare("decode_throughput", 1000.0)
    assert h100(mine, rate).flags == ()
    # Owning costs $1.47 a chip and hour; the class's median is $3.
    assert h100(mine, rate, own=Own(usd_per_hour=1.4, per="unit")).flags == (
        "below the cost of owning",
        "below half the median of its class",
    )
    assert h100(mine, rate, own=Own(usd_per_hour=1.49, per="unit")).flags == (
        "below half the median of its class",
    )


def test_a_reader_s_price_of_the_machine_is_not_multiplied_by_its_cores(mine):
    rate = bare("decode_throughput", 1000.0)
    whole = h100(mine, rate, own=Own(usd_per_hour=3.6))
    each = h100(mine, rate, own=Own(usd_per_hour=3.6, per="unit"))
    assert (whole.rental_usd.value, each.rental_usd.value) == pytest.approx((1.0, 2.0))
    assert (whole.price.price_class, whole.rental_kind) == ("own", "your own price")


@pytest.mark.parametrize(
    ("more", "kw", "power"),
    [
        ([("power", 40.0, "measured")], 0.04, "measured"),
        ([("power", 40.0, "modelled")], 0.04, "modelled"),
        ([("energy_per_output_token", 2.0, "modelled")], 0.02, "modelled"),
        ([], 0.17, "nameplate"),  # Ryzen 9000: 170 W
    ],
)
def test_a_desktop_of_one_s_own_costs_its_price_and_its_power(mine, more, kw, power):
    rows = [bare("decode_throughput", 10.0)]
    rows += [bare(metric, value, method=method) for metric, value, method in more]
    [cost] = costs.cost_rows(
        rows, chip="ryzen-9000", count=16, sheet=mine, kind="cpu", own=Own(purchase_usd=1500.0)
    )
    # $1,500 over 5 x 8766 h at half use, and electricity at PUE 1.5 and 10 cents; 0.036 Mtok/h.
    hourly = 1500 / (5 * 8766 * 0.5) + kw * 1.5 * 0.1
    assert cost.owned.usd.value == pytest.approx(hourly / 0.036)
    assert cost.owned.power == power


def test_a_machine_of_unknown_power_costs_its_capital_alone(mine):
    rate = [bare("decode_throughput", 10.0)]
    [cost] = costs.cost_rows(
        rate, chip=None, count=4, sheet=mine, kind="cpu", own=Own(purchase_usd=1500.0)
    )
    assert cost.owned.usd.value == pytest.approx(1500 / (5 * 8766 * 0.5) / 0.036)
    assert cost.owned.power == "unknown"


def test_an_invalid_rate_costs_nothing_because_it_is_no_rate(sheet):
    rows = [row("output_throughput", 10.0, valid=False)]
    assert costs.cost_rows(rows, chip="h100-sxm", count=1, sheet=sheet) == []


PRICED = """
id = "mine"
reference_tariff = "home"
pue = {value = 1.5, date = "2026", source = "my meter"}
cny_per_usd = {value = 7.0, date = "2026-01", source = "my bank"}
tariffs = [{region = "home", usd_per_kwh = 0.1, date = "2026-01", source = "my bill"}]
ownership.life_years = {value = 5, date = "2026-01", source = "my accountant"}
ownership.utilization = {value = 0.5, date = "2026-01", source = "my scheduler"}
[[rentals]]
chip = "h100-sxm"
kind = "neocloud on demand"
usd_per_hour_low = 2.0
usd_per_hour_high = 4.0
date = "2026-01"
source = "a"
[[rentals]]
chip = "h100-sxm"
kind = "marketplace"
usd_per_hour_low = 1.0
usd_per_hour_high = 1.0
date = "2026-01"
source = "b"
[[purchases]]
chip = "h100-sxm"
basis = "chip alone"
usd_low = 20_000
usd_high = 40_000
date = "2026-01"
source = "c"
"""


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine.toml").write_text(PRICED)
    return read_sheet(tmp_path / "mine.toml")


def h100(sheet, *rows, **options):
    [cost] = costs.cost_rows(rows, chip="h100-sxm", count=2, sheet=sheet, **options)
    return cost


def bare(metric, value, **labels):
    return replace(row(metric, value, **labels), low=None, high=None)


def test_a_range_of_prices_is_no_interval_of_the_cost(mine):
    cost = h100(mine, bare("decode_throughput", 1000.0))
    # Two chips at $3, the middle of $2 to $4, over 3.6 Mtok an hour.
    assert cost.rental_usd == economics.Span(pytest.approx(6 / 3.6), None, None)
    assert (cost.price.low, cost.price.usd, cost.price.high) == (2.0, 3.0, 4.0)


@given(st.floats(0.1, 10), st.floats(1, 5))
def test_a_price_cancels_in_a_ratio_of_two_costs(usd, spread):
    price = RentalPrice(
        chip="h100-sxm",
        usd_per_hour=usd,
        usd_per_hour_low=usd / spread,
        usd_per_hour_high=usd * spread,
        date="2026",
        source="s",
    )
    sheet = catalog.latest_prices().model_copy(update={"rentals": [price]})
    fast, slow = (h100(sheet, row("decode_throughput", rate, 0.1)) for rate in (200.0, 100.0))
    assert slow.rental_usd.value / fast.rental_usd.value == pytest.approx(2)
    assert slow.rental_usd.high / slow.rental_usd.value == pytest.approx(100 / 99.9)


def test_one_price_and_a_rate_without_an_interval_have_no_bounds(mine):
    cost = h100(mine, bare("decode_throughput", 1000.0), rental="marketplace")
    assert (cost.rental_usd.value, cost.rental_usd.low) == (pytest.approx(2 / 3.6), None)
    assert cost.rental_kind == "marketplace, 2026-01"


def test_a_class_the_sheet_lacks_has_no_rent(mine):
    cost = h100(mine, bare("decode_throughput", 1000.0), rental="hyperscaler on demand")
    assert cost.rental_usd is None
    assert (
        cost.missing == "no hyperscaler on demand price of h100-sxm; it has on-demand, marketplace"
    )


def test_owned_chips_cost_capital_and_electricity_at_the_nameplate_without_a_meter(mine):
    cost = h100(mine, bare("decode_throughput", 1000.0))
    # Two at $30,000 over 5 x 8766 h at half use, and 1.4 kW x 1.5 x $0.10.
    hourly = 60_000 / (5 * 8766 * 0.5) + 1.4 * 1.5 * 0.1
    assert cost.owned.usd.value == pytest.approx(hourly / 3.6)
    assert cost.owned.usd_low < cost.owned.usd.value < cost.owned.usd_high
    assert (cost.owned.usd.low, cost.owned.usd.high) == (None, None)
    assert (cost.owned.power, cost.owned.basis) == ("nameplate", "chip alone, 2026-01")


@pytest.mark.parametrize(
    "energy", [("power", 1000.0), ("energy_per_output_token", 1.0)], ids=["power", "joules"]
)
def test_owned_chips_draw_what_a_meter_read(mine, energy):
    cost = h100(mine, bare("decode_throughput", 1000.0), bare(*energy))
    hourly = 60_000 / (5 * 8766 * 0.5) + 1.0 * 1.5 * 0.1
    assert cost.owned.usd.value == pytest.approx(hourly / 3.6)
    assert cost.owned.power == "measured"


def test_a_modelled_power_is_no_meter_for_owned_chips(mine):
    modelled = bare("power", 1000.0, method="modelled")
    assert h100(mine, bare("decode_throughput", 1.0), modelled).owned.power == "nameplate"


def test_cores_of_a_cpu_are_not_taken_for_chips_that_were_bought(mine):
    bought = mine.purchases[0].model_copy(update={"chip": "epyc-9004"})
    sheet = mine.model_copy(update={"purchases": [bought]})
    [cost] = costs.cost_rows(
        [bare("decode_throughput", 1.0), bare("power", 40.0)],
        chip="epyc-9004",
        count=2,
        sheet=sheet,
    )
    assert cost.owned is None


def test_a_sheet_without_terms_or_price_has_no_owned_cost(mine):
    rate = bare("decode_throughput", 1.0)
    assert h100(mine.model_copy(update={"ownership": None}), rate).owned is None
    assert h100(mine.model_copy(update={"purchases": []}), rate).owned is None


def test_tokens_of_a_mixed_window_bear_all_its_power(mine):
    cost = h100(mine, row("output_throughput", 100.0, 10.0), row("power", 360.0, 36.0))
    assert cost.energy_kwh.value == pytest.approx(1.0)
    assert cost.energy_kwh.low == pytest.approx(0.9 / 1.1)
    assert cost.energy_kwh.high == pytest.approx(1.1 / 0.9)


def test_the_bounds_of_an_owned_cost_are_the_rate_s_and_its_range_the_price_s(mine):
    cost = h100(mine, row("decode_throughput", 1000.0, 100.0))
    life_h, power_usd = 5 * 8766 * 0.5, 1.4 * 1.5 * 0.1
    middle = 60_000 / life_h + power_usd
    assert cost.owned.usd.low == pytest.approx(middle / (1.1 * 3.6))
    assert cost.owned.usd.high == pytest.approx(middle / (0.9 * 3.6))
    assert cost.owned.usd_low == pytest.approx((40_000 / life_h + power_usd) / 3.6)
    assert cost.owned.usd_high == pytest.approx((80_000 / life_h + power_usd) / 3.6)


def test_modelled_joules_are_never_taken_for_measured_ones(mine):
    modelled = bare("energy_per_output_token", 1.0, method="modelled")
    cost = h100(mine, bare("decode_throughput", 1000.0), modelled)
    assert (cost.owned.power, cost.energy_method) == ("nameplate", "modelled")
    metered = bare("energy_per_output_token", 2.0)
    for order in ([modelled, metered], [metered, modelled]):
        cost = h100(mine, bare("decode_throughput", 1000.0), *order)
        assert (cost.owned.power, cost.energy_method) == ("measured", "measured")
        assert cost.energy_kwh.value == pytest.approx(2 / 3.6)


def test_a_cost_row_says_what_it_is_of_and_where_it_comes_from(mine):
    rate = row("decode_throughput", 1000.0, 100.0)
    joules = row("energy_per_output_token", 3.6, 0.36)
    [cost] = costs.cost_rows(
        [rate, joules],
        chip="h100-sxm",
        count=2,
        sheet=mine,
        served=served("llama-3.1-8b", "bf16"),
    )
    assert (cost.suite, cost.case, cost.tokens) == ("inference", "decode/b1/ctx64", "output")
    assert cost.tokens_per_s == economics.Span(1000.0, 900.0, 1100.0)
    assert (cost.method, cost.energy_method, cost.energy_meter) == ("measured", "measured", "")
    # 3.6 J a token are a kWh per million; 1.5 x $0.10 each.
    kwh, usd = cost.energy_kwh, cost.energy_usd
    assert (kwh.low, kwh.value, kwh.high) == pytest.approx((0.9, 1.0, 1.1))
    assert (usd.low, usd.value, usd.high) == pytest.approx((0.135, 0.15, 0.165))
    assert cost.floor_method == "datasheet roofline at nameplate power"


def test_a_rate_of_nothing_costs_nothing(mine):
    rates = [bare("decode_throughput", 0.0)]
    assert costs.cost_rows(rates, chip="h100-sxm", count=1, sheet=mine) == []


@pytest.mark.parametrize("end", ["low", "high"])
def test_a_rate_with_one_bound_alone_bounds_its_rent_on_the_other_side(mine, end):
    rate = replace(row("decode_throughput", 1000.0, 100.0), **{end: None})
    rent = h100(mine, rate, rental="marketplace").rental_usd
    known = rate.high or rate.low
    bound, missing = (rent.low, rent.high) if rate.high else (rent.high, rent.low)
    assert (bound, missing) == (pytest.approx(2 / 3.6 * 1e3 / known), None)


def test_one_price_and_a_rate_without_an_interval_have_no_upper_bound_either(mine):
    cost = h100(mine, bare("decode_throughput", 1000.0), rental="marketplace")
    assert cost.rental_usd.high is None


def test_a_chip_without_a_nameplate_is_owned_where_a_meter_read_it(mine):
    chip = "sunrise-s3"
    assert catalog.chips()[chip].tdp_w is None
    bought = mine.purchases[0].model_copy(update={"chip": chip})
    sheet = mine.model_copy(update={"purchases": [bought]})
    rate, power = bare("decode_throughput", 1.0), bare("power", 40.0)
    [unknown] = costs.cost_rows([rate], chip=chip, count=1, sheet=sheet)
    [metered] = costs.cost_rows([rate, power], chip=chip, count=1, sheet=sheet)
    assert (unknown.owned, metered.owned.power) == (None, "measured")
