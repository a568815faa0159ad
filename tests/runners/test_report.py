"""A run tells its own user what a log would flag or refuse."""

from results.checks import judge
from results.statement.statement import Statement
from runners.measure.report import print_findings
from suites.base.terminal import Terminal
from tests.results import honest


def told(data):
    terminal = Terminal(width=200)
    with terminal.capture() as capture:
        print_findings(judge(Statement.model_validate(data)), terminal)
    return capture.get()


def test_an_honest_run_is_told_nothing():
    assert told(honest.h100()) == ""


def test_a_run_is_told_which_figure_breaks_which_law_and_what_follows():
    data = honest.h100()
    data["predicate"]["machine"]["chip"]["count"] = 8
    data["predicate"]["measurements"][0]["low"] = 9.5
    said = told(data)
    assert "flagged chip: machine.chip.count 8 are claimed, the driver shows 1" in said
    assert "refused latency-order: decode/b4/ctx1024 tpot 8 lies outside" in said
    assert "does not rank" in said
