"""Run two configurations in turns, each process fresh, and gather what they measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from runners.options.options import suite as load_suite
from runners.options.registry import by_name
from suites.base import toml_file
from suites.base.errors import CheckError, UserError
from suites.base.paired import PairedRatio, compare, turns
from suites.base.records import CellResult, CellSpec

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ComparedSide", "measure", "read"]


class ComparedSide(BaseModel):
    """One side of a comparison, as its TOML file states it.

    Attributes:
        name: for people; the file's stem by default.
        options: what `fenmark run` would take: backend, threads, model, case, endpoint, …
        environment: variables set for the measuring process.
        python: interpreter that has Fenmark; inside a container, the container's.
        prefix: command put before it, such as that of a container; `{work}` stands for the
            folder both must see, and the process must keep its standard input open.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    options: dict[str, Any] = {}
    environment: dict[str, str] = {}
    python: str = sys.executable
    prefix: list[str] = []


def read(path: Path) -> ComparedSide:
    """Read a configuration.

    Raises:
        UserError: the file is missing, is not TOML, or has an unknown field or option.
    """
    configuration = toml_file.read_model(path, ComparedSide, name=path.stem)
    return configuration.model_copy(update={"options": _checked(configuration.options, path)})


def _checked(options: dict[str, Any], path: Path) -> dict[str, Any]:
    """Hold a side's options against the registry, and name them as the suites do."""
    known = by_name()
    for name in sorted(options.keys() - known.keys()):
        raise UserError(
            f"unknown option {name!r}",
            where=f"{path}:options",
            expected=f"one of {', '.join(sorted(known))}",
        )
    return {
        known[name].in_statement: known[name].checked(value, f"{path}:options.{name}")
        for name, value in options.items()
    }


def measure(
    sides: tuple[ComparedSide, ComparedSide],
    suite: str,
    profile: str,
    pairs: int,
    on_turn: Callable[[int, int, str], None],
) -> list[PairedRatio]:
    """Measure `pairs` processes of each side in turns and compare them.

    Raises:
        UserError: a side's options are bad.
        CheckError: a process failed, or the sides share no case.
    """
    configurations = dict(zip("AB", sides, strict=True))
    cells = {
        side: _cells(suite, profile, configuration)
        for side, configuration in configurations.items()
    }
    results: dict[str, list[CellResult]] = {"A": [], "B": []}
    order = turns(pairs)
    for turn, (pair, side) in enumerate(order):
        on_turn(turn, len(order), configurations[side].name)
        for cell in cells[side]:
            results[side].append(_run(configurations[side], cell, pair))
    ratios = compare(results["A"], results["B"])
    if not ratios:
        raise CheckError("the two configurations share no case", remedy="compare their --list")
    return ratios


def _cells(suite: str, profile: str, side: ComparedSide) -> list[CellSpec]:
    """The first process of the plan: here pairs, not the plan, repeat it."""
    cells = load_suite(suite).plan(profile, {"seed": 0, **side.options})
    if not cells:
        raise UserError("its options select no case", where=side.name)
    return cells[:1] if suite == "kernels" else cells


def _run(side: ComparedSide, cell: CellSpec, pair: int) -> CellResult:
    with tempfile.TemporaryDirectory(prefix="fenmark-ab-") as work:
        spec, out = Path(work) / "spec.json", Path(work) / "out.json"
        spec.write_text(json.dumps({**cell.spec, "process": pair}))
        command = [part.replace("{work}", work) for part in side.prefix]
        command += [side.python, "-m", f"suites.{cell.suite}", "--end-with-stdin"]
        command += ["--spec", str(spec), "--out", str(out)]
        code, output = _wait(command, os.environ | side.environment)
        if code:
            kind = UserError if code == UserError.exit_code else CheckError
            last = output.strip().splitlines()[-1:] or ["no message"]
            raise kind(last[0], where=side.name)
        return CellResult.from_json(json.loads(out.read_bytes()))


def _wait(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run to the end; the child leaves when our end of its input closes, however we end."""
    with tempfile.TemporaryFile("w+") as errors:
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=environment,
            )
        except OSError as error:
            raise UserError(f"cannot start it ({error.strerror})", where=command[0]) from error
        try:
            code = child.wait()
        finally:
            child.terminate()
            child.wait()
            if child.stdin:
                child.stdin.close()
        errors.seek(0)
        return code, errors.read()
