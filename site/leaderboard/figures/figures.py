"""What the pages show: results broken into points, each with its figures and its origin."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from leaderboard.base.text import slug
from results import catalog
from results.checks import drafts, narrow_cache
from results.proof.moderation import ResultState
from results.statement.statement_v2 import ATTESTED
from suites.base.errors import CheckError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from results.statement.statement import Engine, Measurement, Predicate
    from suites.base.records import Label

__all__ = [
    "LEAST",
    "MOST",
    "NO_SAMPLES",
    "BoardPoint",
    "Figure",
    "Result",
    "is_physical",
    "points_of",
]

# Every metric is a positive magnitude; a joule a token, a nanosecond or an exaflop lies well
# inside, and products of two such figures stay finite.
LEAST, MOST = 1e-15, 1e15
# The doubt of a result whose figures nobody could compute again.
NO_SAMPLES = "no raw samples"
# Labels that tell figures of one point apart rather than points.
_WITHIN_POINT = {"percentile", "statistic"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One signed statement and what verification said of it.

    Attributes:
        digest: SHA-256 of the envelope; its address on the site.
        keyid: of the key that signed.
        runner: whose key it is; not what the statement says.
        key_tier: "self-signed", "registered" or "CI-attested", of that key.
        log: name of the log that holds it, empty when it is not logged.
        index: position in that log.
        flags: what the laws have against its figures, one line each.
        confirmed_by: digests of the results that reproduce it, signed by others.
        environment: where a workflow ran that signed, "github-hosted" or "self-hosted".
        prints: digests of what no two results share.
        samples: digests of its raw samples.
        unchecked: laws that could not be held, and why, one line each.
        recomputed: its raw samples lie beside it, and give its figures.
        state: what notices in the log say of it.
    """

    digest: str
    keyid: str
    runner: str
    key_tier: str
    log: str
    index: int | None
    predicate: Predicate
    flags: tuple[str, ...] = ()
    confirmed_by: tuple[str, ...] = ()
    environment: str = ""
    prints: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    recomputed: bool = True
    state: ResultState = field(default_factory=ResultState)

    @property
    def moderated(self) -> str:
        """What is said beside its figures: "withdrawn", "disputed", "superseded" or nothing."""
        return self.state.mark

    @property
    def tier(self) -> str:
        """How much is known beyond the signature."""
        return "reproduced" if self.confirmed_by else self.key_tier

    @property
    def chip_id(self) -> str:
        """Id of the chip page: of the catalogue, or made from the name of an unlisted chip."""
        chip = self.predicate.machine.chip
        # An id that the catalogue does not have is a stranger's word, and no page of ours.
        listed = chip.catalog_id in catalog.chips()
        return str(chip.catalog_id) if listed else f"unlisted-{slug(chip.name)}"

    @property
    def measurements(self) -> list[Measurement]:
        """Return the figures that can be shown and costed; the statement has all."""
        return [row for row in self.predicate.measurements if is_physical(row)]

    @property
    def doubts(self) -> str:
        """What the run as a whole does not prove; a point adds its own."""
        unasked = "no challenge" if self.predicate.run.nonce is None else ""
        return ", ".join(filter(None, (unasked, "" if self.recomputed else NO_SAMPLES)))

    @property
    def date(self) -> str:
        return self.predicate.run.finished_at[:10]

    @property
    def warned(self) -> int:
        """How many warnings the run itself gave."""
        return len(self.predicate.warnings)

    @property
    def profile(self) -> str:
        return self.predicate.run.profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number that never travels without its unit, interval and method."""

    metric: str
    unit: str
    value: float
    low: float | None
    high: float | None
    n: int
    method: str
    labels: Mapping[str, Label] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardPoint:
    """One configuration of one result: a row of the leaderboard, a mark on a curve.

    Attributes:
        key: suite and case; the same configuration elsewhere has the same key.
        labels: what all figures of the point have in common.
        figures: by metric, percentiles as "ttft_p99"; the plain name is the median.
    """

    result: Result
    suite: str
    case: str
    engine: Engine | None
    labels: Mapping[str, Label]
    figures: Mapping[str, Figure]

    @property
    def model(self) -> str:
        return self.engine.model if self.engine else ""

    @property
    def precision(self) -> str:
        return self.engine.precision if self.engine else str(self.labels.get("dtype", ""))

    @property
    def key(self) -> str:
        return f"{self.suite}/{self.case}"

    def count(self, name: str) -> int | None:
        """Return a label that counts something; None where the point has none of that name.

        Raises:
            CheckError: it is not a whole number.
        """
        value = self.labels.get(name)
        if isinstance(value, bool) or not isinstance(value, int | None):
            raise CheckError(
                f"is {value!r}", where=f"{self.key}:labels.{name}", expected="a whole number"
            )
        return value

    def value(self, name: str) -> float | None:
        return self.figures[name].value if name in self.figures else None


def points_of(result: Result) -> list[BoardPoint]:
    """Gather the measurements of a result into points, in the order they were signed."""
    cases: defaultdict[tuple[str, str], list[Measurement]] = defaultdict(list)
    for measurement in result.measurements:
        cases[measurement.suite, measurement.case].append(measurement)
    engines = {engine.model: engine for engine in result.predicate.engines}
    only = next(iter(engines.values())) if engines else None
    points = []
    for (suite, case), rows in cases.items():
        labels = _common(rows)
        engine = engines.get(str(labels.get("model", "")), only if suite != "kernels" else None)
        points.append(
            BoardPoint(
                result=result,
                suite=suite,
                case=case,
                engine=engine,
                labels=_conditions(engine) | labels,
                figures=_figures(rows),
            )
        )
    return points


def _figures(rows: Iterable[Measurement]) -> dict[str, Figure]:
    """By name; of several of one name the first, as laws read them: of meters that of all chips."""
    figures: dict[str, Figure] = {}
    for row in rows:
        figures.setdefault(_name(row), _figure(row))
    return figures


def _conditions(engine: Engine | None) -> dict[str, Label]:
    """What flags of an engine say of drafts and a narrow cache: such figures stand apart."""
    if engine is None:
        return {}
    cache = narrow_cache(engine)
    told: dict[str, Label] = {"kv_cache": cache} if cache else {}
    return told | ({"speculation": "unnamed"} if drafts(engine) else {})


def is_physical(row: Measurement) -> bool:
    """Say whether every end of a figure is zero or a magnitude that something here could have."""
    ends = (row.value, row.low, row.high)
    return all(end is None or end == 0 or LEAST <= end <= MOST for end in ends)


def _common(rows: Iterable[Measurement]) -> dict[str, Label]:
    """Return the labels on which all rows agree."""
    first, *rest = [row.labels for row in rows]
    return {
        name: value
        for name, value in first.items()
        if name not in _WITHIN_POINT and all(other.get(name, value) == value for other in rest)
    }


def _name(row: Measurement) -> str:
    if statistic := row.labels.get("statistic"):  # of a harness' file: mean, min, …
        return f"{row.metric}_{statistic}"
    percentile = row.labels.get("percentile")
    # Of 50 and 50.0 alike the median needs no suffix.
    quantile = str(percentile).removesuffix(".0")
    return row.metric if percentile is None or quantile == "50" else f"{row.metric}_p{quantile}"


def _figure(row: Measurement) -> Figure:
    return Figure(
        metric=row.metric,
        unit=row.unit,
        value=row.value,
        low=row.low,
        high=row.high,
        n=row.n,
        # Signed by its runner, and measured by another instrument.
        method=ATTESTED if row.suite == ATTESTED else row.method,
        labels=row.labels,
    )
