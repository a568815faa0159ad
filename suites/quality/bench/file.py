"""The test models as files that llama.cpp serves: whole, quantized, or with a layer dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gguf import GGUFWriter, TokenType

from suites.quality.bench.quantizer import quantized
from suites.quality.bench.shape import EPS, FEED, HEAD_DIM, HEADS, KV_HEADS, THETA, WIDTH
from suites.quality.bench.tokens import BOS, BYTES, END, WORDS_FROM, vocabulary, whole_vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gguf import GGMLQuantizationType

    from suites.quality.bench.shape import Matrix

__all__ = ["CONTEXT", "without_layer", "write"]

# The longest questions are of some 15,000 tokens.
CONTEXT = 18_432


def without_layer(tensors: Mapping[str, Matrix], layer: int) -> dict[str, Matrix]:
    """Drop a layer; those behind it move up."""
    kept: dict[str, Matrix] = {}
    for name, tensor in tensors.items():
        head, _, rest = name.removeprefix("blk.").partition(".")
        number = int(head) if name.startswith("blk.") else -1
        if number != layer:
            kept[f"blk.{number - 1}.{rest}" if number > layer else name] = tensor
    return kept


def write(
    path: Path, tensors: Mapping[str, Matrix], kind: GGMLQuantizationType, template: str = ""
) -> None:
    """Write a GGUF file: matrices of one kind, norms in full.

    Args:
        template: of a conversation, in Jinja; else llama.cpp's default, ChatML.

    Raises:
        ValueError: see `quantized`.
    """
    writer = GGUFWriter(path, "llama")
    writer.add_name("test model")
    writer.add_quantization_version(2)
    writer.add_block_count(sum(name.endswith("attn_q.weight") for name in tensors))
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FEED)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(HEAD_DIM)
    writer.add_rope_freq_base(THETA)
    writer.add_layer_norm_rms_eps(EPS)
    if template:
        writer.add_chat_template(template)
    _add_tokens(writer)
    for name, tensor in tensors.items():
        if tensor.ndim == 1:
            writer.add_tensor(name, tensor)
        else:
            writer.add_tensor(name, quantized(tensor, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokens(writer: GGUFWriter) -> None:
    tokens = whole_vocabulary()
    # Words are cut out first. Of the rest, pairs of digits are made from the left.
    words = [
        TokenType.USER_DEFINED if len(token) > 1 and not token.isdecimal() else TokenType.NORMAL
        for token in vocabulary()
    ]
    specials = [TokenType.UNKNOWN, *[TokenType.CONTROL] * (BYTES - 1)]
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([*specials, *[TokenType.BYTE] * (WORDS_FROM - BYTES), *words])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(END)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
