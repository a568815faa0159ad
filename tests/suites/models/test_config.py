"""Published configurations against counts made by other code, and against sums by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.base.errors import UserError
from suites.models import load
from suites.models.config import read_config, read_configuration
from suites.models.config_families import FAMILIES

EXCERPTS = json.loads(
    (Path(__file__).parents[2] / "excerpts" / "model_configs.json").read_text("utf-8")
)


def told(name: str):
    return read_configuration(EXCERPTS[name]["config"], f"{name}.json", name=name)


def geometry(name: str):
    return told(name).geometry


SMALL = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "vocab_size": 100,
}


def small(**changes):
    return read_configuration({**SMALL, **changes}, "c.json", name="small")


@pytest.mark.parametrize("name", EXCERPTS)
def test_parameters_are_those_that_transformers_builds(name):
    # Corrections of the router's scores are not parameters to transformers, and some 10^-8 of all;
    # of Kimi-K2.5 it counts a projector of pictures too.
    near = 1e-4 if name == "Kimi-K2.5" else 2e-7
    assert geometry(name).parameters() == pytest.approx(EXCERPTS[name]["parameters"], rel=near)


@pytest.mark.parametrize(
    ("name", "billions", "near"),
    [
        # Model card of gpt-oss (arXiv 2508.10925), table 1: without the embedding.
        ("gpt-oss-120b", 5.13, 0.001),
        ("gpt-oss-20b", 3.61, 0.001),
        # "3.2B active", NVIDIA's card of Nemotron 3 Nano, to two digits.
        ("NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 3.2, 0.02),
        ("gemma-4-26B-A4B", 3.8, 0.01),
        ("granite-4.0-h-small", 9.0, 0.03),
    ],
)
def test_active_parameters_are_the_publishers(name, billions, near):
    assert geometry(name).active_parameters() / 1e9 == pytest.approx(billions, rel=near)


def test_a_sparse_latent_cache_is_latent_rotary_key_and_index():
    v32 = geometry("DeepSeek-V3.2")
    assert v32.kv_bytes_per_token(2) == 61 * (512 + 64 + 128) * 2
    # At 10,000 tokens the indexer scores them all, and the attention sees the 2,048 best.
    index = 2 * 64 * 128 * 10_000
    attention = 2 * 128 * (512 + 64 + 512) * 2048
    matrices = 2 * v32.active_parameters()
    assert v32.decode_flops(10_000) == matrices + 61 * (index + attention)


def test_a_compressed_cache_is_a_window_and_entries():
    flash = geometry("DeepSeek-V4-Flash")
    # 43 windows; of 21 layers an entry and an index key for 4 tokens, of 20 an entry for 128.
    values = 43 * 128 * 512 + 21 * 25_000 * (512 + 128) + 20 * 781 * 512
    assert flash.kv_bytes(100_000, 2) == 2 * values
    per_pair, index = 4 * 64 * 512, 2 * 64 * 128
    seen = 43 * 128 + 21 * 512 + 20 * 781
    rest = 2 * flash.active_parameters()
    assert flash.decode_flops(100_000) == rest + per_pair * seen + 21 * index * 25_000
    head = 2 * flash.vocab * flash.hidden
    steps = sum(flash.decode_flops(seen) - head for seen in range(1, 301))
    assert flash.prefill_flops(300) == steps + head


def test_latent_attention_without_a_low_rank_query():
    lite = geometry("deepseek-v2-lite")
    layer = 2048 * 16 * 192 + 2048 * 576 + 512 * 16 * 256 + 16 * 128 * 2048
    assert lite.census()["mixers"] == 27 * layer
    assert lite.kinds() == {"mla + dense": 1, "mla + experts 6 of 64": 26}


def test_sliding_and_global_layers_have_heads_of_their_own():
    gemma = geometry("gemma-4-26B-A4B")
    # 25 layers of 8 heads of 256 that keep 1,024 tokens; 5 of 2 heads of 512 that keep all.
    assert gemma.kv_bytes(50_000, 2) == 2 * 2 * (25 * 8 * 256 * 1024 + 5 * 2 * 512 * 50_000)
    mimo = geometry("MiMo-V2-Flash")
    # 9 full layers of 4 heads, 39 of 8 with a window of 128; keys of 192, values of 128.
    assert mimo.kv_bytes(1000, 2) == 2 * 320 * (9 * 4 * 1000 + 39 * 8 * 128)


def test_a_delta_net_keeps_a_state_and_no_cache():
    qwen = geometry("Qwen3.5-27B")
    assert qwen.kv_bytes_per_token(2) == 16 * 2 * 4 * 256 * 2
    channels = 2 * 16 * 128 + 48 * 128
    assert qwen.state_bytes(4) == 48 * (48 * 128 * 128 + 3 * channels) * 4
    attention = 16 * 4 * 24 * 256 * 1000
    state = 48 * 6 * 48 * 128 * 128
    assert qwen.decode_flops(1000) == 2 * qwen.active_parameters() + attention + state


def test_a_mamba_hybrid_caches_in_its_attention_only():
    nano = geometry("NVIDIA-Nemotron-3-Nano-30B-A3B-BF16")
    assert nano.kinds() == {"mamba2": 23, "experts 6 of 128": 23, "gqa": 6}
    assert nano.kv_bytes_per_token(2) == 6 * 2 * 2 * 128 * 2
    inner, channels = 64 * 64, 64 * 64 + 2 * 8 * 128
    assert nano.state_bytes(2) == 23 * (inner * 128 + 3 * channels) * 2
    # Every eighth layer of Jamba attends: an eighth of the cache of 32 such layers.
    jamba = geometry("Jamba-1.5-Mini")
    assert jamba.kv_bytes_per_token(2) == 4 * 2 * 8 * 128 * 2


def test_a_chunk_is_forgotten_when_the_next_begins():
    scout = geometry("Llama-4-Scout-17B-16E-Instruct")
    per_pair = 4 * 40 * 128
    rest = 2 * scout.active_parameters()
    assert scout.decode_flops(8192) == rest + 48 * per_pair * 8192
    assert scout.decode_flops(8193) == rest + per_pair * (12 * 8193 + 36 * 1)


def test_layers_that_borrow_a_cache_have_none():
    gemma = geometry("gemma-3n-e4b")
    assert gemma.kv_bytes_per_token(2) == (35 - 15) * 2 * 2 * 256 * 2


def test_prediction_modules_and_towers_are_counted_apart():
    v3 = geometry("DeepSeek-V3")
    # "11.5B unique parameters", README_WEIGHTS.md of DeepSeek-V3.
    assert v3.modules.parameters(v3.hidden) == pytest.approx(11.5e9, rel=0.01)
    assert v3.parameters() == pytest.approx(671e9, rel=0.001)
    vision = geometry("Qwen3-VL-2B-Instruct")
    assert [tower.parameters for tower in vision.towers] == [406_957_056]
    [unknown] = small(vision_config={"model_type": "eye"}).geometry.towers
    assert (unknown.kind, unknown.parameters) == ("vision eye", None)


@pytest.mark.parametrize(
    ("name", "precision", "gigabytes"),
    [
        ("Qwen3-0.6B", "bf16", 1.192),
        # Sizes of the published files: 65.25, 13.76 and 595 GB.
        ("gpt-oss-120b", "mxfp4", 65.25),
        ("gpt-oss-20b", "mxfp4", 13.76),
        ("Kimi-K2.5", "w4a16", 594.2),
        ("DeepSeek-V3", "fp8", 673.1),
        # Experts of 4.25 bits, the rest of 8.
        ("DeepSeek-V4-Flash", "fp8-fp4", 155.6),
    ],
)
def test_widths_are_summed_by_tensor(name, precision, gigabytes):
    model = told(name)
    assert model.precision.name == precision
    size = model.geometry.weight_bytes(model.precision.widths) / 1e9
    assert size == pytest.approx(gigabytes, rel=0.001)


@pytest.mark.parametrize(
    ("quantization", "name", "experts"),
    [
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, "awq", 4 + 20 / 128),
        ({"quant_method": "gptq", "bits": 3, "group_size": -1}, "gptq-3bit", 3),
        ({"quant_method": "exl2", "bits": 4.0}, "exl2-4bpw", 4),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8", 8 + 32 / 16384),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4", 4.5),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "nf4", 4.5),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"g": {"weights": {"num_bits": 8, "type": "int"},
                                        "input_activations": {"num_bits": 8}}},
            },
            "w8a8",
            8,
        ),
    ],
)  # fmt: skip
def test_every_way_to_quantize_has_its_width(quantization, name, experts):
    precision = small(quantization_config=quantization, torch_dtype="bfloat16").precision
    assert (precision.name, precision.widths.mixers) == (name, experts)
    assert (precision.widths.head, precision.widths.rest) == (16, 16)


def test_modules_that_are_not_converted_keep_their_width():
    quantization = {
        "quant_method": "modelopt",
        "quant_algo": "NVFP4",
        "ignore": [
            "lm_head",
            "model.layers.0.self_attn*",
            "re:.*layers\\.1\\.mlp\\.(gate|up)_proj.*",
        ],
    }
    widths = small(quantization_config=quantization, torch_dtype="bfloat16").precision.widths
    assert widths.mixers == (16 + 4.5) / 2
    # Of six matrices in two blocks, two are kept.
    assert widths.dense == pytest.approx((2 * 16 + 4 * 4.5) / 6)


def test_groups_of_modules_have_widths_of_their_own():
    groups = {
        "a": {
            "weights": {"num_bits": 8, "type": "float"},
            "targets": ["model.layers.0.mlp.up_proj"],
        },
        "b": {
            "weights": {"num_bits": 4, "type": "float", "group_size": 16},
            "targets": ["re:.*self_attn.*", "lm_head"],
        },
    }
    precision = small(
        quantization_config={"quant_method": "modelopt", "config_groups": groups},
        torch_dtype="bfloat16",
    ).precision
    widths = precision.widths
    assert precision.name == "fp8-nvfp4"
    assert (widths.mixers, widths.head, widths.rest) == (4.5, 4.5, 16)
    assert widths.dense == pytest.approx((8 + 5 * 16) / 6)


def test_an_algorithm_for_each_module_is_read_beside_the_configuration():
    layers = {
        f"model.layers.{index}.mlp.{name}_proj": {"quant_algo": "W4A16_NVFP4", "group_size": 16}
        for index in range(2)
        for name in ("gate", "up", "down")
    }
    beside = {"quantization": {"quant_algo": "MIXED_PRECISION", "quantized_layers": layers}}
    config = {**SMALL, "torch_dtype": "bfloat16"}
    precision = read_configuration(config, "c.json", name="x", beside=beside).precision
    assert (precision.widths.dense, precision.widths.mixers) == (4.5, 16)


@pytest.mark.parametrize(
    "quantization",
    [
        {"quant_method": "mystery"},
        {"quant_method": "compressed-tensors", "config_groups": {"g": {}}},
        {"quant_method": "fp8", "ignore": ["re:(a+)+$"]},
        "nvfp4",
    ],
)
def test_what_is_not_said_stays_unknown(quantization):
    assert small(quantization_config=quantization).precision.widths is None


def test_a_file_beside_the_configuration_says_how_weights_are_stored(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({**SMALL, "torch_dtype": "bfloat16"}))
    (tmp_path / "hf_quant_config.json").write_text(
        json.dumps({"quantization": {"quant_algo": "NVFP4", "exclude_modules": ["lm_head"]}})
    )
    assert read_config(tmp_path).precision.name == "nvfp4"
    assert read_config(tmp_path).geometry.id == tmp_path.name


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"model_type": "rwkv"}, "'rwkv', an architecture that is not expressed"),
        ({"kv_channels_list": 3, "compress_ratios": [0, 4]}, "says compress_ratios"),
        ({"mamba_n_heads": 8}, "says mamba_n_heads"),
        ({"routed_expert_hidden_size": 8}, "says routed_expert_hidden_size"),
        ({"mla_use_output_gate": True}, "says mla_use_output_gate"),
        (
            {
                "model_type": "kimi_linear",
                "kv_lora_rank": 8,
                "v_head_dim": 8,
                "linear_attn_config": {
                    "kda_layers": [1],
                    "num_heads": 4,
                    "head_dim": 16,
                    "short_conv_kernel_size": 4,
                    "use_full_rank_gate": True,
                },
            },
            "linear_attn_config:use_full_rank_gate: says use_full_rank_gate",
        ),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers: is 1000000000"),
        ({"num_hidden_layers": 0}, "num_hidden_layers: is 0"),
        ({"hidden_size": -5}, "hidden_size: is -5"),
        ({"hidden_size": 10**400}, "hidden_size: is a huge number"),
        ({"hidden_size": "wide"}, "hidden_size: is 'wide'"),
        ({"hidden_size": None}, "hidden_size: is missing"),
        ({"hidden_size": True}, "hidden_size: is True"),
        ({"num_attention_heads": [4]}, "num_attention_heads: is"),
        ({"num_key_value_heads": 3}, "heads is not a multiple of kv_heads"),
        ({"layer_types": ["full_attention"]}, "layer_types: is"),
        ({"layer_types": ["full_attention", "magic"]}, "layer_types: is 'magic'"),
        ({"layer_types": {"a": 1}}, "layer_types: is"),
        ({"linear_attn_config": {"kda_layers": [[1], {}]}}, None),
        ({"quantization_config": {"config_groups": {"a": [1]}}}, None),
        ({"per_layer_config": {"x": 1}}, "per_layer_config: is"),
        ({"vision_config": {"model_type": "qwen3_vl"}}, "vision_config:hidden_size: is missing"),
        ({"rope_theta": -1.0}, "rope_theta: is"),
        ({"tie_word_embeddings": "yes"}, "tie_word_embeddings: is 'yes'"),
    ],
)
def test_what_cannot_be_counted_is_refused_in_one_line_by_name(changes, complaint):
    if complaint is None:
        small(**changes)
        return
    with pytest.raises(UserError) as caught:
        small(**changes)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[1]", "null", "{", '{"a":' * 5000, '{"text_config": []}', ""])
def test_a_file_that_is_no_configuration_is_one_line(tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        load(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=4,
)
FIELDS = (
    *SMALL, "layer_types", "num_experts", "num_experts_per_tok", "kv_lora_rank", "head_dim",
    "sliding_window", "hybrid_override_pattern", "block_configs", "quantization_config",
    "moe_layer_freq", "linear_attn_config", "text_config", "vision_config", "per_layer_config",
    "sliding_window_pattern", "attn_layer_indices", "mlp_only_layers", "_name_or_path",
)  # fmt: skip


def outcome(config) -> int | str:
    """The parameters of a configuration, or the complaint about it."""
    try:
        return read_configuration(config, "c.json", name="x").geometry.parameters()
    except UserError as error:
        return str(error)


@settings(max_examples=60)
@given(st.sampled_from(sorted(FAMILIES)), st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_no_configuration_ends_in_a_traceback(kind, changes):
    told = outcome({**SMALL, "model_type": kind, **changes})
    assert told if isinstance(told, int) else "\n" not in told


def test_a_file_that_takes_the_name_of_a_model_of_ours_must_have_its_sizes(tmp_path):
    path = tmp_path / "llama-3.1-8b.json"
    path.write_text(json.dumps(SMALL))
    with pytest.raises(UserError, match=r"is called llama-3\.1-8b, and has other sizes"):
        load(str(path))


RWKV7 = {
    "model_type": "rwkv7", "hidden_size": 8, "head_dim": 4, "num_hidden_layers": 3,
    "intermediate_size": 32, "vocab_size": 10, "decay_low_rank_dim": 2, "a_low_rank_dim": 3,
    "gate_low_rank_dim": 5, "v_low_rank_dim": 1, "attn": None, "value_dim": [8, 8, 8],
}  # fmt: skip


def rwkv7(**changes):
    return read_configuration({**RWKV7, **changes}, "c.json", name="small").geometry


def test_rwkv_keeps_a_state_and_no_cache():
    # Of a layer: four squares of 8; low ranks 2, 3, 5 and 1 in and out; 8 by 32 twice; seven mixes,
    # k_k, k_a, r_k, the biases of decay, rate and value, the norm over heads, two norms.
    layer = 4 * 64 + (2 + 3 + 5 + 1) * 16 + 2 * 256 + (7 + 3 + 3 + 2 + 4) * 8
    # The first has no values to mix in (1 × 16 weights and 8 biases), and one norm more.
    first = layer - 16 - 8 + 16
    assert rwkv7().parameters() == 2 * 10 * 8 + first + 2 * layer + 2 * 8
    assert rwkv7().kv_bytes_per_token(16) == 0
    # Two heads of 4 × 4, and the last inputs of both blocks.
    assert rwkv7().state_bytes(1) == 3 * (2 * 16 + 2 * 8)


def test_rwkv_7_world_of_1_5b_has_its_1_53_billion_parameters():
    sizes = {"hidden_size": 2048, "head_dim": 64, "num_hidden_layers": 24, "vocab_size": 65536}
    ranks = {"decay_low_rank_dim": 96, "a_low_rank_dim": 96, "gate_low_rank_dim": 256}
    more = {"v_low_rank_dim": 64, "intermediate_size": 8192, "value_dim": None}
    assert rwkv7(**sizes, **ranks, **more).parameters() == pytest.approx(1.53e9, rel=2e-3)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"decay_low_rank_dim": None}, "decay_low_rank_dim: is missing"),
        ({"attn": {"layers": [1]}}, "expected no attention beside"),
        ({"value_dim": [8, 16, 8]}, "expected 8 in every layer"),
        ({"norm_bias": False}, "norms with a bias"),
    ],
)
def test_rwkv_of_other_layers_is_refused_by_name(changes, complaint):
    with pytest.raises(UserError, match=complaint):
        rwkv7(**changes)
