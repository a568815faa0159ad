"""One table of names, one of widths: what is another model stays another."""

from __future__ import annotations

import pytest

from suites.models import load
from suites.models.names import known_as
from suites.models.widths import bits_of


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("deepseek-ai/DeepSeek-R1-0528", "deepseek-v3"),
        ("DeepSeek-V3.1", "deepseek-v3"),
        ("dsr1", "deepseek-v3"),
        ("deepseek-ai/DeepSeek-V3.2-Exp", "deepseek-v3.2"),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "llama-3.1-70b"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", None),
        ("deepseek-ai/DeepSeek-R1-0528-Qwen3-8B", "qwen3-8b"),
        ("nvidia/Llama-3.1-8B-Instruct-FP8", "llama-3.1-8b"),
        ("Qwen/Qwen3-VL-30B-A3B-Instruct", None),
        ("Qwen2.5 7B Instruct", "qwen2.5-7b"),
        ("Qwen3-32B-AWQ", "qwen3-32b"),
        ("Qwen/Qwen3-30B-A3B-REAP-15B", None),
        ("somebody/Llama-3.1-8B", None),
        ("llama-2-70b", None),
        ("moonshotai/Kimi-K2-Thinking", "kimi-k2"),
        ("moonshotai/Kimi-K2.5", "kimi-k2.5"),
        ("zai-org/GLM-5", "glm-5"),
        ("zai-org/GLM-5.1", None),
        ("gpt-oss-20b", "gpt-oss-20b"),
        ("qwen3-0.6b", "qwen3-0.6b"),
        ("/etc/passwd.json", None),
    ],
)
def test_a_name_means_one_geometry_or_none(name, known):
    assert known_as(name) == known


def test_sparse_attention_is_another_model_than_dense():
    v3, v32 = load("deepseek-v3"), load("deepseek-v3.2")
    assert v32.decode_flops(100_000) < v3.decode_flops(100_000)
    assert v32.kv_bytes_per_token(2) > v3.kv_bytes_per_token(2)


@pytest.mark.parametrize(
    ("precision", "bits"),
    [
        ("nvfp4", 4), ("mxfp4", 4), ("w4a16", 4), ("w8a8", 8), ("fp8_block", 8), ("awq", 4),
        ("gptq_marlin_24", 3), ("gptq-4bit", 4), ("exl2-4.0bpw", 4), ("e4m3", 8), ("bf16", 16),
        ("compressed-tensors", 4), ("bitsandbytes", 4), ("nf4", 4), ("q4_k_m", 4), ("iq2_xxs", 2),
        ("tf32", 32), ("fp8-fp4", 4), ("half", 16), ("UINT4", 4), ("mystery", None), ("", None),
        (None, None),
    ],
)  # fmt: skip
def test_every_name_of_a_precision_has_its_width_from_below(precision, bits):
    assert bits_of(precision) == bits
