"""What somebody asks a run for, on the command line or in a cell of a plan, as its options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from runners.options import PROFILES, SUITES, Options, suite
from suites.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runners.options import Profile

__all__ = ["FILES", "OF_THE_CALL", "options_of"]

# Of the run as a whole; and of one call of the command, what becomes of its result.
_OF_THE_RUN = frozenset({"suite", "profile", "seed"})
OF_THE_CALL = frozenset({"out", "resume", "json_", "list_", "to"})
FILES = frozenset({"weights", "reference", "sweep", "trace", "tokenizer", "samples", "meter_trace"})
# A flag that may be given again, and the option that holds all of them.
_OURS = {"engine_flag": "engine_flags"}
_NUMBERS: dict[str, type[int | float]] = {"concurrency": int, "rate": float}


def options_of(given: Mapping[str, Any]) -> Options:
    """Read the parameters of `fenmark run`; None is one that was not given.

    Raises:
        UserError: no such suite or profile, or a list that is none.
    """
    suites = _words(given.get("suite") or ",".join(SUITES))
    for name in suites or [""]:
        suite(name)
    profile = given.get("profile") or "quick"
    if profile not in PROFILES:
        raise UserError(
            f"no profile {profile!r}", where="--profile", expected=" or ".join(PROFILES)
        )
    return Options(
        suites=tuple(name for name in SUITES if name in suites),
        profile=cast("Profile", profile),
        seed=given.get("seed") or 0,
        # A suite's own default stands for what is not given.
        suite_options={
            _OURS.get(name, name): _value(name, value)
            for name, value in given.items()
            if name not in _OF_THE_RUN | OF_THE_CALL and value not in (None, [])
        },
    )


def _value(name: str, value: Any) -> Any:
    if name in FILES:
        # The cells' processes may work elsewhere.
        return [_absolute(one) for one in value] if isinstance(value, list) else _absolute(value)
    if name == "backend":
        return _words(value)
    if name in _NUMBERS:
        return _numbers(value, f"--{name}", _NUMBERS[name])
    return value


def _absolute(path: str | Path) -> str:
    return str(Path(path).absolute())


def _words(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(text: str, where: str, kind: type[int | float]) -> list[int | float]:
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError as error:
        raise UserError(
            f"{text!r} is no list of numbers", where=where, expected="such as 1,4,16"
        ) from error
