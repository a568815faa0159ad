"""What is measured: an engine we start, or an endpoint that is already running."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suites.engines import LlamaCpp, Settings, default_threads
from suites.errors import UserError
from suites.models import load
from suites.serving.target import Target, key_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Subject", "default_cache", "subject", "subject_spec"]


# Read when set and no other variable is named.
_KEY_ENV = "FENMARK_API_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The endpoint under test.

    Attributes:
        target: where to send.
        engine: fields of `results.statement.Engine`.
        check_alive: raises when an engine of ours has ended.
    """

    target: Target
    engine: dict[str, Any]
    check_alive: Callable[[], None]


def default_cache() -> Path:
    """Where generated models are kept: FENMARK_CACHE, else the user's cache folder."""
    named = os.environ.get("FENMARK_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "fenmark" / "models"


def subject_spec(options: Mapping[str, Any]) -> dict[str, Any]:
    """Pick from plan options what names the subject, checked, as plain JSON.

    Raises:
        UserError: unknown model, unusable endpoint, an API that does not exist.
    """
    endpoint, api = options.get("endpoint"), options.get("api") or "completions"
    key_env = options.get("api_key_env") or (_KEY_ENV if os.environ.get(_KEY_ENV) else None)
    if api not in {"completions", "chat"}:
        raise UserError(f"unknown API {api!r}", where="api", expected="completions or chat")
    model = str(options.get("model") or "qwen2.5-0.5b")
    weights = options.get("weights")
    if endpoint:
        Target(url=str(endpoint), model=model)
        key_from(key_env)
    elif not weights:
        load(model)
    return {
        "model": model,
        "endpoint": endpoint,
        "api": api,
        "api_key_env": key_env,
        "weights": str(weights) if weights else None,
        "cache": str(options.get("cache") or default_cache()),
        "threads": int(options.get("threads") or default_threads()),
    }


@contextmanager
def subject(spec: Mapping[str, Any], *, slots: int, context: int) -> Iterator[Subject]:
    """Start llama.cpp with room for `slots` requests of `context` tokens, or take the endpoint.

    Raises:
        CheckError: the engine did not start.
        UserError: see `subject_spec` and `suites.engines.generate`.
    """
    if spec["endpoint"]:
        target = Target(
            url=spec["endpoint"],
            model=spec["model"],
            api=spec["api"],
            key=key_from(spec["api_key_env"]),
        )
        yield Subject(target=target, engine=_foreign(spec), check_alive=lambda: None)
        return
    settings = Settings(slots=slots, context=context, threads=spec["threads"])
    weights = Path(spec["weights"]) if spec["weights"] else None
    engine = LlamaCpp.for_model(spec["model"], settings, cache=Path(spec["cache"]), weights=weights)
    with engine:
        target = Target(url=engine.url, model=spec["model"], api=spec["api"])
        yield Subject(target=target, engine=engine.describe(), check_alive=engine.check_alive)


def _foreign(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Say of an endpoint only what is known of it."""
    return {
        "name": "endpoint",
        "version": "unknown",
        "model": spec["model"],
        "weights_sha256": None,
        "weights": "unknown",
        "precision": "unknown",
        "flags": {"api": spec["api"]},
    }
