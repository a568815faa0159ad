"""Known ways to look fast without being it, each caught; and an honest kernel that is not."""

from __future__ import annotations

import json
import time
from itertools import count
from pathlib import Path

import psutil
import pytest

from suites.base.errors import CheckError, UserError
from suites.base.statistics import Interval
from suites.kernels import trial
from suites.kernels.backends import load_backend
from suites.kernels.case import Case
from suites.kernels.families import Sizes, works
from suites.kernels.trial import TriedKernel
from suites.kernels.trial.judge import Effort, least_seconds, try_kernel
from suites.models import load

BRIEF = Effort(batches=2, most_sets=4, limit_s=240)


@pytest.fixture(scope="module")
def case():
    sizes = Sizes(prefill=48, decode=(1,), batch=1, context=16, peak=48)
    (work,) = works("peak", load("tiny-15m"), sizes, "f32", 0)
    return Case(work=work, backend=load_backend("numpy"), cache="cold", copies=2, run=work.run)


def tried(case, tmp_path, source, **options):
    file = tmp_path / "kernel.py"
    file.write_text("import numpy as np\n" + source)
    return try_kernel(case, file, effort=BRIEF, **options)


@pytest.mark.parametrize(
    "source",
    ["def peak(a, b):\n    return a @ b\n", "def peak(a, b, out):\n    np.matmul(a, b, out=out)\n"],
)
def test_an_honest_kernel_is_right_and_has_a_time(case, tmp_path, source):
    done = tried(case, tmp_path, source)
    assert done.sets == 4
    assert done.seconds.value > done.floor_s > 0


CHEATS = {
    "returns its input": "def peak(a, b):\n    return a",
    "returns nothing": "def peak(a, b):\n    pass",
    "keeps its first answer": """
kept = []
def peak(a, b):
    kept or kept.append(a @ b)
    return kept[0]""",
    "keeps answers by the address of an operand": """
kept = {}
def peak(a, b):
    at = a.ctypes.data
    if at not in kept:
        kept[at] = a @ b
    return kept[at]""",
    "keeps answers by shape": """
kept = {}
def peak(a, b):
    return kept.setdefault(a.shape, a @ b) if a.shape not in kept else kept[a.shape]""",
    "keeps answers by the first values": """
kept = {}
def peak(a, b):
    return kept.setdefault(0, a @ b)""",
    "stops the clock": """
import time
time.perf_counter = time.perf_counter_ns = time.monotonic = time.time = lambda: 0
def peak(a, b):
    return a""",
    "makes numpy say yes": """
np.allclose = np.array_equal = lambda *a, **k: True
np.isfinite = lambda x: np.ones(np.shape(x), bool)
np.linalg.norm = lambda *a, **k: 0.0
def peak(a, b):
    return a""",
    "widens the gate": """
import sys
for name, module in list(sys.modules.items()):
    for gate in ("_ELEMENT", "_ROW", "_WHOLE", "_COARSE", "TOLERANCE"):
        setattr(module, gate, 1e9)
def peak(a, b):
    return a""",
    "looks for the reference in memory": """
import gc, sys
def peak(a, b):
    for one in gc.get_objects():
        if isinstance(one, np.ndarray) and one.shape == a.shape and one is not a and one is not b:
            if not np.isnan(one).any() and not np.shares_memory(one, a) and one.size:
                return one
    return a""",
    "looks for the reference in the frames": """
import sys
def peak(a, b):
    frame = sys._getframe()
    while frame:
        for name, value in frame.f_locals.items():
            if name in {"reference", "expected", "truth"}:
                return value
        frame = frame.f_back
    return a""",
    "hands out an answer that is computed when it is looked at": """
class Lazy(np.ndarray):
    def __array_finalize__(self, other): ...
def peak(a, b, out):
    class Later:
        def __array__(self, *args, **kwargs):
            return a @ b
    globals()["later"] = Later()""",
    "leaves the work to a thread": """
import threading, time
def peak(a, b, out):
    def work():
        time.sleep(240)
        np.matmul(a, b, out=out)
    threading.Thread(target=work, daemon=True).start()""",
    "leaves the work to a queue that nobody waits for, as a stream would": """
import queue, threading, time
stream = queue.Queue()
def serve():
    while True:
        a, b, out = stream.get()
        time.sleep(240)
        np.matmul(a, b, out=out)
threading.Thread(target=serve, daemon=True).start()
def peak(a, b, out):
    stream.put((a, b, out))""",
    "leaves the work to another process": """
import os, time
def peak(a, b, out):
    np.matmul(a, b, out=out)
    if not os.fork():
        os.setsid()
        time.sleep(240)
        os._exit(0)""",
    "computes in less than its dtype": """
def peak(a, b):
    return (a.astype(np.float16) @ b.astype(np.float16)).astype(np.float32)""",
    "skips the tail": """
def peak(a, b, out):
    out[:-1] = a[:-1] @ b""",
    "skips the last terms of each sum": "def peak(a, b):\n    return a[:, :-1] @ b[:-1]",
    "changes its inputs so that they fit": """
def peak(a, b, out):
    for one in (a, b):
        one.flags.writeable = True
        one[...] = 1
    out[...] = a.shape[1]""",
    "reopens the inputs and changes them": """
def peak(a, b, out):
    np.matmul(a, b, out=out)
    np.memmap(a.filename, a.dtype, "r+", a.offset, a.shape)[...] = 0""",
    "reads an answer from a file": """
import os, tempfile
path = os.path.join(tempfile.mkdtemp(), "answer.npy")
np.save(path, np.ones((48, 48), np.float32))
def peak(a, b):
    return np.load(path, mmap_mode="r")""",
    "writes the expected answer ahead": """
ahead = np.random.default_rng(0)
def peak(a, b, out):
    x, y = (ahead.standard_normal((48, 48), dtype=np.float32) for _ in range(2))
    out[...] = x @ y""",
    "knows the seed": """
np.random.seed(0)
def peak(a, b):
    return np.random.standard_normal(a.shape) @ np.random.standard_normal(b.shape)""",
    "works on the first calls alone": """
calls = 0
def peak(a, b, out):
    global calls
    calls += 1
    if calls <= 3:
        np.matmul(a, b, out=out)""",
    "leaves out calls of the loop": """
calls = 0
def peak(a, b, out):
    global calls
    calls += 1
    if calls % 4:
        np.matmul(a, b, out=out)""",
    "says it is done before it is": """
import os, sys, time
def peak(a, b, out):
    os.write(int(sys.argv[1]), b"done\\n")
    time.sleep(240)
    np.matmul(a, b, out=out)""",
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_cheat_has_no_time(case, tmp_path, cheat):
    with pytest.raises(CheckError) as caught:
        tried(case, tmp_path, CHEATS[cheat])
    assert "\n" not in str(caught.value)


def test_at_least_fifteen_kinds_are_tried():
    assert len(CHEATS) >= 15


def test_a_time_below_what_the_cores_can_do_is_refused(case, tmp_path):
    """Whatever way was found to be so fast."""
    ticks = count()
    with pytest.raises(CheckError, match="faster than these cores can compute"):
        tried(case, tmp_path, "def peak(a, b):\n    return a @ b", clock=lambda: next(ticks))
    assert least_seconds(case) > 1e-9


def test_a_batch_lasts_until_its_process_is_held(case, tmp_path):
    """A machine that is held up gives nobody time that is not counted."""
    before, states = set(psutil.Process().children()), []

    def clock():
        started = set(psutil.Process().children()) - before
        states.append([child.status() for child in started])
        return time.perf_counter_ns()

    tried(case, tmp_path, "def peak(a, b):\n    return a @ b\n", clock=clock)
    assert states == [[]] * 2 + [[psutil.STATUS_STOPPED]] * 2 * BRIEF.batches


def test_our_own_kernels_pass_through_the_same_door(case):
    assert try_kernel(case, Path(trial.__file__).with_name("ours.py"), effort=BRIEF).sets == 4


def test_the_verb_prints_both_times_as_json(monkeypatch, tmp_path, capsys, case):
    from runners.commands import kernels

    file = tmp_path / "kernel.py"
    file.write_text("def peak(a, b):\n    return a @ b\n")
    done = TriedKernel(seconds=Interval(2e-6, 1e-6, 3e-6, 9), sets=4, floor_s=1e-9)
    monkeypatch.setattr(kernels, "_case", lambda *_: case)
    monkeypatch.setattr(trial, "try_kernel", lambda *_, **__: done)
    kernels.try_(file, case="peak*", json_=True)
    answer = json.loads(capsys.readouterr().out)
    assert answer["theirs_us"] == {"value": 2.0, "low": 1.0, "high": 3.0}
    assert (answer["verdict"], answer["speedup"]) == ("right", 1.0)
    kernels.try_(file, case="peak*")
    assert "no difference shown" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def other(a, b):\n    return a", "has no attribute 'peak'"),
        ("def peak(a, b)\n    return a", "SyntaxError"),
        ("raise SystemExit(3)\n", "its process ended"),
    ],
)
def test_a_file_that_does_not_hold_the_kernel_is_one_line(case, tmp_path, source, says):
    with pytest.raises(UserError, match=says):
        tried(case, tmp_path, source)


def test_a_kernel_that_raises_says_what(case, tmp_path):
    with pytest.raises(CheckError, match="the kernel failed: ValueError: too small"):
        tried(case, tmp_path, "def peak(a, b):\n    raise ValueError('too small')")


def test_a_kernel_that_never_answers_is_ended(case, tmp_path):
    file = tmp_path / "kernel.py"
    file.write_text("import time\ndef peak(a, b):\n    time.sleep(100)\n")
    with pytest.raises(CheckError, match="no answer within"):
        try_kernel(case, file, effort=Effort(batches=1, most_sets=4, limit_s=0.3))
