"""Deliberate faults, a dozen and more of each family, each seen in every dtype."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import suites.models
from suites.kernels.backends.numpy_backend import NumpyBackend
from suites.kernels.case import Case
from suites.kernels.check import judge
from suites.kernels.families import FAMILIES, Sizes, works
from suites.kernels.harness import generator, place
from suites.models import load

if TYPE_CHECKING:
    from suites.kernels.backends.work import Spread, Work

SIZES = Sizes(prefill=32, decode=(3,), batch=16, context=64, peak=48)
BITS = {"f32": 24, "f16": 11, "bf16": 8}
# Significand bits of a dtype that a careless kernel computes in instead: tf32, bf16, fp8.
NARROW = {"f32": 11, "f16": 8, "bf16": 4}
MODEL = {"mla_decode": "deepseek-v3", "moe_routing": "gpt-oss-120b"}


def rounded(values, bits):
    """Round to a significand of so many bits, ties to even."""
    mantissa, exponent = np.frexp(np.asarray(values, np.float64))
    return np.ldexp(np.rint(mantissa * 2.0**bits), exponent - bits)


class AnyDtype(NumpyBackend):
    """NumPy that holds values of any dtype, rounded, in float64; f16 subnormals apart."""

    def put(self, array, dtype):
        if np.issubdtype(array.dtype, np.integer):
            return array
        return rounded(array, BITS[dtype])

    hold = put


@dataclass(frozen=True)
class Prepared:
    """A work's inputs and probes with their references, computed once for all faults."""

    work: Work
    operands: list[dict[str, np.ndarray]]
    references: list[np.ndarray]
    spreads: list[Spread | None]

    def shows(self, run):
        """Say whether some of them show that a kernel is wrong."""
        # The last probe first: most faults show there.
        return any(self._problem(run, number) for number in reversed(range(len(self.operands))))

    def _problem(self, run, number):
        rounding = self.work.rounding
        output = run(None, **self.operands[number], **self.work.parameters)
        output = output if rounding.exact else rounded(output, BITS[self.work.dtype])
        reference, spread = self.references[number], self.spreads[number]
        return judge(output, reference, self.work.dtype, rounding, spread).problem


def prepared(work):
    case = Case(work=work, backend=AnyDtype(), cache="cold", copies=1, run=work.run)
    random = generator(case, 0, 0)
    operands = [place(case, draw(random)) for draw in (work.inputs, *work.probes.values())]
    references = [np.array(work.reference(**inputs, **work.parameters)) for inputs in operands]
    spread = work.rounding.spread
    spreads = [
        spread(reference, **inputs, **work.parameters) if spread else None
        for inputs, reference in zip(operands, references, strict=True)
    ]
    return Prepared(work, operands, references, spreads)


def truth(work):
    return lambda _backend, **operands: np.array(work.reference(**operands))


def by_row(output):
    return output.reshape(-1, output.shape[-1])


def changed(at, by):
    def fault(output, _bits):
        out = output.copy()
        by_row(out)[at] = by(by_row(out)[at])
        return out

    return fault


OUTPUTS = {
    "the first row is missing": changed(np.s_[0], np.zeros_like),
    "the last row is missing": changed(np.s_[-1], np.zeros_like),
    "the last column is missing": changed(np.s_[:, -1], np.zeros_like),
    "the last value was never written": changed(np.s_[-1, -1], lambda _: np.nan),
    "the last row has the other sign": changed(np.s_[-1], np.negative),
    "the largest of the last row is doubled": changed(
        np.s_[-1], lambda row: np.where(np.abs(row) == np.abs(row).max(), 2 * row, row)
    ),
    "every value is 0.3% too large": lambda output, _: output * 1.003,
    "every value is 0.3% too small": lambda output, _: output * 0.997,
    "a narrower dtype on the way": rounded,
    "rows moved up by one": lambda output, _: np.roll(by_row(output), 1, 0).reshape(output.shape),
    "columns moved by one": lambda output, _: np.roll(output, 1, -1),
    "the first row stands in the last": lambda output, _: changed(
        np.s_[-1], lambda _: by_row(output)[0]
    )(output, 0),
    "all is zero": lambda output, _: np.zeros_like(output),
    "a value follows the last": lambda output, _: np.concatenate((output, output[..., -1:]), -1),
    "a constant is added to a row": changed(
        np.s_[0], lambda row: row + 0.5 * max(1e-6, np.abs(row).max())
    ),
}


def operand_faults(work):
    """Each operand with its last value lost, and with values of its neighbours."""
    random = np.random.default_rng(1)
    for name, array in work.inputs(random).items():
        if np.issubdtype(array.dtype, np.integer) or work.family in {"sampling", "moe_routing"}:
            continue

        def lost(_backend, *, _name=name, **operands):
            operand = operands[_name].copy()
            operand[..., -1] = 0
            return np.array(work.reference(**operands | {_name: operand}))

        def neighbours(_backend, *, _name=name, **operands):
            operand = np.roll(operands[_name], 1)
            return np.array(work.reference(**operands | {_name: operand}))

        yield f"the last of {name} is lost", lost
        yield f"{name} is read one further", neighbours


def changed_model(folder, pattern, by):
    """tiny-15m with a part replaced, in a file of its own."""
    text = (Path(suites.models.__file__).parent / "data" / "tiny-15m.toml").read_text()
    text, count = re.subn(pattern, by, text)
    assert count == 1
    path = folder / "changed.toml"
    path.write_text(text)
    return load(str(path))


@pytest.fixture(scope="module")
def work_of(tmp_path_factory):
    experts = '{ kind = "experts", experts = 6, experts_per_token = 2, intermediate = 64 }'
    mixed = changed_model(tmp_path_factory.mktemp("moe"), r'\{ kind = "dense"[^}]*\}', experts)

    def find(family, dtype):
        model = mixed if family == "grouped_gemm" else load(MODEL.get(family, "tiny-15m"))
        sizes = replace(SIZES, batch=1, context=32) if family == "mla_decode" else SIZES
        memory = 2**19 if family == "read" else 2**14
        return next(iter(works(family, model, sizes, dtype, memory)), None)

    return find


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_dozen_faults_are_caught_and_honest_rounding_passes(work_of, family, dtype):
    work = work_of(family, dtype)
    if work is None:
        pytest.skip("stated in f32 alone")
    ready = prepared(work)
    right = ready.references
    faults = {}
    for name, fault in OUTPUTS.items():
        wrong = [fault(output, NARROW[dtype]) for output in right]
        if not np.array_equal(wrong[0], right[0]):  # some change nothing in some families
            outputs = reversed(wrong)
            faults[name] = lambda _backend, _outputs=outputs, **_: next(_outputs)
    faults |= dict(operand_faults(work))
    assert not ready.shows(truth(work))
    assert [name for name, run in faults.items() if not ready.shows(run)] == []
    assert len(faults) >= 12


# One query of two heads over 32768 tokens: what hides in the rounding of so many.


def _attend(q, k, v, scale):
    """One query, written apart from the reference."""
    scores = k @ q * scale
    weights = np.exp(scores - scores.max())
    return weights @ v / weights.sum()


def attention(drop=(), scale=1.0, past=0, value_scale=1.0, reach=None):
    """Decode attention in float64 with something wrong about it."""

    def run(_backend, *, q, k_pages, v_pages, table, lengths=None):
        batch, heads, width = q.shape
        groups = k_pages.shape[1]
        out = np.empty(q.shape)
        for sequence, group in np.ndindex(batch, groups):
            mine = slice(group * heads // groups, (group + 1) * heads // groups)
            k, v = (p[table[sequence], group].reshape(-1, width) for p in (k_pages, v_pages))
            end = len(k) if lengths is None else int(lengths[sequence])
            seen = np.zeros(len(k), bool)
            seen[: end + past][reach or np.s_[:]] = True
            seen[list(drop)] = False
            scores = np.where(seen, q[sequence, mine] @ k.T * scale * width**-0.5, -np.inf)
            weights = np.exp(scores - scores.max(axis=1, keepdims=True))
            out[sequence, mine] = weights @ v / weights.sum(axis=1, keepdims=True)
        return out * value_scale

    return run


DECODE = {
    "the first key dropped": attention(drop=[0]),
    "a key in the middle dropped": attention(drop=[16_000]),
    "the last key dropped": attention(drop=[-1]),
    "a scale of scores off by 0.3%": attention(scale=1.003),
    "a scale of scores off by -0.3%": attention(scale=0.997),
    "a scale of values off by 0.3%": attention(value_scale=1.003),
    "keys and values of another page": attention(reach=np.s_[16:32]),
    "the last page left out": attention(reach=np.s_[:-16]),
    "the first page left out": attention(reach=np.s_[16:]),
    "every second key": attention(reach=np.s_[::2]),
    "a split left out": attention(reach=np.s_[: 32_768 * 63 // 64]),
    "scores not scaled": attention(scale=8.0),
}


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
def test_decode_over_32768_tokens_passes_when_it_is_right_and_not_with_one_key_wrong(
    tmp_path, dtype
):
    model = changed_model(tmp_path, "heads = 4, kv_heads = 2", "heads = 2, kv_heads = 1")
    sizes = replace(SIZES, batch=1, context=32_768)
    ready = prepared(works("attention_decode", model, sizes, dtype, 0)[0])
    assert not ready.shows(attention())
    assert [name for name, run in DECODE.items() if not ready.shows(run)] == []
    assert len(DECODE) >= 12


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("past", [1, 15])
def test_tokens_behind_the_end_of_a_ragged_sequence_show(dtype, past):
    (_, work, *_) = works("attention_decode", load("tiny-15m"), SIZES, dtype, 0)
    ready = prepared(work)
    assert not ready.shows(attention())
    assert ready.shows(attention(past=past))


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
@pytest.mark.parametrize(
    "fault", [{"window": 127}, {"window": 129}, {"window": 0}, {"sinks": None}, {"sinks": "late"}]
)
def test_windows_off_by_one_and_lost_sinks_show(dtype, fault):
    sizes = replace(SIZES, batch=2, context=256)
    work = next(
        work
        for work in works("attention_decode", load("gpt-oss-120b"), sizes, dtype, 0)
        if work.name.endswith("window128/sinks")
    )
    ready = prepared(work)
    assert not ready.shows(truth(work))

    def run(_backend, **operands):
        wrong = dict(fault)
        if wrong.get("sinks") == "late":
            wrong["sinks"] = np.roll(operands["sinks"], 1)
        return work.reference(**operands | wrong)

    assert ready.shows(run)


def causal(own=True, ahead=0, scale=1.0):
    """Prefill in float64 whose last row may miss its own key, or every row see further."""

    def run(_backend, *, q, k, v):
        heads, isl, width = q.shape
        out = np.empty((*q.shape[:2], v.shape[-1]))
        for head, row in np.ndindex(heads, isl):
            group = head // (heads // len(k))
            seen = np.arange(min(isl, row + 1 + ahead))
            seen = seen[:-1] if row == isl - 1 and not own else seen
            keys = k[group, seen], v[group, seen]
            out[head, row] = _attend(q[head, row], *keys, scale * width**-0.5)
        return out

    return run


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("fault", [{"own": False}, {"ahead": 1}, {"scale": 1.003}])
def test_a_causal_mask_off_by_one_shows(dtype, fault):
    (work,) = works("attention_prefill", load("tiny-15m"), replace(SIZES, prefill=96), dtype, 0)
    ready = prepared(work)
    assert not ready.shows(causal())
    assert ready.shows(causal(**fault))


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("lost", ["a key", "the rotary part", "the scale"])
def test_latent_attention_with_a_part_lost_shows(dtype, lost):
    sizes = replace(SIZES, batch=1, context=32)
    (work,) = works("mla_decode", load("deepseek-v3"), sizes, dtype, 0)

    def run(_backend, *, q, pages, table, rank, scale):
        if lost == "the rotary part":
            q = np.concatenate((q[..., :rank], 0 * q[..., rank:]), axis=-1)
        scale *= 1.003 if lost == "the scale" else 1
        latent = pages[table[0]].reshape(-1, pages.shape[-1])[1 if lost == "a key" else 0 :]
        return np.stack([_attend(row, latent, latent[:, :rank], scale) for row in q[0]])[None]

    assert prepared(work).shows(run)


def test_router_weights_do_not_hide_behind_expert_numbers(work_of):
    work = work_of("moe_routing", "f32")
    chosen = work.parameters["chosen"]

    def run(_backend, *, logits, chosen=chosen):
        out = work.reference(logits=logits, chosen=chosen)
        out[:, :chosen] *= 1 + 1e-4  # a whole of 4e-7, since experts are numbered to 127
        return out

    assert prepared(work).shows(run)
    right = work.reference(logits=np.random.default_rng(0).standard_normal((8, 128)), chosen=chosen)
    wrong = right.copy()
    wrong[:, :chosen] *= 1 + 1e-4
    assert np.linalg.norm(wrong - right) / np.linalg.norm(right) < 1e-5  # the gate there was


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
def test_one_term_of_4864_lost_from_every_sum_shows(dtype):
    sizes = replace(SIZES, decode=(1,))
    down = works("gemm", load("qwen2.5-0.5b"), sizes, dtype, 0)[-1]
    assert down.shape["k"] == 4864
    ready = prepared(down)
    assert not ready.shows(truth(down))
    assert ready.shows(lambda _, *, a, b: a[:, :-1] @ b[:-1])
