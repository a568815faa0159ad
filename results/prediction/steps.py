"""Named terms of the time between two tokens, summed from what each operator takes.

A step decodes one token of every sequence of a rank, B of them at a context of ISL + OSL/2, and
carries what prefill continuous batching mixes in: r = B ÷ OSL prompts a step on average, in a share
r ÷ n of steps n = max(1, r) prompts at once.

    TPOT = T_dec(B) + (r ÷ n)·[T_pf(n·ISL) − what both read] + launches + host
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from results.prediction.plan import plan_of
from results.prediction.roofline import LAUNCH_MS as KERNEL_MS
from suites.models.attention import Gqa, Mla

if TYPE_CHECKING:
    from results.prediction.chip import ChipTiming
    from results.prediction.grid import Floats
    from results.prediction.plan import Layout, Plan
    from suites.models import Geometry
    from suites.models.part import Part

__all__ = [
    "FIRST_TERMS",
    "HOST_SEQUENCE_MS",
    "HOST_STEP_MS",
    "LAUNCH_MS",
    "TERMS",
    "Dtypes",
    "Loads",
    "PlacedModel",
    "terms_of",
]

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
# Prompts that wait together are read together, up to so many tokens in a step: what vLLM, SGLang
# and TensorRT-LLM do unless they are told otherwise.
_CHUNK = 8192.0


@dataclass(frozen=True, slots=True)
class Dtypes:
    """What products, experts and cache are computed in, by the names of kernel tables."""

    mixers: str
    dense: str
    experts: str
    cache: str = "bfloat16"


@dataclass(frozen=True, slots=True, eq=False)
class Loads:
    """What ranks are asked for, arrays of one length.

    Attributes:
        wanted: requests under way for a rank; batch: those of them that memory holds.
        isl, osl: tokens of a request.
    """

    wanted: Floats
    batch: Floats
    isl: Floats
    osl: Floats


@dataclass(frozen=True, slots=True)
class PlacedModel:
    """A model as it lies on a chip's ranks."""

    chip: ChipTiming
    geometry: Geometry
    layout: Layout
    dtypes: Dtypes

    @property
    def plan(self) -> Plan:
        """Operators of a step."""
        return plan_of(self.geometry, self.layout)


def terms_of(served: PlacedModel, loads: Loads) -> tuple[Floats, Floats]:
    """Milliseconds of each term of TPOT and of TTFT, one column a load.

    TTFT = T_pf(ISL) + burst + wait for a step + host + queue: the burst is the share of requests
    that a closed loop starts at once, half of them before its own; the queue is for those that
    find no memory.

    Raises:
        Missing: an operator was never measured on this chip.
    """
    plan, dp = served.plan, served.layout.dp
    batch, isl, size = loads.batch, loads.isl, len(loads.batch)
    at_once = np.maximum(1.0, batch / loads.osl)
    share = batch / loads.osl / at_once
    # Decode alone, decode with prompts in it, a prompt alone and many: one call prices all four.
    crowd = np.clip(batch * isl, isl, np.maximum(_CHUNK, isl))
    tokens = np.concatenate([batch, batch + at_once * isl, isl, crowd])
    body = np.array(
        [
            _gemms(served, plan, tokens),
            _experts(served, plan, tokens * dp),
            _sums(served, plan, tokens),
            served.chip.stream(tokens * served.geometry.hidden * 2 * _PASSES) * plan.layers,
        ]
    )
    decode, mixed, alone, crowded = (body[:, at * size : (at + 1) * size] for at in range(4))
    gemm, experts, sums, stream = share * (mixed - decode)
    mixing = _prefill(served, plan, isl)
    ones = np.ones(size)
    step = np.array(
        [
            decode[0],
            _attention(served, plan, batch, isl + loads.osl / 2),
            decode[1],
            decode[2],
            served.chip.gemm("bfloat16", batch, plan.vocab, served.geometry.hidden),
            decode[3] + stream,
            LAUNCH_MS * plan.layers * ones,
            HOST_STEP_MS * ones,
            HOST_SEQUENCE_MS * batch * dp,
            gemm,
            share * at_once * mixing,
            experts,
            sums,
        ]
    )
    tpot = step.sum(axis=0)
    prompt, among = (
        (own.sum(axis=0) + LAUNCH_MS * plan.layers) * isl / read + mixing
        for own, read in ((alone, isl), (crowded, crowd))
    )
    first = np.array(
        [
            prompt,
            _BURST * np.maximum(0.0, batch - 1) / 2 * among,
            tpot / 2,
            _FIRST_HOST_MS * ones,
            _CROWD_MS * batch * dp,
            np.maximum(0.0, loads.wanted / batch - 1) * loads.osl * tpot,
        ]
    )
    return step, first


def _gemms(served: PlacedModel, plan: Plan, tokens: Floats) -> Floats:
    dtypes = served.dtypes
    groups = ((plan.mixers, dtypes.mixers), (plan.dense, dtypes.dense), (plan.plain, "bfloat16"))
    total = np.zeros(len(tokens))
    for own, dtype in groups:
        if len(own.n):
            total += (own.count * served.chip.gemm(dtype, tokens[None, :], own.n, own.k)).sum(
                axis=0
            )
    return total


def _experts(served: PlacedModel, plan: Plan, tokens: Floats) -> Floats:
    total = np.zeros(len(tokens))
    for count, shape in plan.experts:
        total += count * served.chip.experts(served.dtypes.experts, tokens, shape)
    return total


def _sums(served: PlacedModel, plan: Plan, tokens: Floats) -> Floats:
    """Half of the sums follow attention; the others span the ranks that share the experts."""
    layout, values = served.layout, tokens * served.geometry.hidden
    after = served.chip.reduce(layout.tp, values)
    if not plan.experts or layout.dp == 1:
        return plan.sums * after
    return plan.sums / 2 * (after + served.chip.reduce(layout.chips, values * layout.dp))


def _attention(served: PlacedModel, plan: Plan, batch: Floats, context: Floats) -> Floats:
    total = np.zeros(len(batch))
    for count, part in plan.mixing:
        total += count * _decoded(served, part, batch, context)
    return total


def _decoded(served: PlacedModel, part: Part, batch: Floats, context: Floats) -> Floats:
    chip, tp, cache = served.chip, served.layout.tp, served.dtypes.cache
    match part:
        case Gqa():
            limit = part.window or part.chunk
            seen = np.minimum(context, limit) if limit else context
            return chip.decode(cache, batch, seen, part, tp)
        case Mla():
            seen = np.minimum(context, part.topk) if part.topk else context
            own = chip.latent_decode(cache, batch, seen, max(1, part.heads // tp))
            keys = chip.rates.stream(batch * context * part.index_dim) if part.index_dim else 0.0
            return own + keys
        case _:
            # A state is read and written in 32 bits; compressed entries are read in 16.
            cached = np.array([part.cached(int(tokens)) for tokens in context]) * 2.0
            values = 2.0 * 4 * part.state_values() / tp
            return np.asarray(chip.rates.stream(batch * (values + cached)))


def _prefill(served: PlacedModel, plan: Plan, isl: Floats) -> Floats:
    total = np.zeros(len(isl))
    for count, part in plan.mixing:
        total += count * _read(served, part, isl)
    return total


def _read(served: PlacedModel, part: Part, isl: Floats) -> Floats:
    """What mixes the tokens of one prompt in one layer."""
    chip, tp = served.chip, served.layout.tp
    match part:
        case Gqa():
            return chip.prefill(isl, part, tp)
        case Mla():
            seen = np.minimum(isl, part.topk) if part.topk else isl
            pairs = seen * (seen + 1) / 2 + (isl - seen) * seen
            width = part.nope_dim + part.rope_dim + part.value_dim
            own = chip.latent_prefill(isl, pairs, max(1, part.heads // tp), width)
            index = 2.0 * part.index_heads * part.index_dim * isl * (isl + 1) / 2
            return own + index / (0.5 * chip.rates.peak("fp8"))
        case _:
            # Scans reach a fifth of the peak, in four launches.
            flops = np.array([part.prefill_flops(int(tokens)) for tokens in isl]) / tp
            return np.asarray(4 * KERNEL_MS + flops / (0.2 * chip.rates.peak("bfloat16")))
