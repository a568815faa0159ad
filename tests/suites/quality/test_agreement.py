"""Next tokens compared: a distribution with itself, rounded, quantized, and another's."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.quality.agreement import agreement, divergence, share_of_other_ids


def told(random: Random, spread: float = 3.0, noise: float = 0.0, seed: int = 0, most: int = 10):
    logits = [random.gauss(0, spread) for _ in range(40)]
    other = Random(seed)
    logits = [logit + other.gauss(0, noise) for logit in logits]
    total = math.log(sum(map(math.exp, logits)))
    ranked = sorted(((logit - total, str(n)) for n, logit in enumerate(logits)), reverse=True)
    return {token: logprob for logprob, token in ranked[:most]}


def places(noise: float, seed: int = 0, spread: float = 3.0):
    random = Random(1)
    return [told(random, spread, noise, seed + n) for n in range(300)]


@pytest.mark.parametrize(
    ("noise", "verdict"),
    [(0.0, "same"), (0.003, "same"), (0.1, "same within quantization"), (1.5, "different")],
)
def test_verdicts_by_how_far_logits_are_moved(noise, verdict):
    assert agreement(places(0.0), places(noise, seed=7)).verdict == verdict


def test_another_model_is_different():
    random = Random(99)
    assert agreement(places(0.0), [told(random) for _ in range(300)]).verdict == "different"


def test_divergence_of_two_full_distributions_is_the_textbooks():
    p = {"a": math.log(0.5), "b": math.log(0.5)}
    q = {"a": math.log(0.9), "b": math.log(0.1)}
    expected = 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)
    assert divergence(p, q) == pytest.approx(expected)
    assert divergence(p, p) == pytest.approx(0, abs=1e-12)


def test_a_tie_at_the_last_place_that_is_told_is_no_divergence():
    flat = {"a": 0.3, "b": 0.1}
    first, second = ({**flat, last: 0.02} for last in ("c", "d"))
    p, q = ({token: math.log(share) for token, share in side.items()} for side in (first, second))
    assert divergence(p, q) == pytest.approx(0, abs=1e-12)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_divergence_is_never_negative_and_nothing_of_oneself(first, other):
    p, q = told(Random(first)), told(Random(other))
    assert divergence(p, p) == pytest.approx(0, abs=1e-9)
    assert divergence(p, q) >= 0


def test_places_without_candidates_are_refused():
    with pytest.raises(ValueError, match="every place"):
        agreement([{"a": -0.1}], [{}])
    with pytest.raises(ValueError, match="every place"):
        agreement([], [])


def test_greedy_continuations_are_compared_to_the_first_token_that_differs():
    continuations = [("abcd", "abcd"), ("abcd", "abxd"), ("abcd", "xbcd"), ("abcd", "ab")]
    agreed = agreement(places(0.0), places(0.0), continuations=continuations)
    assert (agreed.prefix, agreed.prefix_of) == ((4 + 2 + 0 + 2) / 4, 4)
    assert agreed.prefix_low < agreed.prefix < agreed.prefix_high
    assert agreement(places(0.0), places(0.0)).prefix is None


@pytest.mark.parametrize(("moved", "share"), [(0, 0), (1, 0.1), (10, 1)])
def test_ids_are_compared_where_both_sides_tell_enough_of_them(moved, share):
    ids = {f"t{number}": number for number in range(10)}
    told = {text: number + (number < moved) for text, number in ids.items()}
    assert share_of_other_ids(ids, told | {"z": 99}) == share
    assert share_of_other_ids(dict(list(ids.items())[:9]), told) is None
