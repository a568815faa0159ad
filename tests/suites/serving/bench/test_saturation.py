"""A client at its limit: what it takes, and that it says so."""

from suites.serving.bench.saturation import ClientLoad, saturate


def test_a_light_load_leaves_most_of_a_core_or_says_that_it_did_not():
    seen = saturate(ClientLoad(streams=2, itl_ms=5, tokens=16))
    assert seen.ttft_p50_ms > 0
    assert 0 < seen.core_share <= 1
    # A busy machine may keep the client waiting; then it says so.
    assert seen.core_share < 0.5 or seen.invalid


def test_a_flood_is_called_invalid_by_the_client_itself():
    seen = saturate(ClientLoad(streams=512, itl_ms=1, tokens=30))
    assert seen.invalid
