"""The `fenmark` command: gathers every room's verbs and turns errors into one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer._click.exceptions import UsageError  # Typer carries its own click
from typer.core import TyperGroup
from typer.main import get_group

from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typer._click import Command, Context

__all__ = ["Verbs", "app", "main"]

# In the order of work; a verb not named here stands at the end, by name.
_ORDER = (
    "doctor",
    "accept",
    "run",
    "plan",
    "quality",
    "show",
    "compare-runs",
    "compare-configs",
    "reproduce",
    "matrix",
    "keys",
    "submit",
    "serve",
    "witness",
    "cosign",
    "publish",
    "backup",
    "restore",
    "verify",
    "site",
    "chips",
    "model",
    "cost",
    "prices",
    "energy",
    "import",
    "reported",
    "reference",
)
# What a shell reports for a program ended by Ctrl-C.
_INTERRUPTED = 130


class Verbs(Mapping[str, "Command"]):
    """The `fenmark.commands` entry points of all rooms, each loaded when it is first asked for.

    A room offers a function (one verb) or a `typer.Typer` (a group of verbs). One that cannot be
    loaded says so in the list, and when it is called; the others work.
    """

    def __init__(self) -> None:
        points = sorted(entry_points(group="fenmark.commands"), key=_rank)
        self._points = {point.name: point for point in points}
        self._loaded: dict[str, Command] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._points)

    def __len__(self) -> int:
        return len(self._points)

    def __getitem__(self, name: str) -> Command:
        if name not in self._loaded:
            self._loaded[name] = self._load(self._points[name])
        return self._loaded[name]

    @staticmethod
    def _load(point: EntryPoint) -> Command:
        name = point.name
        alone = _typer()
        try:
            verb = point.load()
        except (ImportError, AttributeError) as error:
            settings = {"ignore_unknown_options": True, "allow_extra_args": True}
            alone.command(name, context_settings=settings)(_unloadable(point, error))
        else:
            if isinstance(verb, typer.Typer):
                alone.add_typer(verb, name=name)
            else:
                alone.command(name)(verb)
        return get_group(alone).commands[name]


class _Root(TyperGroup):
    """`fenmark` itself: knows its verbs by name, and loads them all only to list their help."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings | {"commands": Verbs()})

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002 (Typer's signature)
        return list(self.commands)


def app() -> typer.Typer:
    """Build the command line; no verb is loaded yet."""
    root = _typer(cls=_Root, name="fenmark", no_args_is_help=True, add_completion=True)
    root.callback()(_purpose)
    return root


def main() -> None:
    """Run the command line; exit 0 ok, 1 the work failed or a check said no, 2 bad usage."""
    try:
        code = app()(standalone_mode=False, prog_name="fenmark")
    except UserError as error:
        from runners.ci import actions

        actions.annotate("error", str(error), place=error.where)
        _stop(str(error), error.exit_code)
    except UsageError as error:
        at = error.ctx.command_path if error.ctx else "fenmark"
        _stop(f"{error.format_message()}; see `{at} --help`", UserError.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        _stop("interrupted; what was finished is kept", _INTERRUPTED)
    except BrokenPipeError:
        # The reader (`| head`) has gone; a second complaint at exit would be noise.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        # Disks fill and permissions lack where no code expects it; that is not a bug of ours.
        where = f"{error.filename}: " if error.filename else ""
        _stop(f"{where}{error.strerror or error}", UserError.exit_code)
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _typer(*, add_completion: bool = False, **settings: Any) -> typer.Typer:
    return typer.Typer(
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        add_completion=add_completion,
        **settings,
    )


def _say_version(asked: bool) -> None:
    if asked:
        from runners.measure.provenance import tool_version

        sys.stdout.write(f"fenmark {tool_version()}\n")
        raise typer.Exit


def _purpose(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which this is."),
    ] = False,
) -> None:
    """What a million LLM tokens really cost, chip by chip, and the proof."""


def _unloadable(point: EntryPoint, error: Exception) -> Callable[[], None]:
    def verb() -> None:
        raise UserError(
            f"cannot be loaded: {error}",
            where=point.name,
            remedy="install Fenmark again",
        )

    verb.__doc__ = f"Cannot be loaded: {error}."
    return verb


def _rank(point: EntryPoint) -> tuple[int, str]:
    return (_ORDER.index(point.name) if point.name in _ORDER else len(_ORDER), point.name)


def _stop(line: str, code: int) -> None:
    from suites.base.terminal import complain

    complain(f"fenmark: {line}")
    sys.exit(code)
