"""What a reader pays, as they write it: read exactly, or refused in one line."""

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results import catalog
from results.catalog.prices_data import OwnTerms, Yearly
from results.economy.money_options import money_of
from results.economy.own_prices import own_prices
from suites.base.errors import UserError

SHEET = catalog.price_sheets()["2026-11"]  # 7.055 yuan for a dollar


@pytest.mark.parametrize(
    ("text", "usd", "per"),
    [
        ("0.12/h", 0.12, "machine"),
        ("0.12", 0.12, "machine"),
        ("$0.12/hour", 0.12, "machine"),
        ("0.12 USD/h", 0.12, "machine"),
        ("0.9CNY/h", 0.9 / 7.055, "machine"),
        ("¥0.9/h", 0.9 / 7.055, "machine"),
        ("2.5/chip/h", 2.5, "unit"),
        ("0.05/core/h", 0.05, "unit"),
    ],
)
def test_a_price_by_the_hour(text, usd, per):
    own = own_prices(SHEET, price=text).own
    assert (own.usd_per_hour, own.per) == (pytest.approx(usd), per)


def test_each_option_of_money_is_read_by_its_name(tmp_path):
    given = {"price": "2/h", "owned": "1500", "life": "4y", "tariff": "0.3/kWh", "currency": "cny"}
    assert money_of({**given, "as_of": "2026-11-01"}) == own_prices(SHEET, **given)
    file = tmp_path / "mine.toml"
    shipped = (files("results.catalog") / "prices" / "2026-11.toml").read_text()
    file.write_text(shipped.replace('id = "2026-11"', 'id = "mine"', 1))
    assert money_of({"price_sheet": file}).sheet.id == "mine"


@pytest.mark.parametrize("text", ["1500", "$1500", "1_500", "10582.5CNY"])
def test_a_purchase(text):
    assert own_prices(SHEET, owned=text).own.purchase_usd == pytest.approx(1500)


def test_a_tariff_and_a_life_take_the_sheet_s_place():
    sheet = own_prices(SHEET, tariff="0.6CNY/kWh", life="4y").sheet
    assert sheet.usd_per_kwh == pytest.approx(0.6 / 7.055)
    assert sheet.ownership.life_years.value == 4
    assert sheet.ownership.utilization == SHEET.ownership.utilization
    assert sheet.reference_tariff == "the reader's own"


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("price", "free"),
        ("price", "-1/h"),
        ("price", "0/h"),
        ("price", "1e9/h"),
        ("price", "$1CNY/h"),
        ("price", "0.12/kWh"),
        ("price", "0.12/month"),
        ("price", "nan"),
        ("owned", "0.5"),
        ("owned", "1500/h"),
        ("life", "forever"),
        ("life", "0y"),
        ("life", "400y"),
        ("tariff", "0.6"),
        ("tariff", "600/kWh"),
        ("tariff", "0.6/h"),
    ],
)
def test_what_cannot_be_meant_names_its_flag(flag, text):
    with pytest.raises(UserError, match=f"^--{flag}: ") as caught:
        own_prices(SHEET, **{flag: text})
    assert "such as" in str(caught.value)


def test_a_flag_goes_before_the_file_and_a_slip_in_the_file_names_its_field():
    held = SHEET.model_copy(update={"own": OwnTerms(price="1/h", owned="nothing")})
    assert own_prices(held, owned="900").own.usd_per_hour == 1.0
    assert own_prices(held, price="2/h", owned="900").own.usd_per_hour == 2.0
    with pytest.raises(UserError, match=r"2026-11:own\.owned"):
        own_prices(held)


@given(st.text(min_size=1, max_size=30))
def test_any_text_is_a_price_or_one_line(text):
    try:
        usd, complaint = own_prices(SHEET, price=text).own.usd_per_hour, ""
    except UserError as error:
        usd, complaint = 1.0, str(error)
    assert usd > 0
    assert len(complaint.splitlines()) <= 1


def test_euros_are_taken_at_the_sheet_s_rate_and_refused_without_one():
    latest = catalog.latest_prices()
    prices = own_prices(latest, price="€1/h", owned="1000 EUR")
    assert prices.own.usd_per_hour == pytest.approx(1 / latest.eur_per_usd.value)
    assert prices.own.purchase_usd == pytest.approx(1000 / latest.eur_per_usd.value)
    with pytest.raises(UserError, match=r"^--price: .* no rate of EUR"):
        own_prices(SHEET, price="1EUR/h")


def test_a_life_of_one_s_own_leaves_the_other_terms_of_owning():
    staff = Yearly(value=900.0, date="2026-01", source="our payroll")
    terms = SHEET.ownership.model_copy(update={"staff_usd_per_chip_year": staff})
    held = own_prices(SHEET.model_copy(update={"ownership": terms}), life="3y").sheet.ownership
    assert (held.life_years.value, held.staff_usd_per_chip_year) == (3.0, staff)
    assert held.utilization == terms.utilization
