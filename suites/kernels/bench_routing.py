"""Choices: experts of a token, and the next token."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from suites.kernels.case import Case
    from suites.kernels.harness import Measure


def bench_moe_routing(case: Case, measure: Measure) -> None:
    measure(case)


def bench_sampling(case: Case, measure: Measure) -> None:
    measure(case)
