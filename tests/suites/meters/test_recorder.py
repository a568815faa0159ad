"""Energy of windows: what readings bear is given, what they do not is refused by name."""

import math
from dataclasses import replace

import pytest

from suites.meters.base import MeterInfo, MeterReading
from suites.meters.modelled import ModelledMeter
from suites.meters.recorder import Recorder
from tests.clock import NS

COUNTER = "hardware counter"


class Steady:
    """Draws 50 W by the clock: any window must come out at 50 W however it is sampled."""

    period_s = 0.05

    def __init__(self, clock, name, method):
        self.clock = clock
        self.info = MeterInfo(name=name, scope="chip", method=method)

    def read(self):
        now_ns = self.clock.monotonic_ns()
        if self.info.method == COUNTER:
            return MeterReading(now_ns, joules=50 * now_ns / NS)
        return MeterReading(now_ns, power_w=50.0)


def watts(recorder, start_s, end_s):
    (energy,) = recorder.energy(int(start_s * NS), int(end_s * NS))
    return energy.joules / (end_s - start_s)


def test_a_steady_power_gives_power_times_time_by_either_method(clock):
    steady = [Steady(clock, "a 0", COUNTER), Steady(clock, "b 0", "sampled power")]
    with Recorder(steady) as recorder:
        start_ns = clock.monotonic_ns()
        clock.sleep(0.2)
        end_ns = clock.monotonic_ns()
        energies = recorder.energy(start_ns, end_ns)
    assert [energy.meter.name for energy in energies] == ["a 0", "b 0"]
    for energy in energies:
        assert energy.joules == pytest.approx(50 * (end_ns - start_ns) / NS, rel=1e-6)
        assert energy.max_gap_s > 0


def test_window_edges_between_samples_are_interpolated(replay, hearing):
    # A ramp of 10 W a second: the integral from a to b is 5 (b² − a²).
    with hearing(replay([(t, None, 10.0 * t) for t in range(6)])) as recorder:
        (energy,) = recorder.energy(int(1.5 * NS), int(4.25 * NS))
    assert energy.joules == pytest.approx(5 * (4.25**2 - 1.5**2), rel=0.02)
    assert energy.max_gap_s == 1.0


def test_a_step_inside_the_window_is_integrated_where_it_was_seen(replay, hearing):
    rows = [(0, None, 100.0), (1, None, 100.0), (2, None, 300.0), (3, None, 300.0)]
    with hearing(replay(rows)) as recorder:
        assert watts(recorder, 0, 3) == pytest.approx((100 + 200 + 300) / 3)


def test_a_counter_is_interpolated_at_both_edges(replay, hearing):
    rows = [(0, 0.0, None), (1, 100.0, None), (2, 300.0, None), (3, 400.0, None)]
    with hearing(replay(rows, COUNTER)) as recorder:
        (energy,) = recorder.energy(int(0.5 * NS), int(2.5 * NS))
    assert energy.joules == pytest.approx(350 - 50)


def test_a_window_the_readings_do_not_reach_around_has_no_energy(replay, hearing):
    with hearing(replay([(t, None, 5.0) for t in range(3, 9)])) as recorder:
        assert recorder.energy(1 * NS, 5 * NS) == []
        assert "1 windows have no energy" in recorder.problems[0]


def test_a_window_shorter_than_the_cadence_has_no_energy(replay, hearing):
    with hearing(replay([(t, None, 5.0) for t in range(6)])) as recorder:
        assert recorder.energy(2 * NS, int(2.5 * NS)) == []
        assert "shorter than its cadence of 1000 ms" in recorder.problems[0]


def test_a_hole_in_the_readings_voids_the_windows_that_hold_it_and_no_other(replay, hearing):
    rows = [*((t, None, 5.0) for t in range(5)), *((t, None, 5.0) for t in range(30, 35))]
    with hearing(replay(rows)) as recorder:
        assert recorder.energy(0, 33 * NS) == []
        assert "a hole of 26.0 s" in recorder.problems[0]
        assert watts(recorder, 0, 3) == pytest.approx(5.0)
        assert watts(recorder, 31, 33) == pytest.approx(5.0)


def test_a_window_shorter_than_the_hole_it_lies_in_has_no_energy(replay, hearing):
    rows = [*((t, 5.0 * t, None) for t in range(5)), *((t, 5.0 * t, None) for t in range(9, 12))]
    with hearing(replay(rows, COUNTER)) as recorder:
        assert recorder.energy(5 * NS, 7 * NS) == []
        assert watts(recorder, 3, 10) == pytest.approx(5.0)


LATE = [(0, 0.0, None), (1, 100.0, None), (2, 130.0, None, 0.7), (3, 300.0, None)]


def test_a_reading_a_busy_machine_held_up_is_not_taken_for_the_time_it_says(replay, hearing):
    with hearing(replay(LATE, COUNTER)) as recorder:
        (energy,) = recorder.energy(int(0.5 * NS), int(2.5 * NS))
        assert (energy.joules, energy.max_gap_s) == (pytest.approx(200.0), 2.0)
        assert recorder.energy(int(1.5 * NS), int(2.6 * NS)) == []
        assert "a hole of 2.0 s" in recorder.problems[0]


def test_a_reading_is_good_enough_for_a_window_a_hundred_times_as_long(replay, hearing):
    rows = [(t, 100.0 * t, None, 0.03) for t in range(4)]
    with hearing(replay(rows, COUNTER)) as recorder:
        assert watts(recorder, 0, 3) == pytest.approx(100.0)


class HeldUp(Steady):
    """Looked at when a window asks, and held up at some of these looks."""

    period_s = 600.0  # longer than any test: the background looks once

    def __init__(self, clock, late):
        super().__init__(clock, "a 0", COUNTER)
        self.late, self.looks = late, 0

    def read(self):
        self.looks += 1
        self.clock.sleep(0.001)
        return replace(super().read(), unsure_ns=NS * 60 if self.looks in self.late else 0)


@pytest.mark.parametrize(
    ("late", "windows", "looks"), [({3}, 1, 4), ({3, 4}, 1, 5), (range(3, 99), 0, 5), ({1}, 0, 3)]
)
def test_the_end_of_a_window_is_looked_at_again_but_not_without_end(clock, late, windows, looks):
    meter = HeldUp(clock, late)
    with Recorder([meter]) as recorder:
        start_ns = clock.monotonic_ns()
        clock.sleep(1800)
        recorder.energy(start_ns, clock.monotonic_ns())  # the second look
        clock.sleep(1800)
        energies = recorder.energy(start_ns, clock.monotonic_ns())
        told = " ".join(recorder.problems)
    assert [energy.joules for energy in energies] == [pytest.approx(50 * 3600)] * windows
    assert meter.looks == looks
    assert ("but for those a busy machine held up" in told) == (not windows)


def test_a_lost_card_keeps_the_windows_before_and_is_named_for_those_after(replay, hearing):
    with hearing(replay([(t, float(t), None) for t in range(5)], COUNTER)) as recorder:
        assert watts(recorder, 0, 4) == pytest.approx(1.0)
        assert recorder.energy(3 * NS, 8 * NS) == []
        assert recorder.problems == ["replay 0: 1 windows have no energy: the card is lost"]


def test_one_refused_reading_does_not_end_the_meter(replay, hearing):
    rows = [(0, None, 7.0), OSError("busy"), (2, None, 7.0), (3, None, 7.0)]
    with hearing(replay(rows)) as recorder:
        (energy,) = recorder.energy(0, 3 * NS)
    assert energy.joules == pytest.approx(21.0)
    assert energy.max_gap_s == 2.0


def test_a_counter_that_was_reset_gives_no_energy_rather_than_a_negative_one(replay, hearing):
    rows = [(0, 900.0, None), (1, 950.0, None), (2, 10.0, None), (3, 60.0, None)]
    with hearing(replay(rows, COUNTER)) as recorder:
        assert recorder.energy(0, 3 * NS) == []
        assert "the counter fell" in recorder.problems[0]


def side_by_side(ratio):
    return [(t, 100.0 * ratio * t, 100.0) for t in range(13)]


def test_counter_and_sensor_that_agree_are_left_in_peace(replay, hearing):
    with hearing(replay(side_by_side(1.05), COUNTER)) as recorder:
        (energy,) = recorder.energy(1 * NS, 9 * NS)
        assert energy.counter_to_integral == pytest.approx(1.05)
        assert recorder.problems == []


@pytest.mark.parametrize("ratio", [0.85, 1.2])
def test_counter_and_sensor_that_differ_by_more_than_a_tenth_are_flagged(replay, hearing, ratio):
    with hearing(replay(side_by_side(ratio), COUNTER)) as recorder:
        (energy,) = recorder.energy(1 * NS, 9 * NS)
        assert energy.joules == pytest.approx(800 * ratio)
        assert f"{ratio:.2f} times" in recorder.problems[0]


@pytest.mark.parametrize("ratio", [0.05, 1000.0])
def test_counter_and_sensor_apart_by_more_than_ten_times_are_both_rejected(replay, hearing, ratio):
    with hearing(replay(side_by_side(ratio), COUNTER)) as recorder:
        assert recorder.energy(1 * NS, 9 * NS) == []
        assert f"{ratio:.3g} times" in recorder.problems[0]


def test_meters_stand_side_by_side_and_are_never_mixed(replay, hearing):
    first = replay([(t, None, 5.0) for t in range(6)], name="one 0")
    other = replay([(t, 40.0 * t, None) for t in range(6)], COUNTER, name="other 0")
    with hearing(first, other) as recorder:
        energies = recorder.energy(1 * NS, 4 * NS)
    assert {energy.meter.name: energy.joules for energy in energies} == {
        "one 0": 15.0,
        "other 0": 120,
    }


def test_a_model_gives_bounds_and_their_middle_and_says_it_is_no_measurement():
    meter = ModelledMeter(low_w=10.0, high_w=90.0, source="a datasheet")
    with Recorder([meter]) as recorder:
        (energy,) = recorder.energy(0, 2 * NS)
    assert (energy.low, energy.joules, energy.high) == (20.0, 100.0, 180.0)
    assert energy.meter.method == "model"
    assert "not a measurement" in energy.meter.note


def test_the_integral_of_a_sine_is_right_to_the_trapezoid_s_own_error(replay, hearing):
    rows = [(t / 10, None, 100 + 50 * math.sin(t / 10)) for t in range(201)]
    with hearing(replay(rows, period_s=0.1)) as recorder:
        (energy,) = recorder.energy(int(0.33 * NS), int(17.77 * NS))
    exact = 100 * (17.77 - 0.33) + 50 * (math.cos(0.33) - math.cos(17.77))
    assert energy.joules == pytest.approx(exact, rel=1e-4)


def test_a_counter_its_driver_refreshes_rarely_is_interpolated_between_refreshes(replay, hearing):
    # Refreshed every 3 s, read every second: 90 W throughout.
    rows = [(t, 270.0 * (t // 3), None) for t in range(13)]
    with hearing(replay(rows, COUNTER)) as recorder:
        (energy,) = recorder.energy(4 * NS, 8 * NS)
        assert energy.joules == pytest.approx(360.0)
        assert energy.max_gap_s == 3.0
