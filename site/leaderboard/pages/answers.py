"""What is known of a chip, model by model: the answer its page leads with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaderboard.figures.front import KINDS, OWNED, ConfigurationPoint
from leaderboard.pages.front import about, setup
from results.economy.economics import energy_usd_per_mtok, one_token_per_s
from results.economy.floor import floor
from results.statement.precision import served

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from leaderboard.words import Words
    from results.catalog import ChipEntry, PriceSheet

__all__ = ["ChipAnswer", "Floored", "Relative", "answers", "floors", "relatives"]

_ORDER = {kind: place for place, kind in enumerate(KINDS)}
_RELATIVES = 3
# A part that only one of two datasheets states compares nothing.
_LEAST_SHARED = 2
_ANY_WEIGHTS_BITS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipAnswer:
    """The cheapest that is known of a chip with a model, from its best kind of evidence.

    Attributes:
        model: id of its page.
        rented, owned: USD per million output tokens, of the class asked for; None without a price.
        setup, about: what ran, and under which load, by whom and when.
    """

    model: str
    point: ConfigurationPoint
    mark: str
    rented: float | None
    owned: float | None
    setup: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """A chip of which something is known, and how this one's datasheet stands to it.

    Attributes:
        kind: the best evidence there is of it.
        bandwidth, peak, memory: this chip's to the other's; None where one does not say.
    """

    chip: str
    name: str
    kind: str
    bandwidth: float | None
    peak: float | None
    memory: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Floored:
    """The least energy that a token of a model takes by the chip's datasheet.

    Attributes:
        usd: of a million tokens, for that electricity at the sheet's tariff and PUE.
    """

    model: str
    joules: float
    usd: float


def answers(
    _: Words, models: Mapping[str, Sequence[ConfigurationPoint]], price_class: str
) -> list[ChipAnswer]:
    """Answer for each model, best evidence first: measured stands, though others report better."""
    cheapest = [_answer(_, model, own, price_class) for model, own in models.items()]
    return sorted(cheapest, key=lambda own: (_ORDER[own.point.kind], own.model))


def _answer(
    _: Words, model: str, points: Sequence[ConfigurationPoint], price_class: str
) -> ChipAnswer:
    kind = min((point.kind for point in points), key=_ORDER.__getitem__)
    own = [point for point in points if point.kind == kind]

    def dearness(candidate: ConfigurationPoint) -> tuple[float, float, str]:
        usd = candidate.usd.get(price_class) or candidate.usd.get(OWNED) or math.inf
        return usd, -candidate.rate, candidate.where

    point = min(own, key=dearness)
    return ChipAnswer(
        model=model,
        point=point,
        mark=KINDS[kind],
        rented=point.usd.get(price_class),
        owned=point.usd.get(OWNED),
        setup=setup(_, point),
        about=about(_, point),
    )


def relatives(
    entry: ChipEntry, known: Mapping[str, str], chips: Mapping[str, ChipEntry]
) -> list[Relative]:
    """Find the chips whose datasheets are nearest, by ratios, among those in `known`.

    Processors stand beside processors, and accelerators of any kind beside accelerators.

    Args:
        known: kind of the best evidence, by chip.
    """
    distances = []
    for chip, kind in known.items():
        other = chips.get(chip)
        if other and other.id != entry.id and _kin(entry, other):
            ratios = _ratios(entry, other)
            shared = [abs(math.log(ratio)) for ratio in ratios if ratio]
            if len(shared) >= _LEAST_SHARED:
                distances.append((sum(shared) / len(shared), _relative(other, kind, ratios)))
    return [
        own for _, own in sorted(distances, key=lambda pair: (pair[0], pair[1].chip))[:_RELATIVES]
    ]


def _kin(chip: ChipEntry, other: ChipEntry) -> bool:
    apart = {"cpu", "system", "switch"}
    return chip.kind == other.kind or not apart & {chip.kind, other.kind}


def _relative(other: ChipEntry, kind: str, ratios: Sequence[float | None]) -> Relative:
    bandwidth, peak, memory = ratios
    return Relative(
        chip=other.id, name=other.name, kind=kind, bandwidth=bandwidth, peak=peak, memory=memory
    )


def _ratios(chip: ChipEntry, other: ChipEntry) -> list[float | None]:
    return [
        of_chip / of_other if of_chip and of_other else None
        for of_chip, of_other in (
            (chip.memory_bandwidth_gb_s, other.memory_bandwidth_gb_s),
            (_peak(chip), _peak(other)),
            (chip.memory_gb, other.memory_gb),
        )
    ]


def _peak(entry: ChipEntry) -> float | None:
    return entry.peak_tflops.get("bf16") or entry.peak_tflops.get("f16")


def floors(entry: ChipEntry, models: Iterable[str], sheet: PriceSheet) -> list[Floored]:
    """Bound each model's decode by the datasheet, in the narrowest weights it has units for."""
    # Of a CPU nobody rents whole sockets; and bandwidth alone bounds no batch without end.
    if entry.kind == "cpu" or not entry.peak_tflops:
        return []
    return [own for model in models if (own := _floored(entry, model, sheet))]


def _floored(entry: ChipEntry, model: str, sheet: PriceSheet) -> Floored | None:
    geometry = served(model, None, otherwise=_ANY_WEIGHTS_BITS)
    bound = floor(one_token_per_s("decode_throughput"), geometry, entry, 1) if geometry else None
    if bound is None:
        return None
    joules = bound.joules_per_token
    usd = energy_usd_per_mtok(joules, sheet.pue.value, sheet.usd_per_kwh)
    return Floored(model=model, joules=joules, usd=usd)
