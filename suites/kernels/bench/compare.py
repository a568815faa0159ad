"""Our timing beside other instruments': `python -m suites.kernels.bench.compare` prints the table.

Each instrument measures the same functions again and again. Its interval should hold the grand
median of its own runs; coverage is how often it did. A share of 90% is honest for a 95% interval
over few runs; an instrument that looks precise and covers half of them is not.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from suites.kernels.backends import host
from suites.kernels.backends.base import PORTABLE
from suites.kernels.bench import instruments
from suites.kernels.catalog import select
from suites.kernels.harness import Rotation, draw, generator, overhead_ns
from suites.kernels.timing import measure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from suites.kernels.bench.instruments import InstrumentRun
    from suites.kernels.case import Case

__all__ = ["coverage", "main", "turn"]

_OURS, _ALONE = "fenmark, 5 processes", "fenmark, 1 process"
_PROCESSES = 5
_TRITON, _PRECISION = "triton's rule", "--benchmark-precision=0.02"
# Three quarters of a minute a turn, of which the two slow ones take half: they run once.
_PEERS: tuple[tuple[str, Callable[[], InstrumentRun]], ...] = (
    (_TRITON, instruments.triton_rule),
    ("pytest-benchmark", instruments.pytest_benchmark),
    (f"pytest-benchmark {_PRECISION}", lambda: instruments.pytest_benchmark(_PRECISION)),
    (_TRITON, instruments.triton_rule),
)
_WIDE = max(len(name) for name, _ in _PEERS)


def turn(
    peers: Sequence[tuple[str, Callable[[], InstrumentRun]]],
) -> list[tuple[str, InstrumentRun]]:
    """Run ours twice, process about process, with the peers between.

    So stand the processes of a real run, apart, with other cases between them: five in a row
    meet the same moment of a shared machine, and their spread is blind to the next one.
    """
    runs, waiting = [], list(peers)
    halves: tuple[list[InstrumentRun], list[InstrumentRun]] = ([], [])
    for number in range(2 * _PROCESSES):
        halves[number % 2].append(instruments.one_process())
        if waiting and number % 2:
            name, run = waiting.pop(0)
            runs.append((name, run()))
    for processes in halves:
        runs += [(_OURS, instruments.joined(processes)), (_ALONE, processes[0])]
    return runs


def coverage(runs: Sequence[InstrumentRun]) -> tuple[float, float]:
    """Share of intervals that hold their case's grand median, and their median half-width."""
    held, widths = [], []
    for name in runs[0].intervals:
        series = [run.intervals[name] for run in runs]
        grand = statistics.median(interval.value for interval in series)
        held += [interval.holds(grand) for interval in series]
        widths += [interval.half_width for interval in series]
    return sum(held) / len(held), statistics.median(widths)


def main() -> None:
    """Print the table; `--only` picks peers, `--repeats` how often each instrument runs."""
    parser = argparse.ArgumentParser(prog="python -m suites.kernels.bench.compare")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=9.5, help="start no turn after so many")
    parser.add_argument("--only", default="", help="part of a peer's name")
    parser.add_argument("--threads", type=int, default=1, help="of the timed functions")
    arguments = parser.parse_args()
    start = time.perf_counter()
    # One by default: where a second thread waits for a busy core, every instrument times the
    # neighbours and not the function.
    os.environ.update(dict.fromkeys(host.THREAD_VARIABLES, str(arguments.threads)))
    print(
        f"{len(instruments.cases())} cases on {arguments.threads} thread(s), "
        f"{arguments.repeats} runs of ours, in turns\n"
    )
    runs: dict[str, list[InstrumentRun]] = {}
    if find_spec("pyperf") and arguments.only in "pyperf":
        runs["pyperf"] = [instruments.pyperf()]  # once: it takes minutes
    peers = [(name, run) for name, run in _PEERS if arguments.only in name]
    for _ in range(-(-arguments.repeats // 2)):
        if time.perf_counter() - start > arguments.minutes * 60:
            break
        for name, run in turn(peers):
            runs.setdefault(name, []).append(run)
    _print_table(runs)
    _print_overheads()


def _print_table(runs_of: dict[str, list[InstrumentRun]]) -> None:
    print(f"{'instrument':{_WIDE}}  runs  coverage  half-width  seconds a run  time of ours")
    base = _seconds(runs_of[_OURS])
    for name in dict.fromkeys((_OURS, _ALONE, *dict(_PEERS), "pyperf")):
        if name not in runs_of:
            continue
        runs = runs_of[name]
        share, width = coverage(runs)
        # One or two runs hold their own median whatever the interval.
        covered = f"{share:.0%}" if len(runs) > 2 else "too few"
        wall_s = _seconds(runs)
        print(
            f"{name:{_WIDE}}  {len(runs):>4}  {covered:>8}  {width:10.2%}  {wall_s:13.1f}  "
            f"{wall_s / base:11.2f}x"
        )
    if not find_spec("pyperf"):
        print(f"{'pyperf':{_WIDE}}  not installed (pip install pyperf)")


def _seconds(runs: Sequence[InstrumentRun]) -> float:
    return statistics.median(run.wall_s for run in runs)


def _print_overheads() -> None:
    """The harness must not cost a call its time, nor a product its speed."""
    some = next(iter(instruments.cases().values()))
    print(f"\nharness overhead of a call: {overhead_ns(some):.0f} ns (to beat: 1000)")
    for case in select("quick", {"case": "peak/*"}):
        if case.path == PORTABLE:
            share = _share_of_raw(case)
            print(f"{case.name} through the harness: {share:.0%} of the library run raw (90%)")


def _share_of_raw(case: Case) -> float:
    """Time of the library called directly over the time through the harness, in pairs."""
    operands = draw(case, generator(case, 0, 0))
    xp, a, b = case.backend.xp, operands["a"], operands["b"]

    def seconds(call: Callable[[], Any]) -> float:
        return statistics.median(measure(call, case.backend, instruments.BRIEF).seconds)

    through = Rotation(case, [operands])
    pairs = [(seconds(lambda: xp.matmul(a, b)), seconds(through)) for _ in range(_PROCESSES)]
    return statistics.median(raw / timed for raw, timed in pairs)


if __name__ == "__main__":
    main()
