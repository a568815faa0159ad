"""What of a run's options the public statement says, and the options such a statement asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.options import Options
from suites import files, toml_file
from suites.child import write_atomically
from suites.errors import UserError

if TYPE_CHECKING:
    from results.statement import Predicate

__all__ = ["options_of", "stated_options"]

# They hold on one machine only, or would tell the public about it: whoever reproduces a run
# gives his own. `datasheet` comes from the catalogue, which both have.
_LOCAL = {
    "api_key_env",
    "cache",
    "datasheet",
    "endpoint",
    "engine_program",
    "meter_trace",
    "reference",
    "samples",
    "tokenizer",
    "trace",
    "weights",
}


def stated_options(options: Options) -> dict[str, Any]:
    """Return what the statement says; a sweep is stated by the text of its file.

    Raises:
        UserError: the sweep's file has gone or is no text.
    """
    chosen: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in options.suite_options.items()
        if name not in _LOCAL and value is not None
    }
    if sweep := chosen.get("sweep"):
        chosen["sweep"] = files.read_text(Path(sweep), most=toml_file.MOST_BYTES)
    return chosen


def options_of(predicate: Predicate, out: Path, **local: Any) -> Options:
    """Return the options that repeat a stated run here.

    Args:
        out: folder for the sweep's file, where the run had one.
        local: what a statement cannot say: `endpoint`, `api_key_env`, `weights`, `tokenizer`; None
            where it is not given.

    Raises:
        UserError: the run needs an endpoint or a weight file, or the wrong one is given.
    """
    run = predicate.run
    if any("trace_sha256" in item.labels for item in predicate.measurements):
        raise UserError(
            "replayed a trace, which a result names by its digest only",
            where=run.id,
            remedy="give the same file to `fenmark run --trace`",
        )
    chosen = {**(run.options or {}), **{name: v for name, v in local.items() if v is not None}}
    _check_engines(predicate, chosen)
    if "sweep" in chosen:
        file = out / f"sweep-of-{run.id}.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, str(chosen["sweep"]).encode())
        chosen["sweep"] = str(file.absolute())
    return Options(
        suites=tuple(run.suites), profile=run.profile, seed=run.seed, suite_options=chosen
    )


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
