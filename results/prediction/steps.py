"""Named terms of the time between two tokens, summed from what each operator takes.

A step decodes one token of every sequence of a rank, B of them at a context of ISL + OSL/2, and
carries what prefill continuous batching mixes in: r = B ÷ OSL prompts a step on average, in a share
r ÷ n of steps n = max(1, r) prompts at once.

    TPOT = T_dec(B) + (r ÷ n)·[T_pf(n·ISL) − what both read] + launches + host
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from results.prediction.plan import Layout, plan_of
from suites.models.attention import Gqa, Mla

if TYPE_CHECKING:
    from results.prediction.chip import Chip
    from results.prediction.grid import Floats
    from results.prediction.plan import Plan, Products
    from suites.models import Geometry
    from suites.models.part import Part

__all__ = ["FIRST_TERMS", "TERMS", "Dtypes", "first_terms_of", "terms_of"]

TERMS = (
    "gemm", "attention", "experts", "sums", "head", "stream", "launch", "host step",
    "host sequence", "prefill gemm", "prefill attention", "prefill experts", "prefill sums",
)  # fmt: skip
FIRST_TERMS = ("prompt", "burst", "wait", "host", "crowd", "queue")
# Before anything is fitted: kernels of a layer that no table holds (norms, rotary embedding,
# activations, writes to the cache), and what the host adds to a step and to a sequence.
LAUNCH_MS, HOST_STEP_MS, HOST_SEQUENCE_MS = 0.010, 0.3, 0.005
# Reads and writes of the residual stream in a layer: two norms with their sums, activation, rope.
_PASSES = 12.0
# To the first token: the host's own work, and its work for each request that arrives with others.
_FIRST_HOST_MS, _CROWD_MS = 15.0, 0.3
# A load generator starts its C requests at once and sends some ten times as many in all.
_BURST = 0.1


@dataclass(frozen=True, slots=True)
class Dtypes:
    """What products, experts and cache are computed in, by the names of kernel tables."""

    mixers: str
    dense: str
    experts: str
    cache: str = "bfloat16"


def terms_of(
    chip: Chip, geometry: Geometry, layout: Layout, dtypes: Dtypes, batch: Any, isl: Any, osl: Any
) -> Floats:
    """Milliseconds of each term, one column a load.

    Args:
        batch: sequences on one rank; isl, osl: tokens; arrays of one length.

    Raises:
        Missing: an operator was never measured on this chip.
    """
    batch, isl, osl = (np.atleast_1d(np.asarray(x, dtype=float)) for x in (batch, isl, osl))
    plan = plan_of(geometry, layout)
    rate = batch / osl
    at_once = np.maximum(1.0, rate)
    share = rate / at_once
    # Decode alone, and decode with prompts in it: one call prices both.
    tokens = np.concatenate([batch, batch + at_once * isl])
    size = len(batch)

    def split(both: Floats) -> tuple[Floats, Floats]:
        return both[:size], share * (both[size:] - both[:size])

    gemm, more_gemm = split(_gemms(chip, plan, dtypes, tokens))
    experts, more_experts = split(_experts(chip, plan, dtypes, tokens * layout.dp))
    sums, more_sums = split(_sums(chip, plan, layout, geometry.hidden, tokens))
    stream, more_stream = split(chip.stream(tokens * geometry.hidden * 2 * _PASSES) * plan.layers)
    context = isl + osl / 2
    prefill = share * at_once * _prefill(chip, plan, layout, isl)
    head = chip.gemm("bfloat16", batch, plan.vocab, geometry.hidden)
    ones = np.ones(size)
    return np.array(
        [
            gemm,
            _attention(chip, plan, layout, dtypes, batch, context),
            experts,
            sums,
            head,
            stream + more_stream,
            LAUNCH_MS * plan.layers * ones,
            HOST_STEP_MS * ones,
            HOST_SEQUENCE_MS * batch * layout.dp,
            more_gemm,
            prefill,
            more_experts,
            more_sums,
        ]
    )


def first_terms_of(
    chip: Chip,
    geometry: Geometry,
    layout: Layout,
    dtypes: Dtypes,
    load: tuple[Any, Any, Any, Any],
    tpot_ms: Any,
) -> Floats:
    """Milliseconds of each term of the time to the first token, one column a load.

    TTFT = T_pf(ISL) + burst + wait for a step + host + queue: the burst is the share of requests
    that a closed loop starts at once, half of them before one's own; the queue is for those that
    find no memory.

    Args:
        load: requests under way for a rank, those of them that memory holds, ISL and OSL.
        tpot_ms: of the same loads.
    """
    wanted, batch, isl, osl = (np.atleast_1d(np.asarray(x, dtype=float)) for x in load)
    plan = plan_of(geometry, layout)
    prompt = (
        _gemms(chip, plan, dtypes, isl)
        + _experts(chip, plan, dtypes, isl * layout.dp)
        + _sums(chip, plan, layout, geometry.hidden, isl)
        + chip.stream(isl * geometry.hidden * 2 * _PASSES) * plan.layers
        + LAUNCH_MS * plan.layers
        + _prefill(chip, plan, layout, isl)
    )
    return np.array(
        [
            prompt,
            _BURST * np.maximum(0.0, batch - 1) / 2 * prompt,
            np.asarray(tpot_ms) / 2 * np.ones(len(isl)),
            _FIRST_HOST_MS * np.ones(len(isl)),
            _CROWD_MS * batch * layout.dp,
            np.maximum(0.0, wanted / batch - 1) * osl * np.asarray(tpot_ms),
        ]
    )


def _gemms(chip: Chip, plan: Plan, dtypes: Dtypes, tokens: Floats) -> Floats:
    groups = ((plan.mixers, dtypes.mixers), (plan.dense, dtypes.dense), (plan.plain, "bfloat16"))
    return sum((_price(chip, own, dtype, tokens) for own, dtype in groups), np.zeros(len(tokens)))


def _price(chip: Chip, own: Products, dtype: str, tokens: Floats) -> Floats:
    if not len(own.n):
        return np.zeros(len(tokens))
    times: Floats = (own.count * chip.gemm(dtype, tokens[None, :], own.n, own.k)).sum(axis=0)
    return times


def _experts(chip: Chip, plan: Plan, dtypes: Dtypes, tokens: Floats) -> Floats:
    total = np.zeros(len(tokens))
    for count, shape in plan.experts:
        total += count * chip.experts(dtypes.experts, tokens, shape)
    return total


def _sums(chip: Chip, plan: Plan, layout: Layout, hidden: int, tokens: Floats) -> Floats:
    """Half of the sums follow attention; the others span the ranks that share the experts."""
    half = plan.sums / 2
    wide = layout.chips if plan.experts else layout.tp
    after = chip.reduce(wide, tokens * hidden * (layout.dp if plan.experts else 1))
    return half * (chip.reduce(layout.tp, tokens * hidden) + after)


def _attention(
    chip: Chip, plan: Plan, layout: Layout, dtypes: Dtypes, batch: Floats, context: Floats
) -> Floats:
    total = np.zeros(len(batch))
    for count, part in plan.mixing:
        match part:
            case Gqa():
                limit = part.window or part.chunk
                seen = np.minimum(context, limit) if limit else context
                own = chip.decode(dtypes.cache, batch, seen, part, layout.tp)
            case Mla():
                heads = max(1, part.heads // layout.tp)
                seen = np.minimum(context, part.topk) if part.topk else context
                own = chip.latent_decode(dtypes.cache, batch, seen, heads)
                if part.index_dim:
                    own = own + chip.rates.stream(batch * context * part.index_dim)
            case _:
                own = _of_state(chip, part, layout, batch, context)
        total += count * own
    return total


def _of_state(chip: Chip, part: Part, layout: Layout, batch: Floats, context: Floats) -> Floats:
    """A state is read and written in 32 bits; compressed entries are read in 16."""
    values = 2.0 * 4 * part.state_values() / layout.tp
    cached = np.array([part.cached(int(tokens)) for tokens in context]) * 2.0
    return np.asarray(chip.rates.stream(batch * (values + cached)))


def _prefill(chip: Chip, plan: Plan, layout: Layout, isl: Floats) -> Floats:
    total = np.zeros(len(isl))
    for count, part in plan.mixing:
        match part:
            case Gqa():
                own = chip.prefill(isl, part, layout.tp)
            case Mla():
                heads = max(1, part.heads // layout.tp)
                seen = np.minimum(isl, part.topk) if part.topk else isl
                pairs = seen * (seen + 1) / 2 + (isl - seen) * seen
                width = part.nope_dim + part.rope_dim + part.value_dim
                own = chip.latent_prefill(isl, pairs, heads, width)
                index = 2.0 * part.index_heads * part.index_dim * isl * (isl + 1) / 2
                own = own + index / (0.5 * chip.rates.peak("fp8"))
            case _:
                flops = np.array([part.prefill_flops(int(tokens)) for tokens in isl]) / layout.tp
                own = chip.rates.stream(0.0) * 4 + flops / (0.2 * chip.rates.peak("bfloat16"))
        total += count * own
    return total
