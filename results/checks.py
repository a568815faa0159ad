"""Is a result consistent with itself, with physics and with what came before it? Pure.

A document that contradicts itself is refused; a figure that physics or a datasheet speaks
against is flagged: shown with the flag, never deleted, because datasheets err too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, Literal

from results import catalog
from results.challenge import seed_of
from suites import models
from suites.errors import UserError
from suites.kernels.spotcheck import recompute
from suites.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from random import Random

    from results.catalog import ChipEntry
    from results.statement import Measurement, Statement

__all__ = ["RULES", "Context", "Finding", "Outcome", "Rule", "check", "copied", "outcome"]

Outcome = Literal["accepted", "flagged", "refused"]
Nonce = Literal["issued", "unknown", "used", "expired"]

# A chip may boost a little above its stated clock, and power caps are held on average only.
_TOLERANCE = 1.10
# Client and engine round; a rate is a median of its own, not the quotient of two medians.
_ARITHMETIC = 1.25
# Longest context any model of the catalogue states, with room for ten times more.
_MOST_TOKENS = 100_000_000
# Kernel outputs computed again of one result: each costs the log up to a fifth of a second.
_RECOMPUTED = 3
_CLOCK_SKEW = timedelta(minutes=10)
# Bits a weight takes, from below: a bound must never be too strict. llama.cpp k-quants mix
# sizes, so that their name's digit is the floor (ggml: Q4_K is 4.5 bits, Q8_0 8.5).
_BITS = {"f32": 32, "bf16": 16, "f16": 16, "fp16": 16, "fp8": 8, "int8": 8, "fp4": 4, "int4": 4}
# Catalogue dtype whose peak bounds a kernel's; f32 may legally run on tf32 units.
_PEAK_OF = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "float64": "f64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a statement is held against besides itself.

    Attributes:
        now: UTC; None where the time of checking says nothing (an archive of old results).
        nonce: what became of the challenge it names; None where nobody can tell.
        samples: digests of raw samples already known, and the result that brought them.
        choose: picks the kernel outputs to compute again; None where none shall be.
    """

    now: datetime | None = None
    nonce: Nonce | None = None
    samples: Mapping[str, str] = field(default_factory=dict)
    choose: Random | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a rule has against a statement.

    Attributes:
        rule: its name.
        outcome: "flagged" or "refused".
        where: field of the predicate, or the case and metric.
        reason: one line for people, with both figures.
    """

    rule: str
    outcome: Outcome
    where: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """Return the four fields."""
        return {
            "rule": self.rule,
            "outcome": self.outcome,
            "where": self.where,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A named check.

    Attributes:
        outcome: of what it finds.
        source: why the rule holds.
        find: yields where and reason.
    """

    name: str
    outcome: Outcome
    source: str
    find: Callable[[Statement, Context], Iterator[tuple[str, str]]]


def check(statement: Statement, context: Context | None = None) -> list[Finding]:
    """Apply every rule to a statement whose signature holds."""
    held_against = context or Context()
    return [finding for rule in RULES for finding in _apply(rule, statement, held_against)]


def copied(statement: Statement, known: Mapping[str, str]) -> list[Finding]:
    """Apply the one rule whose answer depends on what was stored a moment ago.

    Args:
        known: digests of raw samples, and the result that brought them.
    """
    return list(_apply(_SAMPLES, statement, Context(samples=known)))


def outcome(findings: Sequence[Finding]) -> Outcome:
    """Return the worst outcome."""
    found = {finding.outcome for finding in findings}
    return "refused" if "refused" in found else "flagged" if found else "accepted"


def _intervals_hold_their_value(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    for item in statement.predicate.measurements:
        low = item.value if item.low is None else item.low
        high = item.value if item.high is None else item.high
        if not low <= item.value <= high:
            yield _at(item), f"{item.value:g} lies outside its interval [{low:g}, {high:g}]"


def _percentiles_are_ordered(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    numbered = [(_number(item, "percentile"), item) for item in statement.predicate.measurements]
    ranked = [(_series(item), p, item) for p, item in numbered if p is not None]
    ranked.sort(key=lambda one: one[:2])
    for _series_of, group in groupby(ranked, lambda one: one[0]):
        for (_same, p, lower), (_too, q, upper) in pairwise(group):
            if lower.value > upper.value and p < q:
                reason = f"p{p:g} is {lower.value:g}, above p{q:g} at {upper.value:g}"
                yield _at(lower), reason


def _metrics_are_known(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    for item in statement.predicate.measurements:
        metric = METRICS.get(item.metric)
        if metric is None:
            yield _at(item), "is no metric of this version"
        elif metric.unit != item.unit:
            yield _at(item), f"is in {item.unit}; {item.metric} is in {metric.unit}"
        elif item.value < 0:
            yield _at(item), f"is negative: {item.value:g} {item.unit}"
        elif item.n == 0:
            yield _at(item), "has no sample behind it"


def _times_are_sane(statement: Statement, context: Context) -> Iterator[tuple[str, str]]:
    run = statement.predicate.run
    try:
        started, finished = _time(run.started_at), _time(run.finished_at)
    except ValueError:
        yield "run", f"{run.started_at} or {run.finished_at} is no date"
        return
    if finished < started:
        yield "run.finished_at", f"ends at {run.finished_at}, before it began {run.started_at}"
    if context.now and finished > context.now + _CLOCK_SKEW:
        yield "run.finished_at", f"{run.finished_at} lies in the future"


def _nonce_is_ours(statement: Statement, context: Context) -> Iterator[tuple[str, str]]:
    if context.nonce in {"unknown", "used", "expired"}:
        reasons = {
            "unknown": "was not issued by this log with this not_before",
            "used": "was used by another result",
            "expired": "was issued too long ago",
        }
        yield "run.nonce", reasons[context.nonce]
        return
    run = statement.predicate.run
    if run.nonce is not None and run.seed != seed_of(run.nonce):
        yield "run.seed", f"{run.seed} does not come from the challenge: inputs may be older"


def _outputs_come_from_the_seed(
    statement: Statement, context: Context
) -> Iterator[tuple[str, str]]:
    """Elements of a few kernel outputs, computed again from the challenge's seed.

    Flags: NumPy's stream of random numbers may change between its versions.
    """
    predicate, run = statement.predicate, statement.predicate.run
    if context.choose is None or run.nonce is None or "kernels" not in run.suites:
        return
    if not predicate.outputs:
        yield "outputs", "kernels ran for a challenge, but no element of an output is given"
    models_of = {item.case: str(item.labels.get("model", "")) for item in predicate.measurements}
    left = _RECOMPUTED
    for output in context.choose.sample(predicate.outputs, len(predicate.outputs)):
        model = models_of.get(output.case)
        if left == 0 or model is None:
            continue
        try:
            found = recompute(
                output.case, model=model, profile_name=run.profile, seed=run.seed, process=0
            )
        except UserError as error:
            yield output.case, f"cannot be computed again: {error}"
            continue
        if found is None:
            continue
        left -= 1
        truth, tolerance = found
        off = [abs(a - b) for a, b in zip(output.elements, truth, strict=False)]
        if len(output.elements) != len(truth) or max(off) > tolerance:
            yield output.case, f"its output is not that of seed {run.seed}: off by {max(off):.2g}"


def _samples_are_new(statement: Statement, context: Context) -> Iterator[tuple[str, str]]:
    for subject in statement.subject:
        other = context.samples.get(subject.digest.sha256)
        if other:
            yield subject.name, f"raw samples are those of result {other}"


def _suite_is_known(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    version = statement.predicate.run.suite_version
    if version not in catalog.versions():
        yield "run.suite_version", f"{version} is no released version"


def _kernels_stay_below_the_roofline(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    """Attained rate ≤ datasheet peak × chips (roofline model, Williams et al. 2009)."""
    entry, count = _chip(statement)
    if entry is None:
        return
    whose = f"{entry.name}'s peak × {count}"
    for item in statement.predicate.measurements:
        if item.metric == "compute_rate":
            name = str(item.labels.get("dtype", ""))
            dtype = _PEAK_OF.get(name, name)
            names = (dtype, "tf32") if dtype == "f32" else (dtype,)
            peak = max((v for k, v in entry.peak_tflops.items() if k in names), default=None)
        elif item.metric == "bandwidth" and item.labels.get("cache") == "cold":
            peak = entry.memory_bandwidth_gb_s
        else:
            continue
        yield from _above(item, item.value, _times(peak, count), item.unit, whose)


def _decode_reads_its_weights(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    """A decode step reads every touched weight once: bytes ÷ TPOT ≤ bandwidth × chips.

    Speculative decoding gives several tokens a step, which is why this flags.
    """
    entry, count = _chip(statement)
    bits, geometry = _model(statement)
    if entry is None or geometry is None or bits is None:
        return
    limit = _times(entry.memory_bandwidth_gb_s, count)
    for item in statement.predicate.measurements:
        if item.metric != "tpot" or item.value <= 0 or item.labels.get("percentile", 50) != 50:
            continue
        context = _tokens(item, "context") or 1
        read = geometry.decode_min_bytes(context, bits_per_parameter=bits, kv_dtype_bytes=bits / 8)
        rate = read / 1e9 / (item.value / 1e3)
        yield from _above(item, rate, limit, "GB/s", f"{entry.name}'s memory × {count}")


def _prefill_computes_its_tokens(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    """Reading a token costs two FLOPs a weight: FLOPs ÷ TTFT ≤ the chip's highest peak × chips."""
    entry, count = _chip(statement)
    _bits, geometry = _model(statement)
    if entry is None or geometry is None or not entry.peak_tflops:
        return
    limit = max(entry.peak_tflops.values()) * count
    for item in statement.predicate.measurements:
        isl = _tokens(item, "isl")
        if item.metric != "ttft" or item.suite != "inference" or item.value <= 0 or isl is None:
            continue
        rate = geometry.prefill_flops(isl) / 1e12 / (item.value / 1e3)
        yield from _above(item, rate, limit, "TFLOP/s", f"{entry.name}'s highest peak × {count}")


def _tokens_add_up(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    """Decode rate = batch ÷ TPOT and prefill rate = ISL ÷ TTFT, of the same case."""
    pairs = {"decode_throughput": ("tpot", "batch"), "prefill_throughput": ("ttft", "isl")}
    by_key = {
        (item.case, item.metric): item
        for item in statement.predicate.measurements
        if item.suite == "inference"
    }
    for (case, metric), item in by_key.items():
        latency, tokens = pairs.get(metric, ("", ""))
        other, number = by_key.get((case, latency)), _tokens(item, tokens)
        if other is None or other.value <= 0 or number is None:
            continue
        expected = number * 1e3 / other.value
        if not expected / _ARITHMETIC <= item.value <= expected * _ARITHMETIC:
            reason = f"{item.value:g} tokens/s, but {tokens} ÷ {latency} gives {expected:g}"
            yield _at(item), reason


def _power_is_possible(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    """Idle ≤ mean power ≤ nameplate × chips, and joules a token × tokens/s likewise."""
    entry, count = _chip(statement)
    measured = [item for item in statement.predicate.measurements if item.method == "measured"]
    idle = min((item.value for item in measured if item.metric == "idle_power"), default=0.0)
    rates = {
        (item.case, metric): item.value
        for item in measured
        for rate, metric in (
            ("decode_throughput", "energy_per_output_token"),
            ("prefill_throughput", "energy_per_input_token"),
        )
        if item.metric == rate
    }
    bounds = entry.power_bounds_w(statement.predicate.machine.cpu_cores) if entry else None
    # A CPU's bound covers its cores already.
    chips = count if entry and entry.kind != "cpu" else 1
    nameplate_w = _times(bounds[1] if bounds else None, chips)
    for item in measured:
        if item.metric == "power":
            power = item.value
        elif (item.case, item.metric) in rates:
            power = item.value * rates[item.case, item.metric]
        else:
            continue
        if power < idle / _TOLERANCE:
            yield _at(item), f"draws {power:.3g} W at work, below its idle {idle:.3g} W"
        if item.labels.get("scope") in {"chip", "package"}:
            yield from _above(item, power, nameplate_w, "W", f"the nameplate × {chips}")


def _software_is_stated(statement: Statement, _: Context) -> Iterator[tuple[str, str]]:
    predicate = statement.predicate
    suites = {item.suite for item in predicate.measurements}
    if suites & {"inference", "serving"} and not predicate.engines:
        yield "engines", "tokens were measured, but no engine is named"
    energy = any(item.metric.startswith("energy_") for item in predicate.measurements)
    if energy and not predicate.meters:
        yield "meters", "energy is given, but no meter is named"
    if predicate.source.modified:
        yield "source", "measured by code that differed from its commit"


def _apply(rule: Rule, statement: Statement, context: Context) -> Iterator[Finding]:
    for where, reason in rule.find(statement, context):
        yield Finding(rule=rule.name, outcome=rule.outcome, where=where, reason=reason)


_SAMPLES = Rule(
    name="samples",
    outcome="flagged",
    source="two runs never give the same samples",
    find=_samples_are_new,
)

RULES = (
    Rule(
        name="interval",
        outcome="refused",
        source="an interval of a value holds the value",
        find=_intervals_hold_their_value,
    ),
    Rule(
        name="percentiles",
        outcome="refused",
        source="quantiles are monotone",
        find=_percentiles_are_ordered,
    ),
    Rule(
        name="metrics",
        outcome="refused",
        source="suites.metrics: one name, one unit",
        find=_metrics_are_known,
    ),
    Rule(
        name="times",
        outcome="refused",
        source="a run ends after it begins, and before it is submitted",
        find=_times_are_sane,
    ),
    Rule(
        name="nonce",
        outcome="refused",
        source="a challenge is used once, and seeds the inputs of the run it was issued for",
        find=_nonce_is_ours,
    ),
    Rule(
        name="outputs",
        outcome="flagged",
        source="what a kernel gives for the challenge's inputs was not known before it",
        find=_outputs_come_from_the_seed,
    ),
    _SAMPLES,
    Rule(
        name="suite",
        outcome="flagged",
        source="results/catalog/versions.toml: the released versions of Fenmark",
        find=_suite_is_known,
    ),
    Rule(
        name="roofline",
        outcome="flagged",
        source="datasheet peak and memory bandwidth × chips, 10% tolerance",
        find=_kernels_stay_below_the_roofline,
    ),
    Rule(
        name="decode",
        outcome="flagged",
        source="a step reads the weights once; datasheet bandwidth × chips, 10% tolerance",
        find=_decode_reads_its_weights,
    ),
    Rule(
        name="prefill",
        outcome="flagged",
        source="two FLOPs a weight and token; highest datasheet peak × chips, 10% tolerance",
        find=_prefill_computes_its_tokens,
    ),
    Rule(
        name="tokens",
        outcome="flagged",
        source="rate = tokens ÷ latency, within 25%",
        find=_tokens_add_up,
    ),
    Rule(
        name="power",
        outcome="flagged",
        source="idle power ≤ power ≤ nameplate × chips, 10% tolerance",
        find=_power_is_possible,
    ),
    Rule(
        name="software",
        outcome="flagged",
        source="a figure without its engine, meter or code cannot be repeated",
        find=_software_is_stated,
    ),
)


def _chip(statement: Statement) -> tuple[ChipEntry | None, int]:
    """Return the catalogue's entry and how many of it: of a CPU, the sockets its cores fill."""
    machine = statement.predicate.machine
    entry = catalog.chips().get(machine.chip.catalog_id or "")
    if entry is None or machine.chip.kind != "cpu":
        return entry, machine.chip.count
    largest = max((sku.cores for sku in entry.skus), default=machine.cpu_cores or 1)
    return entry, -(-machine.cpu_cores // (2 * largest)) or 1  # two threads a core


def _model(statement: Statement) -> tuple[float | None, Any]:
    """Bits a weight and geometry of the one engine's model; None where unknown or several."""
    engines = statement.predicate.engines
    if len({(engine.model, engine.precision) for engine in engines}) != 1:
        return None, None
    name = engines[0].precision.lower()
    digits = name.removeprefix("i").removeprefix("q").partition("_")[0]
    bits = _BITS.get(name, int(digits) if digits.isdecimal() else None)
    try:
        return bits, models.load(engines[0].model)
    except UserError:
        return None, None


def _above(
    item: Measurement, value: float, limit: float | None, unit: str, whose: str
) -> Iterator[tuple[str, str]]:
    if limit is not None and value > limit * _TOLERANCE:
        yield _at(item), f"needs {value:.4g} {unit}, {whose} is {limit:.4g}"


def _times(peak: float | None, count: int) -> float | None:
    return None if peak is None else peak * count


def _number(item: Measurement, label: str) -> float | None:
    """A label as a number; labels are the runner's own, so it may be anything."""
    found = item.labels.get(label)
    return None if isinstance(found, str | bool | None) else float(found)


def _tokens(item: Measurement, label: str) -> int | None:
    """A label as a number of tokens that a model could hold."""
    found = _number(item, label)
    return int(found) if found is not None and 1 <= found <= _MOST_TOKENS else None


def _series(item: Measurement) -> tuple[str, ...]:
    """Identity of the distribution a percentile belongs to."""
    return (item.suite, item.case, item.metric, item.method, str(item.labels.get("meter", "")))


def _at(item: Measurement) -> str:
    return f"{item.case} {item.metric}"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
