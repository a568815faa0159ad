"""Prompts of exact length from a tokenizer's file, and what is said where they are not exact."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest

from suites.base.errors import UserError
from suites.client.prompts import Conversations, Prompts, Turn
from suites.client.target import Target
from suites.client.vocabulary import WORDS, from_tokenizer
from suites.serving import plan, summarize
from suites.serving.instrument.emitter import Emitter, Schedule
from suites.serving.run import run_cell

tokenizers = pytest.importorskip("tokenizers", reason="the extra `tokenizer` is not installed")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A byte-level BPE tokenizer that adds a token of its own at the start, as real ones do."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghij", k=4)) for _ in range(150)]
    text = [" ".join(draw.choices(words, k=40)) for _ in range(200)] + words * 4
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=1500, special_tokens=["<s>"], show_progress=False
    )
    tokenizer.train_from_iterator(text, trainer)
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


def test_every_prompt_has_exactly_the_asked_number_of_tokens(file):
    words = from_tokenizer(file)
    count = tokenizers.Tokenizer.from_file(str(file)).encode
    prompts = Prompts(
        Target(url="http://h", model="m", words=words), input_tokens=50, output_tokens=4, seed=0
    )
    texts = [json.loads(prompts.request(i).split(b"\r\n\r\n")[1])["prompt"] for i in range(32)]
    assert {len(count(text).ids) for text in texts} == {50}
    assert len(set(texts)) == 32
    assert words.special == 1


def test_a_conversations_text_keeps_its_length_too(file):
    count = tokenizers.Tokenizer.from_file(str(file)).encode
    turns = [Turn(0, 20, 5, 0), Turn(1, 40, 5, 0)]
    target = Target(url="http://h", model="m", words=from_tokenizer(file))
    written = Conversations(target, turns, seed=0)
    texts = [json.loads(written.request(i).split(b"\r\n\r\n")[1])["prompt"] for i in range(2)]
    assert [len(count(text).ids) for text in texts] == [20, 40]
    assert texts[1].startswith(texts[0])


def test_how_the_length_is_known_stands_in_every_row(file, exact_instrument):
    assert "approximate" in Target(url="http://h", model="m", api="chat").isl_by
    assert Target(url="http://h", model="m").isl_by == "token ids"
    with Emitter(Schedule(ttft_ms=20, itl_ms=5)) as emitter:
        options = {"endpoint": emitter.url, "model": "m", "isl": 16, "osl": 4, "requests": 2}
        options |= {"concurrency": [1], "tokenizer": str(file)}
        (cell,) = plan("quick", options)
        result = run_cell(json.loads(json.dumps(cell.spec)))
    rows = summarize([result])
    assert {row.labels["isl_by"] for row in rows} == {"tokenizer"}
    # The emitter takes every request for ids and counts the commas: it found another length.
    assert all(row.labels["isl_counted"] != 16 for row in rows)
    (engine,) = result.facts["engines"]
    assert engine["flags"]["tokenizer_sha256"] == from_tokenizer(file).tokenizer_sha256


@pytest.mark.parametrize("text", ["", "{}", "not json"])
def test_a_file_that_is_no_tokenizer_is_one_line(tmp_path, text):
    path = tmp_path / "tokenizer.json"
    path.write_text(text)
    with pytest.raises(UserError, match="no tokenizer"):
        from_tokenizer(path)
    with pytest.raises(UserError, match="cannot be read"):
        from_tokenizer(tmp_path / "none.json")


def test_a_tokenizer_without_usable_words_is_refused(tmp_path):
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel({"word": 0, "?": 1}, "?"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UserError, match="only 1 words"):
        from_tokenizer(tmp_path / "tokenizer.json")


def test_without_the_library_the_extra_is_named(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UserError, match=r"\.\[tokenizer\]"):
        from_tokenizer(file)


def test_the_usual_words_are_told_apart_and_of_one_width():
    assert {len(word) for word in WORDS.pieces} == {4}
    assert len(set(WORDS.pieces)) == len(WORDS.pieces)


def test_a_load_made_from_a_tokenizers_words_imports_no_tokenizer(file):
    target = Target(url="http://h", model="m", words=from_tokenizer(file))
    code = (
        "import json, sys\n"
        "from suites.serving.processes import shard\n"
        "from suites.client.target import Target\n"
        "Target.from_json(json.load(sys.stdin)).vocabulary\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(target.to_json()),
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"tokenizers", "torch", "transformers"} & set(done.stdout.split())
