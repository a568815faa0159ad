"""Token buckets by the clock they are given."""

from __future__ import annotations

from results.service.limits import Buckets, Quota, SenderLimits


def quota(**limits):
    return Quota.of(SenderLimits(**limits))


def test_a_minutes_worth_passes_and_the_next_one_waits_for_what_one_takes():
    limiter = quota(per_minute=3)
    assert [limiter.admit("a", 0.0) for _ in range(4)] == [0, 0, 0, 20]
    assert limiter.admit("a", 10.0) == 10
    assert limiter.admit("a", 20.0) == 0


def test_a_bucket_never_holds_more_than_a_minutes_worth():
    limiter = quota(per_minute=2)
    assert limiter.admit("a", 0.0) == 0
    assert [limiter.admit("a", 3600.0) for _ in range(3)] == [0, 0, 30]


def test_names_have_buckets_of_their_own_and_zero_limits_nothing():
    limiter, none = quota(per_minute=1), quota(per_minute=0, bytes_per_minute=0)
    assert limiter.admit("a", 0.0) == limiter.admit("b", 0.0) == 0
    none.bytes.charge("a", 1e12, 0.0)
    assert not any(none.admit("a", 0.0) for _ in range(100))


def test_bytes_are_paid_off_before_the_next_request():
    limiter = quota(per_minute=0, bytes_per_minute=60)
    limiter.bytes.charge("a", 89, 0.0)
    assert limiter.admit("a", 0.0) == 30
    assert limiter.admit("b", 0.0) == 0
    assert limiter.admit("a", 29.5) == 0.5
    assert limiter.admit("a", 30.0) == 0


def test_many_names_are_forgotten_but_the_latest():
    buckets = Buckets(per_minute=1)
    for number in range(30_000):
        buckets.charge(f"{number}", 1, number / 1000)
    assert len(buckets._levels) == 10_000
    assert buckets.wait_s("29999", 30.0) > 0
