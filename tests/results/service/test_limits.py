"""Token buckets by the clock they are given."""

from __future__ import annotations

from results.service.limits import Buckets


def test_a_burst_passes_and_the_next_one_waits_for_what_one_takes():
    buckets = Buckets(per_minute=60, burst=3)
    assert [buckets.take("a", 0.0) for _ in range(4)] == [0, 0, 0, 1]
    assert buckets.take("a", 0.5) == 0.5
    assert buckets.take("a", 1.0) == 0


def test_a_bucket_never_holds_more_than_its_burst():
    buckets = Buckets(per_minute=60, burst=2)
    assert buckets.take("a", 0.0) == 0
    assert [buckets.take("a", 3600.0) for _ in range(3)] == [0, 0, 1]


def test_names_have_buckets_of_their_own_and_zero_limits_nothing():
    buckets = Buckets(per_minute=60, burst=1)
    assert buckets.take("a", 0.0) == buckets.take("b", 0.0) == 0
    assert not any(Buckets(per_minute=0, burst=1).take("a", 0.0) for _ in range(100))
