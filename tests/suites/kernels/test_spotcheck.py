"""What a kernel gave can be computed again by anyone who knows the seed, and made up by nobody."""

import pytest

from suites.kernels import spotcheck
from suites.kernels.catalog import select
from suites.kernels.harness import generator, measure_case
from suites.kernels.timing import Budget

BRIEF = Budget(warm_up_s=0.001, min_blocks=2, target=1.0, cap_s=0.01)
SEED = 2**47 + 1


def ran(pattern, seed=SEED):
    case, *_ = select("quick", {"case": pattern, "backend": ["numpy"]})
    return case, measure_case(case, BRIEF, generator(case, seed, 0)).elements


def again(case, seed=SEED):
    return spotcheck.recompute(
        case.name, model=case.work.model, profile_name="quick", seed=seed, process=0
    )


@pytest.mark.parametrize(
    "pattern", ["rmsnorm/f32/*", "rmsnorm/f16/*", "softmax/f32/*", "rope/f32/*", "gemm/f32/*/o/m1"]
)
def test_elements_come_again_from_the_seed_alone(pattern):
    case, elements = ran(pattern)
    truth, tolerance = again(case)
    assert len(elements) == spotcheck.COUNT
    assert elements == pytest.approx(truth, abs=tolerance)


def test_another_seed_gives_other_elements():
    case, elements = ran("rmsnorm/f32/*")
    truth, tolerance = again(case, SEED + 1)
    assert elements != pytest.approx(truth, abs=100 * tolerance)


@pytest.mark.parametrize(
    "name",
    [
        "copy/f32/numpy/64MiB",
        "gemm/f32/numpy/qwen2.5-0.5b/o/m512",
        "gemm/fp8/torch/qwen2.5-0.5b/o/m1",
        "gemm/f32/numpy/nowhere/m1",
        "no-family/f32/numpy/x",
        "",
    ],
)
def test_what_is_dear_or_unknown_is_not_computed_again(name):
    recomputed = spotcheck.recompute(
        name, model="qwen2.5-0.5b", profile_name="quick", seed=0, process=0
    )
    assert recomputed is None


def test_bf16_is_rounded_to_the_nearest_and_ties_to_even():
    torch = pytest.importorskip("torch")
    case, *_ = select("quick", {"case": "rmsnorm/bf16/torch*", "backend": ["torch"]})
    elements = measure_case(case, BRIEF, generator(case, SEED, 0)).elements
    truth, tolerance = again(case)
    assert torch.tensor(elements).bfloat16().tolist() == list(elements)
    assert elements == pytest.approx(truth, abs=tolerance)
