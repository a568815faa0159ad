"""What is measured: cores side by side, the kernel and inference suites' own cases, the disk."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from runners.accept.causes import CoreSpin
from runners.accept.figures import MachineFigure
from runners.machine import nvidia
from runners.measure import children, execute
from runners.measure.run_meters import Gauge
from runners.measure.workspace import Workspace
from runners.options.options import suite
from suites.base.errors import CheckError
from suites.base.statistics import between_processes, median_interval
from suites.evidence import rows_of
from suites.kernels.backends.work import LINKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from runners.accept.figures import MachineFigureKind
    from runners.machine.conditions import ConditionValue
    from suites.base.records import Row

__all__ = [
    "RATES",
    "SHARE",
    "clock",
    "core_figures",
    "device_kernels",
    "disk",
    "engine",
    "host_kernels",
    "spin_all",
    "watched",
]

SHARE = "share of the cores' time"
# Metrics of the suites' rows that are rates of a machine, and what kind of figure each is.
RATES: dict[str, MachineFigureKind] = {
    "compute_rate": "compute",
    "integer_rate": "compute",
    "bandwidth": "bandwidth",
    "prefill_throughput": "engine",
    "decode_throughput": "engine",
}
# The families `peak`, `read` and `triad`; a device's copies, and its sum with its peers.
_LIMITS, _COPIES, _PEERS = "[prt][er][ai]*", "*_to_*", "all_reduce/*"
# One prompt of 128 tokens, and one stream after it.
_ENGINE_CASES = "*128"
_PROCESSES = 5
# For interpreters to start before all cores spin together.
_START_S, _START_EACH_S = 1.5, 0.02
_LIMIT_S = 120
_DISK_BYTES, _BLOCK, _PASSES = 2**28, 2**22, 6


def spin_all(cores: Sequence[int], seconds: float, folder: Path) -> list[CoreSpin]:
    """Let every core spin at the same time, each in a process of its own.

    Raises:
        CheckError: one of them failed.
    """
    start_ns = time.monotonic_ns() + int((_START_S + _START_EACH_S * len(cores)) * 1e9)
    end_ns = start_ns + int(seconds * 1e9)

    def spin(core: int) -> CoreSpin:
        spec, out = folder / f"core{core}.spec.json", folder / f"core{core}.out.json"
        spec.write_text(json.dumps({"core": core, "start_ns": start_ns, "end_ns": end_ns}))
        command = [sys.executable, "-m", "runners.accept.spin", "--spec", str(spec)]
        log = folder / f"core{core}.log"
        ended = children.run([*command, "--out", str(out)], log, _LIMIT_S + seconds, lambda _: None)
        if ended.code:
            raise CheckError(f"could not be watched: {ended.tail()}", where=f"core {core}")
        data = json.loads(out.read_bytes())
        return TypeAdapter(CoreSpin).validate_python(data)

    with ThreadPoolExecutor(len(cores)) as threads:
        return list(threads.map(spin, cores))


def core_figures(spins: Sequence[CoreSpin]) -> Iterator[MachineFigure]:
    """Speed of each core while it works for us, and the share of the cores' time that was ours."""
    for spin in spins:
        rate = between_processes(spin.rates)
        yield MachineFigure(
            name=f"core {spin.core} speed (units/s)",
            kind="core",
            value=rate.value,
            low=rate.low,
            high=rate.high,
            twins="cores",
        )
    slices = [sum(part) / len(part) for part in zip(*(spin.shares for spin in spins), strict=False)]
    interval = between_processes(slices)
    # The mean, which a few long pauses move and the median of slices does not show.
    value = 1 - sum(spin.lost_s for spin in spins) / sum(spin.wall_s for spin in spins)
    yield MachineFigure(
        name=SHARE,
        kind="share",
        value=value,
        low=None if interval.low is None else min(value, interval.low),
        high=None if interval.high is None else max(value, min(1.0, interval.high)),
    )


def host_kernels(backends: Sequence[str], folder: Path) -> list[MachineFigure]:
    """Attain the processor's limits: products by dtype, memory read and written.

    Raises:
        UserError, CheckError: as the kernel suite has them.
    """
    rows = _run("kernels", "quick", {"case": _LIMITS, "backend": backends}, folder)
    return list(_figures(rows, device=False))


def device_kernels(backend: str, cards: int, folder: Path) -> list[MachineFigure]:
    """Attain the limits of each accelerator in turn, with its copies; and the sum over all.

    Raises:
        UserError, CheckError: as the kernel suite has them.
    """
    figures: list[MachineFigure] = []
    for card in range(cards):
        with _visible(card), watched(nvidia.cards_now) as seen:
            for pattern in (_LIMITS, _COPIES):
                rows = _run("kernels", "full", {"case": pattern, "backend": [backend]}, folder)
                figures += _figures(rows, device=True, card=card)
        figures += clock(card, seen)
    if cards > 1:
        rows = _run("kernels", "full", {"case": _PEERS, "backend": [backend]}, folder)
        figures += _figures(rows, device=True)
    return figures


def clock(card: int, seen: Sequence[Mapping[str, ConditionValue]]) -> Iterator[MachineFigure]:
    """Median clock of a card while it works: of the readings above half of its highest."""
    clocks = [float(reading[name]) for reading in seen if (name := f"gpu{card}_sm_mhz") in reading]
    if working := [mhz for mhz in clocks if mhz > max(clocks) / 2]:
        yield MachineFigure(
            name=f"GPU {card} clock under load (MHz)",
            kind="compute",
            value=statistics.median(working),
            device=True,
            twins="GPU clock",
        )


def engine(chosen: Mapping[str, Any], folder: Path, *, device: bool) -> list[MachineFigure]:
    """Prefill one short prompt and decode one stream with an engine.

    Args:
        chosen: options of the inference suite: engine, model.

    Raises:
        UserError, CheckError: as the inference suite has them.
    """
    wanted = {**chosen, "case": _ENGINE_CASES}
    return list(_figures(_run("inference", "quick", wanted, folder), device=device))


def disk(folder: Path) -> MachineFigure:
    """Read a quarter of a GiB that was just written, past the page cache of this system.

    Raises:
        OSError: it cannot be written.
    """
    rates = []
    block = os.urandom(_BLOCK)
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_DISK_BYTES // _BLOCK):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
        for _ in range(_PASSES):
            if hasattr(os, "posix_fadvise"):  # not on macOS
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            file.seek(0)
            start = time.perf_counter()
            while file.read(_BLOCK):
                pass
            rates.append(_DISK_BYTES / 1e9 / (time.perf_counter() - start))
    interval = median_interval(rates)
    return MachineFigure(
        name="disk read (GB/s)",
        kind="disk",
        value=interval.value,
        low=interval.low,
        high=interval.high,
    )


@contextmanager
def watched(
    read: Callable[[], dict[str, ConditionValue]], period_s: float = 1.0
) -> Iterator[list[dict[str, ConditionValue]]]:
    """Read what moves again and again meanwhile."""
    seen: list[dict[str, ConditionValue]] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(period_s):
            seen.append(read())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _run(name: str, profile: str, chosen: Mapping[str, Any], folder: Path) -> list[Row]:
    """Run a suite's cells with its own children, and sum them up as a run does."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=name) as home:
        workspace = Workspace(Path(home))
        (workspace.home / "cells").mkdir(parents=True)
        cells = [
            replace(cell, name=f"{name}-{index}")
            for index, cell in enumerate(suite(name).plan(profile, chosen)[:_PROCESSES])
        ]
        return rows_of(execute.run_cells(cells, workspace, Gauge([]), lambda *_: None))


def _figures(
    rows: Sequence[Row], *, device: bool, card: int | None = None
) -> Iterator[MachineFigure]:
    for row in rows:
        kind = RATES.get(row.metric)
        if kind is None or "reached_by" in row.labels or row.labels.get("cache") == "hot":
            continue
        name = f"{row.case} ({row.unit})"
        yield MachineFigure(
            name=name if card is None else f"GPU {card} {name}",
            kind=kind if row.labels.get("family") not in LINKS else "link",
            value=row.value,
            low=row.low,
            high=row.high,
            device=device,
            twins="" if card is None else name,
        )


@contextmanager
def _visible(card: int) -> Iterator[None]:
    """Show children one card, by the driver's own numbers; the others stay hidden."""
    chosen = {"CUDA_VISIBLE_DEVICES": str(card), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    before = {name: os.environ[name] for name in chosen if name in os.environ}
    os.environ |= chosen
    try:
        yield
    finally:
        for name in chosen:
            del os.environ[name]
        os.environ |= before
