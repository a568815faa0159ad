"""A model's projections at prefill and decode rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from suites.kernels.case import Case
    from suites.kernels.harness import Measure


def bench_gemm(case: Case, measure: Measure) -> None:
    measure(case)
