"""A wrong kernel has no time: right ones pass their gate, wrong ones are caught."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import suites.kernels
import suites.models
from suites.base.errors import CheckError, UserError
from suites.kernels.backends import load_backend
from suites.kernels.backends.work import ITEM_BITS, Rounding
from suites.kernels.case import Case
from suites.kernels.check import judge
from suites.kernels.families import FAMILIES, works
from suites.kernels.families.registry import Sizes
from suites.kernels.harness import check, draw, generator, measure_case, turned
from suites.kernels.timing import Budget
from suites.models import available, load

KERNELS = Path(suites.kernels.__file__).parent
BRIEF = Budget(warm_up_s=0, min_blocks=1, target=1e9, cap_s=0)


def verdict(case):
    return check(case, draw(case, generator(case, 0, 0)))


# Where a family needs experts or latent attention.
MODEL = {
    "mla_decode": "deepseek-v3",
    "moe_routing": "gpt-oss-120b",
    "grouped_gemm": "tiny-moe",
}


@pytest.fixture(scope="module")
def tiny_moe(tmp_path_factory):
    """A mixture of experts small enough to multiply in a test."""
    text = (Path(suites.models.__file__).parent / "data" / "tiny-15m.toml").read_text()
    path = tmp_path_factory.mktemp("models") / "tiny-moe.toml"
    experts = '{ kind = "experts", experts = 6, experts_per_token = 2, intermediate = 64 }'
    mixed, changed = re.subn(r'\{ kind = "dense"[^}]*\}', experts, text)
    assert changed == 1
    path.write_text(mixed)
    return str(path)


@pytest.mark.parametrize("backend", ["numpy", "torch", "strict"])
@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "all_reduce"])
def test_every_kernel_agrees_with_its_float64_reference(make_case, tiny_moe, family, backend):
    model = MODEL.get(family, "tiny-15m")
    case = make_case(family, backend=backend, model=tiny_moe if model == "tiny-moe" else model)
    assert verdict(case).problem == ""


@pytest.mark.parametrize("dtype", ["bf16", "f16"])  # f16 products are slow here, and right
@pytest.mark.parametrize("family", ["gemm", "gemm_w8", "rmsnorm", "attention_decode", "softmax"])
def test_narrow_dtypes_stay_inside_their_own_gate(make_case, family, dtype):
    assert verdict(make_case(family, dtype=dtype, backend="torch")).problem == ""


@pytest.mark.parametrize("dtype", ["int8", "fp8"])
def test_torch_products_of_eight_bits_agree_with_the_exact_ones(make_case, dtype):
    case = make_case("gemm", dtype=dtype, backend="torch")
    (run,) = case.backend.paths(case.work).values()
    assert verdict(replace(case, run=run)).problem == ""


@pytest.mark.parametrize("dtype", ["f32", "bf16", "f16"])
def test_a_sum_over_two_processes_agrees_with_the_reference(make_case, dtype):
    case = make_case("all_reduce", dtype=dtype, backend="torch")
    ((path, run),) = case.backend.paths(case.work).items()
    assert path == "gloo"
    assert verdict(replace(case, run=run)).problem == ""
    # In a ring of two, each sends half of its values twice: as many as there are.
    assert case.work.bytes == 32 * 256 * ITEM_BITS[dtype] // 8


def test_a_backend_alone_sums_nothing(make_case):
    case = make_case("all_reduce")
    with pytest.raises(NotImplementedError):
        case.work.run(case.backend, x=np.ones((2, 2)), peers=2)


def test_four_bit_values_are_rounded_to_the_nearest_and_come_back_from_their_packing():
    torch = pytest.importorskip("torch")
    from suites.kernels.backends import torch_paths

    if torch_paths.FP4 is None:
        pytest.skip("this torch has no fp4 type")
    wanted = [0.0, 0.5, -1.0, 1.5, 2.0, -3.0, 4.0, 6.0]
    given = [0.2, 0.6, -1.2, 1.3, 2.4, -2.6, 4.9, 90.0]
    a = torch_paths.to_fp4(torch.tensor([given, wanted]))
    assert a.tolist() == [wanted, wanted]
    packed = torch_paths.arrange("fp4", {"a": a, "b": a.t().contiguous()})
    backend = load_backend("torch")
    assert packed["a"].shape == (2, 4)
    assert backend.get(packed["a"]).tolist() == [wanted, wanted]
    assert backend.get(packed["b"]).T.tolist() == [wanted, wanted]


@pytest.mark.parametrize("dtype", ["fp8", "fp4"])
def test_operands_of_narrow_products_are_neither_subnormal_nor_zero(make_case, dtype):
    inputs = make_case("gemm", dtype=dtype).work.inputs(np.random.default_rng(0))
    smallest = {"fp8": 2.0**-6, "fp4": 0.25}[dtype]  # below: subnormal, rounded to zero
    assert np.mean(np.abs(inputs["b"]) < smallest) < 0.25


def test_prompts_of_latent_attention_have_wider_keys_than_values(make_case):
    case = make_case("attention_prefill", model="deepseek-v3")
    assert (case.work.shape["key"], case.work.shape["value"]) == (192, 128)
    assert verdict(case).problem == ""


def test_torchs_own_attention_agrees_with_the_reference(make_case):
    case = make_case("attention_prefill", backend="torch")
    run = case.backend.paths(case.work)["sdpa"]
    assert verdict(replace(case, run=run)).problem == ""


def test_quantization_error_is_reported_apart_and_is_that_of_eight_bits(make_case):
    work = make_case("gemm_w8").work
    # A uniform step of max/127 errs by step/sqrt(12); of 32 normals the largest is near 2.4.
    expected = 2.4 / 127 / 12**0.5
    assert work.quantization_error(np.random.default_rng(0)) == pytest.approx(expected, rel=0.1)


def test_every_family_has_its_benchmark_function():
    functions = "".join(path.read_text() for path in KERNELS.glob("bench_*.py"))
    for family in FAMILIES:
        assert functions.count(f"def bench_{family}(") == 1


@pytest.mark.parametrize(("dropped", "passes"), [(0, True), (5, False)])
def test_attention_that_drops_five_of_512_keys_is_no_result(dropped, passes):
    sizes = Sizes(prefill=32, decode=(1,), batch=1, context=512, peak=48)
    work, *_ = works("attention_decode", load("tiny-15m"), sizes, "f32", 0)
    heads, kv_heads, width = (work.shape[name] for name in ("heads", "kv_heads", "head_dim"))

    def forgetful(_backend, *, q, k_pages, v_pages, table):
        k, v = (
            np.repeat(
                pages[table[0]].swapaxes(0, 1).reshape(kv_heads, 512, width)[:, dropped:],
                heads // kv_heads,
                axis=0,
            )
            for pages in (k_pages, v_pages)
        )
        weights = np.exp(np.einsum("hd,htd->ht", q[0], k) * width**-0.5)
        return np.einsum("ht,htd->hd", weights / weights.sum(axis=1, keepdims=True), v)[None]

    case = Case(work=work, backend=load_backend("numpy"), cache="cold", copies=2, run=forgetful)
    problem = check(case, draw(case, generator(case, 0, 0))).problem
    assert (problem == "") is passes


def test_a_wrong_kernel_is_never_timed(make_case):
    case = make_case("gemm", run=lambda backend, *, a, b: 1.0001 * (a @ b))
    with pytest.raises(CheckError, match="wrong output: "):
        measure_case(case, BRIEF, generator(case, 0, 0))


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("written", ["all but the last row", "all but the last column", "nothing"])
def test_an_unwritten_tile_is_caught_though_the_memory_held_an_earlier_answer(
    make_case, backend, written
):
    def skips_a_tile(backend, *, a, b):
        out = backend.xp.empty((a.shape[0], b.shape[1]), dtype=a.dtype)
        right = backend.xp.matmul(a, b)
        if written == "all but the last row":
            out[:-1, :] = right[:-1, :]
        if written == "all but the last column":
            out[:, :-1] = right[:, :-1]
        return out

    right = make_case("gemm", backend=backend, model="qwen2.5-0.5b", pick=2)
    random = generator(right, 0, 0)
    right.work.run(right.backend, **draw(right, random))  # its answer stays in freed memory
    problem = check(replace(right, run=skips_a_tile), draw(right, random)).problem
    # NaN where the allocator hands the poison out, the earlier answer or zeros where not.
    assert "never written" in problem or "times its rounding" in problem


def test_a_result_that_nobody_writes_is_poison(make_case):
    case = make_case("gemm", model="qwen2.5-0.5b", pick=2)
    unwritten = replace(case, run=lambda _, *, a, b: np.empty((len(a), b.shape[1]), np.float32))
    problem = check(unwritten, draw(case, generator(case, 0, 0))).problem
    assert "never written" in problem
    # But for a few words that the allocator keeps of its own in freed memory.
    assert int(problem.split()[0]) == pytest.approx(32 * 9728, rel=1e-3)


def test_a_kernel_whose_tile_errs_a_little_more_than_its_dtype_may_is_no_result(make_case):
    """5 in 1000 on a sixteenth of the result: elementwise closeness at 1e-2 lets it pass."""

    def errs(backend, *, a, b):
        out = a @ b
        out[:2] *= 1.005
        return out

    case = make_case("gemm", run=errs)
    operands = draw(case, generator(case, 0, 0))
    assert np.allclose(errs(None, **operands), operands["a"] @ operands["b"], rtol=1e-2)
    assert "times its rounding" in check(case, operands).problem


@pytest.mark.parametrize("family", ["gemm", "rmsnorm", "copy", "attention_prefill"])
def test_inputs_of_zeros_prove_nothing(make_case, family):
    case = make_case(family)
    zeros = {name: np.zeros_like(x) for name, x in draw(case, generator(case, 0, 0)).items()}
    assert "prove nothing" in check(case, zeros).problem


def test_one_wrong_row_among_thousands_is_caught():
    reference = np.random.default_rng(0).standard_normal((4096, 64))
    output = reference.copy()
    output[17] *= 1.01
    # 1.6e-4 of the whole, less than bf16 rounds it; the row itself errs six times as much.
    assert judge(output, reference, "bf16", Rounding()).error < 2e-4
    assert "one row errs" in judge(output, reference, "bf16", Rounding()).problem


def test_a_result_of_the_wrong_shape_is_refused():
    assert "shape" in judge(np.ones((2, 3)), np.ones((3, 2)), "f32", Rounding()).problem


@pytest.mark.parametrize(("dtype", "bits"), [("f32", 24), ("f16", 11), ("bf16", 8)])
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 40), width=st.integers(1, 300))
def test_values_rounded_once_always_pass(dtype, bits, seed, rows, width):
    reference = np.random.default_rng(seed).standard_normal((rows, width))
    mantissa, exponent = np.frexp(reference)
    output = np.ldexp(np.rint(mantissa * 2.0**bits), exponent - bits)
    assert judge(output, reference, dtype, Rounding()).problem == ""


def test_timed_outputs_are_judged_on_the_buffers_that_were_timed(make_case):
    """A kernel that keeps its first answer is right once, and quick ever after."""
    kept = []

    def first_answer(backend, *, a, b):
        kept.append(backend.xp.matmul(a, b))
        return kept[0]

    case = make_case("gemm", run=first_answer)
    with pytest.raises(CheckError, match="wrong output as timed"):
        measure_case(case, BRIEF, generator(case, 0, 0))


def test_every_set_of_timed_operands_has_values_of_its_own(make_case):
    inputs = make_case("gemm_w8").work.inputs(np.random.default_rng(0))
    sets = [turned(inputs, turn) for turn in range(1, 256)]
    assert len({operands["x"].tobytes() for operands in sets} | {inputs["x"].tobytes()}) == 256
    assert all(np.array_equal(operands["q"], inputs["q"]) for operands in sets)


def test_processes_draw_different_inputs_and_a_seed_draws_them_again(make_case):
    case = make_case("gemm")
    first, again = (draw(case, generator(case, 1, 0))["a"] for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, draw(case, generator(case, 1, 1))["a"])
    assert not np.array_equal(first, draw(case, generator(case, 2, 0))["a"])


# Of which no kernel is measured yet.
_UNMEASURED = {"deepseek-v4-flash"}


def test_a_model_whose_attention_is_not_measured_is_refused_by_name():
    for model in _UNMEASURED:
        with pytest.raises(UserError, match="has no attention of a kind that kernels"):
            works(
                "attention_decode",
                load(model),
                Sizes(prefill=8, decode=(1,), batch=1, context=8, peak=8),
                "bf16",
                64,
            )


@pytest.mark.parametrize("model", sorted({*available()} - _UNMEASURED))
def test_every_problem_of_every_model_states_its_work(model):
    sizes = Sizes(prefill=512, decode=(1,), batch=4, context=2048, peak=512)
    for family in FAMILIES:
        for work in works(family, load(model), sizes, "bf16", 2**20):
            assert work.bytes > 0
            assert work.flops >= 0
            assert work.buffer_bytes >= work.bytes


def test_counts_of_llama_8b_match_sums_by_hand():
    sizes = Sizes(prefill=512, decode=(1,), batch=4, context=2048, peak=512)
    llama = load("llama-3.1-8b")
    counts = {
        work.name: work
        for family in ("gemm", "attention_prefill", "attention_decode")
        for work in works(family, llama, sizes, "bf16", 2**20)
    }
    down = counts["llama-3.1-8b/down/m1"]
    assert down.flops == 2 * 14_336 * 4_096 == 117_440_512
    assert down.bytes == 2 * (14_336 + 14_336 * 4_096 + 4_096) == 117_477_376
    prefill = counts["llama-3.1-8b/isl512"]
    assert prefill.flops == 4 * 32 * 128 * (512 * 513 // 2) == 2_151_677_952
    assert prefill.bytes == 2 * 512 * 128 * (32 + 8 + 8 + 32)
    decode = counts["llama-3.1-8b/b4/ctx2048"]
    assert decode.flops == 4 * 4 * 32 * 128 * 2048
    assert decode.bytes == 2 * (2 * 4 * 2048 * 8 * 128 + 2 * 4 * 32 * 128)
