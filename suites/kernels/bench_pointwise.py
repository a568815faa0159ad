"""The kernels between the products."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from suites.kernels.case import Case
    from suites.kernels.harness import Measure


def bench_rmsnorm(case: Case, measure: Measure) -> None:
    measure(case)


def bench_rope(case: Case, measure: Measure) -> None:
    measure(case)


def bench_swiglu(case: Case, measure: Measure) -> None:
    measure(case)


def bench_softmax(case: Case, measure: Measure) -> None:
    measure(case)
