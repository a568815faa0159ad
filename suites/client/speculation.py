"""How an engine drafts tokens, and how many of them are accepted: a condition of every figure."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from suites.base.errors import UserError
from suites.engines.template import BUNDLED, chosen, speculating

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from suites.base.records import Label

__all__ = ["conditions", "contradiction", "observed", "of_case", "speculation_of"]

# What was pinned or stated holds if the server's own metrics are as near: tokens a step relative
# to it, a place's share absolute.
_SAME_LENGTH, _SAME_SHARE = 0.05, 0.05


def speculation_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Method, drafts and acceptance of a speculating engine, as a template names them.

    Raises:
        UserError: they do not go together, or the engine started here drafts nothing.
    """
    method, drafts = options.get("speculation"), options.get("draft_tokens")
    acceptance, rates = options.get("acceptance_length"), options.get("acceptance_rates")
    if not method:
        for name in ("draft_tokens", "acceptance_length", "acceptance_rates"):
            if options.get(name):
                raise UserError(
                    "of no speculation",
                    where=f"--{name.replace('_', '-')}",
                    expected="--speculation METHOD too",
                )
        return {}
    if not drafts:
        raise UserError("drafts how many tokens?", where="--speculation", expected="--draft-tokens")
    if acceptance is not None and not 1 <= acceptance <= drafts + 1:
        raise UserError(
            f"{acceptance:g} tokens a step of {drafts} drafts",
            where="--acceptance-length",
            expected=f"from 1 to {drafts + 1}: those accepted, and the engine's own",
        )
    settings: dict[str, Any] = {"method": method, "drafts": drafts}
    settings |= {} if acceptance is None else {"acceptance": acceptance}
    settings |= _rates(rates, drafts, acceptance) if rates else {}
    if not options.get("endpoint"):
        engine = str(options.get("engine") or BUNDLED)
        if engine == BUNDLED:
            raise UserError(
                "the engine started here drafts nothing",
                where="--speculation",
                remedy="name another with --engine, or give --endpoint",
            )
        speculating(chosen(engine)[0], settings)
    return settings


def _rates(rates: Sequence[float], drafts: int, acceptance: float | None) -> dict[str, Any]:
    """Shares of drafts accepted up to each place, as the list in JSON that engines take.

    Raises:
        UserError: they are not one for each place, they rise, or the length is given too.
    """
    rates = [float(rate) for rate in rates]
    rises = any(after > before for before, after in pairwise(rates))
    if len(rates) != drafts or rises or not all(0 <= rate <= 1 for rate in rates):
        raise UserError(
            f"{', '.join(f'{rate:g}' for rate in rates)} for {drafts} drafts",
            where="--acceptance-rates",
            expected=f"{drafts} shares from 0 to 1, none above the one before",
        )
    if acceptance is not None:
        raise UserError(
            "both given", where="--acceptance-length, --acceptance-rates", expected="one of the two"
        )
    return {"acceptance": round(1 + sum(rates), 6), "rates": json.dumps(rates)}


def of_case(spec: Mapping[str, Any]) -> str:
    """What a case's name says of it; empty where nothing is drafted."""
    settings = spec["speculation"]
    if not settings:
        return ""
    length = f"-{settings['acceptance']:g}" if "acceptance" in settings else ""
    return f"spec-{settings['method']}{settings['drafts']}{length}"


def _text(rates: Iterable[float]) -> str:
    """Shares by place as a label has them."""
    return "/".join(f"{rate:.2f}" for rate in rates)


def conditions(spec: Mapping[str, Any]) -> dict[str, Label]:
    """Labels of all figures: how the engine speculates, and whether we made it so."""
    settings = spec["speculation"]
    if not settings:
        return {}
    labels: dict[str, Label] = {
        "speculation": settings["method"],
        "draft_tokens": settings["drafts"],
    }
    if "acceptance" in settings:
        labels["acceptance_length"] = settings["acceptance"]
        labels["acceptance"] = "stated" if spec["endpoint"] else "pinned"
    if "rates" in settings:
        labels["acceptance_rates"] = _text(json.loads(settings["rates"]))
    return labels


def observed(
    labels: Mapping[str, Label], figures: Mapping[str, Mapping[str, float]]
) -> dict[str, Label]:
    """Further conditions that a server's own metrics say, where nothing said them before.

    Args:
        labels: as `conditions` gives them.
        figures: of the load, as `suites.serving.processes.server_metrics` sums them up.
    """
    length = figures.get("server_acceptance_length", {}).get("")
    if length is None:
        return {}
    shares = list(figures.get("server_position_acceptance", {}).values())
    derived: dict[str, Label] = {"speculation": "unnamed"}
    if shares:
        derived |= {"draft_tokens": len(shares), "acceptance_rates": _text(shares)}
    if "acceptance" not in labels:
        derived |= {"acceptance": "measured", "acceptance_length": round(length, 2)}
    return {name: value for name, value in derived.items() if name not in labels}


def contradiction(
    labels: Mapping[str, Label], figures: Mapping[str, Mapping[str, float]]
) -> list[str]:
    """Say where a server's own metrics are against what was pinned or stated of its drafts."""
    length = figures.get("server_acceptance_length", {}).get("")
    told = labels.get("acceptance_length")
    if length is None or not isinstance(told, int | float):
        return []
    how, problems = labels["acceptance"], []
    if abs(length - told) > _SAME_LENGTH * told:
        problems.append(f"{length:.2f} tokens a step by the server's metrics, {told:g} {how}")
    rates = str(labels.get("acceptance_rates", "")).split("/")
    shares = figures.get("server_position_acceptance", {})
    for place, (rate, share) in enumerate(zip(rates, shares.values(), strict=False), start=1):
        if rate and abs(float(rate) - share) > _SAME_SHARE:
            problems.append(
                f"{share:.2f} of the drafts accepted to place {place} by the server's metrics, "
                f"{rate} {how}"
            )
    return problems
