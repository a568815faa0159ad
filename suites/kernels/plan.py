"""What the kernel suite runs: one cell per fresh process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from suites.base.records import CellSpec
from suites.kernels.catalog import select
from suites.kernels.profiles import profile as profile_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["plan"]

# `datasheet` is what the runner's catalogue says of this chip, for the share of it:
# {"bandwidth_gb_s": …, "peak_tflop_s": {"f32": …, "bf16": …}}, either part optional.
# `energy_hold_s` is how long a meter must see each case repeated, 0 without one.
_KEPT = ("seed", "case", "model", "threads", "backend", "datasheet", "energy_hold_s")
# Python, the libraries and pytest, before the first case.
_START_S = 2.0
# Drawing a case's inputs and its reference.
_CHECK_S = 0.4


def plan(profile: str, options: Mapping[str, Any]) -> list[CellSpec]:
    """Plan the processes of a profile; each measures every case once, in the same order.

    Raises:
        UserError: unknown profile, model or backend, or none of the chosen cases can run.
    """
    chosen = profile_of(profile)
    cases = len(select(profile, options))
    if not cases:
        return []
    per_case_s = chosen.cap_s(cases) + 2 * chosen.budget.warm_up_s + _CHECK_S
    per_case_s += options.get("energy_hold_s", 0.0)
    kept = {key: options[key] for key in _KEPT if options.get(key) is not None}
    return [
        CellSpec(
            suite="kernels",
            name=f"kernels-p{process}",
            spec={**kept, "profile": profile, "process": process},
            estimated_s=_START_S + cases * per_case_s,
        )
        for process in range(chosen.processes)
    ]
