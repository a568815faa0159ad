"""Attention over a prompt and over a paged cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from suites.kernels.case import Case
    from suites.kernels.harness import Measure


def bench_attention_prefill(case: Case, measure: Measure) -> None:
    measure(case)


def bench_attention_decode(case: Case, measure: Measure) -> None:
    measure(case)


def bench_mla_decode(case: Case, measure: Measure) -> None:
    measure(case)
