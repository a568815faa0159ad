"""The whole test: read, measure, hold against what is known, judge."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.accept import identity, limits, measuring, references
from runners.accept.causes import (
    LEAST_SHARE,
    Causes,
    CoreLimits,
    CoreSpin,
    device_causes,
    lost_time,
    missing_cores,
)
from runners.accept.figures import Cause, ExpectedFigure
from runners.accept.judging import judge
from runners.machine import machine
from suites.base.errors import CheckError, UserError
from suites.kernels.backends import installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from runners.accept.figures import Graded, MachineFigure
    from runners.accept.references import Sold
    from runners.machine.conditions import ConditionValue

__all__ = ["PARTS", "AcceptanceScope", "accept"]

PARTS = ("identity", "cores", "kernels", "engine", "disk")
_ROOT = Path("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceScope:
    """What to test, and what to hold it against.

    Attributes:
        parts: of `PARTS`.
        before: numbers of an earlier test, by figure.
        results: archives of signed results.
        disk: folder whose disk is read.
        seconds: how long the cores spin.
        engine: options of the inference suite.
    """

    parts: Sequence[str] = PARTS
    expected: Sold | None = None
    before: Mapping[str, float] = field(default_factory=dict)
    results: Sequence[Path] = ()
    disk: Path = Path()
    seconds: float = 4.0
    engine: Mapping[str, Any] = field(default_factory=dict)


def accept(asked: AcceptanceScope, say: Callable[[str], None]) -> tuple[list[Graded], list[str]]:
    """Test this machine.

    Args:
        say: gets a line for each part that begins.

    Returns:
        Every figure with its verdict, and what could not be measured, a line each.

    Raises:
        UserError: a file or folder cannot be used.
    """
    allowed = limits.allowed_cores()
    cards, settings = machine.accelerators(), machine.settings()
    before, waited = machine.surroundings(), limits.throttled_s(_ROOT)
    figures: list[MachineFigure] = []
    absent: list[str] = [] if cards else ["no accelerator answers: the processor is under test"]
    spins: list[CoreSpin] = []
    with tempfile.TemporaryDirectory() as home, measuring.watched(machine.surroundings) as seen:
        folder = Path(home)
        if "cores" in asked.parts:
            say(f"{len(allowed)} cores side by side")
            spins = measuring.spin_all(allowed, asked.seconds, folder)
            figures += measuring.core_figures(spins)
            waited = limits.throttled_s(_ROOT) - waited
        for part, work in _parts(asked, folder, len(cards)).items():
            say(part)
            try:
                figures += work()
            except (UserError, CheckError, OSError) as error:
                absent.append(f"{part}: {error}")
    held = CoreLimits(
        online=os.cpu_count() or len(allowed),
        allowed=len(allowed),
        quota=limits.quota(_ROOT),
        throttled_s=waited if spins else 0.0,
    )
    if "identity" in asked.parts:
        figures = [*_identity(held, settings), *figures]
    known = [*identity.promised(figures, asked.expected, held, settings), *_known(asked, figures)]
    after = machine.surroundings()
    evidence = Causes(
        missing=missing_cores(held, _wanted(known)),
        lost=lost_time(spins, held),
        heat=_heat(before, after),
        device=tuple(device_causes(settings, seen)),
    )
    return judge(figures, known, evidence), absent


def _parts(
    asked: AcceptanceScope, folder: Path, cards: int
) -> dict[str, Callable[[], Sequence[MachineFigure]]]:
    """Name what is measured, with what measures it."""
    backends = installed()
    on_host = [name for name in backends if name in {"numpy", "torch"}]
    on_device = [name for name in backends if name not in on_host]
    named = asked.engine.get("engine") is not None
    parts: dict[str, Callable[[], Sequence[MachineFigure]]] = {}
    if "kernels" in asked.parts:
        parts["kernels of the processor"] = lambda: measuring.host_kernels(on_host, folder)
        if cards and on_device:
            parts["kernels of the accelerators"] = lambda: measuring.device_kernels(
                on_device[0], cards, folder
            )
    if "engine" in asked.parts:
        parts["prefill and decode"] = lambda: measuring.engine(
            asked.engine, folder, device=named and cards > 0
        )
    if "disk" in asked.parts:
        parts["disk"] = lambda: [measuring.disk(asked.disk)]
    return parts


def _identity(held: CoreLimits, settings: Mapping[str, ConditionValue]) -> Iterator[MachineFigure]:
    memory = machine.memory_bytes()
    yield from identity.host(machine.cpu(), machine.listed_cpu(), held, memory, _ROOT)
    yield from identity.cards(machine.accelerators(), settings)


def _known(asked: AcceptanceScope, figures: Sequence[MachineFigure]) -> Iterator[ExpectedFigure]:
    """Return what measured figures are compared with, the nearest of kin first."""
    own = "cores of your own"
    yield ExpectedFigure(figure=measuring.SHARE, value=1.0, least=LEAST_SHARE, basis=own)
    yield from references.again(asked.before, figures)
    cards = machine.accelerators()
    card = machine.listed_accelerator(cards[0]) if cards else None
    expected = asked.expected.chip if asked.expected else None
    for chip, count, device in (
        (machine.listed_cpu(), machine.usable_cores(), False),
        (expected or card, 1, True),
    ):
        measured = [figure for figure in figures if figure.device is device]
        if device and not cards:
            continue
        rates = references.signed_rates(asked.results, chip, count, tuple(measuring.RATES))
        yield from references.others(rates, measured)
        if device:
            yield from references.datasheet(measured, chip)


def _wanted(known: Sequence[ExpectedFigure]) -> float:
    counts = (float(reference.value) for reference in known if reference.figure == identity.CORES)
    return next(counts, 0.0)


def _heat(
    before: Mapping[str, ConditionValue], after: Mapping[str, ConditionValue]
) -> Cause | None:
    name = "cpu_throttle_events"
    events = int(after.get(name, 0)) - int(before.get(name, 0))
    if events <= 0:
        return None
    return Cause(
        says=f"heat: the processor slowed itself {events} times",
        look="sensors; turbostat",
    )
