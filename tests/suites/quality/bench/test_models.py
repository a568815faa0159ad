"""The test models of `nox -s compare -- quality`: cut as llama.cpp cuts, stored as it stores."""

from __future__ import annotations

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Kind
from gguf import GGUFReader
from gguf.quants import dequantize

from suites.quality.bench.file import without_layer, write
from suites.quality.bench.quantizer import quantized
from suites.quality.bench.shape import DEPTH, shapes
from suites.quality.bench.tokens import END, START, chat, cut, whole_vocabulary
from suites.quality.items import items


@pytest.fixture(scope="module")
def tensors():
    random = np.random.default_rng(1)
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes().items()}


@pytest.mark.parametrize(
    ("kind", "least", "most"),  # root mean square of the error, of numbers that have 1
    [
        (Kind.F16, 0, 0.0005),
        (Kind.Q8_0, 0.002, 0.01),
        (Kind.Q4_K, 0.03, 0.1),
        (Kind.Q2_K, 0.2, 0.4),
    ],
)
def test_fewer_bits_err_more_and_read_back_as_gguf_reads_them(kind, least, most):
    matrix = np.random.default_rng(0).normal(size=(64, 256)).astype(np.float32)
    stored = dequantize(quantized(matrix, kind).view(np.uint8), kind)
    assert least <= np.sqrt(np.mean((stored - matrix) ** 2)) <= most


def test_rows_that_are_no_whole_blocks_are_refused():
    with pytest.raises(ValueError, match="not blocks of 256"):
        quantized(np.zeros((2, 128), dtype=np.float32), Kind.Q4_K)


def test_a_file_holds_every_tensor_under_the_names_of_llama_cpp(tensors, tmp_path):
    write(tmp_path / "m.gguf", without_layer(tensors, 1), Kind.Q8_0)
    read = GGUFReader(tmp_path / "m.gguf")
    kept = {tensor.name: dequantize(tensor.data, tensor.tensor_type) for tensor in read.tensors}
    assert read.fields["llama.block_count"].contents() == DEPTH - 1
    moved = tensors["blk.2.attn_q.weight"]
    assert np.abs(kept["blk.1.attn_q.weight"] - moved).max() < 0.03
    assert set(kept) == {name for name in shapes() if not name.startswith(f"blk.{DEPTH - 1}.")}


def test_tokens_of_a_text_put_together_are_the_text():
    names = whole_vocabulary()
    for item in items(b"cut", 55):
        ids = cut(item.prompt)
        assert "".join(names[number] for number in ids).replace("\u2581", " ") == item.prompt
    assert cut("574") == cut("57") + cut("4")  # pairs from the left
    talk = chat("x", "y")
    assert (talk[0], talk.count(START), talk.count(END), talk[-1]) == (START, 2, 2, END)
