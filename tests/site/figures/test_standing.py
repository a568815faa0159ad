"""Whose weights answer as well as the model at full width may rank; the others say why not."""

import math

import pytest

from leaderboard.figures import history, ranking
from leaderboard.figures.rows import shown
from tests.site.figures.test_ranking import gpu, rows

GOOD = {"arithmetic": "50/50 49/50 40/50 20/50 5/50", "tools": "50/50 50/50 45/50 35/50 20/50"}
KEPT = {"arithmetic": "50/50 48/50 40/50 21/50 5/50", "tools": "50/50 50/50 44/50 35/50 20/50"}
BAD = {"arithmetic": "40/50 22/50 10/50 2/50 0/50", "tools": "41/50 30/50 15/50 5/50 2/50"}


def asked(number, precision, answers, *, tokens=100.0, weights="real", api="chat", speed=900.0):
    """A run with real weights that answered questions, or none."""
    document = gpu(number=number, speed=speed)
    predicate = document["predicate"]
    predicate["engines"][0] |= {"weights": weights, "precision": precision}
    terms = {"question_api": api, "answer_tokens": 256, "temperature": 0.0, "question_seed": 0}
    like = {"suite": "quality", "method": "measured", "low": None, "high": None}
    predicate["measurements"] += [
        {
            **like,
            "case": f"questions/{family}",
            "metric": "score",
            "unit": "share",
            "value": 0.5,
            "n": 250,
            "labels": {**terms, "family": family, "levels": levels},
        }
        for family, levels in answers.items()
    ]
    if answers:
        predicate["measurements"].append(
            {
                **like,
                "case": "questions/all",
                "metric": "tokens_per_solved",
                "unit": "tokens",
                "value": tokens,
                "low": tokens / 1.1,
                "high": tokens * 1.1,
                "n": 500,
                "labels": terms,
            }
        )
    return document


@pytest.fixture(scope="module")
def board():
    table = rows(
        asked(1, "bf16", GOOD),
        asked(2, "q8_0", KEPT, tokens=104.0),
        asked(3, "q2_k", BAD, tokens=260.0),
        asked(4, "fp8", {}),
        asked(5, "unknown", KEPT, weights="unknown", api="completions"),
        gpu(number=6),
    )
    return table[table["suite"] == "serving"].drop_duplicates("digest").set_index("digest")


def of(board, place):
    return board.loc[f"{place:064x}"]


@pytest.mark.parametrize(
    ("place", "ranks", "told"),
    [
        (0, True, "at full width"),
        (1, True, "quality kept: 0."),
        (2, False, "worse by 3"),
        (3, False, "quality unknown"),
        (4, False, "quality unknown"),  # asked on other terms: nobody to compare with
        (5, True, "random weights"),
    ],
)
def test_a_row_ranks_by_its_answers_and_says_what_is_known_of_them(board, place, ranks, told):
    row = of(board, place)
    assert (row["ranks"], row["barred"]) == (ranks, not ranks)
    assert row["quality"].startswith(told)
    assert row["quality_zh"] != row["quality"]


def test_the_barred_row_says_how_much_worse_it_is_and_stands_below_all_that_rank(board):
    # (50+49+40+20+5+50+50+45+35+20 − 40−22−10−2−0−41−30−15−5−2) of 500 answers.
    assert of(board, 2)["quality"].startswith("worse by 39.4 [")
    assert of(board, 2)["place"] > max(of(board, place)["place"] for place in (0, 1, 5))
    assert shown(board.loc[[f"{2:064x}"]].reset_index(), "en")[0].barred


def test_how_a_barred_configuration_changed_is_history_all_the_same():
    table = rows(asked(1, "fp8", {}), asked(2, "fp8", {}))
    assert not table["ranks"].any()
    assert set(history.chosen(table, 30)["digest"]) == {f"{n:064x}" for n in range(2)}
    assert history.chosen(rows(asked(1, "fp8", {}), asked(2, "fp8", {}), flags={0, 1}), 30).empty


def test_random_weights_rank_among_themselves():
    table = rows(asked(1, "bf16", GOOD), gpu(number=2), asked(3, "bf16", GOOD), gpu(number=4))
    serving = table[table["place"] == 2]
    assert serving["random"].ne(serving["random"].shift()).sum() == 2


def test_tokens_of_equal_quality_cost_by_the_tokens_of_a_right_answer(board):
    row = of(board, 1)
    assert row["equal_usd"] == pytest.approx(row["rent_usd"] * 104 / 100, rel=1e-3)
    assert row["solved_usd"] == pytest.approx(row["rent_usd"] * 104 / 1e6, rel=1e-3)
    reach = math.hypot(
        math.log(row["rent_usd_high"] / row["rent_usd"]), math.log(1.1), math.log(1.1)
    )
    assert row["equal_usd_high"] == pytest.approx(row["equal_usd"] * math.exp(reach), rel=1e-3)
    assert of(board, 2)["equal_usd"] == pytest.approx(row["rent_usd"] * 2.6, rel=1e-3)
    # Full width is the measure itself; of all that rank it makes them for least.
    assert of(board, 0)["equal_usd"] == of(board, 0)["rent_usd"]
    assert [of(board, place)["equal_least"] for place in range(6)] == [True] + [False] * 5
    assert math.isnan(of(board, 4)["equal_usd"])  # asked on terms of its own


def test_full_width_alone_has_no_tokens_of_equal_quality():
    table = rows(asked(1, "bf16", GOOD), gpu(number=2))
    assert table["equal_usd"].isna().all()
    assert not table["equal_least"].any()
    assert set(table["quality"]) == {"at full width, nobody to compare with", "random weights"}


def test_who_says_full_width_and_answers_worse_than_others_is_no_reference():
    table = rows(
        *(asked(number, "bf16", GOOD) for number in (1, 2)),
        asked(3, "bf16", BAD),
        asked(4, "q2_k", BAD),
    )
    told = table.drop_duplicates("digest").set_index("digest")["quality"]
    assert [told[f"{number - 1:064x}"].split(":")[0][:11] for number in (1, 2, 3, 4)] == [
        "at full wid", "at full wid", "worse by 39", "worse by 39",
    ]  # fmt: skip


def test_random_weights_are_no_reference():
    table = rows(asked(1, "bf16", BAD, weights="random"), asked(2, "q2_k", BAD))
    assert "quality unknown" in set(table["quality"])


def test_a_model_has_one_reference_however_its_name_is_written():
    named = asked(2, "q2_k", BAD)
    named["predicate"]["engines"][0]["model"] = "Llama-3.1-8B"
    told = set(rows(asked(1, "bf16", GOOD), named)["quality"])
    assert any(text.startswith("worse by") for text in told)


def test_a_flagged_result_is_no_reference():
    table = rows(asked(1, "bf16", GOOD), asked(2, "q8_0", KEPT), flags={0})
    (told,) = set(table.loc[table["digest"] == f"{1:064x}", "quality"])
    assert told == "quality unknown"


def test_answers_that_nobody_can_grade_again_count_for_nothing():
    table = rows(asked(1, "bf16", GOOD), asked(2, "q8_0", KEPT), unsampled={0})
    assert set(table["quality"]) == {"quality unknown"}
    assert table["solved_tokens"].notna().equals(table["digest"] == f"{1:064x}")


@pytest.mark.parametrize("levels", ["5/4", "x", "1/2 " * 20, "1/2\n"])
def test_answers_that_are_oddly_told_are_none(levels):
    table = rows(asked(1, "bf16", {"arithmetic": levels}))
    assert set(table["quality"]) == {"quality unknown"}


def test_the_overviews_answers_pass_over_barred_rows():
    fast = asked(1, "q2_k", BAD)
    for item in fast["predicate"]["measurements"]:
        if item["metric"] == "output_throughput":
            for end in ("value", "low", "high"):
                item[end] = item[end] and item[end] * 10
    table = rows(fast, asked(2, "bf16", GOOD))
    assert ranking.answers(table).nearest_to_one_fen["digest"] == f"{1:064x}"
