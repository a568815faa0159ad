"""The machine's own limits: memory, last-level cache, bus, and the square product."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from suites.kernels.case import Case
    from suites.kernels.harness import Measure


def bench_copy(case: Case, measure: Measure) -> None:
    measure(case)


def bench_scale(case: Case, measure: Measure) -> None:
    measure(case)


def bench_add(case: Case, measure: Measure) -> None:
    measure(case)


def bench_triad(case: Case, measure: Measure) -> None:
    measure(case)


def bench_read(case: Case, measure: Measure) -> None:
    measure(case)


def bench_host_to_device(case: Case, measure: Measure) -> None:
    measure(case)


def bench_device_to_host(case: Case, measure: Measure) -> None:
    measure(case)


def bench_peak(case: Case, measure: Measure) -> None:
    measure(case)
