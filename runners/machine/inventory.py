"""The machines CI may send jobs to: labels of self-hosted runners, the chip behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from results import catalog
from suites.base import toml_file
from suites.base.errors import UserError
from suites.base.strict_model import StrictModel

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Machines", "read", "require_ephemeral"]

# GitHub ends a job on a self-hosted runner after five days at the latest.
_LONGEST_MINUTES = 5 * 24 * 60
_Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Machines(StrictModel):
    """Runners of one kind: any of them may get any job of its kind.

    Attributes:
        name: stands in the jobs' names.
        labels: of the runners, all of which a runner must have.
        chip: id in the catalogue, or "cpu" for a processor that is not in it.
        chips: how many of them each machine holds.
        count: machines of this kind; so many jobs run side by side.
        timeout_minutes: of a job.
    """

    name: _Label
    labels: Annotated[list[_Label], Field(min_length=1, max_length=20)]
    chip: str
    chips: Annotated[int, Field(ge=1, le=100_000)] = 1
    count: Annotated[int, Field(ge=1, le=256)] = 1  # a matrix makes 256 jobs at most
    timeout_minutes: Annotated[int, Field(ge=1, le=_LONGEST_MINUTES)] = 360


class _Inventory(StrictModel):
    runner: Annotated[list[Machines], Field(min_length=1, max_length=256)]


def require_ephemeral(kinds: list[Machines], where: str) -> None:
    """Make sure that no machine goes on to another job with what a job left on it.

    Raises:
        UserError: a self-hosted runner is not said to take one job alone.
    """
    for kind in kinds:
        if "self-hosted" in kind.labels and "ephemeral" not in kind.labels:
            raise UserError(
                f"machines {kind.name!r} take job after job",
                where=f"{where}:runner.labels",
                expected='the label "ephemeral"',
                remedy="register them anew for each job: config.sh --ephemeral --labels ephemeral",
            )


def read(path: Path) -> list[Machines]:
    """Read an inventory.

    Raises:
        UserError: it cannot be read, a field is wrong, a chip is not in the catalogue, or two
            kinds share a name.
    """
    expected = f"[[runner]] with {', '.join(Machines.model_fields)}"
    runners = toml_file.read_model(path, _Inventory, expected=expected).runner
    names: set[str] = set()
    for number, runner in enumerate(runners):
        if runner.chip != "cpu":
            catalog.require(runner.chip, f"{path}:runner.{number}.chip")
        if runner.name in names:
            raise UserError(
                f"{runner.name!r} stands twice",
                where=f"{path}:runner.{number}.name",
                expected="a name of its own",
            )
        names.add(runner.name)
    return runners
