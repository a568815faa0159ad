"""A model's projections, dense, with 8-bit weights, and grouped by expert."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from suites.kernels.case import Case
    from suites.kernels.harness import Measure


def bench_gemm(case: Case, measure: Measure) -> None:
    measure(case)


def bench_gemm_w8(case: Case, measure: Measure) -> None:
    measure(case)


def bench_grouped_gemm(case: Case, measure: Measure) -> None:
    measure(case)
