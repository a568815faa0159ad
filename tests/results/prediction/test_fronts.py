"""The fronts that ship: what a predictor says today, and no point that another beats."""

import pytest

from results.prediction.fronts import LOADS, Predicted, front_of, fronts_of
from results.prediction.plan import Layout
from results.prediction.predict import predictor
from suites.models import available, load

SHIPPED = [by_load for model in available() if (by_load := fronts_of(model))]


def test_the_shipped_front_is_what_the_predictor_says():
    """Another catalogue, model or fit: write it anew, `python -m results.prediction.fronts`."""
    chips = ["h100-sxm", "ascend-910b"]
    shipped = fronts_of("qwen3-8b")
    for isl, osl, by_chip in front_of(predictor(), load("qwen3-8b"), chips):
        for chip, rows in by_chip:
            held = shipped[isl, osl][chip]
            assert [row[0] for row in rows] == [point.precision for point in held]
            users = [point.tokens_per_s_user for point in held]
            assert [row[4] for row in rows] == pytest.approx(users, rel=1e-3)
            rates = [point.tokens_per_s_chip for point in held]
            assert [row[5] for row in rows] == pytest.approx(rates, rel=1e-3)


@pytest.mark.parametrize("lengths", LOADS)
def test_on_a_front_more_for_each_user_is_less_for_all(lengths):
    for by_load in SHIPPED:
        for points in by_load[lengths].values():
            users = [point.tokens_per_s_user for point in points]
            rates = [point.tokens_per_s_chip for point in points]
            assert users == sorted(users)
            assert rates == sorted(rates, reverse=True)
            assert all(p.low <= p.tokens_per_s_chip <= p.high for p in points)


def test_the_first_token_takes_what_the_others_leave_of_a_request():
    """Four requests of 101 tokens at 10 ms after 500 ms, on two chips: 1.5 s each."""
    rate = 4 * 101 / 1.5 / 2
    point = Predicted(
        precision="fp8",
        layout=Layout(2, 1, 2, 1),
        basis="kernels",
        concurrency=4,
        tokens_per_s_user=100,
        tokens_per_s_chip=rate,
        low=rate,
        high=rate,
    )
    assert point.ttft_ms(101) == pytest.approx(500)
    shipped = [
        own.ttft_ms(lengths[1])
        for by_load in SHIPPED
        for lengths, chips in by_load.items()
        for points in chips.values()
        for own in points
    ]
    assert min(shipped) > 0
