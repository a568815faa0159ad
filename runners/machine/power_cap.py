"""Hold a chip at a power limit while something runs, and restore what was set before."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runners.machine.cap_keeper import restore
from runners.machine.power_limits import SYS, limits
from suites.base.errors import CheckError, UserError
from suites.base.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["held", "refusal"]

_END_S = 10.0


def refusal(watts: float, kind: str, sys_: Path = SYS) -> str:
    """Say why a limit cannot be set here, as far as reading tells; empty if nothing."""
    held = limits(kind, sys_)
    if not held:
        return f"this machine offers no power limit of its {kind}"
    for limit in held:
        try:
            low, high = limit.bounds_w
            limit.read_w()
        except (OSError, ValueError) as error:
            return f"{limit.name}'s power limit cannot be read: {printable(str(error))}"
        if not low <= watts <= high:
            return f"{limit.name} takes {low:g} to {high:g} W, not {watts:g}"
    return ""


@contextmanager
def held(watts: float | None, kind: str, sys_: Path = SYS) -> Iterator[None]:
    """Hold every chip of a kind at so many watts; without watts, do nothing.

    Args:
        kind: "cpu" or "gpu", as `results.statement.statement.Chip` has it.

    Raises:
        UserError: no such limit, or no permission to set it; nothing is left changed.
        CheckError: a limit could not be restored; says which.
    """
    if watts is None:
        yield
        return
    reason = refusal(watts, kind, sys_)
    if reason:
        raise UserError(reason, where="--power-cap-w", remedy="leave it out, or choose another")
    keeper = subprocess.Popen(
        [sys.executable, "-m", "runners.machine.cap_keeper", kind, str(watts), str(sys_)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    before: object = {}
    try:
        before = _line(keeper).get("before", {})
        refused = _line(keeper).get("refused", "its keeper ended")
        if refused:
            raise UserError(
                f"the power limit cannot be set: {printable(str(refused))}",
                where="--power-cap-w",
                remedy="setting it takes root, or a permission that its driver grants",
            )
        yield
    finally:
        problems = _end(keeper, before, kind, sys_)
        if problems:
            raise CheckError(
                "; ".join(problems),
                where="power limit",
                remedy=f"set it back by hand: it was {before}",
            )


def _line(keeper: subprocess.Popen[bytes]) -> dict[str, object]:
    line = keeper.stdout.readline() if keeper.stdout else b""
    return dict(json.loads(line)) if line else {}


def _end(keeper: subprocess.Popen[bytes], before: object, kind: str, sys_: Path) -> list[str]:
    """Let the keeper restore and end; where it was killed, restore in its place."""
    if keeper.stdin:
        keeper.stdin.close()
    try:
        keeper.wait(_END_S)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()
    if keeper.stdout:
        keeper.stdout.close()
    if keeper.returncode == 0 or not isinstance(before, dict):
        return []
    return restore(limits(kind, sys_), before)
