"""What somebody asks a run for, on the command line or in a cell of a plan, as its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from runners.options.options import PROFILES, RunOptions, suite
from runners.options.registry import DEFAULT_SUITES, SUITES, by_name
from suites.base.errors import UserError
from suites.client.preset import with_preset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runners.options.options import Profile

__all__ = ["from_arguments", "without_effect"]


def from_arguments(given: Mapping[str, Any]) -> RunOptions:
    """Read the parameters of `fenmark run`; None is one that was not given.

    Raises:
        UserError: no such suite, profile or option, or a value that is not one of its option's.
    """
    suites = _words(given.get("suite") or ",".join(DEFAULT_SUITES))
    for name in suites or [""]:
        suite(name)
    profile = given.get("profile") or "quick"
    if profile not in PROFILES:
        raise UserError(
            f"no profile {profile!r}", where="--profile", expected=" or ".join(PROFILES)
        )
    # A suite's own default stands for what is not given.
    asked = {
        by_name()[name]: value
        for name, value in given.items()
        if value not in (None, []) and value is not False
    }
    return RunOptions(
        suites=tuple(name for name in SUITES if name in suites),
        profile=cast("Profile", profile),
        seed=given.get("seed"),
        # Someone who asks for a preset wants its address; one that a statement names gets none.
        suite_options=with_preset(
            {
                option.in_statement: option.from_text(value)
                for option, value in asked.items()
                if option.suites
            }
        ),
    )


def without_effect(options: RunOptions) -> list[str]:
    """Name the flags that none of the chosen suites reads."""
    return [
        option.flag
        for option in by_name().values()
        if option.in_statement in options.suite_options
        and not set(option.suites) & set(options.suites)
    ]


def _words(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
