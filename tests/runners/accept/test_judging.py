"""What an acceptance test says of simulated machines, healthy and degraded, twenty of each."""

import numpy as np
import pytest

from runners.accept.causes import (
    Cause,
    Causes,
    CoreLimits,
    CoreSpin,
    device_causes,
    lost_time,
    missing_cores,
)
from runners.accept.figures import ExpectedFigure, Graded, MachineFigure
from runners.accept.judging import grade, judge
from runners.accept.measuring import SHARE, core_figures
from runners.accept.spin import of_units
from suites.base.statistics import between_processes

SEEDS = range(20)
UNIT_MS, SPAN_MS = 0.4, 1500
TICK_MS = 0.02
OWN = ExpectedFigure(figure=SHARE, value=1.0, least=0.95, basis="own")


def units(random, pauses=(), speed=1.0):
    """When each unit of a core ended, in ns: 1% of noise, ticks, pauses (start, length) in ms."""
    n = int(SPAN_MS / UNIT_MS)
    times = UNIT_MS / speed * random.lognormal(0, 0.01, n)
    times += random.exponential(TICK_MS, n) * (random.random(n) < 0.1)
    # A healthy machine has housekeeping too: two a second, of up to 4 ms.
    times += random.uniform(0.5, 4, n) * (random.random(n) < 2e-3 * UNIT_MS)
    ends, now, waiting = [0.0], 0.0, list(pauses)
    for taken in times:
        now += taken
        while waiting and waiting[0][0] < now:
            now += waiting.pop(0)[1]
        ends.append(now)
        if now > SPAN_MS:
            break
    return [int(end * 1e6) + 10**12 for end in ends]


def quota_pauses(random, share):
    """The kernel stops all cores for the rest of each 100 ms."""
    return [
        (start + 100 * share + random.normal(0, 0.5), 100 * (1 - share))
        for start in range(0, SPAN_MS, 100)
    ]


def neighbour_pauses(random, share=0.4):
    """Another process has the core for some of the scheduler's slices."""
    now, pauses = 0.0, []
    while now < SPAN_MS:
        now += random.exponential(4 * (1 - share) / share)
        pauses.append((now, random.uniform(2, 6)))
        now += pauses[-1][1]
    return pauses


def watch(seed, pauses=lambda _: (), *, speeds=(1.0, 1.0), **counted):
    random = np.random.default_rng(seed)
    seen = {"involuntary": 0, "steal_s": 0.0, "others_s": 0.0, **counted}
    stops = pauses(random)
    return [
        of_units(core, units(random, stops, speed), **seen) for core, speed in enumerate(speeds)
    ]


def told(spins, limits=None):
    limits = limits or CoreLimits(online=2, allowed=2)
    evidence = Causes(lost=lost_time(spins, limits))
    return {case.figure: case for case in judge(list(core_figures(spins)), [OWN], evidence)}


def of_share(spins, limits=None):
    return told(spins, limits)[OWN.figure]


def named(cases, word):
    return sum(not case.passed and word in case.cause for case in cases)


def test_a_healthy_machine_is_as_expected():
    alarms = sum(not case.passed for seed in SEEDS for case in told(watch(seed)).values())
    assert alarms <= 1


def test_a_quota_is_named_by_the_rhythm_of_its_pauses_alone():
    cases = [of_share(watch(seed, lambda random: quota_pauses(random, 0.8))) for seed in SEEDS]
    assert named(cases, "quota") >= 19
    assert all(case.value == pytest.approx(0.8, abs=0.03) for case in cases)


def test_a_quota_is_named_by_what_the_kernel_throttled():
    limits = CoreLimits(online=2, allowed=2, quota=1.6, throttled_s=0.5)
    case = of_share(watch(1, lambda random: quota_pauses(random, 0.8)), limits)
    assert "quota of 1.6 of 2 cores" not in case.cause
    assert "quota of 1.6 cores for 2 (0.50 s throttled)" in case.cause


@pytest.mark.parametrize(
    ("counted", "word"),
    [
        ({"others_s": 0.6}, "other processes had"),
        ({"steal_s": 0.6}, "hypervisor gave"),
        ({"involuntary": 90}, "taken away 180 times"),
        ({}, "paused without a switch"),
    ],
)
def test_a_busy_neighbour_is_named(counted, word):
    cases = [of_share(watch(seed, neighbour_pauses, **counted)) for seed in SEEDS]
    assert named(cases, "a busy neighbour") >= 19
    assert named(cases, word) >= 19
    assert all(case.verdict.startswith("slow by ") for case in cases if not case.passed)


def test_a_slow_core_differs_from_its_twin():
    cases = [told(watch(seed, speeds=(1.0, 0.8)))["core 1 speed (units/s)"] for seed in SEEDS]
    assert sum(case.verdict.startswith("differs from its twins by") for case in cases) >= 19
    others = [told(watch(seed, speeds=(1.0, 0.8)))["core 0 speed (units/s)"] for seed in SEEDS]
    assert all(case.passed for case in others)


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (CoreLimits(online=2, allowed=1), "taskset or cpuset leaves 1 of 2 cores"),
        (CoreLimits(online=2, allowed=2, quota=1.6), "quota of 1.6 cores for 2"),
        (CoreLimits(online=1, allowed=1), "the system runs 1 cores"),
    ],
)
@pytest.mark.parametrize("sold", [True, False])
def test_missing_cores_are_named(limits, word, sold):
    figure = MachineFigure(name="cores", kind="cores", value=limits.cores)
    known = ExpectedFigure(figure="cores", value=2.0, least=2.0, basis="", sold=sold)
    case = judge([figure], [known], Causes(missing=missing_cores(limits, 2.0)))[0]
    assert case.verdict == ("not what was sold" if sold else f"slow by {1 - limits.cores / 2:.0%}")
    assert word in case.cause


def bandwidth(seed, factor, spread=0.03):
    """Five processes' medians, one in twenty of them disturbed."""
    random = np.random.default_rng(seed)
    rates = 20 * factor * random.lognormal(0, spread, 5)
    rates[random.random(5) < 0.05] *= 0.8
    rate = between_processes(rates.tolist())
    return MachineFigure(
        name="read (GB/s)", kind="bandwidth", value=rate.value, low=rate.low, high=rate.high
    )


def of_bandwidth(seed, factor, evidence=None, **more):
    others = 20 * np.random.default_rng(seed + 100).lognormal(0, 0.03, 4)
    known = ExpectedFigure(
        figure="read (GB/s)", value=float(np.median(others)), least=0.85 * min(others), basis="4"
    )
    return judge([bandwidth(seed, factor, **more)], [known], evidence or Causes())[0]


def test_halved_bandwidth_is_named():
    cases = [of_bandwidth(seed, 0.5) for seed in SEEDS]
    assert named(cases, "memory channels") + named(cases, "processes differ") >= 19
    assert named(cases, "memory channels") >= 15
    assert sum(case.verdict.startswith("slow by ") and "[" in case.verdict for case in cases) >= 19


def test_usual_bandwidth_is_no_alarm():
    assert sum(not of_bandwidth(seed, 1.0).passed for seed in SEEDS) <= 1


def test_what_took_the_time_explains_slow_memory_too():
    lost = Cause(says="a busy neighbour", look="top")
    case = of_bandwidth(3, 0.5, Causes(lost=lost))
    assert case.cause == "a busy neighbour; look: top"


def test_processes_that_differ_point_to_a_neighbour():
    figure = MachineFigure(name="x", kind="bandwidth", value=10.0, low=6.0, high=12.0)
    known = ExpectedFigure(figure="x", value=20.0, least=18.0, basis="")
    case = judge([figure], [known], Causes())[0]
    assert case.verdict == "slow by 50% [40%, 70%]"
    assert "processes differ by ±30%" in case.cause


def test_an_interval_too_wide_to_tell_is_not_called_good():
    figure = MachineFigure(name="x", kind="bandwidth", value=10.0, low=2.0, high=30.0)
    known = ExpectedFigure(figure="x", value=20.0, least=18.0, basis="")
    case = judge([figure], [known], Causes())[0]
    assert (case.verdict, case.expected, case.passed) == ("not graded", 20.0, True)
    assert case.cause.startswith("the interval is too wide to tell: a busy neighbour")


def test_nothing_to_compare_with_is_not_graded():
    case = judge([MachineFigure(name="disk", kind="disk", value=1.0)], [], Causes())[0]
    assert (case.verdict, case.expected, case.passed) == ("not graded", None, True)
    assert grade([case]) == "none"


def test_a_name_that_differs_is_not_what_was_sold():
    figure = MachineFigure(name="GPU 0 name", kind="identity", value="NVIDIA L4", device=True)
    known = ExpectedFigure(figure="GPU 0 name", value="NVIDIA H100", basis="sold", sold=True)
    case = judge([figure], [known], Causes())[0]
    assert (case.verdict, grade([case])) == ("not what was sold", "D")


@pytest.mark.parametrize(
    ("value", "verdict", "wanted"),
    [
        (10.0, "as expected", "A"),
        (9.0, "slow by 10%", "B"),
        (8.9, "slow by 11%", "C"),
        (7.5, "slow by 25%", "C"),
        (7.4, "slow by 26%", "D"),
        (9.5, "differs from its twins by 5%", "B"),
    ],
)
def test_the_worst_figure_grades_the_machine(value, verdict, wanted):
    def graded(value, verdict):
        return Graded(
            figure="x", value=value, low=None, high=None, expected=10.0, basis="", verdict=verdict,
            cause="",
        )  # fmt: skip

    assert grade([graded(10.0, "as expected"), graded(value, verdict)]) == wanted


def test_what_slows_a_card_explains_its_figures():
    settings = {"gpu0_power_limit_w": 350.0, "gpu0_power_limit_default_w": 700.0}
    causes = tuple(device_causes(settings, [{"gpu0_slowed_by": "power limit"}, {}]))
    assert [cause.says for cause in causes] == [
        "slowed under load by power limit",
        "GPU 0 is capped at 350 W of 700 W",
    ]
    figure = MachineFigure(name="peak", kind="compute", value=400.0, device=True)
    known = ExpectedFigure(figure="peak", value=800.0, least=600.0, basis="")
    case = judge([figure], [known], Causes(device=causes))[0]
    assert case.cause.startswith("slowed under load by power limit")


def test_a_spin_counts_what_a_unit_took_too_long():
    ends = [0]
    for taken in (1, 1, 1, 5, 1, 1):
        ends.append(ends[-1] + taken * 10**6)
    spin = of_units(3, ends, involuntary=1, steal_s=0.0, others_s=0.0)
    assert (spin.wall_s, spin.lost_s) == (0.01, pytest.approx(0.004))
    assert spin.pauses == ((0.008, 0.004),)
    assert spin.shares == (pytest.approx(0.6),)
    assert isinstance(spin, CoreSpin)
