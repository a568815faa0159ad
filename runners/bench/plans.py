"""What a plan costs before and between its cells: `nox -s compare -- plans`.

Expansion of ten thousand cells beside the bare product of the same axes, and the time a cell takes
besides its suites' own, beside the bare start of a Python that imports NumPy.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from runners.plans.cells import expand
from runners.plans.document import PlanDocument, SweepPlan
from runners.plans.fitting import TargetMachine, reason

if TYPE_CHECKING:
    from collections.abc import Callable

_AXES = {
    "tp": [1, 2, 4, 8, 16],
    "pp": [1, 2, 4, 8, 16],
    "isl": list(range(64, 64 * 21, 64)),
    "osl": list(range(16, 16 * 21, 16)),
}
_SMALL = """name = "small"
answers = "What does a cell take besides its suite?"
suites = ["inference"]
options = { model = "tiny-15m", case = "prefill/isl128" }
axes = { seed = [1, 2, 3] }
"""


def _main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repeats", type=int, default=5)
    repeats = arguments.parse_args().repeats
    plan = SweepPlan.model_validate(
        {
            "name": "large",
            "answers": "?",
            "suites": ["serving"],
            "options": {"engine": "vllm:cuda", "model": "llama-3.1-70b"},
            "axes": _AXES,
        }
    )
    document = PlanDocument(path=Path("large.toml"), text="", plan=plan)
    target = TargetMachine.of_kind("h100-sxm", 8)
    product_s = _best_s(lambda: list(itertools.product(*_AXES.values())), repeats)
    expand_s = _best_s(lambda: list(expand(document)), repeats)
    prune_s = _best_s(lambda: [reason(cell, target) for cell in expand(document)], repeats)
    count = sum(1 for _ in expand(document))
    print(f"{count:,} cells, best of {repeats}")
    print(f"  itertools.product       {product_s * 1e3:8.1f} ms")
    print(f"  expand                  {expand_s * 1e3:8.1f} ms  {expand_s / product_s:,.0f} ×")
    print(f"  expand and prune        {prune_s * 1e3:8.1f} ms  {prune_s / product_s:,.0f} ×")

    start_s = _best_s(
        lambda: subprocess.run([sys.executable, "-c", "import numpy"], check=True), repeats
    )
    overheads = _overheads_s()
    middle_s = statistics.median(overheads)
    print(f"besides its suite a cell takes, {len(overheads)} cells")
    print(f"  python -c 'import numpy' {start_s:7.2f} s")
    print(
        f"  a cell, median           {middle_s:7.2f} s  {middle_s / start_s:,.0f} ×  "
        f"({min(overheads):.2f} to {max(overheads):.2f} s)"
    )


def _overheads_s() -> list[float]:
    """Run a plan of small cells for real; wall time of each less what its suite took of it."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        (home / "small.toml").write_text(_SMALL)
        words = ["plan", "run", str(home / "small.toml"), "--out", str(home / "out"), "--json"]
        done = subprocess.run(
            [sys.executable, "-c", "from runners.cli import main; main()", *words],
            env={**os.environ, "FENMARK_HOME": str(home / "key")},
            stdout=subprocess.PIPE,
            check=True,
        )
    return [cell["overhead_s"] for cell in json.loads(done.stdout)["cells"]]


def _best_s(work: Callable[[], object], repeats: int) -> float:
    took = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return min(took)


if __name__ == "__main__":
    _main()
