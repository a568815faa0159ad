"""How an engine drafts tokens, and how many of them are accepted: a condition of every figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from suites.base.errors import UserError
from suites.engines.template import BUNDLED, chosen, speculating

if TYPE_CHECKING:
    from collections.abc import Mapping

    from suites.base.records import Label

__all__ = ["conditions", "speculation_of"]


def speculation_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Method, drafts and acceptance of a speculating engine, as a template names them.

    Raises:
        UserError: they do not go together, or the engine started here drafts nothing.
    """
    method, drafts = options.get("speculation"), options.get("draft_tokens")
    acceptance = options.get("acceptance_length")
    if not method:
        for name in ("draft_tokens", "acceptance_length"):
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
    said = {"method": method, "drafts": drafts}
    said |= {} if acceptance is None else {"acceptance": acceptance}
    if not options.get("endpoint"):
        engine = str(options.get("engine") or BUNDLED)
        if engine == BUNDLED:
            raise UserError(
                "the engine started here drafts nothing",
                where="--speculation",
                remedy="name another with --engine, or give --endpoint",
            )
        speculating(chosen(engine)[0], said)
    return said


def conditions(spec: Mapping[str, Any]) -> dict[str, Label]:
    """Labels of all figures: how the engine speculates, and whether we made it so."""
    said = spec["speculation"]
    if not said:
        return {}
    labels: dict[str, Label] = {"speculation": said["method"], "draft_tokens": said["drafts"]}
    if "acceptance" in said:
        labels["acceptance_length"] = said["acceptance"]
        labels["acceptance"] = "stated" if spec["endpoint"] else "pinned"
    return labels
