"""The process that sets a power limit and restores the old one, however its owner ends.

`python -m runners.machine.cap_keeper KIND WATTS SYS`. It keeps what was set before, sets the new
limit, says both in lines of JSON, and waits for the end of its input: a pipe whose other end only
its owner holds, so that it ends with the owner, kill -9 included. It leads a session of its own and
ignores the signals a terminal or a scheduler sends to a group.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from runners.machine.power_limits import limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runners.machine.power_limits import Limit

__all__ = ["restore"]

# A driver may be busy with the very process that has just been killed.
_TRIES, _BETWEEN_S = 20, 0.1
# A limit is kept in the driver's own steps.
_STEP_W = 0.5


def restore(limits: Sequence[Limit], before: Mapping[str, float]) -> list[str]:
    """Set each limit as it was; return what could not be, and why."""
    problems = []
    for limit in limits:
        if limit.name not in before:
            continue
        for left in reversed(range(_TRIES)):
            try:
                limit.write_w(before[limit.name])
            except OSError as error:
                if not left:
                    problems.append(f"{limit.name} stays capped: {error}")
                else:
                    time.sleep(_BETWEEN_S)
            else:
                break
    return problems


def _main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    kind, watts, sys_ = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])
    held = limits(kind, sys_)
    before = {limit.name: limit.read_w() for limit in held}
    _say({"before": before})
    changed: dict[str, float] = {}
    refused = ""
    try:
        for limit in held:
            limit.write_w(watts)
            changed[limit.name] = before[limit.name]
            now = limit.read_w()
            if abs(now - watts) > _STEP_W:
                refused = refused or f"{limit.name} keeps {now:g} W"
    except (OSError, ValueError) as error:
        refused = str(error)
    _say({"refused": refused})
    if not refused:
        while os.read(0, 4096):
            pass
    sys.exit(1 if restore(held, changed) else 0)


def _say(what: dict[str, object]) -> None:
    try:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()
    except OSError:  # nobody listens any more; the limits matter, not the words
        return


if __name__ == "__main__":
    _main()
