"""Terms of a step, compared with sums done by hand."""

import numpy as np
import pytest

from results.prediction.chip import Missing
from results.prediction.plan import Layout, plan_of
from results.prediction.steps import FIRST_TERMS, TERMS, Dtypes, Loads, PlacedModel, terms_of
from suites.models.geometry import Geometry

PLAIN = Dtypes("bfloat16", "bfloat16", "bfloat16")
LAUNCH = 0.002
ONE = Layout()


def loads(batch=4.0, isl=100.0, osl=50.0, wanted=None):
    columns = (wanted or batch, batch, isl, osl)
    return Loads(*(np.array([value]) for value in columns))


def terms(chip, geometry, layout=ONE, asked=None):
    step, first = terms_of(PlacedModel(chip, geometry, layout, PLAIN), asked or loads())
    return dict(zip(TERMS, step[:, 0], strict=True)), dict(
        zip(FIRST_TERMS, first[:, 0], strict=True)
    )


def gemm(m, n, k):
    """Bytes of weights, inputs and outputs over 10⁹ a ms, or FLOPs over 10¹², and one launch."""
    return LAUNCH + max((n * k + m * k + m * n) * 2 / 1e9, 2 * m * n * k / 1e12)


def layer(m, tp=1):
    """Queries, keys and values; output; gate and up; down: the four products of a layer."""
    return (
        gemm(m, (64 + 2 * 32) // tp, 64)
        + gemm(m, 64, 64 // tp)
        + gemm(m, 256 // tp, 64)
        + gemm(m, 64, 128 // tp)
    )


def test_decode_is_the_sum_of_its_kernels(chip, geometry):
    step, _ = terms(chip, geometry)
    assert step["gemm"] == pytest.approx(3 * layer(4))
    # 4 sequences of 125 tokens, keys and values of 2 heads of 16 numbers of 2 bytes.
    assert step["attention"] == pytest.approx(3 * (LAUNCH + 4 * 125 * 2 * 2 * 16 * 2 / 1e9))
    assert step["head"] == pytest.approx(gemm(4, 1000, 64))
    assert (step["experts"], step["sums"], step["prefill experts"]) == (0, 0, 0)


def test_prefill_is_mixed_in_by_what_it_adds(chip, geometry):
    # 4 ÷ 50 prompts a step: one prompt at once, in a share of 0.08 of steps.
    step, _ = terms(chip, geometry)
    assert step["prefill gemm"] == pytest.approx(0.08 * 3 * (layer(104) - layer(4)))
    pairs = 100 * 101 / 2
    attention = LAUNCH + 4 * pairs * 4 * 16 / 1e12
    assert step["prefill attention"] == pytest.approx(0.08 * 3 * attention)


def test_more_than_one_prompt_a_step_come_at_once(chip, geometry):
    # 100 ÷ 50: two prompts in every step.
    step, _ = terms(chip, geometry, asked=loads(batch=100.0))
    assert step["prefill gemm"] == pytest.approx(3 * (layer(100 + 2 * 100) - layer(100)))


def test_ranks_share_products_and_sum_after_each_block(chip, geometry):
    step, _ = terms(chip, geometry, Layout(tp=2, moe_tp=2))
    assert step["gemm"] == pytest.approx(3 * layer(4, tp=2))
    # Two sums a layer of 4 × 64 numbers of 2 bytes over 2 chips: each sends and gets half, twice.
    assert step["sums"] == pytest.approx(6 * (LAUNCH + 2 * 4 * 64 * 2 / 2 / 1e8))


def test_experts_are_read_as_often_as_tokens_draw_them(chip, geometry):
    experts = {"kind": "experts", "experts": 8, "experts_per_token": 2, "intermediate": 32}
    parts = [{**geometry.layers[0].parts[0].model_dump()}, experts]
    sparse = Geometry.model_validate(
        {**geometry.model_dump(), "layers": [{"count": 3, "parts": parts}]}
    )
    step, _ = terms(chip, sparse)
    drawn = 8 * (1 - (1 - 2 / 8) ** 4)
    moved = drawn * 64 * 32 * 3 * 2 + 4 * 2 * 64 * 4
    assert step["experts"] == pytest.approx(3 * (LAUNCH + moved / 1e9))


def read(isl, together):
    """One prompt's share of a step that reads so many tokens, and its own attention."""
    stream = 3 * together * 64 * 2 * 12 / (0.8 * 1e9)
    mixing = 3 * (LAUNCH + 4 * (isl * (isl + 1) / 2) * 4 * 16 / 1e12)
    return (3 * layer(together) + stream + 3 * 0.010) * isl / together + mixing


@pytest.mark.parametrize(
    ("isl", "batch", "together"), [(4096.0, 4.0, 8192), (10_000.0, 4.0, 10_000), (50.0, 1.0, 50)]
)
def test_prompts_of_a_burst_are_read_together_as_far_as_a_step_goes(
    chip, geometry, isl, batch, together
):
    _, first = terms(chip, geometry, asked=loads(batch=batch, isl=isl))
    assert first["burst"] == pytest.approx(0.1 * (batch - 1) / 2 * read(isl, together))


def test_a_first_token_waits_for_prompt_burst_and_queue(chip, geometry):
    step, first = terms(chip, geometry, asked=loads(wanted=10.0))
    assert first["prompt"] == pytest.approx(read(100, 100))
    # Four prompts that wait together are read as one of 400 tokens.
    assert first["burst"] == pytest.approx(0.1 * 1.5 * read(100, 400))
    assert first["wait"] == pytest.approx(sum(step.values()) / 2)
    assert first["queue"] == pytest.approx(1.5 * 50 * sum(step.values()))


def test_a_window_bounds_what_is_read(chip, geometry):
    windowed = geometry.layers[0].parts[0].model_copy(update={"window": 25})
    parts = (windowed, geometry.layers[0].parts[1])
    short = geometry.model_copy(
        update={"layers": (geometry.layers[0].model_copy(update={"parts": parts}),)}
    )
    step, _ = terms(chip, short)
    assert step["attention"] == pytest.approx(3 * (LAUNCH + 4 * 25 * 128 / 1e9))


@pytest.mark.parametrize(
    ("change", "more"), [({"batch": 8.0}, "gemm"), ({"isl": 400.0}, "attention")]
)
def test_more_to_do_takes_longer(chip, geometry, change, more):
    before, after = (terms(chip, geometry, asked=loads(**own))[0] for own in ({}, change))
    assert sum(after.values()) > sum(before.values())
    assert after[more] > before[more]


def test_what_was_never_measured_is_missing(chip, geometry):
    with pytest.raises(Missing, match="no product of nvfp4"):
        terms_of(PlacedModel(chip, geometry, Layout(), Dtypes("nvfp4", "nvfp4", "nvfp4")), loads())


def test_latent_attention_projects_its_latents_on_every_rank():
    part = {
        "kind": "mla", "heads": 8, "q_rank": 24, "kv_rank": 16, "nope_dim": 8, "rope_dim": 4,
        "value_dim": 8,
    }  # fmt: skip
    geometry = Geometry.model_validate({
        "id": "latent", "name": "latent", "hidden": 64, "vocab": 100, "tied_embeddings": True,
        "layers": [{"parts": [part, {"kind": "dense", "intermediate": 32}]}], "source": "made up",
    })  # fmt: skip
    plan = plan_of(geometry, Layout(tp=4, moe_tp=4))
    mixers = {(n, k) for n, k in zip(plan.mixers.n.ravel(), plan.mixers.k.ravel(), strict=True)}
    # Both latents and the rotary key; 2 heads' queries of 12; 2 heads' values of 8 out.
    assert mixers == {(24 + 16 + 4, 64), (2 * 12, 24), (64, 2 * 8)}
    assert (plan.plain.n.item(), plan.plain.k.item()) == (2 * (8 + 8), 16)
