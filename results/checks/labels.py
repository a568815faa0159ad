"""Has every label that has a type a value of it? Version 2 is read so; version 1 left it open."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import ValidationError

from results.checks.finding import CheckedFigure, Finding
from results.statement.statement_v2 import KNOWN_LABELS, PredicateV2
from suites.base.labels import LABELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results.checks.claim import Claim
    from results.checks.finding import Context
    from results.statement.reported import ReportedResult
    from results.statement.statement import Predicate

__all__ = ["label_faults", "labels_are_typed"]

# Characters of a strange value that a reason repeats.
_SHOWN = 40


def label_faults(result: Predicate | ReportedResult) -> list[Finding]:
    """List the labels of figures whose values are not of the registry's type and range.

    Labels that the registry does not know are passed over: nothing reads them.
    """
    return [
        Finding(rule="labels", outcome="refused", where=where, reason=reason)
        for where, reason in _faults(result)
    ]


def labels_are_typed(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """Hold the labels of a signed result; those of others' files are read with their figures."""
    # Those of version 2 are typed as they are read.
    if claim.predicate is not None and not isinstance(claim.predicate, PredicateV2):
        yield from (
            CheckedFigure(where=where, reason=reason) for where, reason in _faults(claim.predicate)
        )


def _faults(result: Predicate | ReportedResult) -> Iterator[tuple[str, str]]:
    for at, item in enumerate(result.measurements):
        try:
            KNOWN_LABELS.validate_python(item.labels)
        except ValidationError as error:
            for name in dict.fromkeys(str(fault["loc"][0]) for fault in error.errors()):
                value = json.dumps(item.labels[name])[:_SHOWN]
                yield (
                    f"measurements.{at}.labels.{name}",
                    f"is {value}, expected {LABELS[name].expected}",
                )
