"""The one table of published names: which geometry of ours a maker's or server's name means."""

from __future__ import annotations

import re
from functools import lru_cache

from suites.models.library import available

__all__ = ["known_as"]

# Fine-tunes and DeepSeek's R1 keep the sizes of what they began as, and so do R1's distillates.
# Llama 2 is not Llama 3, DeepSeek-V3.2 attends sparsely, a vision model has an encoder besides.
# Makers, and those who publish others' models in further precisions: their names may stand before.
_MAKER = (
    r"^(?:(?:ai21labs|allenai|amd|bytedance-seed|codellama|deepseek-ai|ggml-org|google|"
    r"hugging-quants|meta-llama|microsoft|minimaxai|mistralai|moonshotai|neuralmagic|nvidia|"
    r"openai|qwen|redhatai|unsloth|xiaomimimo|zai-org|zhipuai)/)?"
)
# What is made from a model and has other sizes.
_OTHER = r"(?!.*(?:pruned|reap|minitron|draft|eagle|speculator|embed|rerank|reward|assistant))"
_PUBLISHED = (
    (r"deepseek-r1-distill-llama-70b", "llama-3.1-70b"),
    (r"deepseek-r1-distill-llama-8b", "llama-3.1-8b"),
    (r"deepseek-r1-0528-qwen3-8b", "qwen3-8b"),
    (r"deepseek-v4-flash", "deepseek-v4-flash"),
    (r"deepseek-v3[._]2", "deepseek-v3.2"),
    (r"(?:dsr1(?!.)|deepseek-(?:r1|v3)(?![._]2|.*(?:distill|qwen)))", "deepseek-v3"),
    (r"deepseek-v2-lite", "deepseek-v2-lite"),
    (r"(?:gptoss|gpt-oss)-?120b", "gpt-oss-120b"),
    (r"(?:gptoss|gpt-oss)-?20b", "gpt-oss-20b"),
    (r"(?:meta-)?llama[-_]?3[._]1[-_]405b", "llama-3.1-405b"),
    (r"(?:meta-)?llama[-_]?3[._][13][-_]70b", "llama-3.1-70b"),
    (r"(?:meta-)?llama[-_]?3[._]1[-_]8b", "llama-3.1-8b"),
    (r"(?:meta-)?llama[-_]?3[._]2[-_]1b", "llama-3.2-1b"),
    (r"llama-4-scout", "llama-4-scout"),
    (r"qwen3-(?:coder-)?30b-a3b", "qwen3-30b-a3b"),
    (r"qwen3-235b-a22b", "qwen3-235b-a22b"),
    (r"qwen3-coder-480b-a35b", "qwen3-coder-480b-a35b"),
    (r"qwen3-32b", "qwen3-32b"),
    (r"qwen3-8b", "qwen3-8b"),
    (r"qwen3-0[._]6b", "qwen3-0.6b"),
    (r"qwen3[._]5-397b-a17b", "qwen3.5-397b-a17b"),
    (r"qwen3[._]5-122b-a10b", "qwen3.5-122b-a10b"),
    (r"qwen3[._]5-35b-a3b", "qwen3.5-35b-a3b"),
    (r"qwen3[._]5-27b", "qwen3.5-27b"),
    (r"qwen2[._]5-7b", "qwen2.5-7b"),
    (r"qwen2[._]5-0[._]5b", "qwen2.5-0.5b"),
    (r"kimi-k2[._]5", "kimi-k2.5"),
    (r"kimi-k2(?![._][6-9])", "kimi-k2"),
    (r"glm-4[._]5-air", "glm-4.5-air"),
    (r"glm-5(?![._])", "glm-5"),
    (r"minimax-m2(?:[._]([1257]))?(?![._]\d|\d)", "minimax-m2.5"),
    (r"mixtral-8x7b", "mixtral-8x7b"),
    (r"mixtral-8x22b", "mixtral-8x22b"),
    (r"mistral-nemo", "mistral-nemo"),
    (r"devstral-small-2", "devstral-small-2"),
    (r"gemma-4-26b-a4b", "gemma-4-26b-a4b"),
    (r"gemma-4-31b", "gemma-4-31b"),
    (r"seed-oss-36b", "seed-oss-36b"),
    (r"mimo-v2-flash", "mimo-v2-flash"),
    (r"(?:nvidia-)?nemotron-3-nano-30b-a3b", "nemotron-3-nano-30b-a3b"),
    (r"nemotron-h-56b", "nemotron-h-56b"),
    (r"llama-3[._]3-nemotron-super-49b-v1", "nemotron-super-49b"),
    (r"jamba-1[._]5-mini", "jamba-1.5-mini"),
    (r"olmo-3[._]1-32b", "olmo-3.1-32b"),
    (r"phi-mini-moe", "phi-mini-moe"),
    (r"codellama-34b", "codellama-34b"),
    (r"fenmark-tiny-15m", "tiny-15m"),
)
# Other languages read these too, so that nothing in them depends on what Python calls a digit or a
# line.
_TABLE = tuple((_MAKER + _OTHER + pattern, model) for pattern, model in _PUBLISHED)
_LONGEST = 200


@lru_cache(maxsize=4096)
def known_as(name: str) -> str | None:
    """Find the id of a geometry by our name or a publisher's; None where it is unknown."""
    if name in available():
        return name
    lower = name.lower()[:_LONGEST].replace(" ", "-")
    model = next((model for pattern, model in _compiled() if pattern.search(lower)), "")
    return model if model in available() else None


@lru_cache
def _compiled() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Compile the patterns where a name is asked for: few cells of a run do."""
    return tuple((re.compile(pattern, re.ASCII | re.DOTALL), model) for pattern, model in _TABLE)
