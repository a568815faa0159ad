"""The fronts that ship: what a predictor says today, and no point that another beats."""

import pytest

from results.prediction.fronts import LOADS, front_of, fronts
from results.prediction.predict import predictor
from suites.models import load


def test_the_shipped_front_is_what_the_predictor_says():
    """Another catalogue, model or fit: write it anew, `python -m results.prediction.fronts`."""
    chips = ["h100-sxm", "ascend-910b"]
    shipped = fronts()["qwen3-8b"]
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
    for by_load in fronts().values():
        for points in by_load[lengths].values():
            users = [point.tokens_per_s_user for point in points]
            rates = [point.tokens_per_s_chip for point in points]
            assert users == sorted(users)
            assert rates == sorted(rates, reverse=True)
            assert all(p.low <= p.tokens_per_s_chip <= p.high for p in points)
