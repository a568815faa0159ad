"""GGUF headers written here byte by byte: what they say, and what is made of broken ones."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.base.errors import UserError
from suites.models import load
from suites.models.gguf import read_header
from suites.models.gguf_geometry import geometry_of
from suites.models.identity import identify, name_of

F32, F16, Q8_0, Q4_K = 0, 1, 8, 12
HIDDEN, WIDE, VOCAB = 64, 96, 100


def text(words: str) -> bytes:
    data = words.encode()
    return struct.pack("<Q", len(data)) + data


def pair(key: str, value: str | int | list[bool]) -> bytes:
    if isinstance(value, str):
        return text(key) + struct.pack("<I", 8) + text(value)
    if isinstance(value, list):
        head = struct.pack("<IIQ", 9, 7, len(value))
        return text(key) + head + bytes(value)
    return text(key) + struct.pack("<II", 4, value)


def tensor(name: str, shape: tuple[int, ...], kind: int) -> bytes:
    sizes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + sizes + struct.pack("<IQ", kind, 0)


def gguf(path, keys: dict, tensors: dict, *, matrices: int = Q8_0):
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(keys))
    body = b"".join(pair(*item) for item in keys.items())
    for name, shape in tensors.items():
        body += tensor(name, shape, matrices if len(shape) > 1 else F32)
    path.write_bytes(head + body)
    return path


KEYS = {
    "general.architecture": "llama",
    "general.name": "Small One",
    "llama.block_count": 2,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "general.file_type": 2,  # says Q4_0, whatever the tensors are
}
BLOCK = {
    "attn_norm.weight": (HIDDEN,),
    "ffn_norm.weight": (HIDDEN,),
    "attn_q.weight": (HIDDEN, HIDDEN),
    "attn_k.weight": (HIDDEN, 32),
    "attn_v.weight": (HIDDEN, 32),
    "attn_output.weight": (HIDDEN, HIDDEN),
    "ffn_gate.weight": (HIDDEN, WIDE),
    "ffn_up.weight": (HIDDEN, WIDE),
    "ffn_down.weight": (WIDE, HIDDEN),
}
BESIDE = {"token_embd.weight": (HIDDEN, VOCAB), "output_norm.weight": (HIDDEN,)}


def model(*blocks: dict) -> dict:
    layers = {
        f"blk.{index}.{name}": shape
        for index, block in enumerate(blocks)
        for name, shape in block.items()
    }
    return {**BESIDE, **layers}


DENSE = model(BLOCK, BLOCK)


def test_name_sizes_and_widths_come_from_the_tensors(tmp_path):
    header = read_header(gguf(tmp_path / "m.gguf", KEYS, DENSE))
    assert (header.name, header.architecture, header.precision) == ("Small One", "llama", "q8_0")
    matrices = VOCAB * HIDDEN + 2 * (2 * HIDDEN * HIDDEN + 2 * HIDDEN * 32 + 3 * HIDDEN * WIDE)
    vectors = HIDDEN + 2 * 2 * HIDDEN
    assert header.parameters == matrices + vectors
    bits = (matrices * 8.5 + vectors * 32) / (matrices + vectors)
    assert header.mean_bits == pytest.approx(bits)
    geometry = geometry_of(header)
    assert geometry.parameters() == header.parameters
    assert geometry.tied_embeddings
    assert geometry.kinds() == {"gqa + dense": 2}
    assert geometry.kv_bytes_per_token(2) == 2 * 2 * 2 * 16 * 2
    assert geometry.active_parameters() == matrices


def test_experts_latent_attention_and_windows_are_recognised(tmp_path):
    experts = {
        "attn_norm.weight": (HIDDEN,),
        "attn_q_a.weight": (HIDDEN, 24),
        "attn_q_a_norm.weight": (24,),
        "attn_q_b.weight": (24, 4 * (16 + 8)),
        "attn_kv_a_mqa.weight": (HIDDEN, 32 + 8),
        "attn_kv_a_norm.weight": (32,),
        "attn_k_b.weight": (16, 32, 4),
        "attn_v_b.weight": (32, 16, 4),
        "attn_output.weight": (4 * 16, HIDDEN),
        "ffn_norm.weight": (HIDDEN,),
        "ffn_gate_inp.weight": (HIDDEN, 8),
        "exp_probs_b.bias": (8,),
        "ffn_gate_exps.weight": (HIDDEN, 16, 8),
        "ffn_up_exps.weight": (HIDDEN, 16, 8),
        "ffn_down_exps.weight": (16, HIDDEN, 8),
        "ffn_gate_shexp.weight": (HIDDEN, 16),
        "ffn_up_shexp.weight": (HIDDEN, 16),
        "ffn_down_shexp.weight": (16, HIDDEN),
    }
    keys = {**KEYS, "llama.expert_used_count": 2}
    geometry = geometry_of(read_header(gguf(tmp_path / "e.gguf", keys, model(BLOCK, experts))))
    assert geometry.kinds() == {"gqa + dense": 1, "mla + experts 2 of 8": 1}
    assert geometry.kv_bytes_per_token(2) == 2 * (2 * 2 * 16 + 32 + 8)
    assert geometry.moe.shared_intermediate == 16

    sliding = {**KEYS, "llama.attention.sliding_window": 8}
    sliding["llama.attention.sliding_window_pattern"] = [True, False]
    geometry = geometry_of(read_header(gguf(tmp_path / "s.gguf", sliding, DENSE)))
    assert geometry.kv_bytes(100, 2) == 2 * 2 * 2 * 16 * (8 + 100)


@pytest.mark.parametrize(
    ("keys", "tensors", "complaint"),
    [
        ({}, {"blk.0.mystery.weight": (8, 8)}, r"blk\.0\.mystery\.weight: is a tensor that is not"),
        ({}, {"v.patch.weight": (8, 8)}, r"v\.patch\.weight: is a tensor that is not expressed"),
        ({"llama.block_count": 2**31}, {}, "block_count"),
        ({"llama.attention.head_count": 0}, {}, "greater than 0"),
        ({"llama.attention.head_count": 3}, {}, "multiple|values where"),
        ({"llama.attention.sliding_window": 8}, {}, "nothing says in which layers"),
        ({"split.count": 3}, {}, "one part of several"),
        ({}, {"blk.0.attn_q.weight": (HIDDEN, 128)}, "matrices of"),
    ],
)
def test_a_file_that_is_not_understood_whole_is_refused_by_name(tmp_path, keys, tensors, complaint):
    path = gguf(tmp_path / "x.gguf", {**KEYS, **keys}, {**DENSE, **tensors})
    with pytest.raises(UserError, match=complaint) as caught:
        load(str(path))
    assert "\n" not in str(caught.value)


def test_a_file_cut_off_anywhere_is_one_line(tmp_path):
    whole = gguf(tmp_path / "w.gguf", KEYS, DENSE).read_bytes()
    cut = tmp_path / "cut.gguf"
    for length in range(0, len(whole), 97):
        cut.write_bytes(whole[:length])
        with pytest.raises(UserError, match="GGUF"):
            read_header(cut)


@pytest.mark.parametrize(
    "data",
    [
        b"GGUF" + bytes(64),
        struct.pack("<4sIQQ", b"GGUF", 3, 2**63, 1),
        struct.pack("<4sIQQ", b"GGUF", 3, 1, 2**63),
        struct.pack("<4sIQQ", b"GGUF", 99, 0, 0),
        struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + struct.pack("<Q", 2**62),
        struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + text("k") + struct.pack("<IIQ", 9, 9, 2**60),
        struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + text("k") + struct.pack("<IIQ", 9, 8, 2**40),
        struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + text("k") + struct.pack("<I", 77),
        struct.pack("<4sIQQ", b"GGUF", 3, 1, 0) + text("t") + struct.pack("<I", 2**31),
        struct.pack("<4sIQQ", b"GGUF", 3, 1, 0) + tensor("t", (2**62, 4), F32),
        struct.pack("<4sIQQ", b"GGUF", 3, 1, 0) + tensor("t", (0,), F32),
        struct.pack("<4sIQQ", b"GGUF", 3, 2, 0) + 2 * tensor("t", (4,), F32),
    ],
)
def test_counts_no_model_has_are_refused_before_they_are_read(tmp_path, data):
    path = tmp_path / "b.gguf"
    path.write_bytes(data)
    with pytest.raises(UserError, match="GGUF") as caught:
        load(str(path))
    assert "\n" not in str(caught.value)


@settings(max_examples=40)
@given(st.binary(max_size=200), st.integers(0, 400))
def test_no_bytes_end_in_a_traceback(tmp_path_factory, noise, place):
    path = tmp_path_factory.getbasetemp() / "noise.gguf"
    whole = gguf(path, KEYS, DENSE).read_bytes()
    path.write_bytes(whole[:place] + noise + whole[place + len(noise) :])
    assert outcome(path)


def outcome(path) -> str:
    try:
        return str(load(str(path)).parameters())
    except UserError as error:
        return str(error)


def test_a_run_is_named_by_its_weights(tmp_path):
    path = gguf(tmp_path / "m.gguf", KEYS, DENSE)
    identity = identify(path)
    assert (identity.name, identity.architecture) == ("Small One", "llama")
    assert identity.parameters == geometry_of(read_header(path)).parameters()
    assert name_of(identity, None, "m.gguf") == "Small One"
    assert name_of(identity, "small-one", "m.gguf") == "small-one"
    assert name_of(identity, "gpt-5", "m.gguf") == "Small One"


@pytest.mark.parametrize("given_name", ["llama-3.1-8b", "qwen2.5-0.5b", "openai/gpt-oss-120b"])
def test_a_name_that_contradicts_the_weights_is_refused(tmp_path, given_name):
    identity = identify(gguf(tmp_path / "m.gguf", KEYS, DENSE))
    with pytest.raises(UserError, match=f"is Small One, llama, .* not '{given_name}'") as caught:
        name_of(identity, given_name, "m.gguf")
    assert "\n" not in str(caught.value)


def test_weights_that_call_themselves_a_model_of_another_size_are_refused(tmp_path):
    keys = {**KEYS, "general.name": "Qwen2.5 0.5B Instruct"}
    identity = identify(gguf(tmp_path / "m.gguf", keys, DENSE))
    with pytest.raises(UserError, match=r"has other sizes than qwen2\.5-0\.5b"):
        name_of(identity, None, "m.gguf")


def test_a_name_is_printed_without_control_characters(tmp_path):
    keys = {**KEYS, "general.name": "Ev\x1b[31mil\nname"}
    assert identify(gguf(tmp_path / "m.gguf", keys, DENSE)).name == "Ev[31milname"
