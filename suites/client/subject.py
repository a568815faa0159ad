"""What is measured: an engine we start, or an endpoint that is already running."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from suites.base import user_folders
from suites.base.errors import UserError
from suites.client.asking import asking_of, key_variable
from suites.client.preflight import preflight
from suites.client.preset import with_preset
from suites.client.speculation import conditions, speculation_of
from suites.client.target import Api, Target, addresses, key_from
from suites.client.tokenizing import by_gguf, by_tokenizer
from suites.client.vocabulary import Vocabulary, from_tokenizer
from suites.engines.gate import check, find, load_reference
from suites.engines.launch import engine_version
from suites.engines.llamacpp import LlamaCpp, Settings, default_threads
from suites.engines.served import EngineChoice, ServedEngine
from suites.engines.template import (
    BUNDLED,
    chosen,
    flag_words,
    image_of,
    template,
)
from suites.models import is_path, load
from suites.models.identity import WeightsIdentity, identify, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from suites.base.records import Label
    from suites.client.tokenizing import Tokens

__all__ = ["TestedEndpoint", "packages", "start_s", "subject", "subject_spec"]


# llama.cpp with half a gigabyte of weights.
_START_S = 3.0
# Half a billion parameters start in seconds anywhere.
_MODEL = "qwen2.5-0.5b"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestedEndpoint:
    """The endpoint under test.

    Attributes:
        target: where to send.
        engine: fields of `results.statement.statement.Engine`.
        check_alive: raises when an engine of ours has ended.
        labels: conditions that every figure states.
        metrics: address of the metrics of an engine started here that drafts tokens, for they say
            how many it accepts; empty otherwise.
        tokens: what counts the tokens of an answer's text, None where nothing does.
    """

    target: Target
    engine: dict[str, Any]
    check_alive: Callable[[], None]
    tokens: Tokens | None = None
    labels: dict[str, Label] = field(default_factory=dict)
    metrics: str = ""


def subject_spec(options: Mapping[str, Any]) -> dict[str, Any]:
    """Pick from plan options what names the subject, checked, as plain JSON.

    Raises:
        UserError: unknown model, unusable endpoint, an API that does not exist.
    """
    options = with_preset(options)
    endpoint, api = options.get("endpoint"), options.get("api") or "completions"
    key_env = key_variable(options)
    if api not in get_args(Api):
        raise UserError(f"unknown API {api!r}", where="api", expected=" or ".join(get_args(Api)))
    asking = asking_of(options)
    given, weights = options.get("model"), options.get("weights")
    model = str(given or _MODEL)
    if endpoint:
        key_from(key_env)
    elif weights:
        model = _name_of_weights(Path(weights), given)
    else:
        model = _name_of_model(model)
    tokenizer = options.get("tokenizer")
    if endpoint:
        url, *more = addresses(str(endpoint))
        Target(url=url, more=more, model=model, **asking)
    return {
        **_engine_spec(options),
        "reference": _reference_file(options),
        "gate": True,
        "model": model,
        # Where the sizes are: our id, or a file of the user's, which is not stated.
        "geometry": str(given or _MODEL),
        "endpoint": endpoint,
        "api": api,
        "api_key_env": key_env,
        "asking": asking,
        # The words themselves, so that the load needs no tokenizer.
        "words": from_tokenizer(Path(tokenizer)).to_json() if tokenizer else None,
        "tokenizer": str(tokenizer) if tokenizer else None,
        "weights": str(weights) if weights else None,
        "cache": str(options.get("cache") or user_folders.models()),
        "threads": int(options.get("threads") or default_threads()),
    }


def _name_of_model(given: str) -> str:
    """The name to sign for a model given by id or file.

    Raises:
        UserError: it is unknown, or has the name of another.
    """
    geometry = load(given)
    if not is_path(given):
        return geometry.id
    identity = WeightsIdentity(
        name=geometry.id, architecture="", parameters=geometry.parameters(), geometry=geometry
    )
    return name_of(identity, None, given)


def _name_of_weights(weights: Path, given: str | None) -> str:
    """The name the weights bear out; of a file that cannot be read, starting the engine says why.

    Raises:
        UserError: the name given is another model's.
    """
    try:
        identity = identify(weights)
    except UserError:
        return given or weights.stem[:120] or "unknown"
    return name_of(identity, given, str(weights))


def _reference_file(options: Mapping[str, Any]) -> str | None:
    given = options.get("reference")
    if not given:
        return None
    if not options.get("weights") and not options.get("endpoint"):
        raise UserError(
            "random weights have no right answers",
            where="--reference",
            remedy="it goes with --weights or --endpoint",
        )
    load_reference(Path(given))
    return str(given)


def _engine_spec(options: Mapping[str, Any]) -> dict[str, Any]:
    engine = str(options.get("engine") or BUNDLED)
    if engine != BUNDLED:
        chosen(engine)
    given = {
        name: options.get(name)
        for name in ("dtype", "tp", "pp", "dp", "ep", "engine_program", "engine_flags")
    }
    for name, value in given.items():
        if value and (engine == BUNDLED or options.get("endpoint")):
            raise UserError(
                "is for an engine that Fenmark starts by its command line",
                where=f"--{name.replace('_', '-').removesuffix('s')}",
                remedy="name it with --engine, such as --engine vllm, and give no --endpoint",
            )
    flags = list(given["engine_flags"] or ())
    for flag in flags:
        flag_words(flag)
    return {
        "engine": engine,
        "dtype": str(given["dtype"] or "auto"),
        "parallel": {axis: int(given[axis] or 1) for axis in ("tp", "pp", "dp", "ep")},
        "speculation": speculation_of(options),
        "engine_program": given["engine_program"],
        "engine_flags": flags,
        "engine_image": image_of(options.get("engine_image"), given["engine_program"]),
    }


def start_s(spec: Mapping[str, Any]) -> float:
    """Time a subject takes to be ready, for the estimate of a cell."""
    if spec["endpoint"]:
        return 0.0
    return _START_S if spec["engine"] == BUNDLED else chosen(spec["engine"])[0].start_s


def packages(engine: Mapping[str, Any]) -> dict[str, str]:
    """Versions of the packages that had a part in it: the client's loop, our own engine's."""
    names = (
        ["uvloop"] if find_spec("uvloop") else []
    )  # as `suites.serving.load.connections` takes it
    if engine["name"] == LlamaCpp.name:
        names += ["xllamacpp", "gguf"]
    return {name: version(name) for name in names}


@contextmanager
def subject(spec: Mapping[str, Any], *, slots: int, context: int) -> Iterator[TestedEndpoint]:
    """Start an engine with room for `slots` requests of `context` tokens, or take the endpoint.

    Raises:
        CheckError: the engine did not start.
        UserError: see `subject_spec` and `suites.engines.weights.generate`.
    """
    words = Vocabulary.from_json(spec["words"]) if spec["words"] else None
    tokens = by_tokenizer(Path(spec["tokenizer"])) if spec["tokenizer"] else None
    if spec["endpoint"]:
        url, *more = addresses(spec["endpoint"])
        target = Target(
            url=url,
            more=more,
            model=spec["model"],
            api=spec["api"],
            key=key_from(spec["api_key_env"]),
            words=words,
            **_extras(spec) | spec["asking"],
        )
        target, understood = preflight(target)
        described = _foreign(spec, target)
        described["flags"] |= understood
        described = _gated(spec, described, target)
        yield TestedEndpoint(
            target=target,
            engine=described,
            check_alive=lambda: None,
            tokens=tokens,
            labels=conditions(spec),
        )
        return
    with _engine(spec, slots, context) as engine:
        target = Target(
            url=engine.url,
            model=spec["model"],
            api=spec["api"],
            words=words,
            **_extras(spec) | spec["asking"],
        )
        described = engine.describe()
        described["flags"] |= _tokenizer(spec)
        described = _gated(spec, described, target)
        if tokens is None and isinstance(engine, LlamaCpp):
            tokens = by_gguf(engine.weights.path)
        yield TestedEndpoint(
            target=target,
            engine=described,
            check_alive=engine.check_alive,
            tokens=tokens,
            labels=conditions(spec),
            metrics=_metrics_of(spec, engine),
        )


def _metrics_of(spec: Mapping[str, Any], engine: LlamaCpp | ServedEngine) -> str:
    if not spec["speculation"] or not isinstance(engine, ServedEngine):
        return ""
    return engine.template.metrics and f"{engine.url}{engine.template.metrics}"


def _gated(spec: Mapping[str, Any], engine: dict[str, Any], target: Target) -> dict[str, Any]:
    """Let an engine with a reference through if it computes the model, and say that it did.

    Raises:
        CheckError: it does not; nothing is timed.
    """
    if not spec["gate"]:
        return engine
    given = spec["reference"]
    reference = load_reference(Path(given)) if given else find(engine["weights_sha256"])
    if reference is None:
        return engine
    agreement = check(reference, target.url, model=target.model, key=target.key)
    return {**engine, "flags": {**engine["flags"], **agreement}}


def _engine(spec: Mapping[str, Any], slots: int, context: int) -> LlamaCpp | ServedEngine:
    """The bundled engine, or one of the templates, described and not started yet."""
    model, cache = spec["model"], Path(spec["cache"])
    weights = Path(spec["weights"]) if spec["weights"] else None
    if spec["engine"] == BUNDLED:
        settings = Settings(slots=slots, context=context, threads=spec["threads"])
        return LlamaCpp.for_model(
            model, settings, cache=cache, weights=weights, geometry=spec["geometry"]
        )
    choice = EngineChoice(
        engine=spec["engine"],
        dtype=spec["dtype"],
        parallel=spec["parallel"],
        program=spec["engine_program"],
        flags=tuple(spec["engine_flags"]),
        speculation=spec["speculation"],
        image=spec["engine_image"],
    )
    return ServedEngine.for_model(
        model,
        choice,
        cache=cache,
        weights=weights,
        slots=slots,
        context=context,
        threads=spec["threads"],
        geometry=spec["geometry"],
    )


def _extras(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Fields the named engine knows; some refuse a request with any other."""
    if spec["engine"] == BUNDLED:
        return {}
    return {"extras": template(spec["engine"].partition(":")[0]).request_fields}


def _foreign(spec: Mapping[str, Any], target: Target) -> dict[str, Any]:
    """Say of an endpoint only what is known of it: its engine if the user names one."""
    name, version = "endpoint", "unknown"
    if spec["engine"] != BUNDLED:
        engine = template(spec["engine"].partition(":")[0])
        name, version = engine.name, engine_version(target.url, engine.version, key=target.key)
    return {
        "name": name,
        "version": version,
        "model": spec["model"],
        "weights_sha256": None,
        "weights": "unknown",
        "precision": "unknown",
        "flags": {"api": spec["api"], "endpoint": True, **_tokenizer(spec), **conditions(spec)},
        **({"image": spec["engine_image"]} if spec["engine_image"] else {}),
    }


def _tokenizer(spec: Mapping[str, Any]) -> dict[str, str]:
    words = spec["words"]
    return {"tokenizer_sha256": words["tokenizer_sha256"]} if words else {}
