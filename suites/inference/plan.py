"""Which prefills and decodes a profile measures, as one cell per process."""

from __future__ import annotations

from dataclasses import asdict
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import psutil

from suites.base.errors import UserError
from suites.base.records import CellSpec
from suites.client.subject import start_s, subject_spec
from suites.client.target import POOLED
from suites.engines.template import BUNDLED
from suites.inference.measure import InferenceCase
from suites.inference.order import drawn, room, servers
from suites.models import load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["plan", "within_memory"]

# Prompt lengths, (batch, context) pairs, decode steps, processes; timed rounds per process.
_PROFILES: dict[str, dict[str, Any]] = {
    # Two minutes on one thread: prefill, decode and batching, in three processes. The spread
    # between them is what counts, so cases run once in each, and the first again.
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
# The engine may take this share of the machine's memory.
_MEMORY_SHARE = 0.5
# Bytes of a weight in q8_0, of a cached key or value in 16 bits.
_WEIGHT_BITS, _KV_BYTES = 8.5, 2
# For the remaining time only: llama.cpp on one thread of a rented core, 0.5B parameters.
_PREFILL_TOKENS_S = 100.0
_STEP_S = 0.04


def plan(profile: str, options: Mapping[str, Any]) -> list[CellSpec]:
    """One cell per process; every process measures all chosen cases, in an order of its own.

    Cases an engine of ours has no memory for are left out, and the result says which.

    Raises:
        UserError: unknown profile or model.
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
    if subject["api"] in POOLED:
        raise UserError("nothing is decoded", where="--api", remedy="--suite serving measures it")
    fitting = chosen
    # Only of weights we make ourselves, in our own engine, is the size known beforehand.
    if subject["engine"] == BUNDLED and not subject["endpoint"] and not subject["weights"]:
        fitting = within_memory(chosen, subject["geometry"], psutil.virtual_memory().total)
    left_out = [case.name for case in chosen if case not in fitting]
    seed = int(options.get("seed") or 0)
    # Every process draws its own prompts and its own order.
    return [
        _cell(process, subject, seed + process, fitting, left_out)
        for process in range(shape["processes"])
    ]


def _cell(
    process: int,
    subject: dict[str, Any],
    seed: int,
    cases: Sequence[InferenceCase],
    left_out: list[str],
) -> CellSpec:
    ordered = drawn(cases, seed)
    starts = servers(ordered, running=bool(subject["endpoint"]))
    return CellSpec(
        suite="inference",
        name=f"inference-p{process}",
        spec={
            "subject": subject,
            "seed": seed,
            "cases": [asdict(case) for case in ordered],
            "left_out": left_out,
        },
        estimated_s=sum(
            start_s(subject) + sum(map(_estimate_s, server.cases)) for server in starts
        ),
    )


def within_memory(
    cases: Sequence[InferenceCase], model: str, memory_bytes: int
) -> list[InferenceCase]:
    """Keep, in order, the cases an engine has memory for.

    Its cache has as many slots as the case's batch.

    Raises:
        UserError: unknown model, or it fits no case at all.
    """
    geometry = load(model)
    weights = geometry.weight_bytes(_WEIGHT_BITS)
    budget = _MEMORY_SHARE * memory_bytes - weights
    kept = [
        case for case in cases if case.batch * geometry.kv_bytes(room(case), _KV_BYTES) <= budget
    ]
    if not kept:
        raise UserError(
            f"{model} needs {weights / 2**30:.1f} GiB for its weights alone",
            where="model",
            expected=f"less than half of this machine's {memory_bytes / 2**30:.1f} GiB",
        )
    return kept


def _cases(shape: Mapping[str, Any]) -> list[InferenceCase]:
    prefills = [
        InferenceCase(
            family="prefill", input_tokens=isl, output_tokens=1, batch=1, repeats=shape["repeats"]
        )
        for isl in shape["isl"]
    ]
    decodes = [
        InferenceCase(
            family="decode",
            input_tokens=context,
            output_tokens=shape["steps"],
            batch=batch,
            repeats=shape["repeats"],
        )
        for batch, context in shape["decode"]
    ]
    return prefills + decodes


def _estimate_s(case: InferenceCase) -> float:
    prefill_s = case.batch * case.input_tokens / _PREFILL_TOKENS_S
    return case.repeats * (prefill_s + case.output_tokens * _STEP_S)
