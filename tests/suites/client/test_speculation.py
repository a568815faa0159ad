"""How an engine speculates is a condition of its figures, pinned where we start it."""

from __future__ import annotations

import json

import pytest

from results.agreement.comparison import compare
from suites.base.errors import UserError
from suites.base.labels import LABELS
from suites.client.speculation import conditions
from suites.client.subject import subject_spec
from suites.engines.template import command, template

VALUES = dict.fromkeys(("weights", "model", "dtype", "context", "slots", "host", "port"), "x")
ASKED = {"speculation": "ngram", "draft_tokens": 4}


def started(engine, speculation, tmp_path):
    return command(
        template(engine), "cuda", VALUES, parallel={}, speculation=speculation, folder=tmp_path
    )


def test_vllm_is_told_to_draft_and_what_to_accept(tmp_path):
    drafting = started("vllm", {"method": "ngram", "drafts": 4}, tmp_path).arguments
    said = json.loads(drafting[drafting.index("--speculative-config") + 1])
    assert said == {"method": "ngram", "num_speculative_tokens": 4}
    pinned = started("vllm", {"method": "mtp", "drafts": 3, "acceptance": 2.5}, tmp_path).arguments
    said = json.loads(pinned[pinned.index("--speculative-config") + 1])
    assert said["rejection_sample_method"] == "synthetic"
    assert (said["method"], said["synthetic_acceptance_length"]) == ("mtp", 2.5)
    assert pinned.count("--speculative-config") == 1


def test_sglang_is_told_what_to_accept_by_its_variables(tmp_path):
    plain = started("sglang", {"method": "NGRAM", "drafts": 4}, tmp_path)
    assert "SGLANG_SIMULATE_ACC_LEN" not in plain.environment
    pinned = started("sglang", {"method": "EAGLE", "drafts": 4, "acceptance": 2.8}, tmp_path)
    assert pinned.environment["SGLANG_SIMULATE_ACC_LEN"] == "2.8"
    assert pinned.arguments[-4:] == (
        *("--speculative-algorithm", "EAGLE"),
        *("--speculative-num-draft-tokens", "4"),
    )


def test_nothing_is_drafted_unasked(tmp_path):
    for engine in ("vllm", "sglang"):
        words = started(engine, None, tmp_path).arguments
        assert not any("specul" in word for word in words)


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        ({}, {}),
        (ASKED, {"speculation": "ngram", "draft_tokens": 4}),
        (
            {**ASKED, "acceptance_length": 2.5},
            {
                "speculation": "ngram",
                "draft_tokens": 4,
                "acceptance_length": 2.5,
                "acceptance": "stated",
            },
        ),
    ],
)
def test_every_figure_says_how_an_endpoint_speculates(options, labels):
    spec = subject_spec({"endpoint": "http://h", "model": "m", **options})
    assert conditions(spec) == labels
    assert set(labels) <= set(LABELS)


def test_an_engine_started_here_is_pinned():
    spec = subject_spec({"engine": "vllm", "acceptance_length": 2.5, **ASKED})
    assert conditions(spec)["acceptance"] == "pinned"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"draft_tokens": 4}, "--speculation METHOD"),
        ({"acceptance_length": 2.0}, "--speculation METHOD"),
        ({"speculation": "ngram"}, "--draft-tokens"),
        ({**ASKED, "acceptance_length": 5.5}, "from 1 to 5"),
        ({**ASKED, "endpoint": None}, "drafts nothing"),
        ({**ASKED, "endpoint": None, "engine": "lmdeploy"}, "none that we know"),
    ],
)
def test_what_does_not_go_together_is_refused(options, said):
    with pytest.raises(UserError, match=said):
        subject_spec({"endpoint": "http://h", "model": "qwen2.5-0.5b", **options})


def row(**labels):
    figure = {"suite": "serving", "case": "closed/c1/isl8/osl8", "metric": "tpot", "unit": "ms"}
    figure |= {"value": 10.0, "low": 9.9, "high": 10.1, "n": 9, "method": "measured"}
    return {**figure, **labels}


@pytest.mark.parametrize(
    "other",
    [
        {"speculation": "ngram"},
        {"acceptance_length": 2.0},
        {"acceptance": "pinned"},
        {"api": "chat"},
        {"addresses": 2},
    ],
)
def test_what_made_it_cheaper_compares_with_the_same_alone(other):
    changes, alone = compare([row()], [row(**other)])
    assert (changes, len(alone)) == ([], 2)
    changes, alone = compare([row(**other)], [row(**other)])
    assert (len(changes), alone) == (1, [])
