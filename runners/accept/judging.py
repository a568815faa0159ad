"""From figures, references and evidence to verdicts and a grade. Pure."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Literal

from runners.accept.causes import explain
from runners.accept.figures import Graded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runners.accept.causes import Causes
    from runners.accept.figures import ExpectedFigure, FigureValue, MachineFigure

__all__ = ["Grade", "grade", "judge"]

Grade = Literal["A", "B", "C", "D", "none"]
# A twin this much below the others differs from them.
_TWINS = 0.10
# Estimated shortfall up to which a machine is a B, and a C.
_B, _C = 0.10, 0.25
_UNLIKE = 1e-9  # of what is not a number: a B


def judge(
    figures: Sequence[MachineFigure], references: Sequence[ExpectedFigure], evidence: Causes
) -> list[Graded]:
    """Hold each figure against its references, in their order, and against its twins.

    A number is slow when its whole interval lies below the least that a reference allows; of an
    interval that is missing, the value. It differs from its twins when its interval lies more
    than a tenth below all of theirs. Where only the value lies below, nobody can tell.
    """
    return [
        _judged(
            figure,
            [known for known in references if known.figure == figure.name],
            [other for other in figures if other.twins == figure.twins and other is not figure]
            if figure.twins
            else [],
            evidence,
        )
        for figure in figures
    ]


def grade(graded: Sequence[Graded]) -> Grade:
    """Grade a machine by its worst figure.

    A: all as expected. B: nothing lacks more than a tenth. C: nothing lacks more than a quarter.
    D: more, or not what was sold. "none": no measured figure had anything to be compared with.
    """
    if any(figure.verdict == "not what was sold" for figure in graded):
        return "D"
    numbers = [figure for figure in graded if not isinstance(figure.value, str)]
    if all(figure.verdict == "not graded" for figure in numbers):
        return "none"
    worst = max(map(_shortfall, graded))
    return "A" if worst == 0 else "B" if worst <= _B else "C" if worst <= _C else "D"


def _judged(
    figure: MachineFigure, known: list[ExpectedFigure], twins: list[MachineFigure], evidence: Causes
) -> Graded:
    failed = [reference for reference in known if _fails(figure, reference)]
    if failed:
        against = failed[0]
        verdict = (
            "not what was sold" if against.sold or against.least is None else _slow(figure, against)
        )
        cause = str(explain(figure, evidence))
        return _graded(figure, against.value, against.basis, verdict, cause)
    usual, basis = _usual(twins), f"its {len(twins)} twin{'s' * (len(twins) > 1)}"
    if usual is not None and (apart := _apart(figure, twins, usual)):
        return _graded(figure, usual, basis, apart, str(explain(figure, evidence)))
    if unsure := next((reference for reference in known if _may_fail(figure, reference)), None):
        cause = f"the interval is too wide to tell: {explain(figure, evidence)}"
        return _graded(figure, unsure.value, unsure.basis, "not graded", cause)
    if known:
        return _graded(figure, known[0].value, known[0].basis, "as expected", "")
    if usual is not None:
        return _graded(figure, usual, basis, "as expected", "")
    return _graded(figure, None, "nothing to hold it against", "not graded", "")


def _fails(figure: MachineFigure, reference: ExpectedFigure) -> bool:
    if isinstance(figure.value, str) or reference.least is None:
        return figure.value != reference.value
    return _top(figure) < reference.least


def _may_fail(figure: MachineFigure, reference: ExpectedFigure) -> bool:
    if isinstance(figure.value, str) or reference.least is None:
        return False
    return figure.value < reference.least


def _slow(figure: MachineFigure, against: ExpectedFigure) -> str:
    lack = _lack(figure.value, against.value)
    if figure.low is None or figure.high is None:
        return f"slow by {lack:.0%}"
    least, most = _lack(figure.high, against.value), _lack(figure.low, against.value)
    return f"slow by {lack:.0%} [{least:.0%}, {most:.0%}]"


def _lack(value: float | str, expected: float | str) -> float:
    return 1 - float(value) / float(expected)


def _usual(twins: Sequence[MachineFigure]) -> FigureValue | None:
    """What twins have: the median of numbers, the most frequent text."""
    if not twins:
        return None
    numbers = [twin.value for twin in twins if not isinstance(twin.value, str)]
    return statistics.median(numbers) if numbers else statistics.mode(twin.value for twin in twins)


def _apart(figure: MachineFigure, twins: Sequence[MachineFigure], usual: FigureValue) -> str:
    """Return the verdict on a figure that is not as its twins are; "" where it is."""
    if isinstance(figure.value, str):
        return "" if figure.value == usual else "differs from its twins"
    if _top(figure) >= (1 - _TWINS) * min(map(_bottom, twins)):
        return ""
    return f"differs from its twins by {_lack(figure.value, usual):.0%}"


def _top(figure: MachineFigure) -> float:
    return float(figure.value) if figure.high is None else figure.high


def _bottom(figure: MachineFigure) -> float:
    return float(figure.value) if figure.low is None else figure.low


def _shortfall(figure: Graded) -> float:
    if figure.passed or figure.expected is None:
        return 0.0
    if isinstance(figure.value, str):
        return _UNLIKE
    return max(_lack(figure.value, figure.expected), _UNLIKE)


def _graded(
    figure: MachineFigure, expected: float | str | None, basis: str, verdict: str, cause: str
) -> Graded:
    return Graded(
        figure=figure.name,
        value=figure.value,
        low=figure.low,
        high=figure.high,
        expected=expected,
        basis=basis,
        verdict=verdict,
        cause=cause,
    )
