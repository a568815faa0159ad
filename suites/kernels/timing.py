"""Time a call in blocks of about 10 ms and keep every block, with what disturbed it."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from suites.base.statistics import median_interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.kernels.backends import Backend

__all__ = ["Block", "Budget", "HeldCalls", "KernelClock", "Timing", "hold", "measure"]

KernelClock = Literal["host", "event", "graph"]

# Long enough that the clock's own 30 to 60 ns and the loop weigh below 0.01%, short enough that
# a scheduler's time slice spoils one block and not the series.
BLOCK_S = 0.010
# A call shorter than this may end before Python has issued the next, whose 5 to 50 µs would be
# timed in its place: such calls are replayed from a device graph where there is one.
GRAPH_BELOW_S = 100e-6
# Below this share of one core the process waited for something else.
MIN_CPU_SHARE = 0.98


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """When one series in one process is long enough.

    Attributes:
        warm_up_s: run untimed at least this long.
        min_blocks: take at least so many.
        target: stop once the median's half-width is below this share of it.
        cap_s: stop after so many seconds in any case.
    """

    warm_up_s: float
    min_blocks: int
    target: float
    cap_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some calls timed together.

    Attributes:
        seconds: per call.
        start_ns, end_ns: edges on the monotonic clock.
        preempted: involuntary context switches inside.
        cpu_share: processor time over wall time, all threads together; 1 where a device times.
        throttled: the device held its clock back before or after, by heat or by a fault.
        capped: it kept to its power limit before or after, which is a condition and no disturbance.
        conditions: what the device said of itself before and after, such as `sm_clock_mhz`.
    """

    seconds: float
    start_ns: int
    end_ns: int
    preempted: int
    cpu_share: float
    throttled: bool = False
    capped: bool = False
    conditions: tuple[dict[str, float], ...] = ()

    @property
    def disturbed(self) -> bool:
        """Something else ran, this process waited, or the device held back."""
        return self.throttled or self.preempted > 0 or self.cpu_share < MIN_CPU_SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One series: every block taken, and why it ended.

    Attributes:
        clock: "host", "event" (the device's own) or "graph" (the same, without launches).
        stopped_because: "converged", or "cap" when the time was up first.
    """

    blocks: tuple[Block, ...]
    calls_per_block: int
    clock: KernelClock
    stopped_because: Literal["converged", "cap"]

    @property
    def seconds(self) -> tuple[float, ...]:
        return tuple(block.seconds for block in self.blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCalls:
    """Calls back to back, long enough for an energy meter; edges on the monotonic clock."""

    start_ns: int
    end_ns: int
    calls: int


def hold(call: Callable[[], object], calls: int, backend: Backend, seconds: float) -> HeldCalls:
    """Repeat a call for so long, in batches of `calls`, with nothing in between.

    The device is waited for after each batch, so that none outlives the window.
    """
    start = end = time.monotonic_ns()
    done = 0
    while end - start < seconds * 1e9:
        _repeat(call, calls)
        backend.synchronize()
        done += calls
        end = time.monotonic_ns()
    return HeldCalls(start_ns=start, end_ns=end, calls=done)


def measure(
    call: Callable[[], object], backend: Backend, budget: Budget, *, cycle: int = 0
) -> Timing:
    """Time `call` until its median is settled or the budget is spent.

    No block is dropped: disturbed ones are flagged, and the median does the rest. Blocks of a
    throttled device do not count towards `min_blocks`, so they are tried again until the cap.
    `cycle` is the number of calls after which operands come again; 0 forbids a device graph.
    """
    run, calls, clock = _calibrate(call, backend, budget.warm_up_s, cycle)
    finished = partial(Timing, calls_per_block=calls, clock=clock)
    blocks: list[Block] = []
    deadline = time.perf_counter() + budget.cap_s
    while True:
        blocks.append(_block(run, calls, backend))
        late = time.perf_counter() > deadline
        if sum(not block.throttled for block in blocks) < budget.min_blocks and not late:
            continue
        if median_interval([block.seconds for block in blocks]).half_width <= budget.target:
            return finished(blocks=tuple(blocks), stopped_because="converged")
        if late:
            return finished(blocks=tuple(blocks), stopped_because="cap")


def _calibrate(
    call: Callable[[], object], backend: Backend, warm_up_s: float, cycle: int
) -> tuple[Callable[[], None], int, KernelClock]:
    """Warm up; give what fills a block, the calls in it, and the clock that times it."""
    calls = _filling(call, backend, warm_up_s)
    if cycle and backend.timing == "event" and calls * GRAPH_BELOW_S > BLOCK_S:
        recorded = calls + -calls % cycle
        replay = _captured(call, recorded, backend)
        if replay:
            replays = _filling(replay, backend, 0.0)
            return partial(_repeat, replay, replays), recorded * replays, "graph"
    return partial(_repeat, call, calls), calls, backend.timing


def _filling(call: Callable[[], object], backend: Backend, warm_up_s: float) -> int:
    """Find how many calls fill a block."""
    calls, spent = 1, 0.0
    while True:
        seconds = backend.elapsed_s(partial(_repeat, call, calls))
        spent += seconds
        if seconds >= BLOCK_S / 2 and spent >= warm_up_s:
            return max(1, round(calls * BLOCK_S / seconds))
        if seconds < BLOCK_S / 2:
            calls *= 2


def _captured(
    call: Callable[[], object], calls: int, backend: Backend
) -> Callable[[], None] | None:
    try:
        return backend.capture(partial(_repeat, call, calls))
    except Exception:  # noqa: BLE001 - each library has a class of its own for work that waits
        backend.synchronize()  # what was recorded is lost; the device goes on
        return None


def _block(run: Callable[[], None], calls: int, backend: Backend) -> Block:
    conditions = [backend.conditions()]
    before, cpu = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw, time.process_time_ns()
    start = time.monotonic_ns()
    seconds = backend.elapsed_s(run)
    end = time.monotonic_ns()
    after, cpu = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw, time.process_time_ns() - cpu
    conditions.append(backend.conditions())
    on_host = backend.timing == "host"
    return Block(
        seconds=seconds / calls,
        start_ns=start,
        end_ns=end,
        # While a device works and keeps time, the host may wait as it likes.
        preempted=after - before if on_host else 0,
        cpu_share=cpu / max(1, end - start) if on_host else 1.0,
        throttled=any(seen.get("throttle_reasons", 0) for seen in conditions),
        capped=any(seen.get("power_capped", 0) for seen in conditions),
        conditions=tuple(seen for seen in conditions if seen),
    )


def _repeat(call: Callable[[], object], calls: int) -> None:
    for _ in range(calls):
        call()
