"""Rows moved about: embedding, cache, and between devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from suites.kernels.case import Case
    from suites.kernels.harness import Measure


def bench_embedding(case: Case, measure: Measure) -> None:
    measure(case)


def bench_kv_append(case: Case, measure: Measure) -> None:
    measure(case)


def bench_kv_gather(case: Case, measure: Measure) -> None:
    measure(case)


def bench_all_reduce(case: Case, measure: Measure) -> None:
    measure(case)
