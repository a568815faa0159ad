"""Instruments that time the same functions: ours and four others, each run giving intervals."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suites.base.statistics import Interval, between_processes, median_interval
from suites.kernels.backends import host
from suites.kernels.catalog import select
from suites.kernels.harness import Rotation, generator, place
from suites.kernels.timing import Budget, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from suites.kernels.case import Case

__all__ = [
    "BRIEF",
    "CASES",
    "InstrumentRun",
    "call_of",
    "cases",
    "joined",
    "one_process",
    "pyperf",
    "pytest_benchmark",
    "triton_rule",
]

# Six kinds of work, each under 10 ms on two cores, so that no peer waits for a minute.
CASES = (
    "gemm/f32/numpy/qwen2.5-0.5b/o/m512",
    "gemm/f32/numpy/qwen2.5-0.5b/gate_up/m1",
    "rmsnorm/f32/numpy/qwen2.5-0.5b/m512",
    "swiglu/f32/numpy/qwen2.5-0.5b/m512",
    "copy/f32/numpy/*MiB",
    "read/f32/numpy/*/hot",
)
# Short on purpose: what more blocks in a process would gain, the next process takes away.
BRIEF = Budget(warm_up_s=0.03, min_blocks=8, target=0.01, cap_s=0.15)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentRun:
    """One run of an instrument over all cases: seconds of a call by case, and what it took."""

    intervals: dict[str, Interval]
    wall_s: float


@cache
def cases() -> dict[str, Case]:
    """The chosen cases by name; sizes of the memory tests follow this machine's cache."""
    chosen = select("quick", {"backend": ["numpy"]})
    return {case.name: case for case in chosen if any(fnmatchcase(case.name, c) for c in CASES)}


def call_of(name: str) -> Callable[[], None]:
    """Give the function that every instrument times: a case over its rotated operands."""
    case = cases()[name]
    inputs = case.work.inputs(generator(case, 0, 0))
    return Rotation(case, [place(case, inputs) for _ in range(case.copies)])


def one_process() -> InstrumentRun:
    """Our blocks in one fresh process, with the order-statistic interval of its median."""
    return _child("ours")


def joined(processes: Sequence[InstrumentRun]) -> InstrumentRun:
    """Our result: the interval comes from the spread between processes."""
    names = processes[0].intervals
    return InstrumentRun(
        intervals={
            name: between_processes([process.intervals[name].value for process in processes])
            for name in names
        },
        wall_s=sum(process.wall_s for process in processes),
    )


def triton_rule() -> InstrumentRun:
    """Triton's `do_bench` rule: 25 ms of warm-up, calls for 100 ms, median; one process."""
    return _child("triton")


def pytest_benchmark(*flags: str) -> InstrumentRun:
    """pytest-benchmark by itself: mean, and its standard error as an interval."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        test, out = Path(folder) / "test_peer.py", Path(folder) / "out.json"
        test.write_text(_PYTEST_PEER)
        command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, f"--rootdir={folder}"]
        _quiet([*command, f"--benchmark-json={out}", *flags, str(test)])
        benchmarks = json.loads(out.read_text())["benchmarks"]
    intervals = {
        item["params"]["name"]: _of_mean(
            item["stats"]["mean"], item["stats"]["stddev"], item["stats"]["rounds"]
        )
        for item in benchmarks
    }
    return InstrumentRun(intervals=intervals, wall_s=time.perf_counter() - start)


def pyperf() -> InstrumentRun:
    """pyperf's defaults: 20 processes of 3 values; mean and its standard error."""
    import pyperf as peer

    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        script, out = Path(folder) / "peer.py", Path(folder) / "out.json"
        script.write_text(_PYPERF_PEER)
        names = ",".join(host.THREAD_VARIABLES)
        _quiet([sys.executable, str(script), "-q", f"--inherit-environ={names}", "-o", str(out)])
        suite = peer.BenchmarkSuite.load(str(out))
    intervals = {}
    for bench in suite:
        values = bench.get_values()
        intervals[bench.get_name()] = _of_mean(
            statistics.fmean(values), statistics.stdev(values), len(values)
        )
    return InstrumentRun(intervals=intervals, wall_s=time.perf_counter() - start)


_PYTEST_PEER = """
import pytest
from suites.kernels.bench import instruments

@pytest.mark.parametrize("name", list(instruments.cases()))
def test_peer(benchmark, name):
    benchmark(instruments.call_of(name))
"""

# pyperf runs the script in each of its processes, of which each times one function.
_PYPERF_PEER = """
import pyperf
from suites.kernels.bench import instruments

def lazily(name):
    made = []
    def call():
        if not made:
            made.append(instruments.call_of(name))
        made[0]()
    return call

runner = pyperf.Runner()
for name in instruments.cases():
    runner.bench_func(name, lazily(name))
"""


def _of_mean(mean: float, deviation: float, n: int) -> Interval:
    half = 1.96 * deviation / n**0.5
    return Interval(mean, mean - half, mean + half, n)


def _child(kind: str) -> InstrumentRun:
    start = time.perf_counter()
    command = [sys.executable, "-m", __name__, kind]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    printed: dict[str, Any] = json.loads(done.stdout)
    intervals = {name: median_interval(samples) for name, samples in printed.items()}
    return InstrumentRun(intervals=intervals, wall_s=time.perf_counter() - start)


def _samples(kind: str, name: str) -> Sequence[float]:
    call = call_of(name)
    return measure(call, cases()[name].backend, BRIEF).seconds if kind == "ours" else _triton(call)


def _triton(call: Callable[[], None]) -> list[float]:
    """Single calls for 100 ms after 25 ms of warm-up, their number from five timed first."""
    start = time.perf_counter()
    for _ in range(5):
        call()
    each = (time.perf_counter() - start) / 5
    for _ in range(max(1, int(0.025 / each))):
        call()
    samples = []
    for _ in range(max(1, int(0.100 / each))):
        start = time.perf_counter()
        call()
        samples.append(time.perf_counter() - start)
    return samples


def _quiet(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    print(json.dumps({name: list(_samples(sys.argv[1], name)) for name in cases()}))
