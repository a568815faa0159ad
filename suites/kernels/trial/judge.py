"""Check and time a stranger's kernel from outside its process.

What keeps it honest is where things are, not what it is forbidden. Inputs are drawn here, after
its file was imported, and written while its process is stopped, so that nothing is computed before
the clock starts; the clock, the references and the gates are in this process; each timed call has
inputs and a poisoned output of its own, and every output is checked, once its process is stopped
again: work that is lazy, left to a thread or done for another call is missing there.

This is not a sandbox: the file is code that its user chose to run, with their rights.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from suites.base.errors import CheckError, UserError
from suites.base.printable import printable
from suites.base.statistics import Interval, median_interval
from suites.kernels.check import judge
from suites.kernels.harness import turned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from suites.kernels.case import Case

__all__ = ["Effort", "TriedKernel", "least_seconds", "try_kernel"]

_GUEST = Path(__file__).with_name("guest.py")
# prctl(2): orphans of our descendants become our children, so that none escapes unseen.
_SUBREAPER = 36
_ALIGNED = 4096
# Nothing computes more a cycle and core than two 512-bit multiply-adds, nor moves more than two
# loads of 64 bytes.
_FLOPS_PER_CYCLE = {"f64": 32, "f32": 64, "f16": 128}
_BYTES_PER_CYCLE = 128
_FASTEST_MHZ = 6500.0
# Ours and theirs may each be off by what their dtype rounds; a kept answer is off by all of it.
_COARSE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much a trial measures.

    Attributes:
        batches: timed batches; each calls the kernel once on every set.
        block_s: length of a batch that is aimed at.
        most_sets, most_bytes: bounds of the sets.
        limit_s: longest answer to wait for.
    """

    batches: int = 9
    block_s: float = 0.02
    most_sets: int = 64
    most_bytes: int = 256 * 2**20
    limit_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedKernel:
    """A kernel that gave right answers, and how long a call of it takes.

    Attributes:
        seconds: of one call, with the copy of a result that was returned and not written to `out`.
        sets: calls of a batch, each on inputs of its own.
        floor_s: least time in which this machine's cores could do the work.
    """

    seconds: Interval
    sets: int
    floor_s: float


def try_kernel(
    case: Case,
    file: Path,
    *,
    function: str = "",
    effort: Effort | None = None,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> TriedKernel:
    """Run a file's function as a case's kernel, check every answer and time it.

    Args:
        function: its name in the file; the case's family by default.
        clock: nanoseconds; taken before the file is read.

    Raises:
        UserError: the case cannot be tried, or the file has no such function.
        CheckError: an answer is wrong, late, or came faster than this machine can compute it.
    """
    effort = effort or Effort()
    if case.backend.name != "numpy" or case.work.family == "kv_append":
        raise UserError(
            f"{case.name} cannot be tried",
            where="case",
            expected="a case of the backend numpy whose kernel writes into none of its operands",
        )
    trial = _Trial(case, effort, clock)
    with tempfile.TemporaryDirectory(dir=_memory_folder()) as folder:
        memory = _Memory(Path(folder), case, trial.sets)
        with _guest(memory.spec(file, function or case.work.family), effort.limit_s) as guest:
            seconds = [trial.batch(guest, memory) for _ in range(effort.batches)]
    floor = least_seconds(case)
    interval = median_interval(seconds)
    if interval.value < floor:
        raise CheckError(
            f"{interval.value * 1e6:.3g} µs a call is faster than these cores can compute",
            where=case.name,
            expected=f"≥ {floor * 1e6:.3g} µs",
        )
    return TriedKernel(seconds=interval, sets=trial.sets, floor_s=floor)


def least_seconds(case: Case) -> float:
    """Least time of one call on all cores at the highest clock any has."""
    cores = psutil.cpu_count() or 1
    frequency = psutil.cpu_freq()
    cycles = max(frequency.max if frequency else 0.0, _FASTEST_MHZ) * 1e6 * cores
    flops = _FLOPS_PER_CYCLE.get(case.work.dtype, 128) * cycles
    return max(case.work.flops / flops, case.work.bytes / (_BYTES_PER_CYCLE * cycles))


class _Memory:
    """Operands and results of every set, in two files that both processes map."""

    def __init__(self, folder: Path, case: Case, sets: int) -> None:
        self._case, self._folder = case, folder
        inputs = _held(case, case.work.inputs(np.random.default_rng()))
        result = np.asarray(case.run(case.backend, **inputs, **case.work.parameters))
        self.places = [_layout(inputs, number) for number in range(sets)]
        self.outs = [_layout({"out": result}, number) for number in range(sets)]
        self.operands = [_map(folder / "inputs", place) for place in self.places]
        self.results = [_map(folder / "outputs", place)["out"] for place in self.outs]

    def spec(self, file: Path, function: str) -> dict[str, Any]:
        return {
            "file": str(file.resolve()),
            "function": function,
            "inputs": str(self._folder / "inputs"),
            "outputs": str(self._folder / "outputs"),
            "parameters": dict(self._case.work.parameters),
            "sets": [
                {"operands": operands, "out": out}
                for operands, out in zip(self.places, self.outs, strict=True)
            ],
        }


class _Trial:
    """Batches of one case, each on inputs nobody saw before."""

    def __init__(self, case: Case, effort: Effort, clock: Callable[[], int]) -> None:
        self._case, self._clock = case, clock
        # From the system's own entropy: no seed to guess or to look up.
        self._random = np.random.default_rng()
        self.sets = _sets(case, effort, clock)

    def batch(self, guest: _Guest, memory: _Memory) -> float:
        """Seconds of one call.

        Raises:
            CheckError: an output is wrong, or an operand was changed.
        """
        guest.stop()
        drawn = self._case.work.inputs(self._random)
        inputs = [
            _held(self._case, turned(drawn, turn) if turn else drawn) for turn in range(self.sets)
        ]
        for number, operands in enumerate(inputs):
            for name, array in operands.items():
                memory.operands[number][name][...] = array
            _poison(memory.results[number])
        seconds = guest.answer_s(self._clock) / self.sets
        guest.alone(self._case.name)
        outputs = [np.array(result) for result in memory.results]
        for number, operands in enumerate(inputs):
            if any(not _same(memory.operands[number][name], a) for name, a in operands.items()):
                raise CheckError("the kernel changed an operand", where=self._case.name)
        self._check(inputs, outputs)
        return seconds

    def _check(self, inputs: list[dict[str, np.ndarray]], outputs: list[np.ndarray]) -> None:
        """Judge one output nobody knew would be chosen in full, the others by our own kernel."""
        work, backend = self._case.work, self._case.backend
        chosen = int(self._random.integers(len(inputs)))
        truth = {name: backend.get(array) for name, array in inputs[chosen].items()}
        reference = work.reference(**truth, **work.parameters)
        spread = work.rounding.spread
        verdict = judge(
            backend.get(outputs[chosen]),
            reference,
            work.dtype,
            work.rounding,
            spread(reference, **truth, **work.parameters) if spread else None,
        )
        if verdict.problem:
            raise CheckError(f"wrong output: {verdict.problem}", where=self._case.name)
        for number, operands in enumerate(inputs):
            right = backend.get(self._case.run(backend, **operands, **work.parameters))
            off = backend.get(outputs[number]) - right
            size = float(np.linalg.norm(right))
            if not np.linalg.norm(off) <= _COARSE * size:  # NaN is not an answer either
                raise CheckError(
                    f"wrong output: call {number + 1} of {len(inputs)} was not computed",
                    where=self._case.name,
                )


class _Guest:
    """The stranger's process, as far as it is held from here."""

    def __init__(self, process: subprocess.Popen[bytes], answers: int, limit_s: float) -> None:
        self._process, self._answers, self._limit_s = process, answers, limit_s
        self._before = _descendants()

    def ask(self, line: bytes) -> None:
        pipe = self._process.stdin
        if pipe:
            with suppress(BrokenPipeError):
                pipe.write(line)
                pipe.flush()

    def hear(self) -> str:
        """One line of its answer.

        Raises:
            CheckError: it has ended, or does not answer in time.
        """
        line = b""
        deadline = time.monotonic() + self._limit_s
        while not line.endswith(b"\n"):
            if not select.select([self._answers], [], [], max(0, deadline - time.monotonic()))[0]:
                raise CheckError(f"no answer within {self._limit_s:.0f} s", where="kernel")
            byte = os.read(self._answers, 1)
            if not byte:
                raise CheckError("its process ended", where="kernel")
            line = (line + byte)[-1000:]
        return line.decode(errors="replace").strip()

    def stop(self) -> None:
        """Hold all its threads, and wait until they are held."""
        self._process.send_signal(signal.SIGSTOP)
        with suppress(ChildProcessError):
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def answer_s(self, clock: Callable[[], int]) -> float:
        """Let it go on with one batch; seconds until it says that it is done, and is stopped.

        What a machine that is held up lets it compute after its word is in its time.

        Raises:
            CheckError: it said something else.
        """
        self.ask(b"go\n")
        start = clock()
        self._process.send_signal(signal.SIGCONT)
        answer = self.hear()
        self.stop()
        seconds = (clock() - start) / 1e9
        if answer != "done":
            raise CheckError(f"the kernel failed: {printable(answer)}", where="kernel")
        return seconds

    def alone(self, where: str) -> None:
        """Refuse a kernel with further processes, which a stop does not hold."""
        if _descendants() - self._before - {self._process.pid}:
            raise CheckError("the kernel started processes", where=where)

    def end(self) -> None:
        """End it, and whatever it started."""
        for pid in _descendants() - self._before | {self._process.pid}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()


@contextmanager
def _guest(spec: dict[str, Any], limit_s: float) -> Iterator[_Guest]:
    reads, writes = os.pipe()
    _adopt_orphans(True)
    process = subprocess.Popen(
        [sys.executable, "-I", str(_GUEST), str(writes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(writes,),
    )
    os.close(writes)
    guest = _Guest(process, reads, limit_s)
    try:
        guest.ask(json.dumps(spec).encode() + b"\n")
        answer = guest.hear()
        if answer != "ready":
            raise UserError(printable(answer), where=spec["file"])
        yield guest
    finally:
        guest.end()
        os.close(reads)
        if process.stdin:
            with suppress(BrokenPipeError):
                process.stdin.close()
        _adopt_orphans(False)


def _adopt_orphans(yes: bool) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, int(yes), 0, 0, 0)


def _descendants() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def _sets(case: Case, effort: Effort, clock: Callable[[], int]) -> int:
    """Calls that fill a batch, within memory; at least four, so that answers differ."""
    inputs = _held(case, case.work.inputs(np.random.default_rng()))
    start = clock()
    case.run(case.backend, **inputs, **case.work.parameters)
    filling = effort.block_s * 1e9 / max(1, clock() - start)
    return int(max(4, min(filling, effort.most_sets, effort.most_bytes / case.work.buffer_bytes)))


def _held(case: Case, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: case.backend.put(array, case.work.dtype) for name, array in inputs.items()}


def _layout(arrays: dict[str, np.ndarray], number: int) -> dict[str, Any]:
    """Place, shape and dtype of each array of a set, every set after the one before."""
    places, start = {}, 0
    whole = sum(_room(array) for array in arrays.values())
    for name, array in arrays.items():
        places[name] = (number * whole + start, array.shape, array.dtype.str)
        start += _room(array)
    return places


def _room(array: np.ndarray) -> int:
    return -(-max(1, array.nbytes) // _ALIGNED) * _ALIGNED


def _map(file: Path, layout: dict[str, Any]) -> dict[str, np.ndarray]:
    file.touch()
    return {
        name: np.memmap(file, dtype, "r+", place, tuple(shape))
        for name, (place, shape, dtype) in layout.items()
    }


def _poison(array: np.ndarray) -> None:
    array[...] = np.nan if np.issubdtype(array.dtype, np.floating) else -1


def _same(array: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(array.view(np.uint8), np.ascontiguousarray(other).view(np.uint8))


def _memory_folder() -> str | None:
    """A folder kept in memory, where there is one: no disk is part of what is timed."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder of our own in it
