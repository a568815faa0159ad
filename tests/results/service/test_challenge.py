"""Challenges: what counts as the nonce that was issued, and until when."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta

import pytest

from results.service.challenge import LIFETIME, Challenges

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ROOT = "a" * 64
CHALLENGES = Challenges(b"secret")


@pytest.fixture
def nonce():
    return CHALLENGES.issue(NOW, ROOT)[0]


def test_a_nonce_is_good_until_it_expires_and_no_longer(nonce):
    assert CHALLENGES.judge(nonce, ROOT, NOW + LIFETIME) == "issued"
    assert CHALLENGES.judge(nonce, ROOT, NOW + LIFETIME + timedelta(seconds=1)) == "expired"


@pytest.mark.parametrize("spelled", ["{}\n", " {}", "{}==", "{}A", "*{}"])
def test_only_the_canonical_spelling_is_the_nonce(nonce, spelled):
    assert CHALLENGES.judge(spelled.format(nonce), ROOT, NOW) == "unknown"


def test_spare_bits_of_the_last_letter_make_no_second_nonce():
    # 38 bytes leave two letters and a pad; 40 bytes leave four spare bits in the last letter.
    nonce = CHALLENGES.issue(NOW, ROOT)[0]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    stem, pad = nonce.rstrip("="), "=" * (len(nonce) - len(nonce.rstrip("=")))
    twins = [f"{stem[:-1]}{letter}{pad}" for letter in letters if letter != stem[-1]]
    same_bytes = [twin for twin in twins if urlsafe_b64decode(twin) == urlsafe_b64decode(nonce)]
    assert same_bytes
    assert {CHALLENGES.judge(twin, ROOT, NOW) for twin in same_bytes} == {"unknown"}


@pytest.mark.parametrize("root", [None, "", "b" * 64])
def test_a_nonce_is_bound_to_its_root(nonce, root):
    assert CHALLENGES.judge(nonce, root, NOW) == "unknown"


def test_another_key_issued_nothing(nonce):
    assert Challenges(b"other").judge(nonce, ROOT, NOW) == "unknown"
