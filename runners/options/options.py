"""A run's options, and the list of cells they expand to."""

from __future__ import annotations

import importlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from runners.options.registry import DEFAULT_SUITES, SUITES
from suites.base.errors import UserError
from suites.quality import beside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from suites.base.records import CellResult, CellSpec, Row

__all__ = ["PROFILES", "Profile", "RunOptions", "Suite", "expand", "suite"]

Profile = Literal["quick", "standard", "full"]
PROFILES: tuple[Profile, ...] = ("quick", "standard", "full")


class Suite(Protocol):
    """What every suite package offers to a runner."""

    def plan(self, profile: str, options: Mapping[str, Any], /) -> list[CellSpec]:
        """Expand a profile into cells; pure."""

    def summarize(self, results: Sequence[CellResult]) -> list[Row]:
        """Combine the processes of one run into rows; pure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the user asked for.

    Attributes:
        suites: names of `registry.SUITES`.
        profile: how long and how often; quick is labelled as such everywhere.
        seed: seeds every generated input; stated in the result. None lets the run draw one, so
            that no server has seen its prompts before.
        suite_options: passed to each suite's `plan` (case, model, cache, threads, backend,
            endpoint, concurrency, …); a suite takes those it knows and refuses a bad value.
    """

    suites: tuple[str, ...] = DEFAULT_SUITES
    profile: Profile = "quick"
    seed: int | None = None
    suite_options: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RunOptions:
        return cls(**{**data, "suites": tuple(data["suites"])})


def suite(name: str) -> Suite:
    """Import a suite by name.

    Raises:
        UserError: there is no such suite.
    """
    if name not in SUITES:
        raise UserError(f"no suite {name!r}", where="--suite", expected=" or ".join(SUITES))
    return cast("Suite", importlib.import_module(f"suites.{name}"))


def expand(options: RunOptions) -> list[CellSpec]:
    """Expand options into the cells to run, in order.

    Raises:
        UserError: an option is unknown or selects nothing.
    """
    wanted = {**options.suite_options, "seed": options.seed}
    asks = "quality" in options.suites
    # Named at all, it lets questions be hidden among a load; None leaves the share to the suite.
    wanted |= {"hidden_share": wanted.get("hidden_share")} if asks else {}
    measured = [name for name in options.suites if name != "quality"] or list(options.suites)
    cells = [cell for name in measured for cell in suite(name).plan(options.profile, wanted)]
    if cells and asks:
        return beside(cells, options.profile, wanted)
    if not cells:
        raise UserError(
            f"no case matches {wanted.get('case')!r}",
            where="--case",
            expected="a pattern such as 'gemm*'",
            remedy="see `fenmark run --list`",
        )
    return cells
