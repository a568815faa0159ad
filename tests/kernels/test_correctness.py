"""A wrong kernel has no time: right ones pass their gate, wrong ones are caught."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import suites.kernels
import suites.models
from suites.errors import CheckError
from suites.kernels.backends import load_backend
from suites.kernels.case import Case
from suites.kernels.check import compare
from suites.kernels.families import FAMILIES, works
from suites.kernels.families.registry import Sizes
from suites.kernels.harness import check, draw, generator, measure_case
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
    path.write_text(text + "[moe]\nexperts = 6\nexperts_per_token = 2\nintermediate = 64\n")
    return str(path)


@pytest.mark.parametrize("backend", ["numpy", "torch", "strict"])
@pytest.mark.parametrize("family", FAMILIES)
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
    (work,) = works("attention_decode", load("tiny-15m"), sizes, "f32", 0)
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
    with pytest.raises(CheckError, match="wrong output: relative L2 error"):
        measure_case(case, BRIEF, generator(case, 0, 0))


def test_an_unwritten_tile_shows_as_poison_and_not_as_the_last_right_answer(make_case):
    def skips_a_tile(backend, *, a, b):
        out = np.empty((a.shape[0], b.shape[1]), dtype=np.float32)
        out[:-1] = a[:-1] @ b
        return out

    right = make_case("gemm", model="qwen2.5-0.5b", pick=2)
    operands = draw(right, generator(right, 0, 0))
    right.work.run(right.backend, **operands)  # leaves the right answer in freed memory
    wrong = make_case("gemm", model="qwen2.5-0.5b", pick=2, run=skips_a_tile)
    problem = check(wrong, operands).problem
    assert "never written" in problem or "errs" in problem or "error" in problem


def test_inputs_of_zeros_prove_nothing(make_case):
    case = make_case("gemm")
    zeros = {name: np.zeros_like(x) for name, x in draw(case, generator(case, 0, 0)).items()}
    assert "prove nothing" in check(case, zeros).problem


def test_one_wrong_row_among_thousands_is_caught():
    reference = np.random.default_rng(0).standard_normal((4096, 64))
    output = reference.copy()
    output[17] *= 1.1
    # 1.6e-3 of the whole would pass as bf16; the row itself errs by a tenth.
    assert compare(output, reference, 5e-3).error < 5e-3
    assert "one row errs" in compare(output, reference, 5e-3).problem


def test_a_result_of_the_wrong_shape_is_refused():
    assert "shape" in compare(np.ones((2, 3)), np.ones((3, 2)), 1e-5).problem


def test_processes_draw_different_inputs_and_a_seed_draws_them_again(make_case):
    case = make_case("gemm")
    first, again = (draw(case, generator(case, 1, 0))["a"] for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, draw(case, generator(case, 1, 1))["a"])
    assert not np.array_equal(first, draw(case, generator(case, 2, 0))["a"])


@pytest.mark.parametrize("model", available())
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
    found = {
        work.name: work
        for family in ("gemm", "attention_prefill", "attention_decode")
        for work in works(family, llama, sizes, "bf16", 2**20)
    }
    down = found["llama-3.1-8b/down/m1"]
    assert down.flops == 2 * 14_336 * 4_096 == 117_440_512
    assert down.bytes == 2 * (14_336 + 14_336 * 4_096 + 4_096) == 117_477_376
    prefill = found["llama-3.1-8b/isl512"]
    assert prefill.flops == 4 * 32 * 128 * (512 * 513 // 2) == 2_151_677_952
    assert prefill.bytes == 2 * 512 * 128 * (32 + 8 + 8 + 32)
    decode = found["llama-3.1-8b/b4/ctx2048"]
    assert decode.flops == 4 * 4 * 32 * 128 * 2048
    assert decode.bytes == 2 * (2 * 4 * 2048 * 8 * 128 + 2 * 4 * 32 * 128)
