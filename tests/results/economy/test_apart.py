"""Input, cached and output tokens apart: a request costs what it did, and each kind is named."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.economy.apart import STATED, Kinds, apart, blended, energy_apart, read_kinds
from suites.base.errors import UserError
from tests.results.economy.test_economics import row

rates = st.floats(1e-2, 1e5)


def served(isl=300, osl=100, **labels):
    given_ = {"isl": isl, "osl": osl, "concurrency": 8, **labels}
    return replace(row("output_throughput", 50.0, case="closed/c8", **given_), suite="serving")


def windows(prefill, decode):
    return [
        row("prefill_throughput", prefill, case="prefill/isl256", isl=256, batch=1),
        row("decode_throughput", decode, case="decode/b8/ctx256", batch=8),
    ]


def test_windows_of_one_result_share_the_rent_by_the_time_of_a_token():
    # 300 tokens at 3000/s are 0.1 s, 100 at 200/s 0.5 s: a sixth and five sixths of 6 USD x 100.
    prices = apart(served(), 6.0, windows(3000.0, 200.0))
    assert prices.input == pytest.approx(600 / 6 / 300)
    assert prices.output == pytest.approx(600 * 5 / 6 / 100)
    assert prices.cached == pytest.approx(prices.input / 10)
    assert prices.by == "time of prefill/isl256 and decode/b8/ctx256"


def test_the_nearest_prompt_and_batch_are_taken():
    others = [
        row("prefill_throughput", 9000.0, case="prefill/isl8192", isl=8192),
        row("decode_throughput", 900.0, case="decode/b64/ctx256", batch=64),
        row("decode_throughput", 9.0, case="decode/b8/bad", batch=8, valid=False),
        row("decode_throughput", 9.0, case="decode/b8/said", batch=8, method="reported"),
    ]
    prices = apart(served(), 6.0, [*others, *windows(3000.0, 200.0)])
    assert prices.by == "time of prefill/isl256 and decode/b8/ctx256"


def test_without_windows_a_stated_split_shares_and_is_named():
    prices = apart(served(), 7.0, [])
    # 300 x 1 + 100 x 4 = 700 parts of 700 USD.
    assert (prices.input, prices.cached, prices.output) == pytest.approx((1, 0.1, 4))
    assert prices.by == "stated split 1:0.1:4"
    own = apart(served(), 8.0, [], Kinds(input=1, cached=0.5, output=5))
    assert (own.input, own.cached, own.output) == pytest.approx((1, 0.5, 5))


def test_what_the_engine_had_read_before_is_no_fresh_input():
    rate = served()
    measured = replace(
        rate, metric="cached_tokens", labels={**rate.labels, "share_of_input": 0.5}, value=9.0
    )
    # 150 x 1 + 150 x 0.1 + 100 x 4 = 565 parts.
    prices = apart(rate, 5.65, [measured])
    assert (prices.input, prices.cached, prices.output) == pytest.approx((1, 0.1, 4))


@given(rates, rates, st.floats(1e-3, 1e3), st.integers(1, 10**5), st.integers(1, 10**5))
def test_a_request_costs_what_it_did(prefill, decode, usd, isl, osl):
    for rows in ([], windows(prefill, decode)):
        prices = apart(served(isl, osl), usd, rows)
        assert prices.input * isl + prices.output * osl == pytest.approx(usd * osl)


def test_a_phase_alone_is_priced_by_its_own_window_and_the_other_by_its():
    prefill, decode = windows(3000.0, 200.0)
    prices = apart(decode, 15.0, [prefill, decode])
    assert (prices.output, prices.input) == pytest.approx((15.0, 1.0))
    assert apart(prefill, 1.0, [prefill, decode]).output == pytest.approx(15.0)
    alone = apart(decode, 15.0, [decode])
    assert (alone.input, alone.cached, alone.output) == (None, None, 15.0)


def joules(case, metric, value, method="measured"):
    return row(metric, value, case=case, method=method)


def test_energy_is_shared_by_the_joules_of_the_windows_where_a_meter_saw_both():
    prompt = joules("prefill/isl256", "energy_per_input_token", 0.2)
    answer = joules("decode/b8/ctx256", "energy_per_output_token", 0.9)
    energy = energy_apart(served(), 1.5, [*windows(3000.0, 200.0), prompt, answer])
    # 300 tokens of 0.2 J are 60 J, 100 of 0.9 J 90 J: two and three fifths of 1.5 x 100.
    assert energy.input == pytest.approx(150 * 2 / 5 / 300)
    assert energy.output == pytest.approx(150 * 3 / 5 / 100)
    assert energy.by == "energy of prefill/isl256 and decode/b8/ctx256"
    # Alone, a phase's energy is its own, and the other kind's that of its window.
    rate = windows(3000.0, 200.0)[1]
    alone = energy_apart(rate, 0.9, [*windows(3000.0, 200.0), prompt, answer])
    assert (alone.input, alone.output) == pytest.approx((0.2, 0.9))


@pytest.mark.parametrize("method", ["modelled", "reported"])
def test_energy_that_no_meter_saw_in_both_windows_is_shared_by_their_time(method):
    seen = [
        joules("prefill/isl256", "energy_per_input_token", 0.2),
        joules("decode/b8/ctx256", "energy_per_output_token", 0.9, method),
    ]
    rows = [*windows(3000.0, 200.0), *seen]
    assert energy_apart(served(), 6.0, rows) == apart(served(), 6.0, rows)


def test_two_parts_of_a_whole_add_up_and_an_unknown_kind_stays_unknown():
    by_time, stated = apart(served(), 6.0, windows(3000.0, 200.0)), apart(served(), 7.0, [])
    both = by_time.plus(stated)
    assert both.input * 300 + both.output * 100 == pytest.approx(1300)
    assert both.by == f"{by_time.by}; {stated.by}"
    assert by_time.plus(apart(served(isl=None), 7.0, [])).input is None


def test_a_load_that_is_not_known_shares_nothing():
    prices = apart(served(isl=None), 6.0, windows(3000.0, 200.0))
    assert (prices.input, prices.output) == (None, 6.0)
    assert prices.by == "output tokens bear all"


def test_a_mix_is_the_mean_of_its_tokens():
    prices = apart(served(), 7.0, [])
    assert blended(prices, read_kinds("3:1", "--mix")) == pytest.approx(7 / 4)
    assert blended(prices, read_kinds("3:6:1", "--mix")) == pytest.approx(7.6 / 10)
    without = apart(served(isl=None), 6.0, [])
    assert blended(without, read_kinds("3:1", "--mix")) is None
    assert blended(without, read_kinds("0:1", "--mix")) == 6.0


def test_the_stated_split_reads_as_it_is_written():
    assert read_kinds(STATED.label, "--split") == STATED


@pytest.mark.parametrize("text", ["3", "3:1:1:1", "a:b", "0:0", "-1:2", "", "1e3:1", ":"])
def test_what_is_no_mix_is_refused(text):
    with pytest.raises(UserError, match="--mix"):
        read_kinds(text, "--mix")
