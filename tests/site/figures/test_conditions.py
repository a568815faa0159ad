"""What makes tokens other work is said of a row, and no row is set beside one without it."""

import pandas as pd
import pytest

from leaderboard.figures import plots, ranking
from leaderboard.figures.conditions import conditions, in_words
from leaderboard.read.evidence import evidence
from leaderboard.read.reported import Reported
from leaderboard.words import Words
from tests.site.figures.test_ranking import gpu, rows

NONE = Reported(publishers=(), made_of="none")
EN, ZH = Words.load("en"), Words.load("zh")
CHEAP = {"speculation": "mtp", "draft_tokens": 3, "acceptance_length": 2.8, "acceptance": "pinned"}


def under(labels):
    """The same run, its serving rows with these labels too."""
    told = gpu()
    for row in told["predicate"]["measurements"]:
        if row["suite"] == "serving":
            row["labels"] |= labels
    return told


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ({}, ""),
        ({"length": "natural"}, "answers end as the model ends them"),
        ({"osl_spread": 0.5}, "lengths differ"),
        ({"trace_sha256": "a" * 64, "turns": 9}, "lengths differ, 9 turns"),
        ({"shared_prefix": 0.5}, "50% of each prompt shared"),
        ({"known_share": 0.91, "turns": 6}, "91% of the input sent before, 6 turns"),
        ({"images": 2, "adapters": 3}, "2 images in each prompt, 3 adapters"),
        (CHEAP, "drafts by mtp 3, 2.80 tokens a step (pinned)"),
        ({"speculation": "unnamed", "acceptance": "?"}, "drafts by unnamed"),
        ({"speculation": "none", "shared_prefix": 0.0}, ""),
        ({"shared_prefix": "half", "turns": True}, ""),
    ],
)
def test_a_row_says_what_made_it_other_work(labels, says):
    assert conditions(EN, labels) == says
    in_chinese = conditions(ZH, labels)
    assert bool(in_chinese) == bool(says)
    assert in_chinese != says or not says


def test_rows_under_conditions_have_a_shape_of_their_own():
    table = rows(gpu(), under(CHEAP))
    serving = table[table["suite"] == "serving"]
    assert set(serving["shape"]) == {
        "128→64 tokens",
        "128→64 tokens, drafts by mtp 3, 2.80 tokens a step (pinned)",
    }
    assert ranking.answers(table).nearest_to_one_fen["load"].startswith("128→64 tokens")


def test_cheaper_tokens_are_no_evidence_and_bound_no_front():
    plain, cheap = rows(gpu()), rows(under(CHEAP))
    notes = [[row.words for row in evidence(table, NONE, "none")] for table in (plain, cheap)]
    assert ["128→64" in " ".join(words) for words in notes] == [True, False]
    both = pd.concat([plain, cheap], ignore_index=True)
    for table, fronts in ((plain, 1), (cheap, 0), (both, 1)):
        chart, _ = plots.curve(EN, *plots.curves(table).values(), "", lambda chart: chart)
        assert len(chart.lines) == fronts


def test_what_was_said_in_english_is_said_in_chinese():
    labels = {"speculation": "ngram", "draft_tokens": 4, "shared_prefix": 0.25, "turns": 3}
    chinese = in_words(ZH, conditions(EN, labels))
    assert chinese == conditions(ZH, labels).replace(", ", "，")
    assert in_words(ZH, "a stranger's words") == "a stranger's words"
