"""The registry of labels: what a figure says beside its number; one name, one type, everywhere.

`python -m suites.base.labels` prints it as a page of the documentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LABELS", "MOST_CHIPS", "LabelType", "page", "table"]

# Longest context any model of the catalogue states, with room for ten times more.
_MOST_TOKENS = 100_000_000
# No machine of today holds more requests or runs more processes; above, products lose meaning.
_MOST_AT_ONCE = 10_000_000
# Of one machine, as results state it and options take it; a label may say more, as it always could.
MOST_CHIPS = 1_000_000
# Beyond this JavaScript readers lose digits (ECMA-262, Number.MAX_SAFE_INTEGER).
_MOST_COUNT = 2**53 - 1
# As `results` draws them: products of two such figures stay finite.
_MOST = 1e15


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelType:
    """A label that a measurement may carry.

    Attributes:
        name: key in results.
        type: of its value; a whole number is a number, a boolean never is.
        meaning: for people.
        unit: SI or the field's own, empty where it has none.
        least, most: of a number, both included.
        choices: of a text, all it may say; empty where it is free.
    """

    name: str
    type: Literal["whole", "number", "boolean", "text"]
    meaning: str
    unit: str = ""
    least: float = 0
    most: float = _MOST
    choices: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """Say what its value may be, such as "a whole number from 1 to 100,000,000"."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.type == "boolean":
            return "true or false"
        if self.type == "text":
            return "a line of at most 256 characters"
        kind = "a whole number" if self.type == "whole" else "a number"
        return f"{kind} from {_shown(self.least)} to {_shown(self.most)}"


def _shown(bound: float) -> str:
    if bound == _MOST_COUNT:
        return "2^53 − 1"
    return f"{bound:g}".replace("e+", "e") if abs(bound) >= _MOST else f"{bound:,.0f}"


def _whole(
    name: str, meaning: str, *, unit: str = "", least: int = 1, most: int = _MOST_COUNT
) -> LabelType:
    return LabelType(name=name, type="whole", meaning=meaning, unit=unit, least=least, most=most)


def _tokens(name: str, meaning: str) -> LabelType:
    return _whole(name, meaning, unit="tokens", most=_MOST_TOKENS)


def _number(
    name: str, meaning: str, *, unit: str = "", least: float = 0, most: float = _MOST
) -> LabelType:
    return LabelType(name=name, type="number", meaning=meaning, unit=unit, least=least, most=most)


def _text(name: str, meaning: str, *choices: str) -> LabelType:
    return LabelType(name=name, type="text", meaning=meaning, choices=choices)


_ALL = (
    # The load.
    _tokens("isl", "input tokens of a request; of several lengths, their mean"),
    _tokens("osl", "output tokens of a request; of several lengths, their mean"),
    _number("isl_spread", "isl is uniform within this share of its mean to both sides", most=1),
    _number("osl_spread", "osl is uniform within this share of its mean to both sides", most=1),
    _text("lengths_sha256", "digest of the file of lengths"),
    _text("length", "who ends an answer: the load after so many tokens, or the model", "natural"),
    _tokens("context", "tokens in the cache at the first decode step"),
    _whole("batch", "requests decoded together", most=_MOST_AT_ONCE),
    _whole("concurrency", "requests in flight: held, or at most", most=_MOST_AT_ONCE),
    _number("rate", "requests sent, whatever comes back", unit="1/s"),
    _text("arrival", "how requests of a rate are spaced", "poisson", "constant", "burst", "gamma"),
    _number("burstiness", "of gamma arrivals: 1 is Poisson, below is burstier"),
    _number("slo_ttft", "limit of TTFT that requests had to meet", unit="ms"),
    _number("slo_tpot", "limit of TPOT that requests had to meet", unit="ms"),
    _number("goodput_share", "share of the requests that had to meet the limits", most=1),
    _text(
        "api",
        "endpoint that was asked, where it is not that of completions",
        *("chat", "responses", "embeddings", "rerank"),
    ),
    _whole("addresses", "of one service, over which the load was spread", most=_MOST_AT_ONCE),
    _whole("documents", "ranked against one question in a request", most=_MOST_AT_ONCE),
    _number("shared_prefix", "share of a prompt that all prompts have in common", most=1),
    _text("isl_by", "how the length of a prompt is known"),
    _text(
        "osl_by",
        "who counted the output: the server (its text may not belie it), a tokenizer's file, the "
        "engine's own vocabulary (at least), or nobody, and each fragment is a token",
        *("server", "tokenizer", "vocabulary", "fragments"),
    ),
    _number("isl_counted", "mean input tokens the server counted, if others", unit="tokens"),
    _text("trace_sha256", "digest of the replayed trace"),
    _number("trace_speed", "speed of the replay over that of the trace"),
    _whole("turns", "requests of the replayed trace, or of each conversation"),
    _whole("sessions", "conversations of the replayed trace"),
    _whole("users", "people in conversation at a time", most=_MOST_AT_ONCE),
    _whole("agents", "agents in a session at a time", most=_MOST_AT_ONCE),
    _tokens("first_isl", "input tokens of a conversation's first request"),
    _tokens("turn_isl", "input tokens that each further turn adds, besides the answer before"),
    _tokens("longest_isl", "input tokens of a conversation's longest request"),
    _text("think_time", "pause before each further turn: its distribution, in seconds"),
    _whole("sub_agents", "of each session, side by side, once", most=_MOST_AT_ONCE),
    _number("cache_target", "share of all input tokens asked to be known from before", most=1),
    _number("known_share", "share of all input tokens that earlier requests began with", most=1),
    _whole("turn", "which request of a conversation, from 1"),
    _whole("images", "images in each prompt", most=_MOST_AT_ONCE),
    _text("image_size", "of each image, width x height in pixels"),
    _number("audio_s", "sound in each prompt", unit="s"),
    _text("lora_mix", "adapters that requests name, with their shares"),
    _whole("adapters", "how many adapters", most=_MOST_AT_ONCE),
    _text("adapter", "which of them"),
    _text("ramp", "first and last load of a ramp"),
    _whole("step", "which step of the ramp, from 1"),
    _whole("steps", "steps of the ramp"),
    # What stands behind the figure.
    _number("percentile", "of the distribution the figure is taken from", most=100),
    _whole("processes", "processes that measured", most=_MOST_AT_ONCE),
    _whole("process", "which process, from 0", least=0, most=_MOST_AT_ONCE),
    _whole("host", "which host of a fleet, from 0", least=0, most=_MOST_AT_ONCE),
    LabelType(name="valid", type="boolean", meaning="the instrument and the load were in order"),
    _text("invalid_because", "what was not"),
    LabelType(
        name="saturated",
        type="boolean",
        meaning="more was sent than done: the rate is the server's most, and no latency is given",
    ),
    _number("share_of_input", "cached over all input tokens, as the engine says"),
    _number(
        "engine_difference_ms",
        "the client's figure less that of the engine's clock",
        unit="ms",
        least=-_MOST,
    ),
    _number("repeat_ratio", "measured again at the end of a process, over the first time there"),
    LabelType(
        name="repeat_agrees",
        type="boolean",
        meaning="that ratio is within what two processes differ by",
    ),
    _text("model", "geometry the figure is about; empty for none"),
    # Kernels.
    _text("family", "kind of kernel, or of question"),
    _text(
        "dtype",
        "type of the operands",
        *("f64", "f32", "tf32", "f16", "bf16", "fp8", "int8", "fp4"),
    ),
    _text("backend", "array library, and device"),
    _text("path", "array-api, or a fast path of the library's own"),
    _text("cache", "where operands lie: last-level cache or memory", "hot", "cold"),
    _text("timing", "whose clock", "host", "event", "graph"),
    _whole("flops", "operations of a call", unit="FLOP", least=0),
    _whole("bytes", "bytes a call must move", unit="B", least=0),
    _whole("calls_per_block", "calls timed together"),
    _whole("blocks", "blocks timed"),
    _whole("blocks_disturbed", "blocks that something else took part in", least=0),
    _text("stopped_because", "interval narrow enough, or time up", "converged", "cap"),
    _number(
        "speed_change",
        "share by which probes saw the machine slow down or speed up around a process; intervals "
        "reach as far to both sides",
        most=1,
    ),
    _number("quantization_error", "relative L2 distance of quantized operands from their origin"),
    _text("bound", "side of the measured roofline", "compute", "memory"),
    _number("attained", "rate in attained_unit"),
    _text("attained_unit", "unit of attained", "TFLOP/s", "GB/s"),
    _number("intensity_flop_per_byte", "operational intensity", unit="FLOP/B"),
    _number("machine_balance_flop_per_byte", "ridge of the measured roofline", unit="FLOP/B"),
    _number("share_of_measured_roofline", "attained over attainable, as measured here"),
    _number("share_of_datasheet_roofline", "attained over attainable, by the datasheet"),
    _text("reached_by", "case that reached the limit"),
    _text("place", "device whose limit it is"),
    # Quality.
    _whole("question_seed", "the run's seed, which questions are made from", least=0),
    _text("question_api", "interface that questions were asked by", "chat", "completions"),
    _tokens("answer_tokens", "most output tokens of an answer"),
    _number("temperature", "of sampling; 0 is greedy"),
    _text("levels", "right answers of those at each level of difficulty, the easiest first"),
    _whole("unanswered", "questions that got no answer", least=0),
    _whole("left_out", "questions too long for the context that was served", least=0),
    _text("reference_sha256", "digest of the reference that trusted weights made"),
    _number("margin", "loss of right answers that still counts as none", most=1),
    _text(
        "verdict",
        "what the figure says of the weights, or of the load",
        *("same", "same within quantization", "different", "undecided", "not worse", "worse"),
        *("worse under load", "not worse under load"),
    ),
    _number("hidden_share", "share of the load's requests that are questions", most=1),
    # Energy.
    _text("meter", "name of the meter, one of the statement's"),
    _text("scope", "what the joules cover", "chip", "package", "node", "wall"),
    _text(
        "meter_method",
        "how the joules were got",
        *("hardware counter", "sampled power", "external meter", "model"),
    ),
    _number("max_gap_s", "longest time between two readings", unit="s"),
    _number("idle_w", "power at rest before the run, by the same meter", unit="W"),
    _number("above_idle", "the figure less idle, in its own unit"),
    _text("energy_tier", "what stands behind a wall meter's energy", "informative"),
    _number("error_percent", "expanded uncertainty of the energy, coverage factor 2", unit="%"),
    _number("error_above_idle_percent", "the same of the energy less idle", unit="%"),
    _number("error_meter_percent", "of it by the meter's class, one deviation", unit="%"),
    _number("error_resolution_percent", "of it by the meter's smallest step", unit="%"),
    _number("error_sampling_percent", "of it by power between readings", unit="%"),
    _number("error_edges_percent", "of it by the window's edges", unit="%"),
    _number("error_idle_percent", "of what is above idle by the idle power", unit="%"),
    _number("error_psu_percent", "of a comparison with a chip's own joules", unit="%"),
    _number("counter_to_integral", "the counter over the integral of the sensor's power"),
    # Others' figures, as importers write them.
    _text(
        "statistic",
        "of the publisher's distribution: mean, median, std, min, max, or p and the percentile",
    ),
    _text("tokens", "which energy is divided by which tokens"),
    # Of a named benchmark of answers.
    _text("task", "benchmark, as its harness names it"),
    _text("task_version", "of the benchmark, as its harness counts"),
    _text("scored_by", "the harness' own name for what counts as right, such as acc_norm"),
    _text("answer_filter", "how the harness finds the answer in the text; none: as it stands"),
    _number("stderr", "standard error of the score, as the harness says", most=1),
    _whole("fewshot", "solved examples before each question", least=0),
    # Figures of an attested result: whose they are, and what their file says.
    _text("harness", "reader of the harness that measured, such as guidellm"),
    _text("harness_version", "of that harness, as its file or the signer says"),
    _text("chip_in_file", "what the harness' file says it ran on"),
    _whole("count_in_file", "chips that it says shared the work", most=_MOST_AT_ONCE),
    _text("model_in_file", "model that it names"),
    _text("precision_in_file", "precision that it names"),
    _text("engine_in_file", "engine that it names"),
    # The conditions of others' figures, as importers write them.
    _whole("chips", "chips that share the work", most=_MOST_AT_ONCE),
    _whole("tensor_parallel", "chips that share each layer", most=_MOST_AT_ONCE),
    _whole("pipeline_parallel", "groups of layers, one after another", most=_MOST_AT_ONCE),
    _whole("expert_parallel", "chips that share the experts of a layer", most=_MOST_AT_ONCE),
    _whole("data_parallel", "copies of the model, or of its attention", most=_MOST_AT_ONCE),
    _whole("replicas", "servers behind one address", most=_MOST_AT_ONCE),
    LabelType(
        name="disaggregated", type="boolean", meaning="prefill and decode have chips of their own"
    ),
    _whole("prefill_chips", "chips of the prefill pool", most=_MOST_AT_ONCE),
    _whole("decode_chips", "chips of the decode pool", most=_MOST_AT_ONCE),
    _text("prefill_pool", "how the prefill pool is made up"),
    _text("decode_pool", "how the decode pool is made up"),
    _text("speculation", "method of drafting several tokens a step; none where there is none"),
    _whole("draft_tokens", "tokens drafted a step", least=0, most=_MOST_AT_ONCE),
    _text(
        "acceptance",
        "whether that length was made so by the engine, whatever was drafted, is as stated, or as "
        "the server's own metrics say",
        *("pinned", "stated", "measured"),
    ),
    _text(
        "acceptance_rates",
        "share of the drafts that were accepted up to each place, the first place first",
    ),
    _whole("position", "place in a draft of a speculating engine", most=_MOST_AT_ONCE),
    _number("acceptance_length", "mean tokens of a step of a speculating engine", unit="tokens"),
    _text("image", "container the engine ran in"),
    _whole(
        "depth", "tokens in the cache before the test", unit="tokens", least=0, most=_MOST_TOKENS
    ),
    _text("kv_cache", "type of the cache, of keys / of values where they differ"),
    LabelType(name="streaming", type="boolean", meaning="tokens were sent as they were made"),
    _whole("requests", "requests that were answered", least=0),
    _whole("failed_requests", "requests that were not", least=0),
    _text("dataset", "where the prompts are from"),
    _whole("repetition", "which repetition of one test, from 0", least=0),
    _number("power_cap_w", "limit set on the power of one chip", unit="W"),
)

LABELS = {label.name: label for label in _ALL}

_HEAD = """---
title: Labels
description: What a figure of a signed result may say beside its number, and of which type it is.
---

# Labels

Generated from `suites/base/labels.py` by `python -m suites.base.labels`; a test keeps it so.

A measurement of a signed result carries labels: its load, its place, what stands behind it. In
version 2 of the schema a label that is not in this table, or whose value is not of its type, is
refused on reading. Version 1 left names and types open: a name of this table must still have
its type there, or the rule *labels* refuses the result (see [Proof](proof.md)), and a name that is
not in it is carried and never read.

A boolean is not a number and a number is not a boolean. Numbers are finite, bounds are included,
and a text is one line of at most 256 characters.

"""


def page() -> str:
    """Return the page of the documentation."""
    return _HEAD + table()


def table(translate: Callable[[str], str] = str) -> str:
    """Return the labels, in Markdown.

    Args:
        translate: English cell -> the cell in the table's language.
    """
    head = map(translate, ("label", "value", "unit", "meaning"))
    lines = [f"| {' | '.join(head)} |", "|---|---|---|---|"]
    for label in LABELS.values():
        cells = map(translate, (label.expected, label.unit, label.meaning))
        lines.append(f"| `{label.name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
