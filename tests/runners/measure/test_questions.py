"""Questions in a run: the server that was measured is asked, and its answers become figures."""

import pytest

from runners.options.options import RunOptions, expand
from suites.base.errors import UserError
from suites.base.records import CellResult
from suites.client.target import Target
from suites.quality.agreement import Reference, ReferencePlace
from suites.quality.items import FAMILIES, LEVELS
from suites.quality.record import questions
from suites.quality.run import ask
from suites.quality.summary import summarize
from tests.builders import assert_signable
from tests.runners.commands.test_quality import candidates, serving
from tests.suites.quality.test_items import right_answer

SEED, COUNT = 7, 110
KNOWN = {item.prompt: item for item in questions(SEED, COUNT, 0)}
TEXTS = [f"place {number}" for number in range(40)]
# Trusted weights solve three of five levels, ten questions of each.
TRUSTED = Reference(
    format=1,
    model="m",
    seed="00" * 8,
    right={f"{family}/{level}": (10 * (level < 3), 10) for family in FAMILIES for level in LEVELS},
    places=[ReferencePlace(text=text, logprobs=candidates(text, 0)) for text in TEXTS],
)  # fmt: skip


def able(levels):
    """A model that solves questions of so many levels."""

    def answer(prompt):
        item = KNOWN.get(prompt)
        return right_answer(item) if item and item.level < levels else "I do not know"

    return answer


def figures(url, reference=None, **more):
    """What a run that asks this server states, by metric and case."""
    spec = {"seed": SEED, "count": COUNT, "longest": 0, "api": "chat", "answer_tokens": 64}
    spec |= {"temperature": 0.0, "at_once": 16, "reference": reference, **more}
    facts = ask(Target(url=url, model="m", api="completions"), spec, at_once=4)
    rows = summarize([CellResult(series=(), facts={"quality": facts})])
    assert_signable(rows)
    return {(row.metric, row.case): row for row in rows}


@pytest.fixture
def reference(tmp_path):
    place = tmp_path / "trusted.json"
    place.write_text(TRUSTED.model_dump_json())
    return str(place)


def test_answers_become_scores_by_family_and_level_and_tokens_of_a_right_one():
    with serving(able(2)) as url:
        rows = figures(url)
    every = rows["score", "questions/all"]
    assert (every.value, every.n) == (0.4, 110)
    assert every.labels == {
        "question_seed": 7, "question_api": "chat", "answer_tokens": 64, "temperature": 0.0,
        "unanswered": 0, "left_out": 0,
    }  # fmt: skip
    assert rows["score", "questions/tools"].labels["levels"] == "2/2 2/2 0/2 0/2 0/2"
    solved = rows["tokens_per_solved", "questions/all"]
    assert solved.value == pytest.approx(20 / 0.4)
    assert solved.low < 50 < solved.high
    assert ("score_drop", "reference/answers") not in rows


def test_questions_too_long_for_the_context_are_left_out_and_counted():
    with serving(able(2)) as url:
        rows = figures(url, longest=400)
    every = rows["score", "questions/all"]
    short = sum(len(prompt) <= 400 for prompt in KNOWN)
    assert (every.n, every.labels["left_out"]) == (short, COUNT - short)


@pytest.mark.parametrize(
    ("levels", "noise", "answers", "tokens"),
    [(3, 0.0, "undecided", "same"), (1, 9.0, "worse", "different")],
)
def test_a_reference_is_held_against_answers_and_next_tokens(
    reference, levels, noise, answers, tokens
):
    with serving(able(levels), noise=noise) as url:
        rows = figures(url, reference)
    drop, nats = (
        rows["score_drop", "reference/answers"],
        rows["divergence", "reference/next-tokens"],
    )
    assert drop.value == pytest.approx((3 - levels) / 5)
    assert (drop.labels["verdict"], nats.labels["verdict"]) == (answers, tokens)
    assert drop.labels["reference_sha256"] == nats.labels["reference_sha256"]
    assert nats.n == len(TEXTS)


def expanded(**given):
    return expand(
        RunOptions(suites=given.pop("suites", ("serving", "quality")), suite_options=given)
    )


def test_one_engine_of_a_run_asks_and_has_room_for_questions():
    cells = expanded(weights="m.gguf", model="tiny-15m")
    asking = [cell.spec["quality"] for cell in cells if "quality" in cell.spec]
    assert len(cells) > 1
    (spec,) = asking
    assert (spec["count"], spec["answer_tokens"], spec["context"]) == (110, 256, 5120 + 256)
    (other,) = expanded(endpoint="http://h", model="m", api="chat", questions=44, temperature=0.6)
    spec = other.spec["quality"]
    assert (spec["count"], spec["temperature"], spec["context"]) == (44, 0.6, 0)
    assert other.spec["questions"]["share"] == 0.05


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"suites": ("quality",)}, "another suite measures"),
        ({"suites": ("kernels", "quality")}, "without a server"),
        ({"model": "tiny-15m"}, "random weights have no right answers"),
        ({"endpoint": "http://h", "model": "m", "api": "embeddings"}, "nothing answers"),
        ({"endpoint": "http://h", "model": "m", "quality_reference": "/nowhere"}, "/nowhere"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_runs(given, what):
    with pytest.raises(UserError, match=what):
        expanded(**given)


def test_a_reference_of_more_places_than_can_be_read_again_is_refused(tmp_path):
    place = tmp_path / "large.json"
    many = [ReferencePlace(text="x", logprobs={"a": -0.1})] * 1001
    place.write_text(TRUSTED.model_copy(update={"places": many}).model_dump_json())
    with pytest.raises(UserError, match="more than 1000 places"):
        expanded(endpoint="http://h", model="m", api="chat", quality_reference=str(place))
