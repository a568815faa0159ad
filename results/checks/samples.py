"""Do the raw samples give the figures? Each is computed again, by the suites' own summaries."""

from __future__ import annotations

from math import isclose, isfinite
from typing import TYPE_CHECKING, Any

from results.checks.claim import place_of
from results.checks.evidence import key_of
from results.checks.finding import CheckedFigure
from results.statement.statement_v2 import ATTESTED
from results.statement.texts import is_printable, printable
from suites.meters.windows import ENERGY
from suites.quality.summary import QUALITY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results.checks.claim import Claim
    from results.checks.evidence import SampleFigures
    from results.checks.finding import Context
    from results.statement.statement import Measurement
    from suites.base.records import Row

__all__ = ["samples_are_of_a_clock", "samples_give_the_figures", "unchecked"]

# The same arithmetic on another machine's library of mathematics.
_ROUNDING = 1e-9
# What speaks against a point, and is not to be left out of it.
_AGAINST = {"failed", "cached_tokens", "instrument_ttft_error", "engine_ttft", "engine_tpot"}


def samples_give_the_figures(claim: Claim, context: Context) -> Iterator[CheckedFigure]:
    """Value, interval, n, unit, method and labels of each figure = those computed again."""
    given = context.evidence
    if claim.statement is None or given is None or given.absent:
        return
    if given.fault:
        yield CheckedFigure(where="raw samples", reason=f"give no figures: {given.fault}")
        return
    for item in claim.measurements:
        row = given.rows.get(key_of(item))
        if row is not None:
            yield _compared(item, row)
        elif given.metered or item.metric not in ENERGY:
            reason = f"{item.value:.6g} is stated, its raw samples give no such figure"
            yield CheckedFigure(where=_where(item), reason=reason, left=item.value)
    yield from _hidden(claim, given)


def samples_are_of_a_clock(claim: Claim, context: Context) -> Iterator[CheckedFigure]:
    """Times are not all alike, not rounded, and not those of another process times a number."""
    given = context.evidence
    if claim.statement is not None and given is not None:
        yield from (CheckedFigure(place, f"raw samples {why}") for place, why in given.unclocked)


def _hidden(claim: Claim, given: SampleFigures) -> Iterator[CheckedFigure]:
    """What speaks against a case that is stated is stated too, and all that questions gave."""
    stated = {key_of(item) for item in claim.measurements}
    cases = {item.case for item in claim.measurements}
    for key, row in given.rows.items():
        if key in stated:
            continue
        against = row.metric in _AGAINST and row.value and row.case in cases
        if row.suite == QUALITY or against:
            reason = f"is not stated, its raw samples give {_shown(row.value)}"
            yield CheckedFigure(
                where=f"{row.case} {row.metric}", reason=reason, right=_number(row.value)
            )


def unchecked(claim: Claim, context: Context) -> Iterator[str]:
    """Say which figures could not be computed again, and why."""
    given = context.evidence
    if claim.statement is None or given is None:
        return
    if given.absent:
        yield f"samples: not checked, {given.absent}"
    elif not (given.metered or given.fault):
        energy = [item for item in claim.measurements if item.metric in ENERGY]
        if energy:
            yield (
                f"samples: {len(energy)} figures of energy not checked, "
                "their raw samples hold nothing of meters"
            )


def _compared(item: Measurement, row: Row) -> CheckedFigure:
    where = _where(item)
    numbers = (
        ("", item.value, row.value),
        ("low end ", item.low, row.low),
        ("high end ", item.high, row.high),
        ("n = ", item.n, row.n),
    )
    for name, left, right in numbers:
        if not _same(left, right):
            reason = f"{name}{_shown(left)} is stated, its raw samples give {_shown(right)}"
            return CheckedFigure(where=where, reason=reason, left=left, right=_number(right))
    texts: list[tuple[str, Any, Any]] = [
        ("unit", item.unit, row.unit),
        ("method", item.method, row.method),
    ]
    labels = row.labels if is_printable(row.labels) else printable(row.labels)
    if item.suite == ATTESTED:  # what the file says of its subject is not to be left out
        texts += [(name, item.labels.get(name), value) for name, value in labels.items()]
    else:
        stated = item.labels.items()
        texts += [(name, value, labels[name]) for name, value in stated if name in labels]
    # A summary that calls its point invalid is not to be left out.
    texts += [("valid", item.labels.get("valid", True), labels.get("valid", True))]
    for name, told, computed in texts:
        if not _same(told, computed):
            reason = f"{name} {_shown(told)} is stated, its raw samples give {_shown(computed)}"
            return CheckedFigure(
                where=where, reason=reason, left=_number(told), right=_number(computed)
            )
    return CheckedFigure(where=where, left=item.value, right=row.value)


def _where(item: Measurement) -> str:
    percentile = item.labels.get("percentile")
    return place_of(item) if percentile is None else f"{place_of(item)} p{percentile}"


def _same(left: Any, right: Any) -> bool:
    if type(left) is type(right) and left == right:
        return True
    number, other_number = _number(left), _number(right)
    if number is None or other_number is None:
        return type(left) is type(right) and bool(left == right)
    return isclose(number, other_number, rel_tol=_ROUNDING, abs_tol=1e-12)


def _number(value: Any) -> float | None:
    """A finite number, None for what is none: a bool is an int to Python, not to us."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return float(value)


def _shown(value: Any) -> str:
    number = _number(value)
    return str(printable(str(value)))[:80] if number is None else f"{number:.10g}"
