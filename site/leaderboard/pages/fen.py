"""The one-fen page and the pages of claims: what one fen buys, and what is promised for it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from leaderboard.base.text import clean, figure
from leaderboard.figures import fen_axis
from results import catalog
from results.catalog.claims_data import claims
from results.catalog.peaks import peaks_by_bits
from results.economy.claims import LOWER_IS_BETTER, UNKNOWN_ISL, ClaimVerdict, judge
from results.economy.economics import fen_multiple, kwh_per_mtok
from suites import models

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from markupsafe import Markup

    from leaderboard.words import Words
    from results.catalog import PriceSheet
    from results.catalog.claims_data import PublishedClaim
    from results.economy.claims import ClaimEvidence, Judgement

__all__ = ["ClaimView", "claim_views", "context", "known"]

# A chart of one chip compares nothing.
_LEAST_CHIPS = 2
_CHARTS = 8
# Power of a chip for the worked example.
_EXAMPLE_W = 400
_CNY_PER_FEN = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimView:
    """A claim with what can be said of it.

    Attributes:
        chip, model: names as pages show them; empty where the claim has none.
        bound_chip: name of the chip that the datasheets' bound is of.
    """

    claim: PublishedClaim
    judged: Judgement
    chip: str
    model: str
    bound_chip: str


def claim_views(evidence: Sequence[ClaimEvidence], sheet: PriceSheet) -> list[ClaimView]:
    """Judge every claim of the register."""
    return [_view(claim, judge(claim, evidence, sheet)) for claim in claims().values()]


def _view(claim: PublishedClaim, judged: Judgement) -> ClaimView:
    chips = catalog.chips()
    return ClaimView(
        claim=claim,
        judged=judged,
        chip=chips[claim.chip].name if claim.chip else "",
        model=models.load(claim.model).name if claim.model else "",
        bound_chip=chips[judged.bound.chip].name if judged.bound else "",
    )


def context(
    _: Words, evidence: Sequence[ClaimEvidence], sheet: PriceSheet, views: Sequence[ClaimView]
) -> dict[str, Any]:
    """Return what the one-fen page shows."""
    return {
        "sheet": sheet,
        "charts": list(_charts(_, evidence, sheet)),
        "claims": views,
        "buys": _buys(sheet),
        "known": known(evidence, sheet),
        "chips": sorted(
            ((entry.id, entry.name) for entry in catalog.chips().values()), key=lambda pair: pair[1]
        ),
        "models": [(name, models.load(name).name) for name in models.available()],
        "words": _sentences(_),
    }


def _sentences(_: Words) -> dict[str, str]:
    """Return what the checker answers, in the page's language."""
    verdicts = {verdict: _(verdict) for verdict in get_args(ClaimVerdict)}
    return {
        **verdicts,
        "bound": _("Physical floor: {value} {unit}, by the datasheet of {chip}."),
        "best": _("Best evidence: {value} {unit}:"),
        "drafted": _("With drafts: {value} {unit}:"),
        "energy": _("Needs at most {joules} J per token: {rate} tokens/s from each kilowatt."),
        "rented": _("Needs at least {rate} tokens/s from each rented chip."),
        "capital": _("Needs machines for at most {usd} USD per token/s."),
    }


def _buys(sheet: PriceSheet) -> dict[str, str]:
    """Say what electricity one fen buys, and how fast tokens must then be made."""
    usd = _CNY_PER_FEN / sheet.cny_per_usd.value
    kwh = usd / (sheet.usd_per_kwh * sheet.pue.value)
    joules = kwh / kwh_per_mtok(1.0)
    return {
        "kwh": figure(kwh),
        "joules": figure(joules),
        "watts": str(_EXAMPLE_W),
        "rate": figure(_EXAMPLE_W / joules),
    }


def _charts(
    _: Words, evidence: Iterable[ClaimEvidence], sheet: PriceSheet
) -> Iterable[dict[str, Any]]:
    by_model: defaultdict[str, dict[str, ClaimEvidence]] = defaultdict(dict)
    for row in evidence:
        if row.tokens == "output" and row.cheapest_usd is not None:
            best = by_model[row.model].get(row.chip)
            if best is None or _cheapness(row) < _cheapness(best):
                by_model[row.model][row.chip] = row
    most = sorted(by_model.items(), key=lambda item: (-len(item[1]), item[0]))
    for model, rows in most[:_CHARTS]:
        if len(rows) >= _LEAST_CHIPS:
            name = models.load(model).name
            lines = [_line(_, row, sheet) for row in sorted(rows.values(), key=_cheapness)]
            yield {"id": model, "model": name, "chart": _picture(_, name, lines), "lines": lines}


def _cheapness(row: ClaimEvidence) -> tuple[bool, bool, float]:
    """Measured before reported, without drafts before with them, then the cheapest first."""
    return row.kind != "measured", row.drafts != "", row.cheapest_usd or 0.0


def _line(_: Words, row: ClaimEvidence, sheet: PriceSheet) -> fen_axis.Line:
    usd = {
        "Physical floor": row.floor_usd,
        "Electricity": row.electricity_usd,
        "Owned": row.owned_usd,
        "Rented": row.rented_usd,
    }
    rate = sheet.cny_per_usd.value
    return fen_axis.Line(
        chip=row.chip_name,
        fens={name: fen_multiple(value, rate) for name, value in usd.items() if value},
        words=_.listed(row.words),
        where=f"../{row.where}",
        hollow=row.kind == "reported",
    )


def _picture(_: Words, model: str, lines: Sequence[fen_axis.Line]) -> Markup:
    return fen_axis.picture(
        _("{model}: cost of a million output tokens, in fen", model=model),
        _("one fen"),
        _("fen/Mtok"),
        {name: _(name) for name in fen_axis.LAYERS},
        lines,
    )


def known(evidence: Iterable[ClaimEvidence], sheet: PriceSheet) -> dict[str, Any]:
    """Return what the claim checker in the browser judges by, as `results.economy.claims` does."""
    terms = sheet.ownership
    return {
        "chips": {
            entry.id: [entry.name, bounds[1], peaks_by_bits(entry)]
            for entry in catalog.chips().values()
            if entry.kind not in {"system", "cpu"}
            and (bounds := entry.power_bounds_w(1)) is not None
            and entry.peak_tflops
        },
        "models": {
            name: [
                geometry.name,
                geometry.decode_flops(1),
                geometry.prefill_flops(UNKNOWN_ISL) / UNKNOWN_ISL,
            ]
            for name in models.available()
            for geometry in (models.load(name),)
        },
        "rent": {
            price.chip: price.usd_per_hour
            for price in reversed(sheet.rentals)
            if price.price_class == sheet.default_class
        },
        "class": sheet.default_class,
        "cheapest_usd_per_kwh": min(tariff.usd_per_kwh for tariff in sheet.tariffs),
        "usd_per_kwh": sheet.usd_per_kwh,
        "pue": sheet.pue.value,
        "cny_per_usd": sheet.cny_per_usd.value,
        "busy_hours": terms.life_years.value * 8766 * terms.utilization.value if terms else None,
        "better": sorted(LOWER_IS_BETTER),
        "evidence": _furthest(evidence),
    }


def _furthest(evidence: Iterable[ClaimEvidence]) -> list[list[Any]]:
    """Keep what goes furthest in each figure: of a chip, model, kind of token, drafts or none."""
    kept: dict[tuple[str, ...], tuple[float, ClaimEvidence]] = {}
    for row in evidence:
        for name, value in _figures(row).items():
            if value is None:
                continue
            key = (row.chip, row.model, row.tokens, name, "drafts" if row.drafts else "")
            if key not in kept or (value, row.where) < (kept[key][0], kept[key][1].where):
                kept[key] = (value, row)
    return [
        [*key[:4], abs(value), row.where, clean(row.words), row.kind, row.drafts]
        for key, (value, row) in sorted(kept.items())
    ]


def _figures(row: ClaimEvidence) -> Mapping[str, float | None]:
    """Return the figures as numbers of which the least goes furthest."""
    per_user = row.tokens_per_s_per_user
    return {
        "USD/Mtok": row.cheapest_usd,
        "J/token": row.joules_per_token,
        "tokens/s per chip": -row.tokens_per_s_per_chip,
        "tokens/s per user": None if per_user is None else -per_user,
    }
