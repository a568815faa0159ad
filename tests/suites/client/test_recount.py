"""An engine's count is compared with its text by a tokenizer, and made where it makes none."""

from __future__ import annotations

import re
from dataclasses import replace

import gguf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.client.recount import counted_how, recounted
from suites.client.tokenizing import Tokens, by_gguf, by_tokenizer, fewest
from suites.serving.bench.behaviours import BEHAVIOURS, TOKENS
from suites.serving.bench.verdicts import judged, played

NAMED = {behaviour.name: behaviour for behaviour in BEHAVIOURS}
# The behaviours' words, each one token.
EXACT = Tokens("tokenizer", lambda text: len(re.findall(r" ?\w+|[^\w\s]", text)))
LEAST = Tokens("vocabulary", EXACT.count)
# Their text is of other words, or of nothing.
OTHER_TEXT = {
    "quotes the end of a stream in its text",
    "sends line ends and blanks",
    "cuts a character in two",
    "shows a character when all its bytes are there",
    "answers as vLLM 0.32 does, and joins tokens when it is late",
}
RIGHT = [b.name for b in BEHAVIOURS if b.verdict == "right" and b.name not in OTHER_TEXT]


@pytest.mark.parametrize("tokens", [EXACT, LEAST], ids=["tokenizer", "vocabulary"])
@pytest.mark.parametrize("name", RIGHT)
def test_what_was_right_stays_right(name, tokens):
    behaviour = NAMED[name]
    verdict = judged(behaviour, recounted(played(behaviour), tokens))
    assert (verdict.kind, verdict.because) == ("right", "")


@pytest.mark.parametrize("tokens", [EXACT, LEAST], ids=["tokenizer", "vocabulary"])
@pytest.mark.parametrize(
    "name", ["makes 2 tokens and claims 128", "makes 2 tokens and counts on in every event"]
)
def test_two_tokens_for_128_are_named_with_who_counted(name, tokens):
    doubt = recounted(played(NAMED[name]), tokens).doubt
    assert re.fullmatch(rf"\d+ tokens counted, and 2 in their text by the {tokens.by}", doubt)


@pytest.mark.parametrize("asked", [0, TOKENS])
def test_a_tokenizer_counts_where_the_server_never_does(asked):
    behaviour = replace(
        NAMED["sends four tokens an event and never counts"], asked=asked, ttft_ms=80
    )
    request = recounted(played(behaviour), EXACT)
    assert (request.failure, request.output_tokens, request.first_tokens) == ("", TOKENS, 4)
    assert request.tpot_ms == pytest.approx(10.0)
    assert judged(behaviour, request).kind == "right"


@pytest.mark.parametrize(("asked", "failure"), [(100, "long"), (150, "short")])
def test_an_answer_of_another_length_than_asked_for_has_failed(asked, failure):
    behaviour = replace(NAMED["sends four tokens an event and never counts"], asked=asked)
    assert recounted(played(behaviour), EXACT).failure == failure


def test_a_server_that_counts_too_few_is_doubted():
    few = Tokens("tokenizer", lambda text: 3 * EXACT.count(text))
    assert recounted(played(NAMED["finishes by length"]), few).doubt


def test_bytes_that_make_no_character_are_of_any_number_of_tokens():
    request = played(NAMED["finishes by length"])
    # A tokenizer takes three tokens for each, who knows how many the model wrote.
    bytewise = Tokens("tokenizer", lambda text: EXACT.count(text) + 2 * text.count("\ufffd"))
    cut = replace(request, text=b"\xef\xbf\xbd" * TOKENS)
    assert bytewise.count(cut.text.decode()) == 3 * TOKENS
    assert recounted(cut, bytewise).doubt == ""
    more = replace(request, text=b"\xef\xbf\xbd" + b" word" * 2 * TOKENS)
    assert f"{2 * TOKENS} in their text" in recounted(more, bytewise).doubt


def test_halves_of_characters_are_broken_ones_to_a_tokenizer():
    strict = Tokens("tokenizer", lambda text: len(text.encode().decode()))
    halves = replace(played(NAMED["finishes by length"]), text=b"\\ud83d" * TOKENS)
    assert recounted(halves, strict).doubt == ""


def test_what_nobody_sees_is_not_counted():
    request = played(
        NAMED["sends a sign of no width behind every token and never counts, of any length"]
    )
    counted = recounted(request, EXACT)
    assert (counted.output_tokens, counted.doubt) == (TOKENS, "")
    assert counted.tpot_ms == pytest.approx(10.0)


def test_a_tokenizer_bears_out_a_count_that_only_the_look_of_its_text_spoke_against():
    request = played(NAMED["finishes by length"])
    looks = replace(
        request,
        counted_by="server",
        doubt="128 tokens counted, text of 7 fragments does not hold them",
    )
    assert recounted(looks, EXACT).doubt == ""
    other = replace(looks, doubt="999 prompt tokens counted of 8 sent")
    assert recounted(other, EXACT).doubt == other.doubt
    assert recounted(looks, LEAST).doubt == looks.doubt


def test_the_first_arrival_is_counted_and_not_measured_by_its_letters():
    behaviour = NAMED["sends half of all tokens in its first event"]
    assert recounted(played(behaviour), EXACT).first_tokens == 64


def test_failures_stay_what_they_are():
    request = played(NAMED["resets midway"])
    assert recounted(request, EXACT) is request


def test_who_counted_is_said():
    told, untold = played(NAMED["finishes by length"]), played(NAMED["never counts"])
    assert counted_how([told], EXACT) == counted_how([untold], EXACT) == "tokenizer"
    assert counted_how([told], LEAST) == "vocabulary"
    assert counted_how([told], None) == "server"
    assert counted_how([told, untold], None) == counted_how([untold], LEAST) == "fragments"
    assert counted_how([], None) == "fragments"


@given(st.lists(st.sampled_from([b"a", b"ab", b"abc", b"ca", b"bcab"]), max_size=12))
def test_no_way_to_make_a_text_takes_fewer_pieces(chosen):
    pieces = frozenset([b"a", b"ab", b"abc", b"ca", b"bcab"])
    least = fewest(b"".join(chosen), pieces)
    assert least <= len(chosen)
    assert (least == 0) == (not chosen)


def test_the_fewest_pieces_by_hand():
    pieces = frozenset([b"ab", b"abc", b"cde"])
    assert fewest(b"abcde", pieces) == 2  # the longest first would take abc, d, e
    assert fewest(b"abcd", pieces) == 2
    assert fewest(b"xyz", pieces) == 3


@pytest.mark.parametrize(
    ("kind", "pieces", "text", "count"),
    [
        ("llama", ["<unk>", "<0x0A>", "▁the", "▁sea", "a"], " the sea\na", 4),
        ("gpt2", ["Ġthe", "Ġsea", "Ċ", "a", "<|end|>"], " the sea\na", 4),
        ("gpt2", ["åĪĨ", "Ġ"], "分 分", 3),
    ],
)
def test_a_gguf_files_own_vocabulary_counts(tmp_path, kind, pieces, text, count):
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model(kind)
    writer.add_token_list(pieces)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    tokens = by_gguf(path)
    assert (tokens.by, tokens.count(text)) == ("vocabulary", count)


# GPT-2's letters of bytes that cannot be seen, and of the first and last that can.
LETTERS = {
    "! ": "!Ġ", "~\x7f": "~ġ", "\xa0": "Âł", "¡": "Â¡", "¬": "Â¬", "\xad": "ÂŃ", "®": "Â®",
    "ÿ": "Ã¿", "\x00\n": "ĀĊ",
}  # fmt: skip


def test_bytes_are_read_back_from_the_letters_that_stand_for_them(tmp_path):
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(list(LETTERS.values()))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    tokens = by_gguf(path)
    assert {text: tokens.count(text) for text in LETTERS} == dict.fromkeys(LETTERS, 1)
    # A lone half of a character is a byte that cannot be read.
    assert tokens.count("\ud83d") == 1


def test_pieces_beyond_the_longest_are_not_looked_for():
    text = b"a" * 96
    assert fewest(text, frozenset([text[:48]])) == 2
    assert fewest(text, frozenset([text[:49]])) == 96


def test_a_file_without_a_vocabulary_counts_nothing(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    assert by_gguf(tmp_path / "model.gguf") is None


def test_a_tokenizers_own_marks_are_not_counted(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel({"<s>": 0, "sea": 1}, "<s>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert by_tokenizer(tmp_path / "tokenizer.json").count("sea sea") == 2
