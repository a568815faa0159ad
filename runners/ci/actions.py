"""GitHub Actions: what a run tells its job's page, the lines of its files and later steps.

Everything here is silent outside a job. Commands go to stderr, which the runner reads as it reads
stdout: stdout stays the machine's. Formats: GitHub's documentation, "Workflow commands".
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from suites.base.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["active", "add_summary", "annotate", "group", "set_output"]

AnnotationLevel = Literal["error", "warning", "notice"]

# A step's summary above 1 MiB is dropped whole; all of a job's steps share a page.
_SUMMARY_LIMIT = 1_000_000
# `path:line` or `path:line:column`, as our errors name a place in a file.
_PLACE = re.compile(r"(?P<file>[^:]+\.\w+):(?P<line>\d+)(?::(?P<column>\d+))?")


def active() -> bool:
    """Tell whether this process runs in a job of GitHub Actions, or of a runner that speaks it."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def annotate(
    level: AnnotationLevel, message: str, *, title: str = "Fenmark", place: str = ""
) -> None:
    """Attach a message to the job, and to a line of a file where `place` names one."""
    if not active():
        return
    match = _PLACE.match(printable(place))
    where = {"file": match["file"], "line": match["line"], "col": match["column"]} if match else {}
    given = {**where, "title": title}
    properties = ",".join(
        f"{name}={_property(printable(text))}" for name, text in given.items() if text
    )
    _say(f"::{level} {properties}::{_data(printable(message))}")


@contextmanager
def group(title: str) -> Iterator[None]:
    """Fold what is printed meanwhile under a title."""
    if active():
        _say(f"::group::{_data(printable(title))}")
    try:
        yield
    finally:
        if active():
            _say("::endgroup::")


def set_output(name: str, value: str) -> None:
    """Give a value to the steps and jobs that follow."""
    # A delimiter nobody can guess: no line of a value may end it and begin another output.
    mark = f"end-{secrets.token_hex(16)}"
    _append("GITHUB_OUTPUT", f"{name}<<{mark}\n{value}\n{mark}\n")


def add_summary(markdown: str) -> None:
    """Add to the job's page; what no longer fits is left out and said so."""
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if not active() or not place:
        return
    written = Path(place).stat().st_size if Path(place).exists() else 0
    if written + len(markdown.encode()) > _SUMMARY_LIMIT:
        markdown = "_More was measured than this page holds: see the artifact._\n"
    _append("GITHUB_STEP_SUMMARY", f"{markdown}\n")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _say(command: str) -> None:
    sys.stderr.write(f"{command}\n")
    sys.stderr.flush()


def _append(variable: str, text: str) -> None:
    place = os.environ.get(variable)
    if active() and place:
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(text)
