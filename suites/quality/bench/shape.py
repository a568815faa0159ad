"""The shape of the test models, by the names that llama.cpp gives tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suites.quality.bench.tokens import WORDS_FROM, vocabulary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

__all__ = ["DEPTH", "EPS", "FEED", "HEADS", "HEAD_DIM", "KV_HEADS", "THETA", "WIDTH", "shapes"]

# Rows of whole 256 numbers: a block of llama.cpp's K-quants.
WIDTH, FEED, DEPTH, HEADS, KV_HEADS, HEAD_DIM = 256, 256, 3, 4, 2, 64
EPS, THETA = 1e-5, 10_000.0


def shapes() -> dict[str, tuple[int, ...]]:
    """Give every tensor of the file with its shape: rows, columns; norms are one row."""
    queries, keys = HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM
    of_layer: dict[str, tuple[int, ...]] = {
        "attn_norm": (WIDTH,), "attn_q": (queries, WIDTH), "attn_k": (keys, WIDTH),
        "attn_v": (keys, WIDTH), "attn_output": (WIDTH, queries), "ffn_norm": (WIDTH,),
        "ffn_gate": (FEED, WIDTH), "ffn_up": (FEED, WIDTH), "ffn_down": (WIDTH, FEED),
    }  # fmt: skip
    layers = {
        f"blk.{layer}.{name}.weight": shape
        for layer in range(DEPTH)
        for name, shape in of_layer.items()
    }
    embedding = (WORDS_FROM + len(vocabulary()), WIDTH)
    return {"token_embd.weight": embedding, **layers, "output_norm.weight": (WIDTH,)}
