"""Blocks are honest: nothing dropped, disturbances flagged, device clocks read right."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from types import SimpleNamespace

import pytest

from suites.kernels.backends import events, load_backend, nvidia
from suites.kernels.timing import BLOCK_S, Block, Budget, measure

BUDGET = Budget(warm_up_s=0.0, min_blocks=6, target=0.01, cap_s=5.0)


class ScriptedBackend:
    """A device whose calls last as a script says; the clock needs no real time to pass."""

    timing = "event"

    def __init__(self, seconds_per_call, conditions=None, launch_s=0.0):
        self._seconds, self._conditions = seconds_per_call, conditions or (dict)
        self._launch_s = launch_s
        self.calls = self.launches = 0

    def elapsed_s(self, calls):
        before, launched = self.calls, self.launches
        calls()
        spent = (self.calls - before) * next(self._seconds)
        return max(spent, (self.launches - launched) * self._launch_s)

    def capture(self, calls):
        before = self.calls
        calls()
        recorded, self.calls = self.calls - before, before

        def replay():
            self.calls += recorded
            self.launches += 1

        return replay

    def synchronize(self):
        """Calls are done when they return."""

    def conditions(self):
        return self._conditions()

    def call(self):
        self.calls += 1
        self.launches += 1


def steady(seconds):
    while True:
        yield seconds


def test_calls_are_batched_into_blocks_of_ten_milliseconds():
    backend = ScriptedBackend(steady(1e-6))
    timing = measure(backend.call, backend, BUDGET)
    assert timing.calls_per_block * 1e-6 == pytest.approx(BLOCK_S, rel=0.01)
    assert timing.seconds == pytest.approx([1e-6] * 6)
    assert timing.stopped_because == "converged"


def test_a_call_longer_than_a_block_is_a_block():
    backend = ScriptedBackend(steady(0.3))
    assert measure(backend.call, backend, BUDGET).calls_per_block == 1


def test_every_block_is_kept_however_slow():
    slow_first = iter([1e-3] * 8 + [0.5] + [1e-3] * 1000)
    backend = ScriptedBackend(slow_first)
    timing = measure(backend.call, backend, BUDGET)
    assert max(timing.seconds) == pytest.approx(0.5)


def test_a_series_that_does_not_settle_ends_at_its_cap_and_says_so():
    restless = (1e-3 * (1 + n) for n in count())
    backend = ScriptedBackend(restless)
    budget = Budget(warm_up_s=0.0, min_blocks=6, target=1e-6, cap_s=0.01)
    timing = measure(backend.call, backend, budget)
    assert timing.stopped_because == "cap"


@pytest.mark.parametrize(
    ("preempted", "cpu_share", "throttled", "disturbed"),
    [(0, 1.0, False, False), (1, 1.0, False, True), (0, 0.97, False, True), (0, 1.0, True, True)],
)
def test_preemption_waiting_and_throttling_flag_a_block(preempted, cpu_share, throttled, disturbed):
    block = Block(
        seconds=1.0,
        start_ns=0,
        end_ns=1,
        preempted=preempted,
        cpu_share=cpu_share,
        throttled=throttled,
    )
    assert block.disturbed is disturbed


def test_throttled_blocks_are_kept_flagged_and_tried_again():
    reads = count()

    def conditions():
        # Two readings a block: the first three blocks run hot.
        return {"sm_clock_mhz": 1200.0, "throttle_reasons": 0x40 if next(reads) < 6 else 0.0}

    backend = ScriptedBackend(steady(1e-3), conditions)
    timing = measure(backend.call, backend, BUDGET)
    assert [block.throttled for block in timing.blocks] == [True] * 3 + [False] * 6
    assert timing.blocks[0].conditions[0]["sm_clock_mhz"] == 1200.0


def test_a_device_that_always_throttles_still_gives_flagged_blocks():
    backend = ScriptedBackend(steady(1e-3), lambda: {"throttle_reasons": 0x8})
    budget = Budget(warm_up_s=0.0, min_blocks=6, target=0.01, cap_s=0.02)
    timing = measure(backend.call, backend, budget)
    assert len(timing.blocks) >= 1
    assert all(block.throttled for block in timing.blocks)


def test_on_the_host_blocks_carry_real_windows_and_cpu_share():
    timing = measure(lambda: sum(range(1000)), load_backend("numpy"), BUDGET)
    for block in timing.blocks:
        inside_s = (block.end_ns - block.start_ns) / 1e9
        assert block.seconds * timing.calls_per_block <= inside_s
        assert block.cpu_share > 0


def test_device_events_bracket_the_calls_and_give_seconds():
    log = []

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing
            self.name = f"event{len(log)}"

        def record(self):
            log.append("record")

        def synchronize(self):
            log.append("synchronize")

        def elapsed_time(self, _end):
            return 12.5  # milliseconds, as every vendor's event gives

    device = SimpleNamespace(Event=Event)
    seconds = events.elapsed_s(device, lambda: log.append("calls"))
    assert seconds == 0.0125
    assert log == ["record", "calls", "record", "synchronize"]


def test_short_calls_are_replayed_from_a_graph_so_that_launches_do_not_count():
    backend = ScriptedBackend(steady(2e-6), launch_s=20e-6)
    launched = measure(backend.call, backend, BUDGET)
    assert (launched.clock, launched.seconds[0]) == ("event", pytest.approx(20e-6))
    replayed = measure(backend.call, backend, BUDGET, cycle=3)
    assert (replayed.clock, replayed.seconds[0]) == ("graph", pytest.approx(2e-6))
    assert replayed.calls_per_block * 2e-6 == pytest.approx(BLOCK_S, rel=0.1)


def test_a_graph_holds_whole_turns_of_the_rotated_operands():
    backend = ScriptedBackend(steady(2e-6), launch_s=20e-6)
    assert measure(backend.call, backend, BUDGET, cycle=7).calls_per_block % 7 == 0


def test_long_calls_and_calls_that_cannot_be_captured_are_timed_by_events():
    slow = ScriptedBackend(steady(1e-3))
    assert measure(slow.call, slow, BUDGET, cycle=1).clock == "event"
    waits = ScriptedBackend(steady(2e-6))

    class CompileError(Exception):
        """As CuPy's CompileException, which is not a RuntimeError."""

    for error in (RuntimeError, CompileError):

        def refuses(_calls, error=error):
            raise error("operation not permitted when stream is capturing")

        waits.capture = refuses
        assert measure(waits.call, waits, BUDGET, cycle=1).clock == "event"


def test_a_device_graph_records_the_calls_once_and_replays_them():
    log = []

    class CUDAGraph:
        def replay(self):
            log.append("replay")

    @contextmanager
    def graph(_graph):
        log.append("begin")
        yield
        log.append("end")

    device = SimpleNamespace(CUDAGraph=CUDAGraph, graph=graph)
    replay = events.capture(device, lambda: log.append("calls"))
    replay()
    replay()
    assert log == ["begin", "calls", "end", "replay", "replay"]
    assert events.capture(SimpleNamespace(), lambda: None) is None


def test_clock_power_and_throttling_are_read_before_and_after_every_block():
    reads = count()
    backend = ScriptedBackend(
        steady(1e-3),
        lambda: {"sm_clock_mhz": 1980.0 - next(reads), "power_w": 412.5, "throttle_reasons": 0.0},
    )
    blocks = measure(backend.call, backend, BUDGET).blocks
    assert next(reads) == 2 * len(blocks)
    for block in blocks:
        before, after = block.conditions
        assert before["sm_clock_mhz"] > after["sm_clock_mhz"]
        assert before["power_w"] == 412.5


class FakeNvml:
    """Two GPUs: ours, which is capped and hot, and a neighbour that idles."""

    NVML_CLOCK_SM = 1
    NVMLError = LookupError

    def nvmlDeviceGetHandleByPciBusId(self, bus_id):  # noqa: N802 - NVML's names
        return {"0000:81:00.0": "ours", "0000:01:00.0": "neighbour"}[bus_id]

    def nvmlDeviceGetHandleByUUID(self, uuid):  # noqa: N802
        return {"GPU-81": "ours"}[uuid]

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle):  # noqa: N802
        return 0x1 | 0x4 | 0x40 if handle == "ours" else 0x1  # idle, power cap, thermal

    def nvmlDeviceGetClockInfo(self, _handle, _kind):  # noqa: N802
        return 1980

    def nvmlDeviceGetPowerUsage(self, handle):  # noqa: N802
        return 412_500 if handle == "ours" else 60_000  # milliwatts


def test_nvml_reads_the_gpu_under_test_in_units_and_tells_a_cap_from_throttling(monkeypatch):
    monkeypatch.setattr(nvidia, "_library", FakeNvml)
    expected = {
        "sm_clock_mhz": 1980.0,
        "power_w": 412.5,
        "power_capped": 1.0,
        "throttle_reasons": 0x40,
    }
    assert nvidia.conditions(bus_id="0000:81:00.0") == expected
    assert nvidia.conditions(uuid="GPU-81") == expected
    assert nvidia.conditions(bus_id="0000:01:00.0")["power_w"] == 60.0
    # Another's readings would be worse than none.
    assert nvidia.conditions() == nvidia.conditions(uuid="GPU-elsewhere") == {}


def test_a_block_at_its_power_cap_is_capped_and_not_throttled():
    backend = ScriptedBackend(steady(1e-3), lambda: {"power_capped": 1.0, "throttle_reasons": 0.0})
    timing = measure(backend.call, backend, BUDGET)
    assert len(timing.blocks) == 6  # none is tried again
    assert all(block.capped and not block.throttled for block in timing.blocks)


def test_without_a_driver_nothing_is_claimed():
    assert nvidia.conditions() == {}
