"""Whether a claim can be true: against the datasheets, and against what was measured. Pure.

A claim is given every benefit of the doubt: where it is silent, the chip that could do most, the
narrowest numbers, the cheapest electricity listed and a building that wastes nothing are assumed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from results import catalog
from results.economy.economics import (
    energy_usd_per_mtok,
    one_token_per_s,
    rental_usd_per_mtok,
)
from results.economy.floor import least_time_s
from results.statement.precision import served

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from results.catalog import ChipEntry, PriceSheet
    from results.catalog.claims_data import PublishedClaim, Unit
    from suites.base.records import Row

__all__ = [
    "LOWER_IS_BETTER",
    "UNKNOWN_ISL",
    "BestEvidence",
    "Bound",
    "ClaimEvidence",
    "ClaimVerdict",
    "Judgement",
    "Needs",
    "best_for",
    "bound_of",
    "judge",
    "needs_of",
]

ClaimVerdict = Literal[
    "below the physical floor", "below all evidence", "consistent with evidence",
    "untestable as stated",
]  # fmt: skip

LOWER_IS_BETTER = frozenset({"CNY/Mtok", "USD/Mtok", "J/token"})
_MONEY = {"CNY/Mtok", "USD/Mtok"}
_MTOK = 1e6
_JOULES_PER_KWH = 3.6e6
_SECONDS_PER_HOUR = 3600.0
_HOURS_PER_YEAR = 8766
# The narrowest weights that a peak of the catalogue is for.
_NARROWEST_BITS = 4.0
_KINDS = ("prefill_throughput", "decode_throughput")
# A prompt whose tokens are cheapest, about: the output head is shared, attention has no weight yet.
UNKNOWN_ISL = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimEvidence:
    """What one measured or reported row shows, per chip.

    Attributes:
        chip, chip_name, model: ids of catalogue and geometry, and what the chip is called; one that
            is not listed has an id of the site's own.
        tokens: which tokens are counted; "total" is input and output of the same row.
        joules_per_token: at the chip; None where no such meter was read.
        tokens_per_s_per_user: None where the row does not say.
        rented_usd, owned_usd, electricity_usd, floor_usd: per million tokens; None where the sheet
            or the row does not say.
        kind: "measured" or "reported".
        where: address of the row in the site, or of the statement.
        words: chip, model, load and publisher, for a reader.
        date: when it was measured or published; empty where nobody says.
        statistic: of its latencies, such as "median" or "mean"; empty likewise.
        quick: whether a short profile measured it, which shows less.
        drafts: what made drafts of its tokens (speculative decoding); empty where nothing did.
    """

    chip: str
    chip_name: str
    model: str
    tokens: Literal["input", "output", "total"]
    tokens_per_s_per_chip: float
    joules_per_token: float | None
    tokens_per_s_per_user: float | None
    rented_usd: float | None
    owned_usd: float | None
    electricity_usd: float | None
    floor_usd: float | None
    kind: Literal["measured", "reported"]
    where: str
    words: str
    date: str = ""
    statistic: str = ""
    quick: bool = False
    drafts: str = ""

    def of_all_tokens(self, isl: float, osl: float) -> ClaimEvidence:
        """Return the same row of output tokens with its input tokens counted too."""
        share = osl / (isl + osl)

        def less(value: float | None) -> float | None:
            return None if value is None else value * share

        return replace(
            self,
            tokens="total",
            tokens_per_s_per_chip=self.tokens_per_s_per_chip / share,
            joules_per_token=less(self.joules_per_token),
            rented_usd=less(self.rented_usd),
            owned_usd=less(self.owned_usd),
            electricity_usd=less(self.electricity_usd),
            floor_usd=less(self.floor_usd),
        )

    @property
    def cheapest_usd(self) -> float | None:
        """The cheaper of renting and owning."""
        return min((u for u in (self.rented_usd, self.owned_usd) if u is not None), default=None)

    def value(self, unit: Unit, cny_per_usd: float) -> float | None:
        """Return the figure in a claim's unit; of money the cheaper of renting and owning."""
        if unit in _MONEY:
            usd = self.cheapest_usd
            return usd if usd is None or unit == "USD/Mtok" else usd * cny_per_usd
        figures: Mapping[str, float | None] = {
            "tokens/s per chip": self.tokens_per_s_per_chip,
            "tokens/s per user": self.tokens_per_s_per_user,
            "J/token": self.joules_per_token,
        }
        return figures[unit]


@dataclass(frozen=True, slots=True, kw_only=True)
class BestEvidence:
    """The evidence that goes furthest towards a claim, in the claim's unit."""

    value: float
    evidence: ClaimEvidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What no chip can pass by its own datasheet, in the claim's unit.

    Attributes:
        chip: the one the bound is of: the claim's, or the one that could do most.
    """

    value: float
    chip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What must be true for a price to be a cost.

    Attributes:
        joules_per_token: at most, were all of the price spent on electricity at the sheet's
            reference tariff and PUE.
        tokens_per_s_per_kw: at least, of each kilowatt drawn: the same in another unit.
        tokens_per_s_per_chip: at least, were the chip rented at the sheet's default class; None
            where the claim names no chip or the chip has no price there.
        capital_usd_per_token_per_s: at most, were all of it spent on machines over the sheet's
            life and utilization; None where the sheet says neither.
    """

    joules_per_token: float
    tokens_per_s_per_kw: float
    tokens_per_s_per_chip: float | None
    capital_usd_per_token_per_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What can be said of a claim.

    Attributes:
        why: one of a few sentences, translated where it is shown.
        best: without drafts, unless the claim says that it makes them.
        drafted: evidence with drafts where it goes further; None where the claim makes them.
    """

    verdict: ClaimVerdict
    why: str
    bound: Bound | None
    best: BestEvidence | None
    needs: Needs | None
    drafted: BestEvidence | None = None


def judge(claim: PublishedClaim, evidence: Iterable[ClaimEvidence], sheet: PriceSheet) -> Judgement:
    """Judge one claim.

    Beyond a datasheet is beyond belief, whatever was measured; then it stands or falls with the
    best row of the same model, and of the same chip where it names one. One that does not say that
    it makes drafts is compared with rows without them first, and says so where only others reach
    it.
    """
    bound, rate, rows = bound_of(claim, sheet), sheet.cny_per_usd.value, list(evidence)
    best = best_for(claim, (row for row in rows if claim.speculation or not row.drafts), rate)
    drafted = None
    if not claim.speculation:
        drafted = best_for(claim, (row for row in rows if row.drafts), rate)
    if best and drafted and not _further(claim, drafted.value, best.value):
        drafted = None
    verdict, why = _verdict(claim, bound, best, drafted)
    return Judgement(
        verdict=verdict,
        why=why,
        bound=bound,
        best=best,
        needs=needs_of(claim, sheet),
        drafted=drafted,
    )


def _verdict(
    claim: PublishedClaim,
    bound: Bound | None,
    best: BestEvidence | None,
    drafted: BestEvidence | None,
) -> tuple[ClaimVerdict, str]:
    if bound and _beyond(claim, bound.value):
        return "below the physical floor", "The datasheet does not allow it."
    if claim.model is None:
        return "untestable as stated", "It names no model: a token of a small one is cheap."
    furthest = drafted or best
    if furthest is None:
        on_chip = "Nobody published a figure of this model on this chip."
        none = "Nobody published such a figure of this model."
        return "untestable as stated", on_chip if claim.chip else none
    if _beyond(claim, furthest.value):
        return "below all evidence", "No published row goes as far."
    plain = best is not None and not _beyond(claim, best.value)
    every = "A published row goes at least as far."
    drafting = "Only a published row with drafts goes as far."
    return "consistent with evidence", every if plain else drafting


def _beyond(claim: PublishedClaim, value: float) -> bool:
    """Whether the claim promises more than a value."""
    return _further(claim, claim.value, value)


def _further(claim: PublishedClaim, value: float, other: float) -> bool:
    """Whether a value in the claim's unit goes further than another."""
    return value < other if claim.unit in LOWER_IS_BETTER else value > other


def best_for(
    claim: PublishedClaim, evidence: Iterable[ClaimEvidence], cny_per_usd: float
) -> BestEvidence | None:
    """Return the row that goes furthest, of the claim's model, chip and kind of token.

    A claim that does not say which tokens it counts, or counts both, is set beside whatever
    flatters it most, input and output together among them.
    """
    valued = [
        BestEvidence(value=value, evidence=row)
        for row in evidence
        if row.model == claim.model
        and claim.chip in {None, row.chip}
        and _counts(claim, row)
        and (value := row.value(claim.unit, cny_per_usd)) is not None
    ]
    sign = 1 if claim.unit in LOWER_IS_BETTER else -1
    return min(valued, key=lambda best: (sign * best.value, best.evidence.where), default=None)


def _counts(claim: PublishedClaim, row: ClaimEvidence) -> bool:
    return claim.tokens in {"total", "unstated", "cached", row.tokens}


def bound_of(claim: PublishedClaim, sheet: PriceSheet) -> Bound | None:
    """Return what the datasheets allow; None where no datasheet or no model is known.

    A price is bounded by electricity alone: roofline energy x the cheapest listed tariff, PUE 1.
    What a cache gives back takes no arithmetic, so cached tokens have no floor.
    """
    if claim.tokens == "cached" or claim.unit == "tokens/s per user":
        return None
    entries = catalog.chips().values()
    named = [entry for entry in entries if claim.chip in {None, entry.id}]
    bounds = [
        Bound(value=value, chip=entry.id)
        for entry in named
        if (value := _bound(claim, entry, sheet)) is not None
    ]
    sign = 1 if claim.unit in LOWER_IS_BETTER else -1
    return min(bounds, key=lambda bound: (sign * bound.value, bound.chip), default=None)


def _bound(claim: PublishedClaim, entry: ChipEntry, sheet: PriceSheet) -> float | None:
    if entry.kind in {"system", "cpu"} or entry.power_bounds_w(1) is None:
        return None
    time_s = _least_time_s(claim, entry)
    if not time_s:
        return None
    if claim.unit == "tokens/s per chip":
        return 1 / time_s
    bounds_w = entry.power_bounds_w(1)
    joules = time_s * bounds_w[1] if bounds_w else 0.0
    if claim.unit == "J/token":
        return joules
    usd = energy_usd_per_mtok(joules, 1.0, min(tariff.usd_per_kwh for tariff in sheet.tariffs))
    return usd if claim.unit == "USD/Mtok" else usd * sheet.cny_per_usd.value


def _least_time_s(claim: PublishedClaim, entry: ChipEntry) -> float | None:
    """Time of the cheapest token that the claim may mean; by the arithmetic units alone."""
    model = served(claim.model, claim.precision, otherwise=_NARROWEST_BITS)
    if model is None:
        return None
    kinds = {"input": _KINDS[:1], "output": _KINDS[1:]}.get(claim.tokens, _KINDS)
    times = [least_time_s(_row(claim, kind), model, entry, 1).get("peak") for kind in kinds]
    return min((time for time in times if time), default=None)


def _row(claim: PublishedClaim, metric: str) -> Row:
    if metric == "prefill_throughput":
        return one_token_per_s(metric, isl=claim.isl or UNKNOWN_ISL)
    return one_token_per_s(metric, context=claim.isl or 1)


def needs_of(claim: PublishedClaim, sheet: PriceSheet) -> Needs | None:
    """Return what a price asks of machine and money; None for what is not a price."""
    if claim.unit not in _MONEY:
        return None
    usd = claim.value if claim.unit == "USD/Mtok" else claim.value / sheet.cny_per_usd.value
    joules = usd / (sheet.usd_per_kwh * sheet.pue.value) * _JOULES_PER_KWH / _MTOK
    rent = next(
        (
            price.usd_per_hour
            for price in sheet.rentals
            if price.chip == claim.chip and price.price_class == sheet.default_class
        ),
        None,
    )
    terms = sheet.ownership
    busy_s = (
        terms.life_years.value * _HOURS_PER_YEAR * terms.utilization.value * _SECONDS_PER_HOUR
        if terms
        else None
    )
    return Needs(
        joules_per_token=joules,
        tokens_per_s_per_kw=1000 / joules,
        # Rent is inversely proportional to the rate.
        tokens_per_s_per_chip=rental_usd_per_mtok(rent, 1, 1) / usd if rent else None,
        capital_usd_per_token_per_s=usd / _MTOK * busy_s if busy_s else None,
    )
