"""A result measured again: the same conditions, the same figures, somebody else? Pure.

A result is reproduced when a second run names it, ran the same plan with the same versions on the
same kind of chip, and its figures agree; and when somebody else made it: another registered owner,
on other hardware, for a challenge that the log issued once the first result was in it.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from results.agreement.comparison import compare, rows_of
from results.agreement.quality import asked, change_of_answers
from results.keys.owner_names import reads_as
from results.statement.nonce import seed_of
from suites.quality.scores import MARGIN, in_points
from suites.quality.summary import QUALITY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from results.agreement.comparison import Change
    from results.agreement.quality import QualityAnswers
    from results.statement.statement import Engine, Measurement, Predicate

__all__ = [
    "HARDWARE",
    "Agreement",
    "ComparedFigure",
    "Difference",
    "Entered",
    "Repetition",
    "agreement",
    "confirmed",
    "differences",
    "hardware",
    "repetitions",
    "shortcomings",
]

RunVerdict = Literal["agrees", "differs", "undecided"]

# Two boards of one chip are not one board: cooling and silicon move a figure by a few percent,
# and a change below this is none here, however sharp both intervals are.
TOLERANCE = 0.05
# An interval that holds both half and double the first figure would agree with anything.
_BLUNT = 2.0
# Packages that are the engine or the kernels' library, by the suites whose figures they make.
# Condition of the machine that names its hardware: digests of serial numbers, split by commas.
HARDWARE = "hardware"
# Two runs move each case by a ratio of its own; a copy times a constant moves all of them by one.
_ONE_RATIO, _CASES_TO_TELL = 1e-6, 3
_DECISIVE = {"xllamacpp": {"inference", "serving"}, "numpy": {"kernels"}, "torch": {"kernels"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedFigure:
    """One figure of both runs.

    Attributes:
        change: the second over the first, with an interval for all figures together.
        verdict: "differs" if the interval excludes 1 by more than the tolerance, "undecided" if
            it is too wide to tell anything.
    """

    change: Change
    verdict: RunVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The figures of both runs, worst first.

    Attributes:
        missing: a line for each figure that only one run has.
    """

    figures: tuple[ComparedFigure, ...]
    missing: tuple[str, ...]

    def count(self, verdict: RunVerdict) -> int:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """A sound result and its place in the one log that is looked at.

    Attributes:
        keyid: of the key that signed.
        owner: whose key it is, where it is registered; else empty.
        index: of its entry.
        samples: digests of its raw samples.
    """

    digest: str
    keyid: str
    owner: str
    index: int
    samples: frozenset[str]
    predicate: Predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """A result that says it repeats another one of the same log.

    Attributes:
        first, second: digests.
        objections: why it confirms nothing, one line each; none where it does.
    """

    first: str
    second: str
    objections: tuple[str, ...]


def agreement(first: Predicate, second: Predicate) -> Agreement:
    """Hold a second run's measured figures against the first's."""
    changes, alone = compare(rows_of(first), rows_of(second), min_change=TOLERANCE)
    return Agreement(
        figures=tuple(
            ComparedFigure(change=change, verdict=_verdict(change)) for change in changes
        ),
        missing=tuple(alone),
    )


def differences(first: Predicate, second: Predicate) -> list[Difference]:
    """List the conditions in which two runs differ, decisive ones first."""
    suites = set(first.run.suites)
    pairs = [
        ("chip", hardware(first), hardware(second), True),
        ("suites", *_both(first, second, "suites"), True),
        ("profile", *_both(first, second, "profile"), True),
        ("options", *_both(first, second, "options"), True),
        # A challenge gives inputs of its own: as many of the same lengths, but others.
        ("seed", *_both(first, second, "seed"), not _seeded(second)),
        ("suite version", *_both(first, second, "suite_version"), True),
        ("commit", _commit(first), _commit(second), False),
        *((f"engine {n}", a, b, True) for n, a, b in _engines(first.engines, second.engines)),
        *_packages(first, second, suites),
        ("Python", first.software.python, second.software.python, False),
        ("driver", str(first.machine.driver), str(second.machine.driver), False),
        ("kernel", first.machine.kernel, second.machine.kernel, False),
        ("container", str(first.machine.container), str(second.machine.container), False),
    ]
    unlike = [
        Difference(what=what, first=value, second=other, decisive=decisive)
        for what, value, other, decisive in pairs
        if value != other
    ]
    return sorted(unlike, key=lambda difference: not difference.decisive)


def repetitions(results: Sequence[Entered], sizes: Mapping[str, int]) -> list[Repetition]:
    """Judge every result that says it repeats another of the same log.

    Args:
        sizes: by the root of each challenge, in hexadecimal, how many entries the log's tree with
            that root has; a root that none of its trees had is left out.
    """
    known = {result.digest: result for result in results}
    pairs = [
        (known[second.predicate.run.reproduces], second)
        for second in results
        if second.predicate.run.reproduces in known
    ]
    return [
        Repetition(
            first=first.digest,
            second=second.digest,
            objections=tuple(_objections(first, second, sizes)),
        )
        for first, second in pairs
    ]


def confirmed(judged: Iterable[Repetition]) -> dict[str, tuple[str, ...]]:
    """Map the digest of each reproduced result to those of the runs that confirm it."""
    confirming = defaultdict[str, tuple[str, ...]](tuple)
    for repetition in judged:
        if not repetition.objections:
            confirming[repetition.first] += (repetition.second,)
    return dict(confirming)


def _objections(first: Entered, second: Entered, sizes: Mapping[str, int]) -> Iterator[str]:
    yield from _same_owner(first, second)
    if first.samples & second.samples:
        yield "its raw samples are those of the first result"
    yield from shortcomings(first.predicate, second.predicate)
    if second.predicate.run.nonce is not None:
        yield from _old_challenge(first, second, sizes)


def shortcomings(first: Predicate, second: Predicate) -> Iterator[str]:
    """Yield why a run cannot confirm another, so far as their statements tell."""
    if second.run.nonce is None:
        yield "it was measured without a challenge of the log"
    elif not _seeded(second):
        yield "its seed does not come from its challenge"
    yield from _same_hardware(first, second)
    yield from _copied(first, second)
    yield from (str(difference) for difference in differences(first, second) if difference.decisive)
    if not agreement(first, second).holds:
        yield "its figures do not agree with the first's"
    answers = change_of_answers(_asked(first), _asked(second))
    if answers and (answers.low > 0 or answers.high < 0) and abs(answers.drop) > MARGIN:
        points = in_points(answers.drop, answers.low, answers.high)
        yield f"it lost {points} points of the first's right answers"


def _same_owner(first: Entered, second: Entered) -> Iterator[str]:
    """Anybody can make a second key: what counts is whose keys somebody has looked at."""
    if first.keyid == second.keyid:
        yield "one key signed both"
        return
    for result, which in ((first, "the first result"), (second, "it")):
        if not result.owner:
            yield f"the key that signed {which} is not registered to an owner"
    if first.owner and reads_as(first.owner) == reads_as(second.owner):
        yield f"both keys are registered to {second.owner}"


def _old_challenge(first: Entered, second: Entered, sizes: Mapping[str, int]) -> Iterator[str]:
    """A challenge binds the run to a state of the log: the first result must be in it by then."""
    run = second.predicate.run
    size = sizes.get(run.not_before or "")
    if run.nonce == first.predicate.run.nonce:
        yield "its challenge is that of the first result"
    elif size is None or size > second.index:
        yield "its challenge names no state of this log before it"
    elif size <= first.index:
        yield (
            f"its challenge was issued when the log had {size} entries, "
            f"before the first result became entry {first.index}"
        )


def _same_hardware(first: Predicate, second: Predicate) -> Iterator[str]:
    there, here = _hardware(first), _hardware(second)
    if not there or not here:
        which = "the first result" if not there else "it"
        yield f"{which} does not say which machine it was measured on"
    elif there & here:
        yield "both were measured on the same hardware"


def _hardware(predicate: Predicate) -> set[str]:
    stated = predicate.machine.conditions.get(HARDWARE)
    return set(filter(None, stated.split(","))) if isinstance(stated, str) else set()


def _copied(first: Predicate, second: Predicate) -> Iterator[str]:
    there, here = _sharp(first), _sharp(second)
    pairs = [(there[key], here[key]) for key in there if key in here]
    same = [b for a, b in pairs if (a.value, a.low, a.high) == (b.value, b.low, b.high)]
    if same:
        yield f"{len(same)} of its figures are the first's, digit by digit, as {same[0].case}"
    moved = {b.case: abs(math.log(b.value) - math.log(a.value)) for a, b in pairs}.values()
    if len(moved) >= _CASES_TO_TELL and max(moved) - min(moved) < _ONE_RATIO:
        yield "its figures are the first's times a constant"


def _asked(predicate: Predicate) -> QualityAnswers | None:
    return asked((item.suite, item.metric, item.labels) for item in predicate.measurements)


def _sharp(predicate: Predicate) -> dict[tuple[str, ...], Measurement]:
    """Figures with an interval of some width, which no two runs share by chance."""
    return {
        (item.suite, item.case, item.metric, json.dumps(item.labels, sort_keys=True)): item
        for item in predicate.measurements
        if item.method == "measured" and item.value > 0
        if item.low is not None and item.low != item.high
        if item.suite != QUALITY  # of a few questions two runs may well answer as many
    }


def _seeded(predicate: Predicate) -> bool:
    """Tell whether a run drew its inputs from its own challenge."""
    run = predicate.run
    return run.nonce is not None and run.seed == seed_of(run.nonce)


def _verdict(change: Change) -> RunVerdict:
    if change.verdict != "no difference shown":
        return "differs"
    blunt = change.low < 1 / _BLUNT and change.high > _BLUNT
    return "undecided" if blunt else "agrees"


def hardware(predicate: Predicate) -> str:
    """Name how many of which chip a run was on."""
    chip = predicate.machine.chip
    return f"{chip.count} x {chip.catalog_id or chip.name}"


def _commit(predicate: Predicate) -> str:
    source = predicate.source
    return f"{source.commit or 'not stated'}{' (modified)' if source.modified else ''}"


def _both(first: Predicate, second: Predicate, field: str) -> tuple[str, str]:
    value, other = getattr(first.run, field), getattr(second.run, field)
    return _as_stated(value), _as_stated(other)


def _as_stated(value: object) -> str:
    return "not stated" if value is None else json.dumps(value, sort_keys=True)


def _engines(first: Iterable[Engine], second: Iterable[Engine]) -> list[tuple[str, str, str]]:
    """Pair engines by name; what makes one engine's figures another's is in the text."""
    engines, others = (
        {engine.name: _engine(engine) for engine in side} for side in (first, second)
    )
    names = [*engines, *(name for name in others if name not in engines)]
    return [(name, engines.get(name, "none"), others.get(name, "none")) for name in names]


def _engine(engine: Engine) -> str:
    weights = (engine.weights_sha256 or "unknown")[:12]
    return f"{engine.version}, {engine.model} {engine.precision}, weights {weights}"


def _packages(
    first: Predicate, second: Predicate, suites: set[str]
) -> list[tuple[str, str, str, bool]]:
    packages, others = first.software.packages, second.software.packages
    # The suite's own version stands above, and a package only one side names was not in its path.
    shared = sorted((packages.keys() & others.keys()) - {"fenmark"})
    return [
        (name, packages[name], others[name], bool(suites & _DECISIVE.get(name, set())))
        for name in shared
    ]
