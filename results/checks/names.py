"""Does a result speak of what this version knows: metrics, units, cases, models, its own code?"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from results import catalog
from results.checks.claim import case_load, flags_of_run, number, place_of, said_by_file
from results.checks.finding import CheckedFigure, at_most
from suites.base.metrics import METRICS
from suites.models.names import known_as
from suites.models.widths import bits_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from results.catalog.versions_data import Version
    from results.checks.claim import Claim
    from results.checks.finding import Context
    from results.statement.statement import (
        Engine,
        Measurement,
        Option,
        Predicate,
        StatedLabel,
    )

__all__ = [
    "cases_are_their_labels",
    "first_day",
    "metrics_are_known",
    "names_are_as_they_look",
    "one_model_is_measured",
    "precision_is_that_of_its_names",
    "software_is_stated",
    "suite_is_known",
]

# Labels that laws and pages read.
_NUMBERS = {"isl", "osl", "concurrency", "rate", "batch", "context", "percentile", "processes"}
# Rates of requests that several clients send: the other suites have none.
_OF_SERVING = {"output_throughput", "request_throughput", "goodput"}
_OTHER_SUITES = {"kernels", "inference"}
_KERNEL_PARTS = 3
# A version is in use before it is tagged.
_BEFORE_RELEASE = timedelta(days=7)
# Flags of an engine that say how wide its weights are, and words that say it in them and in names
# of models. Methods without a number are used at several widths, all of them narrow.
_WEIGHTS = (
    *("quantization", "quant", "dtype", "weight-dtype", "weights-dtype", "load-format"),
    *("torchao-config", "model", "model-path", "m", "hf", "hf-repo", "hf-file"),
)
_WIDTH = re.compile(
    r"(?:^|[^a-z0-9])((?:nv|mx)?fp[48]|nf4|u?int[48](?:wo)?|w[0-9]+a[0-9]+|awq|gptq|bnb"
    r"|bitsandbytes|[0-9]-?bit|[0-9](?:[.][0-9]+)?-?bpw|i?q[0-9](?:_[0-9a-z_]+)?"
    r"|half|b?float16|bf16|fp16)(?:$|[^a-z0-9])"
)
# Letters that look like those of a model's or a chip's name, and are others: full-width and
# mathematical ones, Greek, Cyrillic, Armenian, Cherokee, Lisu; and what is not seen at all.
_ALIKE = re.compile(
    "[\u00ad\u034f\u0370-\u058f\u061c\u13a0-\u13ff\u200b-\u200f\u2028-\u202e\u2060-\u2069"
    "\u212a\u212b\ua4d0-\ua4ff\ua640-\ua69f\ufe00-\ufe0f\ufeff\uff01-\uff5e"
    "\U0001d400-\U0001d7ff]"
)
_QUANTIZED = 8.0
# Of those, the flags that name a model; and flags that give one other sizes than its name has, by
# words of what they change: more of the positions, or a tokenizer's habits, change none.
_MODELS = ("model", "model-path", "m", "hf", "hf-repo", "hf-file")
_OVERRIDES = (
    *("hf-overrides", "json-model-override-args", "override-kv", "model-kwargs"),
    *("num-hidden-layers", "skip-layers", "layer-skip", "early-exit"),
)
_SIZES = re.compile(
    r"layer|hidden|head|expert|vocab|intermediate|block_count|embedding_length|feed_forward|window"
    r"|exit",
    re.ASCII,
)
_UNREAL = {"dummy", "random"}  # weights that an engine makes up, by its flag `load-format`
# A case of these shapes is one load, held or sent, and replays, converses and ramps not.
_LOADS = {"closed": ("rate", "arrival"), "open": ()}
_OTHER_LOADS = (
    *("users", "agents", "turns", "known_share", "cache_target", "sub_agents", "think_time"),
    *("trace_sha256", "trace_speed"),
)
# What a case's name says besides its numbers, by the letters before it, where its label does.
_PREFIX = re.compile(r"prefix(\d{1,4}(?:\.\d{1,8})?(?:e-?\d{1,2})?)", re.ASCII)
# Options that a load's labels repeat, and those that a load without them does not have.
_REPEATED = ("isl", "osl", "concurrency", "rate")
_UNSAID = ("shared_prefix", "isl_spread", "osl_spread")
_CHOSEN_LOAD = {"search", "sweep", "ramp", "trace", "users", "agents"}
_DRAFTED = ("tpot", "output_throughput")  # what drafts make faster
_SHARE, _ENDPOINT = "share", "endpoint"
_NEAR = 1e-5  # a rate stands in the path with six digits


def metrics_are_known(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    for item in claim.measurements:
        metric = METRICS.get(item.metric)
        reason = None
        if metric is None:
            reason = "is not a metric of this version"
        elif metric.unit != item.unit:
            reason = f"is in {item.unit}; {item.metric} is in {metric.unit}"
        elif item.n == 0:
            reason = "has no sample behind it"
        elif item.unit == _SHARE and item.method == "measured" and item.value > 1:
            reason = f"is a share of {item.value:.4g}"
        if reason:
            yield CheckedFigure(where=place_of(item), reason=reason)


def cases_are_their_labels(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """The load in a case's name is the load in its labels, and a number is one."""
    if claim.predicate is None:
        return
    run = claim.predicate.run
    suites = set(run.suites)
    for item in claim.measurements:
        if reason := _odd(item, suites) or _other_load(item, run.options or {}):
            yield CheckedFigure(where=place_of(item), reason=reason)


def one_model_is_measured(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    if claim.predicate is None:
        return
    named = sorted({f"{engine.model} {engine.precision}" for engine in claim.predicate.engines})
    reason = f"{', '.join(named)[:200]} in one result: no figure says of which it is"
    yield CheckedFigure(where="engines", reason=reason if len(named) > 1 else None)
    yield from _said_by_file(claim)
    for engine in claim.predicate.engines:
        yield CheckedFigure(where="engines.flags", reason=_other_model(claim.predicate, engine))


def _other_model(predicate: Predicate, engine: Engine) -> str | None:
    """What flags and options say of a model that is not the one named, or not with its sizes."""
    named = (predicate.run.options or {}).get("engine")
    if isinstance(named, str) and engine.name != _ENDPOINT:
        asked, ran = (_letters(text) for text in (named.partition(":")[0], engine.name))
        if not ran.startswith(asked):
            return f"the options name the engine {named[:40]!r}, the result {engine.name[:40]!r}"
    for flag, value in flags_of_run(predicate, engine):
        text = str(value)
        if flag in _MODELS:
            meant, own = known_as(text.rpartition("/")[2]), known_as(engine.model)
            if meant and own and meant != own:
                return f"{flag} names {text[:60]!r}, the result {engine.model[:60]!r}"
        elif flag in _OVERRIDES and _SIZES.search(f"{flag} {text}".lower()):
            return f"{flag[:40]} changes the sizes of {engine.model[:60]!r}"
        elif flag == "load-format" and text in _UNREAL and engine.weights == "real":
            return f"{flag} {text}: its weights are made up, and called real"
    return None


def _letters(text: str) -> str:
    return re.sub("[^a-z0-9]", "", text.lower())


def _said_by_file(claim: Claim) -> Iterator[CheckedFigure]:
    """A harness' file may name the model and precision itself; a path says neither."""
    engines = claim.predicate.engines if claim.predicate else ()
    for engine in engines:
        for name in map(str, said_by_file(claim, "model")):
            differs = known_as(name) not in {None, known_as(engine.model)}
            reason = f"the file says {name[:60]!r}, the result {engine.model[:60]!r}"
            yield CheckedFigure(where="engines.model", reason=reason if differs else None)
        for width in map(str, said_by_file(claim, "precision")):
            differs = width.lower() != engine.precision.lower()
            reason = f"the file says {width[:60]!r}, the result {engine.precision[:60]!r}"
            yield CheckedFigure(where="engines.precision", reason=reason if differs else None)


def precision_is_that_of_its_names(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """Weights are no narrower by the model's name or the engine's flags than is stated."""
    predicate = claim.predicate
    if predicate is None:
        return
    for engine in predicate.engines:
        stated = bits_of(engine.precision)
        for where, text in (("model", engine.model), *flags_of_run(predicate, engine)):
            if where not in _WEIGHTS:
                continue
            # Of a path the last name: folders are called after anything.
            word = _WIDTH.search(str(text).rpartition("/")[2].lower())
            bits = bits_of(word[1]) if word else None
            if word is None or stated is None or bits is None:
                continue
            if stated <= _QUANTIZED and not re.search("[0-9]", word[1]):
                continue  # methods of several widths
            shown = f"{where[:40]} says {word[1]}"
            reason = f"{engine.precision[:40]} has {{left}} bits, {shown}: {{right}}"
            yield at_most("engines", stated, bits, reason)


def names_are_as_they_look(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """A name in letters that look like others is another name, to tables and not to readers."""
    if claim.predicate is None:
        return
    chip = claim.predicate.machine.chip
    named = [("machine.chip.name", chip.name)]
    for engine in claim.predicate.engines:
        named += [("engines.name", engine.name), ("engines.model", engine.model)]
        named += [("engines.precision", engine.precision)]
        named += [("engines.flags", flag) for flag in engine.flags]
    for where, name in named:
        odd = None if name.isascii() else _ALIKE.search(name)
        reason = f"U+{ord(odd[0]):04X} stands in it, which looks like another letter" if odd else ""
        yield CheckedFigure(where=where, reason=reason or None)


@cache
def first_day(version: Version) -> str:
    """Return the day from which on runs of a version may be, such as 2026-11-16."""
    return (version.date - _BEFORE_RELEASE).isoformat()


def software_is_stated(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """A figure without its engine or code cannot be repeated."""
    predicate = claim.predicate
    if predicate is None:
        return
    suites = {item.suite for item in predicate.measurements}
    if suites & {"inference", "serving"} and not predicate.engines:
        yield CheckedFigure(where="engines", reason="tokens were measured, but no engine is named")
    if predicate.source.modified:
        yield CheckedFigure(where="source", reason="measured by code that differed from its commit")


def suite_is_known(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    if claim.predicate is None:
        return
    version = claim.predicate.run.suite_version
    known = catalog.versions().get(version)
    if known is None:
        yield CheckedFigure(
            where="run.suite_version", reason=f"{version} is not a released version"
        )
    elif claim.predicate.run.finished_at[:10] < first_day(known):
        ended = claim.predicate.run.finished_at[:10]
        reason = f"ended on {ended}, {version} was released on {known.date}"
        yield CheckedFigure(where="run.finished_at", reason=reason)


def _odd_kernel(item: Measurement) -> str | None:
    """A kernel's case is named family/dtype/backend/…, and ends in hot where its cache is."""
    family, dtype, cache = map(item.labels.get, ("family", "dtype", "cache"))
    parts = item.case.split("/")
    if family is None or len(parts) < _KERNEL_PARTS:
        return None
    told = (parts[0], parts[1], "hot" if parts[-1] == "hot" else "cold")
    stated = (family, dtype, "cold" if cache is None else cache)
    for name, in_case, in_label in zip(("family", "dtype", "cache"), told, stated, strict=True):
        if in_case != in_label:
            return f"its case says {name} {in_case[:40]}, its label {str(in_label)[:40]}"
    return None


def _other_load(item: Measurement, options: Mapping[str, Option]) -> str | None:
    """What labels say of another load than the case, or than the run was asked for."""
    shape, *parts = item.case.split("/")
    labels = item.labels
    if labels.get("valid") is True and "invalid_because" in labels:
        return f"is called valid, and invalid because {str(labels['invalid_because'])[:60]}"
    if item.suite != "serving" or shape not in _LOADS:
        return None
    if "speculation" in options and item.metric in _DRAFTED and "speculation" not in labels:
        return "the run was asked to draft tokens, and no label says so"
    return _not_the_case(labels, shape, parts) or _not_asked(labels, options)


def _not_the_case(
    labels: Mapping[str, StatedLabel], shape: str, parts: Sequence[str]
) -> str | None:
    """What labels say otherwise than the words of a case's name."""
    for name in (*_LOADS[shape], *_OTHER_LOADS):
        if name in labels:
            return f"its case is of a load {shape}, and its label {name} of another"
    told = next((float(own[1]) for part in parts if (own := _PREFIX.fullmatch(part))), 0.0)
    if abs(told - (number(labels.get("shared_prefix")) or 0.0)) > _NEAR:
        return f"its case says a shared prefix of {told:g}, its label another"
    spacing = parts[0] if shape == "open" and parts else ""
    arrival = str(labels.get("arrival", spacing))
    if not spacing.startswith(arrival):
        return f"its case says arrivals {spacing[:40]}, its label {arrival[:40]}"
    return None


def _not_asked(labels: Mapping[str, StatedLabel], options: Mapping[str, Option]) -> str | None:
    """What labels say otherwise than the options that the run states."""
    if not _CHOSEN_LOAD.isdisjoint(options):
        return None
    for name in (*_REPEATED, *_UNSAID):
        asked = options.get(name)
        values = [number(value) for value in (asked if isinstance(asked, list) else [asked])]
        told = number(labels.get(name, 0 if name in _UNSAID else None))
        if None not in values and told is not None and told not in values:
            return f"its label says {name} {told:g}, the run was asked for another"
    return None


def _odd(item: Measurement, suites: set[str]) -> str | None:
    if item.suite not in suites:
        return f"is of the suite {item.suite[:40]!r}, which did not run"
    if item.metric in _OF_SERVING and item.suite in _OTHER_SUITES:
        return f"is a figure of serving, and stated under the suite {item.suite}"
    for name in item.labels:
        if name in _NUMBERS and number(item.labels[name]) is None:
            return f"its label {name} is {str(item.labels[name])[:40]!r}, and no number"
    if item.suite == "kernels" and (odd := _odd_kernel(item)):
        return odd
    for label, told in case_load(item.suite, item.case).items():
        stated = number(item.labels.get(label))
        if stated is not None and abs(stated - told) > _NEAR * told:
            return f"its case says {label} {told:g}, its label {stated:g}"
    return None
