"""How an engine speculates is a condition of its figures, pinned where we start it."""

from __future__ import annotations

import json

import pytest

from results.agreement.comparison import compare
from suites.base.errors import UserError
from suites.base.labels import LABELS
from suites.client.speculation import conditions, contradiction, observed, of_case
from suites.client.subject import subject_spec
from suites.engines.template import command, template
from suites.serving import plan
from suites.serving.load.point import Point

VALUES = dict.fromkeys(("weights", "model", "dtype", "context", "slots", "host", "port"), "x")
ASKED = {"speculation": "ngram", "draft_tokens": 4}


def started(engine, speculation, tmp_path):
    return command(
        template(engine), "cuda", VALUES, parallel={}, speculation=speculation, folder=tmp_path
    )


def test_vllm_is_told_to_draft_and_what_to_accept(tmp_path):
    drafting = started("vllm", {"method": "ngram", "drafts": 4}, tmp_path).arguments
    config = json.loads(drafting[drafting.index("--speculative-config") + 1])
    assert config == {"method": "ngram", "num_speculative_tokens": 4}
    pinned = started("vllm", {"method": "mtp", "drafts": 3, "acceptance": 2.5}, tmp_path).arguments
    config = json.loads(pinned[pinned.index("--speculative-config") + 1])
    assert config["rejection_sample_method"] == "synthetic"
    assert (config["method"], config["synthetic_acceptance_length"]) == ("mtp", 2.5)
    assert pinned.count("--speculative-config") == 1


def test_each_place_of_a_draft_is_pinned_where_the_engine_has_that(tmp_path):
    asked = {"engine": "vllm", "acceptance_rates": [0.8, 0.5], **ASKED, "draft_tokens": 2}
    spec = subject_spec(asked)
    words = started("vllm", spec["speculation"], tmp_path).arguments
    config = json.loads(words[words.index("--speculative-config") + 1])
    assert config["synthetic_acceptance_rates"] == [0.8, 0.5]
    assert "synthetic_acceptance_length" not in config
    labels = conditions(spec)
    assert (labels["acceptance_length"], labels["acceptance_rates"]) == (2.3, "0.80/0.50")
    assert labels["acceptance"] == "pinned"
    with pytest.raises(UserError, match="pins no place"):
        subject_spec({**asked, "engine": "sglang"})


def test_cases_are_told_apart_by_what_is_drafted():
    names = []
    for more in ({}, ASKED, {**ASKED, "acceptance_length": 2.5}):
        options = {"endpoint": "http://h", "model": "m", "concurrency": [1], **more}
        (cell,) = plan("quick", options)
        names.append(Point.from_json(cell.spec["points"][0]).name)
    assert names[0].startswith("closed/c1/")
    assert names[1:] == [f"{names[0]}/spec-ngram4", f"{names[0]}/spec-ngram4-2.5"]
    assert of_case({"speculation": {}}) == ""


SEEN = {
    "server_acceptance_length": {"": 2.304},
    "server_position_acceptance": {"1": 0.804, "2": 0.5},
}


def test_what_the_servers_metrics_say_of_drafts_becomes_a_condition():
    assert observed({}, {}) == {}
    stated = {
        "speculation": "unnamed",
        "draft_tokens": 2,
        "acceptance": "measured",
        "acceptance_length": 2.3,
        "acceptance_rates": "0.80/0.50",
    }
    assert observed({}, SEEN) == stated
    named = {"speculation": "mtp", "draft_tokens": 2, "acceptance": "pinned"}
    assert observed(named, SEEN) == {"acceptance_rates": "0.80/0.50"}
    assert set(stated) <= set(LABELS)


@pytest.mark.parametrize(
    ("length", "rates", "says"),
    [
        (2.3, "0.80/0.50", []),
        (2.4, "", []),
        (3.0, "", ["2.30 tokens a step by the server's metrics, 3 pinned"]),
        (2.3, "0.90/0.40", ["to place 1", "to place 2"]),
    ],
)
def test_metrics_that_say_otherwise_than_was_pinned_void_the_point(length, rates, says):
    labels = {"acceptance": "pinned", "acceptance_length": length, "acceptance_rates": rates}
    problems = contradiction(labels, SEEN)
    assert len(problems) == len(says)
    assert all(part in problem for part, problem in zip(says, problems, strict=True))
    assert contradiction({}, SEEN) == contradiction(labels, {}) == []


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
    ("options", "message"),
    [
        ({"draft_tokens": 4}, "--speculation METHOD"),
        ({"acceptance_length": 2.0}, "--speculation METHOD"),
        ({"speculation": "ngram"}, "--draft-tokens"),
        ({**ASKED, "acceptance_length": 5.5}, "from 1 to 5"),
        ({**ASKED, "acceptance_rates": [0.9, 0.8]}, "4 shares from 0 to 1"),
        ({**ASKED, "draft_tokens": 2, "acceptance_rates": [0.5, 0.6]}, "none above"),
        ({**ASKED, "draft_tokens": 1, "acceptance_rates": [1], "acceptance_length": 2}, "both"),
        ({"acceptance_rates": [1.0]}, "--speculation METHOD"),
        ({**ASKED, "endpoint": None}, "drafts nothing"),
        ({**ASKED, "endpoint": None, "engine": "lmdeploy"}, "none that we know"),
    ],
)
def test_what_does_not_go_together_is_refused(options, message):
    with pytest.raises(UserError, match=message):
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


MEASURED = {"speculation": "mtp", "draft_tokens": 2, "acceptance": "measured"}


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        ((2.3, "0.80/0.50"), (2.31, "0.81/0.50"), True),
        ((2.3, "0.80/0.50"), (2.31, None), True),
        ((2.3, "0.80/0.50"), (2.6, "0.90/0.70"), False),
        ((2.3, "0.80/0.50"), (2.3, "0.90/0.40"), False),
        ((2.3, "0.80/0.50"), (2.3, "0.80"), False),
        ((2.3, "x/y"), (2.3, "0.80/0.50"), True),
    ],
)
def test_rows_compare_where_drafts_were_accepted_alike(first, second, alike):
    rows = [
        row(**MEASURED, acceptance_length=length, acceptance_rates=rates)
        for length, rates in (first, second)
    ]
    changes, alone = compare(rows[:1], rows[1:])
    assert len(changes) == alike
    assert alone == [] if alike else ["accepted otherwise" in line for line in alone] == [True]
