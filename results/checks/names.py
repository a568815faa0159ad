"""Does a result speak of what this version knows: metrics, units, cases, models, its own code?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from results import catalog
from results.checks.claim import case_load, number, place_of, said_by_file
from results.checks.finding import Held
from suites.base.metrics import METRICS
from suites.models.names import known_as

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results.checks.claim import Claim
    from results.checks.finding import Context
    from results.statement.statement import Measurement

__all__ = [
    "cases_are_their_labels",
    "metrics_are_known",
    "one_model_is_measured",
    "software_is_stated",
    "suite_is_known",
]

# Labels that laws and pages read.
_NUMBERS = {"isl", "osl", "concurrency", "rate", "batch", "context", "percentile", "processes"}
_NEAR = 1e-5  # a rate stands in the path with six digits


def metrics_are_known(claim: Claim, _: Context) -> Iterator[Held]:
    for item in claim.measurements:
        metric = METRICS.get(item.metric)
        reason = None
        if metric is None:
            reason = "is no metric of this version"
        elif metric.unit != item.unit:
            reason = f"is in {item.unit}; {item.metric} is in {metric.unit}"
        elif item.n == 0:
            reason = "has no sample behind it"
        if reason:
            yield Held(where=place_of(item), reason=reason)


def cases_are_their_labels(claim: Claim, _: Context) -> Iterator[Held]:
    """The load in a case's name is the load in its labels, and a number is one."""
    if claim.predicate is None:
        return
    suites = set(claim.predicate.run.suites)
    for item in claim.measurements:
        if reason := _odd(item, suites):
            yield Held(where=place_of(item), reason=reason)


def one_model_is_measured(claim: Claim, _: Context) -> Iterator[Held]:
    if claim.predicate is None:
        return
    named = sorted({f"{engine.model} {engine.precision}" for engine in claim.predicate.engines})
    reason = f"{', '.join(named)[:200]} in one result: no figure says of which it is"
    yield Held(where="engines", reason=reason if len(named) > 1 else None)
    yield from _said_by_file(claim)


def _said_by_file(claim: Claim) -> Iterator[Held]:
    """A harness' file may name the model and precision itself; a path says neither."""
    engines = claim.predicate.engines if claim.predicate else ()
    for engine in engines:
        for name in map(str, said_by_file(claim, "model")):
            differs = known_as(name) not in {None, known_as(engine.model)}
            reason = f"the file says {name[:60]!r}, the result {engine.model[:60]!r}"
            yield Held(where="engines.model", reason=reason if differs else None)
        for width in map(str, said_by_file(claim, "precision")):
            differs = width.lower() != engine.precision.lower()
            reason = f"the file says {width[:60]!r}, the result {engine.precision[:60]!r}"
            yield Held(where="engines.precision", reason=reason if differs else None)


def software_is_stated(claim: Claim, _: Context) -> Iterator[Held]:
    """A figure without its engine or code cannot be repeated."""
    predicate = claim.predicate
    if predicate is None:
        return
    suites = {item.suite for item in predicate.measurements}
    if suites & {"inference", "serving"} and not predicate.engines:
        yield Held(where="engines", reason="tokens were measured, but no engine is named")
    if predicate.source.modified:
        yield Held(where="source", reason="measured by code that differed from its commit")


def suite_is_known(claim: Claim, _: Context) -> Iterator[Held]:
    if claim.predicate is None:
        return
    version = claim.predicate.run.suite_version
    if version not in catalog.versions():
        yield Held(where="run.suite_version", reason=f"{version} is no released version")


def _odd(item: Measurement, suites: set[str]) -> str | None:
    if item.suite not in suites:
        return f"is of the suite {item.suite[:40]!r}, which did not run"
    for name in item.labels:
        if name in _NUMBERS and number(item.labels[name]) is None:
            return f"its label {name} is {str(item.labels[name])[:40]!r}, and no number"
    for label, told in case_load(item.suite, item.case).items():
        stated = number(item.labels.get(label))
        if stated is not None and abs(stated - told) > _NEAR * told:
            return f"its case says {label} {told:g}, its label {stated:g}"
    return None
