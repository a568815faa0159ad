"""What a chip's page leads with: the best evidence of each model, or what stands near the chip."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from leaderboard.figures.front import ConfigurationPoint
from leaderboard.pages import answers
from leaderboard.read.front_points import Points
from leaderboard.words import Words
from results import catalog

if TYPE_CHECKING:
    from pathlib import Path

ENGLISH = Words.load("en")
FIELDS: dict[str, Any] = {
    "chip": "h200-sxm", "chip_name": "H200", "kind": "reported", "load": "1→1", "per_user": 20.0,
    "rate": 100.0, "usd": {"on-demand": 2.0, "owned": 1.0}, "where": "reported/x/",
}  # fmt: skip


def point(**changes: Any) -> ConfigurationPoint:
    return ConfigurationPoint(**FIELDS | changes)


def test_the_cheapest_of_the_best_evidence_answers():
    own = [
        point(usd={"on-demand": 1.0}),
        point(kind="measured", usd={"on-demand": 3.0}, where="a"),
        point(kind="measured", usd={"on-demand": 2.5, "owned": 2.0}, where="b"),
        point(kind="predicted", usd={"on-demand": 0.1}),
    ]
    [answer] = answers.answers(ENGLISH, {"m": own}, "on-demand")
    assert (answer.mark, answer.rented, answer.owned) == ("●", 2.5, 2.0)


def test_answers_stand_by_evidence_and_one_without_a_price_is_one():
    models = {"a": [point(kind="predicted")], "b": [point(usd={})], "c": [point(kind="attested")]}
    shown = answers.answers(ENGLISH, models, "on-demand")
    assert [(own.model, own.mark, own.rented) for own in shown] == [
        ("c", "◐", 2.0), ("b", "◇", None), ("a", "◈", 2.0),
    ]  # fmt: skip


def test_of_a_chip_only_models_that_somebody_ran_are_predicted():
    shown = {"own": [point(kind="measured")], "ran": [point(chip="x")]}
    predicted = {"": lambda: [point(kind="predicted")]}
    known = Points(shown, lambda model: {} if model == "own" else predicted)
    assert {model: [p.kind for p in own] for model, own in known.of_chip("h200-sxm").items()} == {
        "ran": ["predicted"], "own": ["measured"],
    }  # fmt: skip
    assert [p.kind for p in known.of_model("nobody")] == ["predicted"]


def test_predictions_stand_beside_loads_that_somebody_ran():
    loads = (point().load, "64→64")
    guesses = {
        load: lambda load=load: [point(kind="predicted", chip="y", load=load)] for load in loads
    }
    known = Points({"ran": [point()]}, lambda _model: guesses)
    assert [p.kind for p in known.of_loads_run()["ran"]] == ["reported", "predicted"]


def test_the_nearest_chips_are_those_whose_datasheets_differ_least():
    chips = catalog.chips()
    known = {
        "h200-sxm": "reported",
        "b200-sxm": "reported",
        "l4": "measured",
        "rtx-4090": "reported",
    }
    [first, second, _] = answers.relatives(chips["h100-sxm"], known, chips)
    assert (first.chip, second.chip) == ("h200-sxm", "b200-sxm")
    assert first.bandwidth == pytest.approx(3350 / 4800, rel=0.01)
    assert first.memory == pytest.approx(80 / 141, rel=0.01)
    assert answers.relatives(chips["h200-sxm"], {"h200-sxm": "reported"}, chips) == []
    assert len(answers.relatives(chips["ascend-910b"], known, chips)) == 3
    assert answers.relatives(chips["epyc-9004"], known, chips) == []


def test_a_floor_is_arithmetic_at_the_peak_and_nameplate_power():
    chip, sheet = catalog.chips()["h100-sxm"], catalog.latest_prices()
    [own] = answers.floors(chip, ["llama-3.1-8b"], sheet)
    # Two operations for each of some 8.03e9 parameters, less the embedding, at 1979 TFLOP/s, 700 W.
    assert own.joules == pytest.approx(2 * 7.5e9 / 1979e12 * 700, rel=0.05)
    assert own.usd == pytest.approx(
        own.joules / 3.6 * sheet.usd_per_kwh * sheet.pue.value, rel=1e-6
    )
    # A processor, and a chip whose peak nobody knows.
    for unbounded in ("epyc-9004", "cerebras-wse-3"):
        assert answers.floors(catalog.chips()[unbounded], ["llama-3.1-8b"], sheet) == []
    assert not any(math.isnan(floor.usd) for floor in answers.floors(chip, ["deepseek-v3"], sheet))


def test_a_page_leads_with_its_answer_and_ends_with_the_way_to_correct_it(site: Path):
    page = (site / "chips" / "h100-sxm" / "index.html").read_text("utf-8")
    order = [
        page.index(f'id="{part}"') for part in ("answer", "curve", "prices", "facts", "correct")
    ]
    assert order == sorted(order)
    assert "results/catalog/chips/h100-sxm.toml" in page
    unknown = (site / "chips" / "sunrise-s3" / "index.html").read_text("utf-8")
    assert 'id="answer"' not in unknown
    assert 'id="claims"' in unknown
    assert "claims/sunrise-s3-one-fen/" in unknown
