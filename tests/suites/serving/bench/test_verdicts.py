"""Of everything a server may do, no figure is wrong and called valid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import leaderboard
from suites.serving.bench.behaviours import BEHAVIOURS
from suites.serving.bench.verdicts import judged, page, played

NAMED = {behaviour.name: behaviour for behaviour in BEHAVIOURS}


@pytest.mark.parametrize("name", NAMED)
def test_every_figure_is_right_void_or_refused(name):
    behaviour = NAMED[name]
    verdict = judged(behaviour, played(behaviour))
    assert (verdict.kind, verdict.because) == (behaviour.verdict, verdict.because)
    assert behaviour.because in verdict.because
    assert bool(verdict.because) == (behaviour.verdict != "right")


def test_there_are_as_many_as_were_asked_for_and_none_twice():
    assert len(NAMED) == len(BEHAVIOURS) >= 69


@pytest.mark.parametrize(
    "lie", [{"tpot_ms": 9.0}, {"ttft_ms": 40.0}, {"ttfo_ms": 45.0}, {"tokens": 120}]
)
def test_a_figure_that_is_not_the_truth_is_called_wrong(lie):
    behaviour = replace(BEHAVIOURS[0], **lie)
    verdict = judged(behaviour, played(behaviour))
    assert (verdict.kind, verdict.because.split()[0]) == ("wrong", next(iter(lie)).split("_")[0])


def test_the_page_is_what_the_table_says():
    written = Path(leaderboard.__file__).parent / "docs/behaviours.md"
    assert written.read_text() == page(), "run `python -m suites.serving.bench.verdicts` into it"
