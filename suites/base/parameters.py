"""Give a command of the command line parameters from a table."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["with_parameters"]


def with_parameters(
    command: Callable[..., None],
    *,
    before: Iterable[inspect.Parameter] = (),
    after: Iterable[inspect.Parameter] = (),
) -> Callable[..., None]:
    """Add parameters to a command, which takes them as `**given`.

    Typer reads a command's parameters from its signature: this writes it.

    Args:
        before, after: of the command's own ones, as `--help` lists them.
    """
    signed = inspect.signature(command, eval_str=True).parameters.values()
    own = [parameter for parameter in signed if parameter.kind is not parameter.VAR_KEYWORD]
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [parameter.replace(kind=keyword) for parameter in (*before, *own, *after)]
    described = cast("Any", command)
    described.__signature__ = inspect.Signature(parameters)
    described.__annotations__ = {p.name: p.annotation for p in parameters}
    return command
