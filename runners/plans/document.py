"""A plan as its file says it: read, checked, each complaint at its line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from runners.options.registry import by_name
from runners.plans.places import line_of
from suites.base import files, toml_file
from suites.base.errors import UserError
from suites.base.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["READY", "PlanDocument", "SweepPlan", "read", "ready"]

READY = Path(__file__).parent / "ready"

OptionValue = str | int | float | list[str | int | float]
# A group of options under one name, such as a load shape or a set of engine flags.
Group = dict[str, OptionValue]
_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]


class PlanMachine(StrictModel):
    """The machine a plan is for, where it is not the one that reads the plan.

    Attributes:
        chip: id in the catalogue.
        chips: of the machine.
    """

    chip: str
    chips: Annotated[int, Field(ge=1, le=100_000)] = 1


class Retry(StrictModel):
    """When a cell is tried again.

    Attributes:
        times: after the first.
        after: a cell that "failed" (an engine crashed, a gate said no), or took too much "time".
            Bad input is never tried again.
    """

    times: Annotated[int, Field(ge=0, le=10)] = 1
    after: list[Literal["failed", "time"]] = ["failed", "time"]


class SweepPlan(StrictModel):
    """A sweep: every combination of its axes, less what is excluded, and what is included besides.

    Attributes:
        name: stands in the results.
        answers: the question it answers, for people.
        suites, profile: of every cell, unless `suite` or `profile` is an axis.
        cell_minutes: time limit of a cell; by default ten times its estimate.
        options: of `fenmark run`, for every cell; an axis or an included cell wins over them.
        axes: option → its values; or any name → groups of options under names of their own.
        exclude: combinations to leave out: each key an axis, each value one or several of its.
        include: cells besides: options each.
    """

    name: _Name
    answers: Annotated[str, Field(min_length=1, max_length=2000)]
    suites: list[Literal["kernels", "inference", "serving", "quality"]] = [
        "kernels",
        "inference",
        "serving",
    ]
    profile: Literal["quick", "standard", "full"] = "quick"
    cell_minutes: Annotated[float, Field(gt=0, le=10_080)] | None = None
    machine: PlanMachine | None = None
    retry: Retry = Retry()
    options: Group = {}
    axes: dict[str, list[OptionValue] | dict[str, Group]] = {}
    exclude: list[Group] = []
    include: list[Group] = []


@dataclass(frozen=True)
class PlanDocument:
    """A plan with the text it was read from.

    Attributes:
        path: as the user named it.
        text: of the file.
    """

    path: Path
    text: str
    plan: SweepPlan

    @cached_property
    def sha256(self) -> str:
        return sha256(self.text.encode()).hexdigest()

    def with_options(self, given: Sequence[str]) -> PlanDocument:
        """Return the plan with `option=value` set for every cell.

        Raises:
            UserError: no `=` in one of them.
        """
        pairs = [pair.partition("=") for pair in given]
        for name, equals, _ in pairs:
            if not (name and equals):
                raise UserError(f"{name!r} sets nothing", where="--set", expected="option=value")
        files = {option.name for option in by_name().values() if option.holds == "file"}
        # Named by hand, a file is named from where one stands, not from where the plan lies.
        options_set = {
            name: str(Path(value).absolute()) if name.replace("-", "_") in files else value
            for name, _, value in pairs
        }
        options = {**self.plan.options, **options_set}
        return replace(self, plan=self.plan.model_copy(update={"options": options}))

    def place(self, *path: str | int, value: Any = None) -> str:
        """Return `FILE:LINE` of a key, or of a value in its array."""
        return f"{self.path}:{line_of(self.text, path, value)}"


def ready() -> dict[str, Path]:
    """The plans that come with Fenmark, by name."""
    return {path.stem: path for path in sorted(READY.glob("*.toml"))}


def read(named: str | Path) -> PlanDocument:
    """Read a plan file, or a plan that comes with Fenmark by its name.

    Raises:
        UserError: no such file or plan, not TOML, or a field is unknown or wrong.
    """
    path = _find(named)
    text = files.read_text(path, most=toml_file.MOST_BYTES, expected="a plan in TOML")
    raw = toml_file.parse(text, str(path))
    try:
        plan = SweepPlan.model_validate(raw)
    except ValidationError as error:
        raise _complaint(path, text, error) from error
    return PlanDocument(path=path, text=text, plan=plan)


def _find(named: str | Path) -> Path:
    path = Path(named)
    if path.exists() or path.suffix or len(path.parts) > 1:
        return path
    if str(named) not in ready():
        raise UserError(
            f"no plan {str(named)!r}",
            expected=f"a file, or one of {', '.join(ready())}",
            remedy="see `fenmark plan ready`",
        )
    return ready()[str(named)]


def _complaint(path: Path, text: str, error: ValidationError) -> UserError:
    """Turn the deepest of pydantic's complaints into one line: unions complain once per member."""
    first = max(
        error.errors(include_url=False), key=lambda complaint: len(_keys(text, complaint["loc"]))
    )
    keys = _keys(text, first["loc"])
    what = {
        "extra_forbidden": f"no field {keys[-1]!r}",
        "missing": f"{keys[-1]!r} is missing",
    }.get(first["type"], f"{'.'.join(map(str, keys))}: {first['msg']}")
    parts: dict[str | int, type[BaseModel]] = {"retry": Retry, "machine": PlanMachine}
    fields = parts.get(keys[0], SweepPlan)
    expected = ", ".join(fields.model_fields) if first["type"] == "extra_forbidden" else ""
    return UserError(what, where=f"{path}:{line_of(text, keys)}", expected=expected)


def _keys(text: str, path: Sequence[str | int]) -> list[str | int]:
    """Drop what pydantic adds to a path for the member of a union."""
    return [
        part for part in path if isinstance(part, int) or part in text or part in _MISSABLE
    ] or ["name"]


_MISSABLE = ("name", "answers")
