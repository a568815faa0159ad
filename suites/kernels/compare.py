"""Our timing beside other instruments': `python -m suites.kernels.compare` prints the table.

Each instrument measures the same functions again and again. Its interval ought to hold the grand
median of its own repeats; coverage is how often it did. A share of 90% is honest for a 95%
interval over few repeats; an instrument that looks precise and covers half of them is not.
"""

from __future__ import annotations

import argparse
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
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suites.kernels.backends import load_backend
from suites.kernels.backends.base import PORTABLE
from suites.kernels.catalog import select
from suites.kernels.harness import draw, generator, overhead_ns, rotate
from suites.kernels.timing import Budget, measure
from suites.statistics import Interval, between_processes, median_interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.kernels.case import Case

__all__ = ["CASES", "call_of", "cases", "coverage", "main"]

# Six kinds of work, each under 10 ms on two cores, so that no peer waits for a minute.
CASES = (
    "gemm/f32/numpy/qwen2.5-0.5b/o/m512",
    "gemm/f32/numpy/qwen2.5-0.5b/gate_up/m1",
    "rmsnorm/f32/numpy/qwen2.5-0.5b/m512",
    "swiglu/f32/numpy/qwen2.5-0.5b/m512",
    "copy/f32/numpy/*MiB",
    "read/f32/numpy/*/hot",
)
_PROCESSES = 5
# Short on purpose: what more blocks in a process would gain, the next process takes away.
_OURS = Budget(warm_up_s=0.03, min_blocks=8, target=0.01, cap_s=0.15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """One run of an instrument over all cases: seconds of a call by case, and what it took."""

    intervals: dict[str, Interval]
    wall_s: float


@cache
def cases() -> dict[str, Case]:
    """The chosen cases by name; sizes of the memory tests follow this machine's cache."""
    found = select("quick", {"backend": ["numpy"]})
    return {case.name: case for case in found if any(fnmatchcase(case.name, c) for c in CASES)}


def call_of(name: str) -> Callable[[], None]:
    """Give the function that every instrument times: a case over its rotated operands."""
    case = cases()[name]
    random = generator(case, 0, 0)
    return rotate(case, [draw(case, random) for _ in range(case.copies)])


def ours() -> Repeat:
    """Five short fresh processes; the interval comes from the spread between them."""
    start = time.perf_counter()
    runs = [_child("ours") for _ in range(_PROCESSES)]
    intervals = {name: between_processes([run[name][0] for run in runs]) for name in runs[0]}
    return Repeat(intervals=intervals, wall_s=time.perf_counter() - start)


def one_process() -> Repeat:
    """Our blocks in one process alone, with the order-statistic interval: why we restart."""
    return _single("ours")


def triton_rule() -> Repeat:
    """Triton's `do_bench` rule: 25 ms of warm-up, calls for 100 ms, median; one process."""
    return _single("triton")


def pytest_benchmark(*flags: str) -> Repeat:
    """pytest-benchmark by itself: mean, and its standard error as an interval."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        test, out = Path(folder) / "test_peer.py", Path(folder) / "out.json"
        test.write_text(_PYTEST_PEER)
        command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, f"--rootdir={folder}"]
        _quiet([*command, f"--benchmark-json={out}", *flags, str(test)])
        found = json.loads(out.read_text())["benchmarks"]
    intervals = {}
    for item in found:
        stats = item["stats"]
        half = 1.96 * stats["stddev"] / stats["rounds"] ** 0.5
        mean = stats["mean"]
        intervals[item["params"]["name"]] = Interval(
            mean, mean - half, mean + half, stats["rounds"]
        )
    return Repeat(intervals=intervals, wall_s=time.perf_counter() - start)


def pyperf() -> Repeat:
    """pyperf's defaults: 20 processes of 3 values; mean and its standard error."""
    import pyperf as peer

    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        script, out = Path(folder) / "peer.py", Path(folder) / "out.json"
        script.write_text(_PYPERF_PEER)
        names = "OPENBLAS_NUM_THREADS,OMP_NUM_THREADS"
        _quiet([sys.executable, str(script), "-q", f"--inherit-environ={names}", "-o", str(out)])
        suite = peer.BenchmarkSuite.load(str(out))
    intervals = {}
    for bench in suite:
        values = bench.get_values()
        mean = statistics.fmean(values)
        half = 1.96 * statistics.stdev(values) / len(values) ** 0.5
        intervals[bench.get_name()] = Interval(mean, mean - half, mean + half, len(values))
    return Repeat(intervals=intervals, wall_s=time.perf_counter() - start)


_INSTRUMENTS: dict[str, Callable[[], Repeat]] = {
    "fenmark, 5 processes": ours,
    "fenmark, 1 process": one_process,
    "triton's rule": triton_rule,
    "pytest-benchmark": pytest_benchmark,
    "pytest-benchmark --benchmark-precision=0.02": lambda: pytest_benchmark(
        "--benchmark-precision=0.02"
    ),
    "pyperf": pyperf,
}

_PYTEST_PEER = """
import pytest
from suites.kernels import compare

@pytest.mark.parametrize("name", list(compare.cases()))
def test_peer(benchmark, name):
    benchmark(compare.call_of(name))
"""

# pyperf runs the script in each of its processes, of which each times one function.
_PYPERF_PEER = """
import pyperf
from suites.kernels import compare

def lazily(name):
    made = []
    def call():
        if not made:
            made.append(compare.call_of(name))
        made[0]()
    return call

runner = pyperf.Runner()
for name in compare.cases():
    runner.bench_func(name, lazily(name))
"""


def coverage(repeats: list[Repeat]) -> tuple[float, float]:
    """Share of intervals that hold their case's grand median, and their median half-width."""
    held, widths = [], []
    for name in repeats[0].intervals:
        series = [repeat.intervals[name] for repeat in repeats]
        grand = statistics.median(interval.value for interval in series)
        held += [interval.holds(grand) for interval in series]
        widths += [interval.half_width for interval in series]
    return sum(held) / len(held), statistics.median(widths)


def main() -> None:
    """Print the table; `--only` picks instruments, `--repeats` how often each runs."""
    parser = argparse.ArgumentParser(prog="python -m suites.kernels.compare")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--slow-repeats", type=int, default=1, help="the same for pyperf: minutes a run"
    )
    parser.add_argument("--only", default="", help="part of an instrument's name")
    parser.add_argument("--as-child", choices=("ours", "triton"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.as_child:
        print(json.dumps(_measure_here(arguments.as_child)))
        return
    chosen = {name: run for name, run in _INSTRUMENTS.items() if arguments.only in name}
    print(f"{len(cases())} cases, {arguments.repeats} repeats, in turns\n")
    _print_table(_in_turns(chosen, arguments.repeats, arguments.slow_repeats))
    some = next(iter(cases().values()))
    print(f"\nharness overhead of a call: {overhead_ns(some):.0f} ns (to beat: 1000)")
    _print_products()


def _in_turns(
    chosen: dict[str, Callable[[], Repeat]], repeats: int, slow_repeats: int
) -> dict[str, list[Repeat]]:
    """Round after round, so that a busy minute meets every instrument."""
    found: dict[str, list[Repeat]] = {}
    for turn in range(max(repeats, slow_repeats)):
        for name, run in chosen.items():
            if turn >= (slow_repeats if name == "pyperf" else repeats):
                continue
            if name == "pyperf" and not find_spec("pyperf"):
                continue
            found.setdefault(name, []).append(run())
    return found


def _print_table(found: dict[str, list[Repeat]]) -> None:
    wide = max(map(len, _INSTRUMENTS))
    print(f"{'instrument':{wide}}  coverage  half-width  seconds a run  time of ours")
    base = statistics.median(r.wall_s for r in next(iter(found.values())))
    for name, repeats in found.items():
        share, width = coverage(repeats)
        wall = statistics.median(repeat.wall_s for repeat in repeats)
        # One or two repeats hold their own median whatever the interval.
        covered = f"{share:.0%}" if len(repeats) > 2 else "too few"
        print(f"{name:{wide}}  {covered:>8}  {width:10.2%}  {wall:13.1f}  {wall / base:11.2f}x")
    if "pyperf" not in found and not find_spec("pyperf"):
        print(f"{'pyperf':{wide}}  not installed (pip install pyperf)")


def _print_products() -> None:
    """The harness must not cost a product its speed: through it against the library run raw."""
    cases_here = select("quick", {"case": "peak/*"})
    for case in (case for case in cases_here if case.path == PORTABLE):
        operands = draw(case, generator(case, 0, 0))
        ours = rotate(case, [operands])

        def raw(case: Case = case, a: Any = operands["a"], b: Any = operands["b"]) -> None:
            case.backend.xp.matmul(a, b)

        pairs = [(_median_s(raw, case), _median_s(ours, case)) for _ in range(_PROCESSES)]
        share = statistics.median(alone / through for alone, through in pairs)
        print(f"{case.name} through the harness: {share:.0%} of the library run raw (to beat: 90%)")


def _median_s(call: Callable[[], None], case: Case) -> float:
    return statistics.median(measure(call, case.backend, _OURS).seconds)


def _single(kind: str) -> Repeat:
    start = time.perf_counter()
    found = {name: Interval(*values) for name, values in _child(kind).items()}
    return Repeat(intervals=found, wall_s=time.perf_counter() - start)


def _child(kind: str) -> dict[str, list[Any]]:
    command = [sys.executable, "-m", "suites.kernels.compare", "--as-child", kind]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, list[Any]] = json.loads(done.stdout)
    return found


def _measure_here(kind: str) -> dict[str, list[Any]]:
    backend = load_backend("numpy")
    found = {}
    for name in cases():
        call = call_of(name)
        if kind == "ours":
            seconds = list(measure(call, backend, _OURS).seconds)
        else:
            seconds = _triton_samples(call)
        interval = median_interval(seconds)
        found[name] = [interval.value, interval.low, interval.high, interval.n]
    return found


def _triton_samples(call: Callable[[], None]) -> list[float]:
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
    main()
