"""The `fenmark` command: gathers every room's verbs and turns errors into one line."""

from __future__ import annotations

import os
import sys
from importlib.metadata import EntryPoint, entry_points

import typer
from typer._click.exceptions import UsageError  # Typer carries its own click

from runners import actions
from suites.errors import UserError

__all__ = ["app", "main"]

# In the order of work; a verb not named here stands at the end, by name.
_ORDER = (
    "doctor",
    "run",
    "show",
    "compare-runs",
    "reproduce",
    "matrix",
    "keys",
    "submit",
    "serve",
    "witness",
    "cosign",
    "publish",
    "verify",
    "site",
    "chips",
    "cost",
    "energy",
    "import",
)
# What a shell reports for a program ended by Ctrl-C.
_INTERRUPTED = 130


def app() -> typer.Typer:
    """Build the command line from the `fenmark.commands` entry points of all rooms.

    A room offers a function (one verb) or a `typer.Typer` (a group of verbs).
    """
    root = typer.Typer(
        name="fenmark",
        help="What a million LLM tokens really cost, chip by chip, and the proof.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        add_completion=False,
    )
    for point in sorted(entry_points(group="fenmark.commands"), key=_rank):
        verb = point.load()
        if isinstance(verb, typer.Typer):
            root.add_typer(verb, name=point.name)
        else:
            root.command(point.name)(verb)
    return root


def main() -> None:
    """Run the command line; exit 0 ok, 1 the work failed or a check said no, 2 bad usage."""
    try:
        code = app()(standalone_mode=False, prog_name="fenmark")
    except UserError as error:
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
        # Disks fill and permissions lack where no code expects it; that is no bug of ours.
        where = f"{error.filename}: " if error.filename else ""
        _stop(f"{where}{error.strerror or error}", UserError.exit_code)
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _rank(point: EntryPoint) -> tuple[int, str]:
    return (_ORDER.index(point.name) if point.name in _ORDER else len(_ORDER), point.name)


def _stop(line: str, code: int) -> None:
    sys.stderr.write(f"fenmark: {line}\n")
    sys.exit(code)
