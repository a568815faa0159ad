"""A result measured again: the same conditions, the same figures, somebody else? Pure.

A result is reproduced when another key signed a second run that names it, that ran the same plan
with the same versions on the same chip, and whose figures agree. Two keys may still belong to one
owner: a site must show who confirmed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from results.agreement.comparison import compare, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from results.agreement.comparison import Change
    from results.statement.statement import Engine, Predicate

__all__ = ["Agreement", "Difference", "Figure", "agreement", "confirmed", "differences"]

Verdict = Literal["agrees", "differs", "undecided"]

# Two boards of one chip are not one board: cooling and silicon move a figure by a few percent,
# and a change below this is none here, however sharp both intervals are.
TOLERANCE = 0.05
# An interval that holds both half and double the first figure would agree with anything.
_BLUNT = 2.0
# Packages that are the engine or the kernels' library, by the suites whose figures they make.
_DECISIVE = {"xllamacpp": {"inference", "serving"}, "numpy": {"kernels"}, "torch": {"kernels"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of both runs.

    Attributes:
        change: the second over the first, with an interval for all figures together.
        verdict: "differs" if the interval excludes 1 by more than the tolerance, "undecided" if
            it is too wide to tell anything.
    """

    change: Change
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The figures of both runs, worst first.

    Attributes:
        missing: a line for each figure that only one run has.
    """

    figures: tuple[Figure, ...]
    missing: tuple[str, ...]

    def count(self, verdict: Verdict) -> int:
        return sum(figure.verdict == verdict for figure in self.figures)

    @property
    def holds(self) -> bool:
        """No figure differs, and most of the figures were sharp enough to say so."""
        agreed = self.count("agrees")
        return self.count("differs") == 0 and 2 * agreed > len(self.figures) + len(self.missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A condition in which two runs differ.

    Attributes:
        what: such as "chip".
        first, second: its value in each.
        decisive: the figures of the two runs are not about the same thing.
    """

    what: str
    first: str
    second: str
    decisive: bool

    def __str__(self) -> str:
        return f"{self.what}: {self.first} there, {self.second} here"


class _Result(Protocol):
    @property
    def digest(self) -> str: ...
    @property
    def keyid(self) -> str: ...
    @property
    def key_tier(self) -> str: ...
    @property
    def predicate(self) -> Predicate: ...


def agreement(first: Predicate, second: Predicate) -> Agreement:
    """Hold a second run's measured figures against the first's."""
    changes, alone = compare(rows_of(first), rows_of(second), min_change=TOLERANCE)
    return Agreement(
        figures=tuple(Figure(change=one, verdict=_verdict(one)) for one in changes),
        missing=tuple(alone),
    )


def differences(first: Predicate, second: Predicate) -> list[Difference]:
    """List the conditions in which two runs differ, decisive ones first."""
    suites = set(first.run.suites)
    pairs = [
        ("chip", _chip(first), _chip(second), True),
        ("suites", *_both(first, second, "suites"), True),
        ("profile", *_both(first, second, "profile"), True),
        ("options", *_both(first, second, "options"), True),
        ("seed", *_both(first, second, "seed"), True),
        ("suite version", *_both(first, second, "suite_version"), True),
        ("commit", _commit(first), _commit(second), False),
        *((f"engine {n}", a, b, True) for n, a, b in _engines(first.engines, second.engines)),
        *_packages(first, second, suites),
        ("Python", first.software.python, second.software.python, False),
        ("driver", str(first.machine.driver), str(second.machine.driver), False),
        ("kernel", first.machine.kernel, second.machine.kernel, False),
        ("container", str(first.machine.container), str(second.machine.container), False),
    ]
    found = [
        Difference(what=what, first=one, second=other, decisive=decisive)
        for what, one, other, decisive in pairs
        if one != other
    ]
    return sorted(found, key=lambda one: not one.decisive)


def confirmed(results: Sequence[_Result]) -> dict[str, tuple[str, ...]]:
    """Map the digest of each reproduced result to those of the runs that confirm it.

    A confirmation must be signed by another key, and a registered runner's result is confirmed
    by a registered runner only: otherwise a key made for the purpose would do.
    """
    known = {result.digest: result for result in results}
    found: dict[str, tuple[str, ...]] = {}
    for second in results:
        first = known.get(second.predicate.run.reproduces or "")
        if first and _confirms(first, second):
            found[first.digest] = (*found.get(first.digest, ()), second.digest)
    return found


def _confirms(first: _Result, second: _Result) -> bool:
    return (
        first.keyid != second.keyid
        and (first.key_tier == "self-signed" or second.key_tier != "self-signed")
        and not any(one.decisive for one in differences(first.predicate, second.predicate))
        and agreement(first.predicate, second.predicate).holds
    )


def _verdict(change: Change) -> Verdict:
    if change.verdict != "no difference shown":
        return "differs"
    blunt = change.low < 1 / _BLUNT and change.high > _BLUNT
    return "undecided" if blunt else "agrees"


def _chip(predicate: Predicate) -> str:
    chip = predicate.machine.chip
    return f"{chip.count} x {chip.catalog_id or chip.name}"


def _commit(predicate: Predicate) -> str:
    source = predicate.source
    return f"{source.commit or 'not stated'}{' (modified)' if source.modified else ''}"


def _both(first: Predicate, second: Predicate, field: str) -> tuple[str, str]:
    one, other = getattr(first.run, field), getattr(second.run, field)
    return _said(one), _said(other)


def _said(value: object) -> str:
    return "not stated" if value is None else json.dumps(value, sort_keys=True)


def _engines(first: Iterable[Engine], second: Iterable[Engine]) -> list[tuple[str, str, str]]:
    """Pair engines by name; what makes one engine's figures another's is in the text."""
    ours, theirs = ({engine.name: _engine(engine) for engine in side} for side in (first, second))
    names = [*ours, *(name for name in theirs if name not in ours)]
    return [(name, ours.get(name, "none"), theirs.get(name, "none")) for name in names]


def _engine(engine: Engine) -> str:
    weights = (engine.weights_sha256 or "unknown")[:12]
    return f"{engine.version}, {engine.model} {engine.precision}, weights {weights}"


def _packages(
    first: Predicate, second: Predicate, suites: set[str]
) -> list[tuple[str, str, str, bool]]:
    one, other = first.software.packages, second.software.packages
    # The suite's own version stands above, and a package only one side names was not in its path.
    shared = sorted((one.keys() & other.keys()) - {"fenmark"})
    return [
        (name, one[name], other[name], bool(suites & _DECISIVE.get(name, set()))) for name in shared
    ]
