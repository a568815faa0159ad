"""Geometries against published counts and against sums done by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.base.errors import UserError
from suites.models import Dense, Experts, Geometry, Gqa, Layer, Mla, available, load
from suites.models.recurrent import GatedDelta, Mamba2

# Published: safetensors totals on the models' hub pages; DeepSeek-V3's is the 671 B main model
# (README), gpt-oss-120b's the 116.83 B of its model card (arXiv 2508.10925, table 1).
PUBLISHED = {
    "qwen2.5-0.5b": 494_032_768,
    "llama-3.1-8b": 8_030_261_248,
    "qwen3-8b": 8_190_735_360,
    "qwen3-30b-a3b": 30_532_122_624,
    "llama-3.1-70b": 70_553_706_496,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameter_count_equals_the_published_one(name):
    assert load(name).parameters() == PUBLISHED[name]


def test_deepseek_v3_counts_671_billion_of_which_37_are_active():
    geometry = load("deepseek-v3")
    assert geometry.parameters() == pytest.approx(671e9, rel=0.001)
    # The report's 37 B count the embedding, which multiplies nothing.
    embedding = geometry.vocab * geometry.hidden
    assert geometry.active_parameters() + embedding == pytest.approx(37.55e9, rel=0.001)


def test_gpt_oss_120b_counts_match_its_model_card():
    geometry = load("gpt-oss-120b")
    assert round(geometry.parameters() / 1e9, 2) == 116.83
    assert round(geometry.active_parameters() / 1e9, 2) == 5.13


def test_llama_8b_decode_flops_match_a_sum_by_hand():
    # per layer: q and o 4096·4096 each, k and v 4096·1024 each, three matrices 4096·14336
    layer = 2 * 16_777_216 + 2 * 4_194_304 + 3 * 58_720_256
    assert layer == 218_103_808
    head = 128_256 * 4_096
    attention = 4 * 32 * 128 * 1024 * 32  # 4·heads·head_dim·context·layers
    by_hand = 2 * (32 * layer + head) + attention
    assert by_hand == 15_546_187_776
    assert load("llama-3.1-8b").decode_flops(1024) == by_hand


def test_qwen_half_billion_prefill_flops_match_a_sum_by_hand():
    # per layer: q and o 896·896 each, k and v 896·128 each, three matrices 896·4864
    layer = 2 * 802_816 + 2 * 114_688 + 3 * 4_358_144
    tokens = 128
    pairs = 128 * 129 // 2
    by_hand = 2 * (24 * layer * tokens + 151_936 * 896) + 24 * pairs * 4 * 14 * 64
    assert by_hand == 92_586_016_768
    assert load("qwen2.5-0.5b").prefill_flops(128) == by_hand


def test_llama_70b_decode_bytes_match_a_sum_by_hand():
    layer = 2 * 8192 * 8192 + 2 * 8192 * 1024 + 3 * 8192 * 28_672
    weights = 2 * (80 * layer + 128_256 * 8192 + 4 * 8192)  # bf16, four embedding rows
    cache = 4 * (2048 + 1) * 80 * 2 * 8 * 128 * 2  # read 2048 tokens, write one, four sequences
    assert load("llama-3.1-70b").decode_min_bytes(2048, 4) == weights + cache


@pytest.mark.parametrize(
    ("name", "published"),
    # DeepSeek-AI 2025, "Insights into DeepSeek-V3" (arXiv 2505.09343), table 1: 70.272 KB; the
    # grouped-query models by 2·layers·kv_heads·head_dim·2 bytes.
    [("deepseek-v3", 70_272), ("llama-3.1-8b", 131_072), ("llama-3.1-70b", 327_680)],
)
def test_cache_bytes_per_token_in_bf16_equal_the_published_ones(name, published):
    assert load(name).kv_bytes_per_token(2) == published


def test_a_sliding_window_bounds_the_cache_of_its_layers():
    geometry = load("gpt-oss-120b")
    per_layer = 2 * 8 * 64 * 2
    assert geometry.kv_bytes(10_000, 2) == per_layer * (18 * 10_000 + 18 * 128)


def test_a_changed_copy_is_counted_anew():
    geometry = load("qwen2.5-0.5b")
    assert geometry.parameters() == geometry.model_copy().parameters()
    [layer] = geometry.layers
    half = geometry.model_copy(update={"layers": (layer.model_copy(update={"count": 12}),)})
    assert half.depth == 12
    embedding = geometry.vocab * geometry.hidden + geometry.hidden
    assert 2 * (half.parameters() - embedding) == geometry.parameters() - embedding


def test_every_shipped_geometry_names_its_source():
    assert len(available()) == 46
    for name in available():
        assert load(name).id == name
        source = load(name).source
        assert "own" in source or ("https://" in source and "read 20" in source)


def test_an_unknown_model_is_one_line_with_the_nearest_name():
    with pytest.raises(
        UserError, match=r"unknown model 'qwen3-8'.*did you mean 'qwen3-8b'"
    ) as caught:
        load("qwen3-8")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("layers = ", "is not TOML"),
        ("layers = 2", "mine.toml:name: Field required"),
        ('layers = "two"', "mine.toml:name: Field required"),
    ],
)
def test_a_malformed_file_is_one_line_naming_file_and_field(tmp_path, text, complaint):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=complaint) as caught:
        load(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_line():
    with pytest.raises(UserError, match="cannot be read"):
        load("/nowhere/mine.toml")


small = st.integers(1, 8)
few = settings(max_examples=25)  # drawing a whole model takes milliseconds


@st.composite
def mixers(draw: st.DrawFn) -> Gqa | Mla | GatedDelta | Mamba2:
    kv_heads, width = draw(small), draw(small) * 8
    gqa = Gqa(
        heads=kv_heads * draw(small),
        kv_heads=kv_heads,
        head_dim=width,
        window=draw(st.integers(0, 64)),
        qk_norm=draw(st.sampled_from(["", "head", "full"])),
        gate=draw(st.sampled_from(["", "head", "full"])),
    )
    mla = Mla(
        heads=draw(small),
        q_rank=draw(st.sampled_from([0, 16])),
        kv_rank=8,
        nope_dim=8,
        rope_dim=4,
        value_dim=8,
        topk=draw(st.integers(0, 32)),
    )
    delta = GatedDelta(key_heads=2, value_heads=4, key_dim=8, value_dim=8, conv=4)
    mamba = Mamba2(heads=4, head_dim=8, state=16, groups=2, conv=4)
    return draw(st.sampled_from([gqa, mla, delta, mamba]))


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    experts = draw(st.integers(2, 16))
    moe = Experts(
        experts=experts,
        experts_per_token=draw(st.integers(1, experts)),
        intermediate=draw(small) * 8,
        shared_intermediate=draw(st.integers(0, 2)) * 8,
        zero_experts=draw(st.integers(0, 2)),
    )
    dense = Dense(intermediate=draw(small) * 16, gated=draw(st.booleans()))
    blocks = st.sampled_from([moe, dense])
    layers = [
        Layer(count=draw(small), parts=(draw(mixers()), draw(blocks)))
        for _ in range(draw(st.integers(1, 3)))
    ]
    return Geometry(
        id="x",
        name="x",
        hidden=draw(small) * 16,
        vocab=draw(st.integers(1, 500)),
        tied_embeddings=draw(st.booleans()),
        layers=layers,
        source="test",
    )


@few
@given(geometries(), st.integers(1, 300), st.integers(1, 9))
def test_work_is_linear_in_batch(geometry, tokens, batch):
    assert geometry.prefill_flops(tokens, batch) == batch * geometry.prefill_flops(tokens)
    assert geometry.decode_flops(tokens, batch) == batch * geometry.decode_flops(tokens)


@few
@given(geometries(), st.integers(1, 300), st.integers(1, 100))
def test_longer_contexts_never_cost_less(geometry, tokens, more):
    assert geometry.decode_flops(tokens + more) >= geometry.decode_flops(tokens)
    assert geometry.kv_bytes(tokens + more, 2) >= geometry.kv_bytes(tokens, 2)
    assert geometry.prefill_flops(tokens + more) > geometry.prefill_flops(tokens)


@few
@given(geometries(), st.integers(1, 60))
def test_without_absorption_prefill_is_the_sum_of_its_steps(geometry, isl):
    """Reading a prompt token by token costs the same, but for the head at every step."""
    if any(isinstance(part, Mla) for layer in geometry.layers for part in layer.parts):
        return
    head = 2 * geometry.vocab * geometry.hidden
    steps = sum(geometry.decode_flops(seen) - head for seen in range(1, isl + 1))
    assert geometry.prefill_flops(isl) == steps + head


@few
@given(geometries(), st.integers(1, 300), st.integers(1, 64))
def test_same_routing_is_the_least_traffic_and_sharing_weights_saves(geometry, context, batch):
    least = geometry.decode_min_bytes(context, batch)
    assert least <= geometry.decode_min_bytes(context, batch, routing="uniform") * (1 + 1e-12)
    assert least <= batch * geometry.decode_min_bytes(context, 1)


@given(st.integers(1, 64), st.integers(0, 500), st.data())
def test_distinct_experts_stay_between_one_tokens_and_all(experts, tokens, data):
    chosen = data.draw(st.integers(1, experts))
    moe = Experts(experts=experts, experts_per_token=chosen, intermediate=8)
    distinct = moe.distinct_experts(tokens, "uniform")
    assert 0 <= distinct <= experts
    assert distinct <= chosen * tokens + 1e-9
    assert distinct >= moe.distinct_experts(tokens, "same") - 1e-9
