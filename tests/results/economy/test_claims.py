"""Claims against datasheets and evidence, with bounds worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results import catalog
from results.catalog.claims_data import PublishedClaim
from results.economy.claims import ClaimEvidence, bound_of, judge, needs_of
from suites import models

SHEET = catalog.price_sheets()["2026-11-28"]
H100 = catalog.chips()["h100-sxm"]
ROW = ClaimEvidence(
    chip="h100-sxm",
    chip_name="NVIDIA H100",
    model="llama-3.1-8b",
    tokens="output",
    tokens_per_s_per_chip=9000.0,
    joules_per_token=0.06,
    tokens_per_s_per_user=40.0,
    rented_usd=0.12,
    owned_usd=0.05,
    electricity_usd=0.002,
    floor_usd=0.0004,
    kind="reported",
    where="reported/x/",
    words="a row",
)


def claim(**fields: Any) -> PublishedClaim:
    known = {
        "id": "c", "who": "w", "who_zh": "w", "said": "s", "said_zh": "z", "date": "2026",
        "source": "https://example.org", "firsthand": True, "read": "2026-11-28",
        "value": 0.06, "unit": "USD/Mtok", "tokens": "output",
        "model": "llama-3.1-8b", "chip": "h100-sxm", "precision": "fp8",
    }  # fmt: skip
    return PublishedClaim(**{**known, **fields})


def test_a_price_is_bounded_by_electricity_at_the_cheapest_tariff():
    # Two FLOPs a weight and attention over one token, at the fp8 peak; 700 W; Iowa's tariff.
    flops = models.load("llama-3.1-8b").decode_flops(1)
    joules = flops / (H100.peak_tflops["fp8"] * 1e12) * H100.tdp_w
    bound = bound_of(claim(), SHEET)
    assert bound.chip == "h100-sxm"
    assert bound.value == pytest.approx(joules * 1e6 / 3.6e6 * 0.0604)
    per_chip = bound_of(claim(unit="tokens/s per chip"), SHEET)
    assert per_chip.value == pytest.approx(H100.peak_tflops["fp8"] * 1e12 / flops)


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (1e-6, "below the physical floor"),
        (0.049, "below all evidence"),
        (0.05, "consistent with evidence"),
        (1.0, "consistent with evidence"),
    ],
)
def test_a_price_is_judged_by_the_cheaper_of_renting_and_owning(value, verdict):
    judged = judge(claim(value=value), [ROW], SHEET)
    assert judged.verdict == verdict
    assert judged.best.value == 0.05


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"unit": "tokens/s per chip", "value": 1e6}, "below the physical floor"),
        ({"unit": "tokens/s per chip", "value": 9001.0}, "below all evidence"),
        ({"unit": "tokens/s per chip", "value": 9000.0}, "consistent with evidence"),
        ({"unit": "tokens/s per user", "value": 2500.0}, "below all evidence"),
        ({"unit": "J/token", "value": 0.05}, "below all evidence"),
        ({"unit": "CNY/Mtok", "value": 0.05 * SHEET.cny_per_usd.value}, "consistent with evidence"),
        ({"model": None, "unstated": ["model"]}, "untestable as stated"),
        ({"chip": "b200-sxm"}, "untestable as stated"),
        ({"tokens": "input"}, "untestable as stated"),
        ({"chip": None}, "consistent with evidence"),
        ({"tokens": "unstated", "unstated": ["token kind"]}, "consistent with evidence"),
    ],
)
def test_other_claims(fields, verdict):
    assert judge(claim(**fields), [ROW], SHEET).verdict == verdict


@pytest.mark.parametrize(
    ("value", "verdict", "why", "shown"),
    [
        (0.05, "consistent with evidence", "A published row goes at least as far.", 0.03),
        (0.03, "consistent with evidence", "Only a published row with drafts goes as far.", 0.03),
        (0.029, "below all evidence", "No published row goes as far.", 0.03),
    ],
)
def test_a_claim_silent_on_drafts_is_held_against_rows_without_them_first(
    value, verdict, why, shown
):
    drafted = replace(ROW, owned_usd=0.03, drafts="mtp 3")
    judged = judge(claim(value=value), [drafted, ROW], SHEET)
    assert (judged.verdict, judged.why) == (verdict, why)
    assert (judged.best.value, judged.drafted.value) == (0.05, shown)
    # Of one that makes drafts all rows are alike; what goes no further is not shown.
    says = judge(claim(value=value, speculation=True), [drafted, ROW], SHEET)
    assert (says.best.value, says.best.evidence.drafts, says.drafted) == (0.03, "mtp 3", None)
    assert judge(claim(), [replace(drafted, owned_usd=0.06), ROW], SHEET).drafted is None


def test_rows_with_drafts_alone_are_evidence_that_says_so():
    judged = judge(claim(value=0.05), [replace(ROW, drafts="mtp 3")], SHEET)
    assert judged.best is None
    assert judged.drafted.value == 0.05
    assert judged.why == "Only a published row with drafts goes as far."


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"value": 1e-6}, "The datasheet does not allow it."),
        (
            {"model": None, "unstated": ["model"]},
            "It names no model: a token of a small one is cheap.",
        ),
        ({"chip": "b200-sxm"}, "Nobody published a figure of this model on this chip."),
        ({"chip": None, "tokens": "input"}, "Nobody published such a figure of this model."),
        ({"value": 0.049}, "No published row goes as far."),
        ({}, "A published row goes at least as far."),
    ],
)
def test_a_verdict_has_its_reason(fields, why):
    assert judge(claim(**fields), [ROW], SHEET).why == why


@pytest.mark.parametrize(
    ("unit", "furthest"), [("tokens/s per chip", max), ("USD/Mtok", min), ("J/token", min)]
)
def test_without_a_chip_the_bound_is_that_of_the_chip_that_could_do_most(unit, furthest):
    alone = [bound_of(claim(unit=unit, chip=chip), SHEET) for chip in catalog.chips()]
    values = {bound.chip: bound.value for bound in alone if bound}
    bound = bound_of(claim(unit=unit, chip=None, unstated=["chip"]), SHEET)
    assert bound.value == values[bound.chip] == furthest(values.values())


def test_yuan_are_dollars_at_the_sheet_s_rate():
    rate = SHEET.cny_per_usd.value
    yuan = judge(claim(unit="CNY/Mtok"), [ROW], SHEET)
    assert yuan.best.value == pytest.approx(0.05 * rate)
    assert yuan.bound.value == pytest.approx(bound_of(claim(), SHEET).value * rate)


def test_a_claim_of_all_tokens_is_set_beside_input_and_output_together():
    rows = [ROW, ROW.of_all_tokens(isl=3000, osl=1000)]
    total = claim(tokens="total", value=0.0125)
    assert judge(total, rows, SHEET).verdict == "consistent with evidence"
    assert judge(replace_claim(total, value=0.0124), rows, SHEET).verdict == "below all evidence"
    assert judge(replace_claim(total, tokens="output"), rows, SHEET).verdict == "below all evidence"
    assert rows[1].tokens_per_s_per_chip == pytest.approx(36000)


def replace_claim(whole: PublishedClaim, **fields: Any) -> PublishedClaim:
    return whole.model_copy(update=fields)


def test_a_cached_token_has_no_floor():
    assert bound_of(claim(tokens="cached", value=1e-9), SHEET) is None


def test_what_one_fen_asks():
    needs = needs_of(claim(value=0.01, unit="CNY/Mtok"), SHEET)
    usd = 0.01 / SHEET.cny_per_usd.value
    joules = usd / (SHEET.usd_per_kwh * SHEET.pue.value) * 3.6
    assert needs.joules_per_token == pytest.approx(joules)
    assert needs.tokens_per_s_per_kw == pytest.approx(1000 / joules)
    rent = next(p for p in SHEET.rentals if (p.chip, p.price_class) == ("h100-sxm", "on-demand"))
    assert needs.tokens_per_s_per_chip == pytest.approx(rent.usd_per_hour / 3600 / usd * 1e6)
    terms = SHEET.ownership
    busy_s = terms.life_years.value * 8766 * 3600 * terms.utilization.value
    assert needs.capital_usd_per_token_per_s == pytest.approx(usd / 1e6 * busy_s)
    assert needs_of(claim(unit="J/token"), SHEET) is None


@given(st.floats(1e-7, 1e3), st.floats(1.0, 10.0))
def test_a_bolder_price_is_never_judged_kinder(value, bolder):
    order = ["consistent with evidence", "below all evidence", "below the physical floor"]
    verdict = judge(claim(value=value), [ROW], SHEET).verdict
    bold = judge(claim(value=value / bolder), [ROW], SHEET).verdict
    assert order.index(bold) >= order.index(verdict)


def test_more_evidence_never_makes_a_claim_less_consistent():
    better = replace(ROW, owned_usd=0.01, where="reported/y/")
    assert judge(claim(value=0.02), [ROW], SHEET).verdict == "below all evidence"
    judged = judge(claim(value=0.02), [ROW, better], SHEET)
    assert (judged.verdict, judged.best.evidence.where) == (
        "consistent with evidence",
        "reported/y/",
    )
