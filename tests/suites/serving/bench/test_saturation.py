"""A client at its limit: what it takes, and that it says so."""

from suites.serving.bench.saturation import Load, saturate


def test_a_light_load_is_timed_right_and_believed():
    seen = saturate(Load(streams=2, itl_ms=5, tokens=16))
    assert 0 < seen.ttft_p50_ms < 20
    assert 0 < seen.core_share < 0.5
    assert "all" not in seen.invalid


def test_a_flood_is_called_invalid_by_the_client_itself():
    seen = saturate(Load(streams=512, itl_ms=1, tokens=100))
    assert seen.invalid
