"""What of a run's options the public statement says, and the options such a statement asks for."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results.statement.statement_v2 import ATTESTED
from runners.options.options import RunOptions, suite
from runners.options.registry import by_key
from suites import models
from suites.base import files, toml_file
from suites.base.errors import UserError
from suites.base.files import write_atomically

if TYPE_CHECKING:
    from results.statement.statement import Predicate
    from runners.options.registry import RunOption

__all__ = ["from_statement", "stated_options"]


def stated_options(options: RunOptions) -> dict[str, Any]:
    """Return what the statement says; a sweep is stated by the text of its file.

    Only options of the suites that ran are stated, and nothing that holds on one machine only or
    would tell the public about it.

    Raises:
        UserError: the sweep's file has gone or is not text.
    """
    stated = [
        option
        for option in by_key().values()
        if option.stated != "no" and set(option.suites) & set(options.suites)
    ]
    return {
        option.in_statement: _as_stated(option, value)
        for option in stated
        if (value := options.suite_options.get(option.in_statement)) is not None
    }


def _as_stated(option: RunOption, value: Any) -> Any:
    if option.stated == "text":
        return files.read_text(Path(value), most=toml_file.MOST_BYTES)
    if option.name == "model" and models.is_path(str(value)):
        return models.load(str(value)).id  # the path is of this machine only
    return list(value) if isinstance(value, tuple) else value


def from_statement(
    predicate: Predicate, out: Path, *, flags_allowed: bool = False, **local: Any
) -> RunOptions:
    """Return the options that repeat a stated run here.

    A stranger's statement is data: nothing in it names a file, program, address or secret of this
    machine, and what would reach an engine's command line needs the reader's yes.

    Args:
        out: folder for the sweep's file, where the run had one.
        flags_allowed: the reader has seen the engine flags and wants them.
        local: what a statement cannot say: `endpoint`, `api_key_env`, `weights`, `tokenizer`; None
            where it is not given.

    Raises:
        UserError: an option is unknown, of one machine only or out of bounds; the run needs an
            endpoint or a weight file, or the wrong one is given.
    """
    run = predicate.run
    if run.suites == [ATTESTED]:
        raise UserError(
            "was measured by another harness",
            where=run.id,
            remedy="run that harness again, and `fenmark attest` its file",
        )
    for name in ("trace", "lengths"):
        if any(f"{name}_sha256" in item.labels for item in predicate.measurements):
            raise UserError(
                f"was measured with a file (--{name}), which a result names by its digest only",
                where=run.id,
                remedy=f"give the same file to `fenmark run --{name}`",
            )
    stated = {
        name: _from_stranger(name, value, flags_allowed=flags_allowed)
        for name, value in (run.options or {}).items()
    }
    for name in run.suites:
        suite(name)
    chosen = {**stated, **{name: value for name, value in local.items() if value is not None}}
    _check_engines(predicate, chosen)
    if "sweep" in chosen:
        chosen["sweep"] = _keep_sweep(str(chosen["sweep"]), out)
    return RunOptions(
        suites=tuple(run.suites), profile=run.profile, seed=run.seed, suite_options=chosen
    )


def _from_stranger(name: str, value: Any, *, flags_allowed: bool) -> Any:
    where = f"predicate.run.options.{name}"
    option = by_key().get(name)
    if option is None:
        raise UserError(
            "is an option this version does not know",
            where=where,
            expected=f"one of {', '.join(sorted(by_key()))}",
        )
    value = option.from_stranger(value, where)
    if option.asked and not flags_allowed:
        raise UserError(
            f"would add to the engine's command line: {' '.join(value)}",
            where=where,
            remedy="--allow-engine-flags if you know what they do",
        )
    return value


def _keep_sweep(text: str, out: Path) -> str:
    """Write a stated sweep under a name of our own; the statement's words become no path."""
    file = out / f"sweep-{hashlib.sha256(text.encode()).hexdigest()[:16]}.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, text.encode())
    return str(file.absolute())


def _check_engines(predicate: Predicate, chosen: dict[str, Any]) -> None:
    for engine in predicate.engines:
        if engine.flags.get("endpoint") and "endpoint" not in chosen:
            raise UserError(
                f"was measured behind an endpoint that served {engine.model!r}",
                where=predicate.run.id,
                remedy="start the same there and give --endpoint URL",
            )
        if (tokenizer := engine.flags.get("tokenizer_sha256")) and "tokenizer" not in chosen:
            raise UserError(
                f"was measured with prompts of a tokenizer, SHA-256 {tokenizer}",
                where=predicate.run.id,
                remedy="give that file with --tokenizer",
            )
        if engine.weights == "real" and "weights" not in chosen and "endpoint" not in chosen:
            raise UserError(
                f"was measured with real weights, SHA-256 {engine.weights_sha256}",
                where=predicate.run.id,
                remedy="give that file with --weights",
            )
