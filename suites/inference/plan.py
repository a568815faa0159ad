"""Which prefills and decodes a profile measures, as one cell per fresh engine process."""

from __future__ import annotations

from dataclasses import asdict
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from suites.errors import UserError
from suites.inference.measure import Case
from suites.records import Cell
from suites.serving.subject import start_s, subject_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["plan"]

# Prompt lengths, (batch, context) pairs, decode steps, processes; timed rounds per process.
_PROFILES: dict[str, dict[str, Any]] = {
    # Under two minutes on one thread: prefill, decode and batching, on three engines. The spread
    # between them is what counts, so the slow cases run once in each.
    "quick": {
        "isl": (128, 512),
        "decode": ((1, 128), (4, 256)),
        "steps": 24,
        "repeats": 1,
        "processes": 3,
    },
    "standard": {
        "isl": (128, 512, 1024, 2048),
        "decode": tuple((batch, context) for batch in (1, 4, 8, 16) for context in (128, 1024)),
        "steps": 64,
        "repeats": 3,
        "processes": 5,
    },
    "full": {
        "isl": (128, 256, 512, 1024, 2048, 4096, 8192),
        "decode": tuple(
            (batch, context)
            for batch in (1, 2, 4, 8, 16, 32, 64)
            for context in (128, 512, 2048, 8192)
        ),
        "steps": 128,
        "repeats": 5,
        "processes": 8,
    },
}
# For the remaining time only: llama.cpp on one thread of a rented core, 0.5B parameters.
_PREFILL_TOKENS_S = 100.0
_STEP_S = 0.04


def plan(profile: str, options: Mapping[str, Any]) -> list[Cell]:
    """One cell per process; every process measures all chosen cases on an engine of its own.

    Raises:
        UserError: unknown profile or model, or no case matches `case`.
    """
    if profile not in _PROFILES:
        raise UserError(
            f"unknown profile {profile!r}", where="profile", expected=", ".join(_PROFILES)
        )
    shape = _PROFILES[profile]
    cases = _cases(shape)
    pattern = options.get("case")
    chosen = [case for case in cases if not pattern or fnmatch(case.name, pattern)]
    if not chosen:
        return []
    subject = subject_spec(options)
    seed = int(options.get("seed") or 0)
    return [
        Cell(
            suite="inference",
            name=f"inference-p{process}",
            spec={
                "subject": subject,
                # Every process draws its own prompts.
                "seed": seed + process,
                "cases": [asdict(case) for case in chosen],
            },
            estimated_s=start_s(subject) + sum(map(_estimate_s, chosen)),
        )
        for process in range(shape["processes"])
    ]


def _cases(shape: Mapping[str, Any]) -> list[Case]:
    prefills = [
        Case(family="prefill", input_tokens=isl, output_tokens=1, batch=1, repeats=shape["repeats"])
        for isl in shape["isl"]
    ]
    decodes = [
        Case(
            family="decode",
            input_tokens=context,
            output_tokens=shape["steps"],
            batch=batch,
            repeats=shape["repeats"],
        )
        for batch, context in shape["decode"]
    ]
    return prefills + decodes


def _estimate_s(case: Case) -> float:
    prefill_s = case.batch * case.input_tokens / _PREFILL_TOKENS_S
    return case.repeats * (prefill_s + case.output_tokens * _STEP_S)
