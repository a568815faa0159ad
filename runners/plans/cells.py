"""A plan's cells, one at a time: each is one run, and one signed result."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

from typer._click.exceptions import UsageError  # Typer carries its own click

from runners.options.from_cli import from_arguments
from runners.options.registry import by_name, with_options
from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from typer._click.core import Command, Parameter

    from runners.options.options import RunOptions
    from runners.plans.document import Group, OptionValue, PlanDocument

__all__ = ["Combination", "PlanShard", "expand"]

_LONGEST_LABEL = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanShard:
    """Every `of`-th cell, beginning with the `number`-th (from 1)."""

    number: int = 1
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> PlanShard:
        """Read "2/8".

        Raises:
            UserError: it is written otherwise, or there is no such shard.
        """
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        shard = cls(number=int(match[1]), of=int(match[2])) if match else cls(number=0)
        if not 1 <= shard.number <= shard.of:
            raise UserError(f"{text!r} is not a shard", where="--shard", expected="such as 2/8")
        return shard

    def holds(self, cell: Combination) -> bool:
        """Tell whether a cell is this shard's: by its place in the plan, on every machine alike."""
        return cell.number % self.of == self.number - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """One combination of a plan's axes.

    Attributes:
        id: its labels for people, and eight digits of its content: the same options have the
            same id on every machine, others another.
        number: place in the plan, from 0, cells that are left out counted too.
        given: parameters of `fenmark run`.
        place: `FILE:LINE` of what sets it apart: its value of the first axis, or its `include`.
        excluded: which rule leaves it out, empty if none.
    """

    id: str
    number: int
    given: Mapping[str, Any]
    place: str
    excluded: str = ""

    def options(self) -> RunOptions:
        """Return the options of its run.

        Raises:
            UserError: one of them is wrong.
        """
        return from_arguments(self.given)

    @property
    def command(self) -> str:
        """The same run by hand."""
        words = ["fenmark", "run"]
        for name, value in self.given.items():
            flag = _parameters()[name].opts[0]
            for part in value if isinstance(value, list | tuple) else [value]:
                words += [flag, str(part)]
        return shlex.join(words)


@dataclass(frozen=True, slots=True)
class _Choice:
    """One value of an axis: what it is called and what it asks for."""

    axis: str
    label: str
    raw: Mapping[str, Any]
    given: Mapping[str, Any]
    place: str


def expand(document: PlanDocument) -> Iterator[Combination]:
    """Yield the cells of a plan in its order, those an `exclude` rule leaves out marked.

    Raises:
        UserError: an option or axis is unknown, a value is not one of its option's, a rule
            excludes what is in no axis, or two cells are the same. The message has the line.
    """
    plan = document.plan
    common = _choice(document, ("options",), "", plan.options, label="")
    axes = [_axis(document, name) for name in plan.axes]
    rules = [_rule(document, number, axes) for number in range(len(plan.exclude))]
    seen: dict[str, int] = {}
    number = 0
    # Without axes there is the one cell the options ask for, unless others are named.
    for combination in product(*axes) if axes or not plan.include else []:
        excluded = next((reason for match, reason in rules if _matches(match, combination)), "")
        yield _cell(document, number, [common, *combination], excluded, seen)
        number += 1
    for index, asked in enumerate(plan.include):
        labels = "+".join(_label(name, value) for name, value in asked.items())
        own = _choice(document, ("include", index), "", asked, label=labels)
        yield _cell(document, number, [common, own], "", seen)
        number += 1


def _cell(
    document: PlanDocument,
    number: int,
    choices: Sequence[_Choice],
    excluded: str,
    seen: dict[str, int],
) -> Combination:
    plan = document.plan
    own: dict[str, Any] = {"suite": ",".join(plan.suites), "profile": plan.profile}
    raw, given = dict(own), dict(own)
    for choice in choices:
        raw.update(choice.raw)
        given.update(choice.given)
    content = {name: value for name, value in raw.items() if not by_name()[name].located}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
    labels = "+".join(choice.label for choice in choices if choice.label)
    name = f"{(labels or plan.name)[:_LONGEST_LABEL]}-{digest}"
    if name in seen:
        raise UserError(
            f"cells {seen[name]} and {number} are the same, {name}",
            where=str(document.path),
            remedy="take out the axis value or the include that repeats it",
        )
    seen[name] = number
    place = choices[1].place if len(choices) > 1 else str(document.path)
    return Combination(id=name, number=number, given=given, place=place, excluded=excluded)


def _axis(document: PlanDocument, name: str) -> list[_Choice]:
    values = document.plan.axes[name]
    if not values:
        raise UserError("an axis without values", where=document.place("axes", name))
    if isinstance(values, dict):
        return [
            _choice(document, ("axes", name, label), name, group, label=label)
            for label, group in values.items()
        ]
    key = _name(name)
    return [
        _choice(document, ("axes", name), key, {name: value}, label=_label(key, value))
        for value in values
    ]


def _rule(
    document: PlanDocument, number: int, axes: Sequence[Sequence[_Choice]]
) -> tuple[dict[str, set[str]], str]:
    """Read an `exclude` rule: labels by axis, and what to say of a cell it leaves out."""
    rule = dict(document.plan.exclude[number])
    because = rule.pop("because", "")
    known = {axis[0].axis: {choice.label for choice in axis} for axis in axes}
    match: dict[str, set[str]] = {}
    for name, value in rule.items():
        key = name if name in known else _name(name)
        wanted = value if isinstance(value, list) else [value]
        labels = {
            text if text in known.get(key, ()) else _label(key, text): text for text in wanted
        }
        missing = [text for label, text in labels.items() if label not in known.get(key, ())]
        if missing:
            raise UserError(
                f"excludes {name} = {missing[0]}, which is not a value of an axis",
                where=document.place("exclude", number, name),
                expected=" or ".join(sorted(known.get(key) or known)),
            )
        match[key] = {str(label) for label in labels}
    if not match:
        raise UserError("excludes nothing", where=document.place("exclude", number))
    place = document.place("exclude", number).rpartition(":")[2]
    return match, f"excluded in line {place}{f': {because}' if because else ''}"


def _matches(match: Mapping[str, set[str]], combination: Sequence[_Choice]) -> bool:
    agreeing = sum(
        choice.label in match[choice.axis] for choice in combination if choice.axis in match
    )
    return agreeing == len(match)


def _choice(
    document: PlanDocument, path: tuple[str | int, ...], axis: str, asked: Group, *, label: str
) -> _Choice:
    """Read options as `fenmark run` does, so that both know the same names and values."""
    place = _place(document, path, asked)
    raw = {}
    words = []
    for name, value in asked.items():
        parameter = _parameter(name, document.place(*path, name, value=value))
        key = str(parameter.name)
        raw[key] = value
        words += _words(parameter, _beside(document, key, value))
    try:
        context = _command().make_context("run", words)
    except UsageError as error:
        raise UserError(error.format_message().rstrip("."), where=place) from error
    given = {key: context.params[key] for key in raw}
    try:
        from_arguments(given)
    except UserError as error:
        raise UserError(error.what, where=place, expected=error.expected) from error
    return _Choice(axis, label, raw, given, place)


def _place(document: PlanDocument, path: tuple[str | int, ...], asked: Group) -> str:
    """Where options stand: the value itself where there is one."""
    if len(asked) != 1:
        return document.place(*path)
    [(name, value)] = asked.items()
    return document.place(*path, name, value=value)


def _beside(document: PlanDocument, key: str, value: OptionValue) -> OptionValue:
    """A file is named from where the plan lies."""
    if by_name()[key].holds != "file":
        return value
    folder = document.path.parent.absolute()
    if isinstance(value, list):
        return [str(folder / str(path)) for path in value]
    return str(folder / str(value))


def _words(parameter: Parameter, value: OptionValue) -> list[str]:
    """Write an option as words of a command line; `=` keeps a value that begins with a dash."""
    flag = parameter.opts[0]
    if isinstance(value, list) and not parameter.multiple:
        return [f"{flag}={','.join(map(str, value))}"]
    return [f"{flag}={part}" for part in (value if isinstance(value, list) else [value])]


def _label(name: str, value: OptionValue) -> str:
    text = "-".join(map(str, value)) if isinstance(value, list) else str(value)
    option = by_name().get(name)  # an axis may have a name of its own
    if option and option.holds == "file":
        text = text.rpartition("/")[2]
    text = re.sub(r"[^A-Za-z0-9.:_-]+", "-", text).strip("-") or "none"
    return text if option and option.speaks else f"{name}{text}"


def _name(name: str) -> str:
    return name.replace("-", "_")


def _parameter(name: str, place: str) -> Parameter:
    parameter = _parameters().get(_name(name))
    if parameter is None:
        raise UserError(
            f"no option {name!r}",
            where=place,
            expected=f"one of {', '.join(sorted(_parameters()))}",
            remedy="see `fenmark run --help`",
        )
    return parameter


@cache
def _parameters() -> dict[str, Parameter]:
    return {
        str(parameter.name): parameter
        for parameter in _command().params
        if (option := by_name().get(str(parameter.name))) and option.planned
    }


@cache
def _command() -> Command:
    import typer

    def run(**_: Any) -> None:
        """Stands for `fenmark run`, whose options it has."""

    app = typer.Typer(add_completion=False)
    app.command()(with_options(run))
    return typer.main.get_command(app)
