"""Right answers of two runs are compared by family and level, where the same was asked."""

import pytest

from results.agreement.quality import QualityAnswers, asked, change_of_answers, from_text, in_text

TERMS = {"question_api": "chat", "answer_tokens": 256, "temperature": 0.0}
GOOD = {"arithmetic": "90/100 60/100", "tools": "80/100 50/100"}
BAD = {"arithmetic": "60/100 30/100", "tools": "50/100 20/100"}


def figures(levels, **terms):
    for family, counts in levels.items():
        yield "quality", "score", {**TERMS, **terms, "family": family, "levels": counts}


def test_what_was_answered_is_read_by_family_and_level():
    read = asked([*figures(GOOD), ("serving", "score", {}), ("quality", "tokens_per_solved", {})])
    assert read == QualityAnswers(
        terms=("chat", "256", "0.0"),
        strata={
            ("arithmetic", 0): (90, 100), ("arithmetic", 1): (60, 100),
            ("tools", 0): (80, 100), ("tools", 1): (50, 100),
        },
    )  # fmt: skip
    assert from_text(in_text(read), " ".join(read.terms)) == read


@pytest.mark.parametrize(
    "labels",
    [
        {"family": "nothing of ours", "levels": "1/2"},
        {"family": "tools", "levels": "3/2"},
        {"family": "tools", "levels": 12},
        {"family": "tools", "levels": "\u0661/\u0662"},
    ],
)
def test_what_is_oddly_told_is_no_answer(labels):
    assert asked([("quality", "score", {**TERMS, **labels})]) is None


@pytest.mark.parametrize(("left_out", "counts"), [(44, True), (45, False)])
def test_who_leaves_more_than_a_tenth_of_the_questions_out_was_not_asked_the_same(left_out, counts):
    every = ("quality", "score", {**TERMS, "left_out": left_out})
    assert (asked([every, *figures(GOOD)]) is not None) == counts  # of 400 answers


@pytest.mark.parametrize("family", [["tools"], {}, None, 7])
def test_a_family_that_is_no_text_is_passed_over(family):
    assert asked([("quality", "score", {**TERMS, "family": family, "levels": "1/2"})]) is None


def test_a_second_run_that_answers_less_is_worse_by_the_weighted_difference():
    # (30 + 30 + 30 + 30) of 400 answers.
    lost = change_of_answers(asked(figures(GOOD)), asked(figures(BAD)))
    assert (lost.drop, lost.verdict) == (pytest.approx(0.3), "worse")
    assert change_of_answers(asked(figures(BAD)), asked(figures(GOOD))).verdict == "not worse"


@pytest.mark.parametrize("terms", [{"answer_tokens": 2048}, {"temperature": 0.6}])
def test_other_terms_are_not_compared(terms):
    assert change_of_answers(asked(figures(GOOD)), asked(figures(BAD, **terms))) is None
    assert change_of_answers(None, asked(figures(GOOD))) is None
