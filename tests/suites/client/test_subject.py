"""What is measured: what a cell is told of options, what an engine is given, what is refused."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path

import pytest

from suites.base import user_folders
from suites.base.errors import CheckError, UserError
from suites.client.subject import packages, start_s, subject, subject_spec
from suites.engines.gate import PROMPTS, GateReference, load_reference, store
from suites.engines.llamacpp import LlamaCpp, Settings, default_threads
from suites.engines.served import EngineChoice, ServedEngine
from suites.serving.instrument.emitter import Emitter, Schedule

AT = {"endpoint": "http://h", "model": "m"}
DIGEST = "sha256:" + "a" * 64
BY_COMMAND = (
    "is for an engine that Fenmark starts by its command line; name it with --engine, such as "
    "--engine vllm, and give no --endpoint"
)
ALONE = "of no speculation; expected --speculation METHOD too"
OWN = "acceptance_length"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    monkeypatch.delenv("FENMARK_API_KEY", raising=False)


def test_unless_said_the_bundled_engine_is_asked_for_completions_of_a_small_model():
    spec = subject_spec({})
    assert spec == {
        "engine": "llama.cpp",
        "dtype": "auto",
        "parallel": {"tp": 1, "pp": 1, "dp": 1, "ep": 1},
        "speculation": {},
        "engine_program": None,
        "engine_flags": [],
        "engine_image": None,
        "reference": None,
        "gate": True,
        "model": "qwen2.5-0.5b",
        "geometry": "qwen2.5-0.5b",
        "endpoint": None,
        "api": "completions",
        "api_key_env": None,
        "asking": {
            "headers": [],
            "body": {},
            "without": [],
            "max_tokens_field": "",
            "documents": 8,
            "ca": "",
            "insecure": False,
        },
        "words": None,
        "tokenizer": None,
        "weights": None,
        "cache": str(user_folders.models()),
        "threads": default_threads(),
    }


def test_all_that_is_said_is_in_what_a_cell_is_told():
    spec = subject_spec(
        {
            "engine": "vllm:cpu",
            "dtype": "bfloat16",
            "tp": 2,
            "pp": 3,
            "dp": 4,
            "ep": 5,
            "engine_program": "run vllm",
            "engine_flags": ("--seed 7",),
            "engine_image": f"mine@{DIGEST}",
            "model": "tiny-15m",
            "cache": "/somewhere",
            "threads": 3,
            "weights": "/nowhere/some.gguf",
        }
    )
    assert (spec["engine"], spec["dtype"]) == ("vllm:cpu", "bfloat16")
    assert spec["parallel"] == {"tp": 2, "pp": 3, "dp": 4, "ep": 5}
    assert (spec["engine_program"], spec["engine_flags"]) == ("run vllm", ["--seed 7"])
    assert spec["engine_image"] == f"mine@{DIGEST}"
    assert (spec["cache"], spec["threads"], spec["model"]) == ("/somewhere", 3, "tiny-15m")
    assert spec["weights"] == "/nowhere/some.gguf"


def test_how_an_endpoint_wants_to_be_asked_is_told(monkeypatch):
    monkeypatch.setenv("MINE", "s3cret")
    spec = subject_spec(
        {
            **AT,
            "api": "rerank",
            "api_key_env": "MINE",
            "header": ["X-Team:  a:b ", "X-None"],
            "extra_body": '{"top_k": 1}',
            "drop_field": ["stream"],
            "documents": 3,
            "ca": "/ca.pem",
            "insecure": True,
        }
    )
    assert (spec["api"], spec["api_key_env"], spec["endpoint"]) == ("rerank", "MINE", "http://h")
    assert spec["asking"] == {
        "headers": [["X-Team", "a:b"], ["X-None", ""]],
        "body": {"top_k": 1},
        "without": ["stream"],
        "max_tokens_field": "",
        "documents": 3,
        "ca": "/ca.pem",
        "insecure": True,
    }
    assert "s3cret" not in json.dumps(spec)


def test_a_name_for_the_most_tokens_is_the_one_given():
    asking = subject_spec({**AT, "max_tokens_field": "most"})["asking"]
    assert asking["max_tokens_field"] == "most"


def test_a_presets_own_names_are_told_and_the_responses_api_has_its_own():
    asking = subject_spec({"preset": "azure", **AT})["asking"]
    assert (asking["max_tokens_field"], asking["extras"]) == ("max_completion_tokens", [])
    assert asking["key_header"] == "api-key"
    responses = subject_spec({"preset": "openai", **AT, "api": "responses"})["asking"]
    assert responses["max_tokens_field"] == ""


@pytest.mark.parametrize("weights", ["/nowhere/some.gguf", "/nowhere/.gguf"])
def test_weights_that_cannot_be_read_keep_the_name_given_or_their_files(weights):
    assert subject_spec({"weights": weights, "model": "mine"})["model"] == "mine"
    assert subject_spec({"weights": weights})["model"] == Path(weights).stem
    long = f"/nowhere/{'x' * 200}.gguf"
    assert subject_spec({"weights": long})["model"] == "x" * 120


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            {**AT, "api": "x"},
            (
                "api: unknown API 'x'; expected completions or chat or responses or embeddings or "
                "rerank"
            ),
        ),
        (
            {"reference": "x"},
            (
                "--reference: random weights have no right answers; it goes with --weights or "
                "--endpoint"
            ),
        ),
        ({**AT, "tp": 2}, f"--tp: {BY_COMMAND}"),
        ({"dtype": "fp8"}, f"--dtype: {BY_COMMAND}"),
        ({"engine_program": "x"}, f"--engine-program: {BY_COMMAND}"),
        ({**AT, "engine": "vllm", "engine_flags": ["--a"]}, f"--engine-flag: {BY_COMMAND}"),
        (
            {**AT, "api": "embeddings", "osl": 8},
            "--osl: embeddings generates nothing; leave it out",
        ),
        (
            {**AT, "api": "rerank", "osl_spread": 0.5},
            "--osl-spread: rerank generates nothing; leave it out",
        ),
        (
            {"api": "embeddings"},
            "--api: the engine started here answers no embeddings; give --endpoint",
        ),
        ({**AT, "documents": 4}, "--documents: ranked by no question; expected --api rerank"),
        (
            {**AT, "extra_body": "{"},
            (
                "--extra-body: no JSON (Expecting property name enclosed in double quotes: line 1 "
                'column 2 (char 1)); expected an object such as {"top_k": 1}'
            ),
        ),
        ({**AT, "extra_body": "[]"}, '--extra-body: no object; expected such as {"top_k": 1}'),
        (
            {**AT, "extra_body": '{"x": 1e999}'},
            (
                "--extra-body: no JSON (Out of range float values are not JSON compliant); "
                'expected an object such as {"top_k": 1}'
            ),
        ),
        (
            {**AT, "extra_body": '{"stream": false, "n": 2}'},
            "--extra-body: n is not what it may change; expected fields beside those of the load",
        ),
        (
            {**AT, "header": ["X: y", "Content-Length: 5"]},
            (
                "--header: content-length is not what it may change; expected headers beside those "
                "of a request's frame"
            ),
        ),
        (
            {**AT, "api_key_env": "NOT_SET"},
            (
                "api_key_env: environment variable NOT_SET is not set; expected the endpoint's API "
                "key in it"
            ),
        ),
        (
            {**AT, "draft_tokens": 4},
            f"--draft-tokens: {ALONE}",
        ),
        (
            {**AT, OWN: 2.0},
            "--acceptance-length: of no speculation; expected --speculation METHOD too",
        ),
        (
            {**AT, "speculation": "ngram"},
            "--speculation: drafts how many tokens?; expected --draft-tokens",
        ),
        (
            {**AT, "speculation": "ngram", "draft_tokens": 4, OWN: 5.5},
            (
                "--acceptance-length: 5.5 tokens a step of 4 drafts; expected from 1 to 5: those "
                "accepted, and the engine's own"
            ),
        ),
        (
            {"speculation": "ngram", "draft_tokens": 4},
            (
                "--speculation: the engine started here drafts nothing; name another with "
                "--engine, or give --endpoint"
            ),
        ),
        (
            {"preset": "groq", "api": "rerank"},
            "--api: Groq has no rerank; expected chat or responses",
        ),
    ],
)
def test_what_does_not_go_together_is_one_line_that_says_what_to_do(options, line, monkeypatch):
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(UserError) as refusal:
        subject_spec(options)
    assert str(refusal.value) == line


@pytest.mark.parametrize("length", [1, 5])
def test_an_acceptance_may_be_none_of_the_drafts_or_all(length):
    spec = subject_spec({**AT, "speculation": "ngram", "draft_tokens": 4, OWN: length})
    assert spec["speculation"] == {"method": "ngram", "drafts": 4, "acceptance": length}


class Started:
    """Stands for an engine: keeps what it was made of, and says of itself what one does."""

    url = "http://127.0.0.1:1"
    made: dict[str, object] = {}  # noqa: RUF012 - set by each test

    @classmethod
    @contextmanager
    def for_model(cls, *given, **more):
        Started.made = {"given": given, **more}
        yield cls()

    def describe(self):
        return {"name": "vllm", "weights_sha256": "0" * 64, "flags": {"--seed": "7"}}

    def check_alive(self):
        raise CheckError("it has ended")


def test_an_engine_is_started_with_what_was_asked(monkeypatch):
    monkeypatch.setattr(ServedEngine, "for_model", Started.for_model)
    asked = {"engine": "vllm:cpu", "tp": 2, "dtype": "bfloat16", "engine_program": "run vllm"}
    asked |= {"engine_flags": ["--seed 7"], "model": "tiny-15m", "cache": "/c", "threads": 3}
    asked |= {"engine_image": f"mine@{DIGEST}", "extra_body": '{"top_k": 1}', "api": "chat"}
    asked |= {"speculation": "ngram", "draft_tokens": 4, OWN: 2.5}
    spec = json.loads(json.dumps(subject_spec(asked)))
    with subject(spec, slots=5, context=99) as under_test:
        made = Started.made
        assert made.pop("given") == (
            "tiny-15m",
            EngineChoice(
                engine="vllm:cpu",
                dtype="bfloat16",
                parallel={"tp": 2, "pp": 1, "dp": 1, "ep": 1},
                program="run vllm",
                flags=("--seed 7",),
                speculation={"method": "ngram", "drafts": 4, "acceptance": 2.5},
                image=f"mine@{DIGEST}",
            ),
        )
        assert made == {
            "cache": Path("/c"),
            "weights": None,
            "slots": 5,
            "context": 99,
            "threads": 3,
            "geometry": "tiny-15m",
        }
        target = under_test.target
        assert (target.url, target.model, target.api) == (Started.url, "tiny-15m", "chat")
        assert (set(target.extras), target.body) == ({"min_tokens", "ignore_eos"}, {"top_k": 1})
        assert under_test.engine == Started().describe()
        assert under_test.labels["acceptance"] == "pinned"
        assert under_test.tokens is None
        with pytest.raises(CheckError, match="it has ended"):
            under_test.check_alive()


def test_the_bundled_engine_is_given_slots_context_threads_and_the_file_of_weights(monkeypatch):
    monkeypatch.setattr(LlamaCpp, "for_model", Started.for_model)
    spec = subject_spec({"weights": "/nowhere/w.gguf", "cache": "/c", "threads": 3})
    with subject(spec, slots=5, context=99) as under_test:
        assert Started.made == {
            "given": ("w", Settings(slots=5, context=99, threads=3)),
            "cache": Path("/c"),
            "weights": Path("/nowhere/w.gguf"),
            "geometry": "qwen2.5-0.5b",
        }
        assert under_test.target.extras == ("min_tokens", "n_predict", "ignore_eos")


def test_of_an_endpoint_no_more_is_said_than_is_known():
    image = f"mine@{DIGEST}"
    with Emitter(Schedule(ttft_ms=1, itl_ms=1)) as emitter:
        spec = subject_spec({"endpoint": emitter.url, "model": "m", "engine_image": image})
        with subject(spec, slots=1, context=64) as under_test:
            under_test.check_alive()
            flags = under_test.engine.pop("flags")
            assert under_test.engine == {
                "name": "endpoint",
                "version": "unknown",
                "model": "m",
                "weights_sha256": None,
                "weights": "unknown",
                "precision": "unknown",
                "image": image,
            }
            assert (flags["api"], flags["endpoint"]) == ("completions", True)
            assert set(flags) == {"api", "endpoint", "counts", "length", "prefix_cache"}
        named = subject_spec({"endpoint": emitter.url, "model": "m", "engine": "vllm"})
        with subject(named, slots=1, context=64) as under_test:
            assert under_test.engine["name"] == "vLLM"
            assert "image" not in under_test.engine


@pytest.mark.parametrize("gate", [True, False])
def test_an_engine_with_a_reference_is_asked_whether_it_computes_the_model(
    gate, monkeypatch, tmp_path
):
    reference, asked = tmp_path / "reference.json", []
    digests = ("a" * 64,) * len(PROMPTS)
    store(GateReference(weights_sha256="0" * 64, engine="e", continuations=digests), reference)
    monkeypatch.setattr(ServedEngine, "for_model", Started.for_model)
    monkeypatch.setattr(
        "suites.client.subject.check",
        lambda *given, **more: asked.append((*given, more)) or {"agreement": 1.0},
    )
    spec = subject_spec({"engine": "vllm", "weights": "/nowhere/w", "reference": str(reference)})
    with subject(spec | {"gate": gate}, slots=1, context=64) as under_test:
        passed = {"agreement": 1.0} if gate else {}
        assert under_test.engine["flags"] == {"--seed": "7"} | passed
    assert asked == [(load_reference(reference), Started.url, {"model": "w", "key": None})] * gate


@pytest.mark.parametrize(
    ("options", "seconds"), [(AT, 0.0), ({}, 3.0), ({"engine": "vllm", "model": "tiny-15m"}, None)]
)
def test_an_endpoint_is_ready_and_an_engine_takes_its_time(options, seconds):
    started = start_s(subject_spec(options))
    assert started == seconds if seconds is not None else started > 60


def test_versions_of_our_own_engines_packages_are_told_for_it_alone():
    own = set(packages({"name": "llama.cpp"}))
    assert {"xllamacpp", "gguf"} <= own
    assert own - set(packages({"name": "vLLM"})) == {"xllamacpp", "gguf"}
    assert own <= {"xllamacpp", "gguf", "uvloop"}
