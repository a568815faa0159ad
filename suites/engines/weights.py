"""Write a model of a real geometry with seeded random weights: true speed, no meaning, no licence.

The time a dense transformer takes does not depend on the values of its weights, so a file made
here stands in for the published one. The same geometry, seed and recipe give the same bytes on
every machine; the digest goes into the result.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from suites.base.errors import UserError
from suites.base.files import open_plain, write_atomically
from suites.engines.cache import held
from suites.models import Dense, Experts, Gqa
from suites.models.gguf import read_header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    import numpy as np
    from numpy.typing import NDArray

    from suites.models import Geometry

__all__ = [
    "FIRST_WORD_ID",
    "Weights",
    "architecture",
    "fingerprint",
    "generate",
    "plain_attention",
    "read",
    "vocabulary",
]

# Part of the file's name: changes whenever the same geometry and seed would give other bytes.
_RECIPE = 1
_SPECIALS = ("<unk>", "<s>", "</s>")
_BYTE_TOKENS = 256
# Ids from here on are whole words: safe in a prompt, and all that greedy decoding ever picks.
FIRST_WORD_ID = len(_SPECIALS) + _BYTE_TOKENS
# Q8_0 of llama.cpp: 32 signed bytes share one half-precision scale (ggml-common.h, block_q8_0).
_BLOCK = 32
_BLOCK_BYTES = _BLOCK + 2
# Uniform integers in [-127, 127] have this standard deviation.
_UNIFORM_STD = 127 / math.sqrt(3)
# 2^20 blocks are 36 MB: memory stays small whatever the model.
_BLOCKS_AT_ONCE = 2**20
# Longer than any context this suite asks for; the cache is sized by n_ctx, not by this.
_CONTEXT_LENGTH = 131_072


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A weight file an engine can load.

    Attributes:
        path: the GGUF file.
        sha256: digest of the whole file.
        kind: "random" when made here, "real" or "unknown" when the user named the file.
        precision: storage of the matrices, such as "q8_0".
        architecture, parameters: what the user's file says it is; empty and None otherwise.
    """

    path: Path
    sha256: str
    kind: str
    precision: str
    architecture: str = ""
    parameters: int | None = None

    def facts(self) -> dict[str, str | int]:
        """What the result says of the user's file beside its digest."""
        known: dict[str, str | int] = {}
        if self.architecture:
            known["architecture"] = self.architecture
        if self.parameters:
            known["parameters"] = self.parameters
        return known


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    zero_rows: int = 0

    @property
    def is_matrix(self) -> bool:
        return len(self.shape) > 1

    @property
    def nbytes(self) -> int:
        count = math.prod(self.shape)
        return count // _BLOCK * _BLOCK_BYTES if self.is_matrix else 4 * count


def generate(geometry: Geometry, cache: Path, *, seed: int = 0) -> Weights:
    """Give the random Q8_0 GGUF of a geometry, made in `cache` unless it is already there.

    A file found there is used only if its digest is the one recorded when it was made. Several
    processes may ask at once; one makes it.

    Raises:
        UserError: llama.cpp's dense architectures cannot express the geometry, or the disk is
            full or not writable.
    """
    architecture(geometry)
    path = cache / f"{geometry.id}-q8_0-seed{seed}-r{_RECIPE}-{fingerprint(geometry)}.gguf"
    with held(path, _total_bytes(geometry)):
        digest = _known_good(path) or _make(geometry, path, seed)
    return Weights(path=path, sha256=digest, kind="random", precision="q8_0")


def read(path: Path) -> Weights:
    """Describe a GGUF file the user named.

    Raises:
        UserError: the file is missing, unreadable or no GGUF.
    """
    header = read_header(path)
    try:
        with open_plain(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        what = f"cannot read the weights ({error.strerror})"
        raise UserError(what, where=str(path), expected="weights in GGUF format") from error
    return Weights(
        path=path,
        sha256=digest,
        kind="real",
        precision=header.precision,
        architecture=header.architecture,
        parameters=header.parameters,
    )


def architecture(geometry: Geometry) -> str:
    """Name the llama.cpp architecture that computes this geometry.

    Raises:
        UserError: experts, latent attention and attention sinks are not generated.
    """
    attention = plain_attention(geometry)
    if attention is None or geometry.moe or not geometry.dense:
        raise UserError(
            f"random weights of {geometry.id!r} are not generated (layers are not alike and dense)",
            where="model",
            expected="a dense model, such as qwen2.5-0.5b, qwen3-8b or llama-3.1-8b",
            remedy="name a weight file with --weights, or a running --endpoint",
        )
    if attention.qk_norm:
        return "qwen3"
    return "qwen2" if attention.qkv_bias else "llama"


def plain_attention(geometry: Geometry) -> Gqa | None:
    """The attention of a model whose layers are alike and hold nothing unusual, else None."""
    plain = len(geometry.layers) == 1 and not (
        geometry.tables or geometry.mixed or geometry.head_bias or geometry.norms != 1
    )
    if not plain:
        return None
    layer = geometry.layers[0]
    match layer.parts:
        case (Gqa() as attention, Dense(gated=True, bias=False) | Experts()):
            usual = Gqa(
                heads=attention.heads,
                kv_heads=attention.kv_heads,
                head_dim=attention.head_dim,
                qkv_bias=attention.qkv_bias,
                qk_norm="head" if attention.qk_norm else "",
            )
            return attention if attention == usual and layer.norms == 2 else None
    return None


def _make(geometry: Geometry, path: Path, seed: int) -> str:
    partial = path.with_name(f".{path.name}.partial")  # the lock makes it ours
    try:
        _write(geometry, partial, seed)
        with partial.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        record = {"sha256": digest, "bytes": partial.stat().st_size}
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    write_atomically(_record_of(path), json.dumps(record).encode())
    return digest


def _known_good(path: Path) -> str | None:
    """Digest of the file if it is what was recorded, else None."""
    try:
        record = json.loads(_record_of(path).read_bytes())
        if path.stat().st_size != record["bytes"]:
            return None
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return digest if digest == record["sha256"] else None


def _record_of(path: Path) -> Path:
    return path.with_suffix(".json")


def fingerprint(geometry: Geometry) -> str:
    """Short digest of the sizes, so that an edited geometry never meets an old file."""
    return hashlib.sha256(geometry.model_dump_json().encode()).hexdigest()[:8]


def _write(geometry: Geometry, path: Path, seed: int) -> None:
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFWriter

    tensors = list(_tensors(geometry))
    writer = GGUFWriter(path, architecture(geometry))
    _describe(writer, geometry)
    for tensor in tensors:
        kind = GGMLQuantizationType.Q8_0 if tensor.is_matrix else GGMLQuantizationType.F32
        writer.add_tensor_info(
            tensor.name, tensor.shape, np.dtype(np.float32), tensor.nbytes, raw_dtype=kind
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    alignment = writer.data_alignment
    writer.close()
    # The library writes whole tensors only; a vocabulary of 150,000 rows is written in pieces.
    with path.open("ab") as file:
        for index, tensor in enumerate(tensors):
            file.write(bytes(-file.tell() % alignment))
            _write_tensor(file, tensor, np.random.PCG64([seed, index]))
        file.write(bytes(-file.tell() % alignment))


def _describe(writer: Any, geometry: Geometry) -> None:
    from gguf import GGMLQuantizationType, LlamaFileType, TokenType

    writer.add_name(f"{geometry.name}, random weights")
    writer.add_file_type(LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(GGMLQuantizationType.Q8_0)
    writer.add_block_count(geometry.depth)
    writer.add_context_length(_CONTEXT_LENGTH)
    writer.add_embedding_length(geometry.hidden)
    writer.add_feed_forward_length(geometry.intermediate)
    writer.add_head_count(geometry.heads)
    writer.add_head_count_kv(geometry.kv_heads)
    writer.add_key_length(geometry.head_dim)
    writer.add_value_length(geometry.head_dim)
    writer.add_rope_dimension_count(geometry.head_dim)
    writer.add_rope_freq_base(geometry.rope_theta)
    writer.add_layer_norm_rms_eps(geometry.rms_eps)
    writer.add_vocab_size(geometry.vocab)
    words = geometry.vocab - FIRST_WORD_ID
    writer.add_tokenizer_model("llama")
    writer.add_token_list(vocabulary(geometry.vocab))
    writer.add_token_scores([0.0] * FIRST_WORD_ID + [-float(i) for i in range(words)])
    writer.add_token_types(
        [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL]
        + [TokenType.BYTE] * _BYTE_TOKENS
        + [TokenType.NORMAL] * words
    )
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)


def vocabulary(size: int) -> list[str]:
    """Tokens by id: the specials, one token a byte, then unique words."""
    as_bytes = (f"<0x{number:02X}>" for number in range(_BYTE_TOKENS))
    return [*_SPECIALS, *as_bytes, *map(_word, range(size - FIRST_WORD_ID))]


def _word(index: int) -> str:
    """The index in letters after SentencePiece's space mark: unique and one token each."""
    letters = ""
    while True:
        index, digit = divmod(index, 26)
        letters += chr(ord("a") + digit)
        if not index:
            return f"\u2581{letters}"


def _tensors(geometry: Geometry) -> Iterator[_Tensor]:
    """Name and shape (rows, columns) of every tensor, in file order, as llama.cpp expects them."""
    attention = plain_attention(geometry)
    if attention is None:
        return
    hidden, wide = geometry.hidden, geometry.intermediate
    queries = geometry.heads * geometry.head_dim
    keys = geometry.kv_heads * geometry.head_dim
    # A zero row scores 0 while the best of the words scores far above it, so greedy decoding
    # meets neither the end of text nor half a character.
    vocabulary = (geometry.vocab, hidden)
    yield _Tensor(name="token_embd.weight", shape=vocabulary, zero_rows=FIRST_WORD_ID)
    yield _Tensor(name="output_norm.weight", shape=(hidden,))
    if not geometry.tied_embeddings:
        yield _Tensor(name="output.weight", shape=vocabulary, zero_rows=FIRST_WORD_ID)
    matrices = {
        "attn_q": (queries, hidden),
        "attn_k": (keys, hidden),
        "attn_v": (keys, hidden),
        "attn_output": (hidden, queries),
        "ffn_gate": (wide, hidden),
        "ffn_up": (wide, hidden),
        "ffn_down": (hidden, wide),
    }
    for layer in range(geometry.depth):
        block = f"blk.{layer}"
        yield _Tensor(name=f"{block}.attn_norm.weight", shape=(hidden,))
        yield _Tensor(name=f"{block}.ffn_norm.weight", shape=(hidden,))
        if attention.qk_norm:
            yield _Tensor(name=f"{block}.attn_q_norm.weight", shape=(geometry.head_dim,))
            yield _Tensor(name=f"{block}.attn_k_norm.weight", shape=(geometry.head_dim,))
        for name, shape in matrices.items():
            yield _Tensor(name=f"{block}.{name}.weight", shape=shape)
            if attention.qkv_bias and name in {"attn_q", "attn_k", "attn_v"}:
                yield _Tensor(name=f"{block}.{name}.bias", shape=shape[:1])


def _write_tensor(file: BinaryIO, tensor: _Tensor, bits: np.random.PCG64) -> None:
    import numpy as np

    if not tensor.is_matrix:
        fill = 0.0 if tensor.name.endswith(".bias") else 1.0
        np.full(tensor.shape, fill, dtype="<f4").tofile(file)
        return
    rows, columns = tensor.shape
    zero_blocks = tensor.zero_rows * columns // _BLOCK
    # Variance 1/columns keeps activations at unit size through any depth.
    scale = 1 / math.sqrt(columns) / _UNIFORM_STD
    total = rows * columns // _BLOCK
    for start in range(0, total, _BLOCKS_AT_ONCE):
        blocks = _random_blocks(bits, min(_BLOCKS_AT_ONCE, total - start), scale)
        blocks[: max(0, zero_blocks - start)] = 0
        blocks.tofile(file)


def _random_blocks(bits: np.random.PCG64, count: int, scale: float) -> NDArray[Any]:
    """Q8_0 blocks, straight from the bit stream: the same on every machine and NumPy version."""
    import numpy as np

    blocks = np.empty(count, dtype=[("scale", "<f2"), ("values", "i1", _BLOCK)])
    raw = bits.random_raw(count * _BLOCK // 8).astype("<u8", copy=False)
    # −128 has no positive twin; the format's own quantizer never writes it.
    np.maximum(raw.view("i1").reshape(count, _BLOCK), -127, out=blocks["values"])
    blocks["scale"] = scale
    return blocks


def _total_bytes(geometry: Geometry) -> int:
    return sum(tensor.nbytes for tensor in _tensors(geometry))
