"""Write the same stand-in model in Hugging Face's layout, for engines that read no GGUF.

A folder of `config.json`, a tokenizer of whole words and one safetensors file of seeded bfloat16
weights. As with the GGUF: true speed, no meaning, no licence, the same bytes on every machine.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

from suites.base import files
from suites.base.errors import UserError
from suites.base.files import write_atomically
from suites.engines.cache import held
from suites.engines.weights import (
    FIRST_WORD_ID,
    Weights,
    architecture,
    fingerprint,
    plain_attention,
    vocabulary,
)
from suites.models import Experts
from suites.models.config import read_precision
from suites.models.identity import identify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from suites.models import Geometry

__all__ = ["digest", "generate_folder", "read_folder"]

# Part of the folder's name: changes whenever the same geometry and seed would give other bytes.
_RECIPE = 3
_ARCHITECTURES = {
    "llama": ("LlamaForCausalLM", "llama"),
    "qwen2": ("Qwen2ForCausalLM", "qwen2"),
    "qwen3": ("Qwen3ForCausalLM", "qwen3"),
    "qwen3_moe": ("Qwen3MoeForCausalLM", "qwen3_moe"),
}
_END = "<|endoftext|>"  # Qwen's tokenizer class adds this one if the file has it not
_CONTEXT_LENGTH = 131_072
# 2^24 values are 32 MB: memory stays small whatever the model.
_VALUES_AT_ONCE = 2**24
_UNIFORM_STD = 127 / math.sqrt(3)  # of whole numbers drawn evenly from −127 … 127
_WRITTEN = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")


def generate_folder(geometry: Geometry, cache: Path, *, seed: int = 0) -> Weights:
    """Give the random bfloat16 model folder of a geometry, made in `cache` unless it is there.

    Raises:
        UserError: the geometry is not generated, or the disk is full or not writable.
    """
    kind = _family(geometry)
    folder = cache / f"{geometry.id}-bf16-seed{seed}-r{_RECIPE}-{fingerprint(geometry)}"
    record = cache / f"{folder.name}.json"
    with held(folder, 2 * geometry.parameters()):
        folder.mkdir(exist_ok=True)
        sha256 = _known_good(folder, record)
        if not sha256:
            _make(geometry, kind, folder, seed)
            sha256 = digest(folder)
            write_atomically(record, json.dumps({"sha256": sha256}).encode())
    return Weights(path=folder, sha256=sha256, kind="random", precision="bf16")


def _family(geometry: Geometry) -> str:
    """Name the model class that computes this geometry; more than llama.cpp's dense ones."""
    moe, attention = geometry.moe, plain_attention(geometry)
    if moe and attention and attention.qk_norm:
        usual = Experts(
            experts=moe.experts,
            experts_per_token=moe.experts_per_token,
            intermediate=moe.intermediate,
        )
        if moe == usual:
            return "qwen3_moe"
    return architecture(geometry)


def read_folder(path: Path) -> Weights:
    """Describe a model folder the user named.

    Raises:
        UserError: it has no config.json that can be read, or no weights.
    """
    if not path.is_dir():
        raise UserError(
            "is not a folder", where=str(path), expected="a folder in Hugging Face's layout"
        )
    precision = read_precision(path)
    if not any(path.glob("*.safetensors")):
        raise UserError("no *.safetensors in the folder", where=str(path))
    told = identify(path)
    return Weights(
        path=path,
        sha256=digest(path),
        kind="real",
        precision=precision,
        architecture=told.architecture,
        parameters=told.parameters,
    )


def digest(folder: Path) -> str:
    """Digest of a model folder: `cd FOLDER && sha256sum *.json *.safetensors | sort | sha256sum`.

    Sorted by the bytes of the lines, as `LC_ALL=C sort` does.
    """
    lines = []
    for path in (*folder.glob("*.json"), *folder.glob("*.safetensors")):
        with files.open_plain(path) as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def _known_good(folder: Path, record: Path) -> str | None:
    """Digest of the folder if it is what was recorded, else None."""
    try:
        recorded = json.loads(record.read_bytes())["sha256"]
        present = digest(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return present if present == recorded else None


def _make(geometry: Geometry, kind: str, folder: Path, seed: int) -> None:
    for leftover in set(folder.iterdir()) - {folder / name for name in _WRITTEN}:
        leftover.unlink()  # of a run that was killed while writing
    described = {
        "config.json": _config(geometry, kind),
        "tokenizer.json": _tokenizer(geometry),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": _CONTEXT_LENGTH,
            "eos_token": _END,
            "add_prefix_space": False,
            # For the chat API: what was said, and nothing around it.
            "chat_template": "{% for message in messages %}{{ message['content'] }}{% endfor %}",
        },
    }
    for name, content in described.items():
        write_atomically(folder / name, json.dumps(content, indent=1).encode())
    partial = folder / "model.partial"
    _write_weights(geometry, partial, seed)
    partial.replace(folder / "model.safetensors")


def _config(geometry: Geometry, kind: str) -> dict[str, Any]:
    name, model_type = _ARCHITECTURES[kind]
    moe = geometry.moe
    experts = (
        {
            "num_experts": moe.experts,
            "num_experts_per_tok": moe.experts_per_token,
            "moe_intermediate_size": moe.intermediate,
            "norm_topk_prob": True,
            "decoder_sparse_step": 1,
            "mlp_only_layers": [],
        }
        if moe
        else {}
    )
    return {
        "architectures": [name],
        "model_type": model_type,
        "hidden_size": geometry.hidden,
        "intermediate_size": geometry.intermediate,
        "num_hidden_layers": geometry.depth,
        "num_attention_heads": geometry.heads,
        "num_key_value_heads": geometry.kv_heads,
        "head_dim": geometry.head_dim,
        "vocab_size": geometry.vocab,
        "max_position_embeddings": _CONTEXT_LENGTH,
        "rms_norm_eps": geometry.rms_eps,
        "rope_theta": geometry.rope_theta,
        "tie_word_embeddings": geometry.tied_embeddings,
        "hidden_act": "silu",
        "torch_dtype": "bfloat16",
        "eos_token_id": 0,
        **experts,
    }


def _tokenizer(geometry: Geometry) -> dict[str, Any]:
    """A `tokenizers` file: one token a byte, one a word, in GPT-2's byte alphabet.

    Byte-level BPE without merges is what every engine's Qwen and Llama readers understand; any
    text has tokens, and the words are those of the GGUF.
    """
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
    end = {"id": 0, "content": _END, "special": True, "normalized": False}
    places = {"single_word": False, "lstrip": False, "rstrip": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{**end, **places}],
        "normalizer": None,
        "pre_tokenizer": {**byte_level, "trim_offsets": False},
        "post_processor": None,
        "decoder": {**byte_level, "trim_offsets": False},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {word: number for number, word in enumerate(_vocabulary(geometry.vocab))},
            "merges": [],
        },
    }


def _vocabulary(size: int) -> list[str]:
    """Tokens by id, at the places they have in the GGUF: specials, bytes, words."""
    # GPT-2's alphabet: printable bytes stand for themselves, the others from U+0100 on.
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    as_bytes = [chr(byte if byte in printable else next(others)) for byte in range(256)]
    space = as_bytes[ord(" ")]
    words = (word.replace("\u2581", space) for word in vocabulary(size)[FIRST_WORD_ID:])
    return [_END, "<s>", "</s>", *as_bytes, *words]


def _tensors(geometry: Geometry) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of every tensor, as transformers' Llama, Qwen2 and Qwen3 name them."""
    hidden = geometry.hidden
    yield "model.embed_tokens.weight", (geometry.vocab, hidden)
    yield "model.norm.weight", (hidden,)
    if not geometry.tied_embeddings:
        yield "lm_head.weight", (geometry.vocab, hidden)
    for layer in range(geometry.depth):
        block = f"model.layers.{layer}"
        yield f"{block}.input_layernorm.weight", (hidden,)
        yield f"{block}.post_attention_layernorm.weight", (hidden,)
        for name, shape in (*_attention(geometry), *_feed_forward(geometry)):
            yield f"{block}.{name}", shape


def _attention(geometry: Geometry) -> Iterator[tuple[str, tuple[int, ...]]]:
    attention = plain_attention(geometry)
    if attention is None:
        return
    queries = geometry.heads * geometry.head_dim
    keys = geometry.kv_heads * geometry.head_dim
    if attention.qk_norm:
        yield "self_attn.q_norm.weight", (geometry.head_dim,)
        yield "self_attn.k_norm.weight", (geometry.head_dim,)
    for name, rows in (("q_proj", queries), ("k_proj", keys), ("v_proj", keys)):
        yield f"self_attn.{name}.weight", (rows, geometry.hidden)
        if attention.qkv_bias:
            yield f"self_attn.{name}.bias", (rows,)
    yield "self_attn.o_proj.weight", (geometry.hidden, queries)


def _feed_forward(geometry: Geometry) -> Iterator[tuple[str, tuple[int, ...]]]:
    moe = geometry.moe
    blocks = ["mlp"]
    if moe:
        yield "mlp.gate.weight", (moe.experts, geometry.hidden)
        blocks = [f"mlp.experts.{number}" for number in range(moe.experts)]
    wide = moe.intermediate if moe else geometry.intermediate
    for block in blocks:
        yield f"{block}.gate_proj.weight", (wide, geometry.hidden)
        yield f"{block}.up_proj.weight", (wide, geometry.hidden)
        yield f"{block}.down_proj.weight", (geometry.hidden, wide)


def _write_weights(geometry: Geometry, path: Path, seed: int) -> None:
    """Write a safetensors file: 8 bytes of header length, the header as JSON, the values.

    Format: https://huggingface.co/docs/safetensors, "Format".
    """
    import numpy as np

    tensors = list(_tensors(geometry))
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in tensors:
        start, end = end, end + 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # values begin aligned
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for index, (name, shape) in enumerate(tensors):
            for values in _values(name, shape, np.random.PCG64([seed, index])):
                values.tofile(file)


def _values(
    name: str, shape: tuple[int, ...], bits: np.random.PCG64
) -> Iterator[NDArray[np.uint16]]:
    """A tensor's bfloat16 bit patterns, piece by piece."""
    import numpy as np

    if len(shape) == 1:
        yield _bfloat16(np.full(shape, 0.0 if name.endswith(".bias") else 1.0, dtype="<f4"))
        return
    rows, columns = shape
    # Rows of special and byte tokens are zero, as in the GGUF: greedy decoding never picks them.
    zeros = (
        FIRST_WORD_ID * columns if name in {"model.embed_tokens.weight", "lm_head.weight"} else 0
    )
    # Variance 1/columns keeps activations at unit size through any depth.
    scale = np.float32(1 / math.sqrt(columns) / _UNIFORM_STD)
    for start in range(0, rows * columns, _VALUES_AT_ONCE):
        count = min(_VALUES_AT_ONCE, rows * columns - start)
        raw = bits.random_raw(-(-count // 8)).astype("<u8", copy=False)
        drawn = np.maximum(raw.view("i1")[:count], -127)
        values = _bfloat16(drawn.astype("<f4") * scale)
        values[: max(0, zeros - start)] = 0
        yield values


def _bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Cut float32 to its upper 16 bits, which are a bfloat16."""
    upper: NDArray[np.uint16] = (values.view("<u4") >> 16).astype("<u2")
    return upper
