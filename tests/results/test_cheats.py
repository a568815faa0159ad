"""False results are told by the law they break, and honest ones by none."""

import base64
import copy
import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from results import checks
from results.checks import Context
from results.statement.statement import Statement
from results.statement.statement_v2 import read_statement
from runners.cli import app
from tests.results import honest

CLOSED, OPEN = "closed/c8", "open/"


def rules_of(data, context=None):
    return {finding.rule for finding in checks.check(Statement.model_validate(data), context)}


def scaled(metric, factor, case="", ends=True, **labels):
    """Multiplies a figure and its interval."""

    def cheat(predicate):
        for item in picked(predicate, metric, case, labels):
            for end in ("value", "low", "high") if ends else ("value",):
                if item[end] is not None:
                    item[end] *= factor

    return cheat


def updated(metric, change, case="", **labels):
    """Changes fields of figures, and labels where they are a dictionary."""

    def cheat(predicate):
        for item in picked(predicate, metric, case, labels):
            for name, value in change.items():
                item[name] = {**item[name], **value} if isinstance(value, dict) else value

    return cheat


def picked(predicate, metric, case, labels):
    rows = [
        item
        for item in predicate["measurements"]
        if metric in {"", item["metric"]}
        and item["case"].startswith(case)
        and labels.items() <= item["labels"].items()
    ]
    assert rows
    return rows


def together(*cheats):
    def cheat(predicate):
        for change in cheats:
            change(predicate)

    return cheat


def at(path, value):
    """Sets a field of the predicate."""

    def cheat(predicate):
        place = predicate
        *folders, last = path.split(".")
        for name in folders:
            place = place[int(name) if name.isdigit() else name]
        place[last] = value

    return cheat


def case_renamed(old, new, case=CLOSED, **labels):
    def cheat(predicate):
        for item in picked(predicate, "", case, {}):
            item["case"] = item["case"].replace(old, new)
            item["labels"] |= labels

    return cheat


def swapped(predicate):
    low, high = (
        picked(predicate, "ttft", CLOSED, {"percentile": percentile})[0]
        for percentile in (50.0, 99.0)
    )
    for end in ("value", "low", "high"):
        low[end], high[end] = high[end], low[end]


def collapsed(predicate):
    for item in picked(predicate, "output_throughput", "", {}):
        item["low"] = item["high"] = item["value"]


def twice(predicate):
    [item] = picked(predicate, "output_throughput", CLOSED, {})
    predicate["measurements"].append(copy.deepcopy(item))


def twice_with_a_label(predicate):
    [item] = picked(predicate, "output_throughput", CLOSED, {})
    more = copy.deepcopy(item)
    more["labels"]["note"] = "second look"
    more["value"] = more["high"]
    predicate["measurements"].append(more)


def alone(predicate):
    """A rate without the latencies it could be checked against."""
    kept = [
        item
        for item in predicate["measurements"]
        if item["metric"] not in {"e2e", "ttft", "tpot", "interactivity", "request_throughput"}
    ]
    predicate["measurements"] = kept


def saturated(case):
    """A load that outran its server: it says so, and gives no latency."""

    def cheat(predicate):
        kept = []
        for item in predicate["measurements"]:
            if item["case"].startswith(case):
                item["labels"]["saturated"] = True
                if "percentile" in item["labels"] or item["metric"] == "interactivity":
                    continue
            kept.append(item)
        predicate["measurements"] = kept

    return cheat


def embedding(*, faster=1, told=True):
    """Adds a load of vectors, 160 ms each, eight at a time."""

    def cheat(predicate):
        labels = {"concurrency": 8, "isl": 512, "api": "embeddings", "processes": 3, "valid": True}
        items = [
            honest.figure("prefill_throughput", "tokens/s", 25_600.0 * faster, 3),
            honest.figure("request_throughput", "1/s", 50.0, 3),
            honest.figure("failed", "count", 0.0, 9_000),
        ]
        if told:
            items += [
                honest.figure("e2e", "ms", 160.0 + rank - 50, 9_000, percentile=float(rank))
                for rank in (50, 90, 99)
            ]
        predicate["measurements"] += [
            {**item, "suite": "serving", "case": "embeddings/closed/c8/isl512"}
            | {"labels": {**labels, **item["labels"]}}
            for item in items
        ]

    return cheat


def replayed(case, **labels):
    """The closed point as a trace under a cap that it does not reach."""

    def cheat(predicate):
        items = picked(predicate, "", CLOSED, {})
        for item in items:
            trace = {"trace_sha256": "0" * 64, "trace_speed": 1.0, "turns": 500, "sessions": 80}
            item["case"] = case
            item["labels"] |= {"concurrency": 64} | trace | labels
        predicate["measurements"] = items

    return cheat


def all_faster(factor, case=CLOSED):
    """Everything a serving point says, consistently."""
    slower = [scaled(metric, 1 / factor, case) for metric in ("ttft", "tpot", "e2e")]
    rates = ("input", "output", "total", "request")
    faster = [scaled(f"{kind}_throughput", factor, case) for kind in rates]
    return together(*slower, *faster, scaled("interactivity", factor, case))


def without(case, metric="", **labels):
    """Leaves figures out."""

    def cheat(predicate):
        gone = [id(item) for item in picked(predicate, metric, case, labels)]
        kept = [item for item in predicate["measurements"] if id(item) not in gone]
        predicate["measurements"] = kept

    return cheat


def beside(metric, unit, value, n, **labels):
    """States one more figure at each closed point."""

    def cheat(predicate):
        for rate in picked(predicate, "request_throughput", CLOSED, {}):
            more = honest.figure(metric, unit, value, n, spread=0.0)
            more |= {"low": None, "high": None, "labels": {**rate["labels"], **labels}}
            names = {name: rate[name] for name in ("suite", "case")}
            predicate["measurements"].append(more | names)

    return cheat


def metered(listed, **labels):
    """Says another thing of the meter, in its list and at its figures."""

    def cheat(predicate):
        predicate["meters"][0] |= listed
        updated("energy_per_output_token", {"labels": labels})(predicate)
        updated("idle_power", {"labels": labels})(predicate)

    return cheat


def labelled(case="", **labels):
    return updated("", {"labels": labels}, case)


def once_more(metric, factor, **labels):
    """States a figure a second time, told apart by a label that says nothing of it."""

    def cheat(predicate):
        [item] = picked(predicate, metric, CLOSED, {})
        more = copy.deepcopy(item)
        more["labels"] |= labels
        for end in ("value", "low", "high"):
            more[end] *= factor
        predicate["measurements"].append(more)

    return cheat


def renamed_copy(predicate):
    """The closed point under a second name, a quarter faster."""
    kept = copy.deepcopy(picked(predicate, "", CLOSED, {}))
    all_faster(1.25)(predicate)
    case_renamed("osl128", "osl128/again")(predicate)
    predicate["measurements"] += kept


def answered_late(predicate):
    [whole] = picked(predicate, "e2e", CLOSED, {"percentile": 50.0})
    beside("ttfo", "ms", 2 * whole["value"], whole["n"], percentile=50.0)(predicate)


def asked(**options):
    """States options of the run."""
    return lambda predicate: predicate["run"]["options"].update(options)


def measured_share(metric, value):
    return beside(metric, "share", value, 1000)


def narrowed(predicate):
    """Each sample four times: half the interval's width, and more."""
    for item in picked(predicate, "", CLOSED, {}):
        item["n"] *= 4
        if item["low"] is not None:
            width = (item["high"] - item["low"]) / 8
            item |= {"low": item["value"] - width, "high": item["value"] + width}


def counted_twice(predicate):
    """Two tokens for each: half the pace, twice the rate, in answers of twice the length."""
    case_renamed("osl128", "osl256", osl=256)(predicate)
    scaled("tpot", 0.5, CLOSED)(predicate)
    for metric in ("output_throughput", "interactivity"):
        scaled(metric, 2, CLOSED)(predicate)
    scaled("total_throughput", (ISL + 2 * OSL) / (ISL + OSL), CLOSED)(predicate)


def alone_too(case, *items, **labels):
    """Adds figures of a load measured alone."""

    def cheat(predicate):
        every = [
            {**item, "suite": "inference", "case": case}
            | {"labels": {"processes": 5, **labels, **item["labels"]}}
            for item in items
        ]
        predicate["measurements"] += every

    return cheat


def prompts(isl, ttft_ms, *more):
    rate = honest.figure("prefill_throughput", "tokens/s", isl / ttft_ms * 1e3, 15)
    ttft = honest.figure("ttft", "ms", ttft_ms, 15)
    return alone_too(f"prefill/isl{isl}", ttft, rate, *more, isl=isl)


def decoded(batch, context, tpot_ms):
    rate = honest.figure("decode_throughput", "tokens/s", batch / tpot_ms * 1e3, 15)
    tpot = honest.figure("tpot", "ms", tpot_ms, 15 * batch)
    labels = {"batch": batch, "context": context, "isl": context, "osl": 64}
    return alone_too(f"decode/b{batch}/ctx{context}", tpot, rate, **labels)


def crowded(streams, isl, ttft_ms, tpot_ms):
    """Adds a closed loop of so many streams, in agreement with itself."""

    def cheat(predicate):
        rate = streams / (ttft_ms + tpot_ms * (OSL - 1)) * 1e3
        items = honest.point(ttft_ms, tpot_ms, rate, isl=isl)
        labels = {"concurrency": streams, "isl": isl, "osl": OSL, "processes": 3, "valid": True}
        predicate["measurements"] += [
            {**item, "suite": "serving", "case": f"closed/c{streams}/isl{isl}/osl{OSL}"}
            | {"labels": {**labels, **item["labels"]}}
            for item in items
        ]

    return cheat


def called(name, without=()):
    """Gives the closed point a name that says nothing of its load, and takes labels away."""

    def cheat(predicate):
        for item in picked(predicate, "", CLOSED, {}):
            item["case"] = name
            item["labels"] = {k: v for k, v in item["labels"].items() if k not in without}

    return cheat


def averaged(metric, of_mean=1.0):
    """States a mean, honest by default, beside a median that is a tenth of itself."""

    def cheat(predicate):
        [median] = picked(predicate, metric, CLOSED, {"percentile": 50.0})
        mean = copy.deepcopy(median)
        mean["labels"]["statistic"] = "mean"
        del mean["labels"]["percentile"]
        for end in ("value", "low", "high"):
            median[end] *= 0.1
            mean[end] *= of_mean
        predicate["measurements"].append(mean)

    return cheat


def listed(chips):
    """Claims so many chips, and their driver lists them."""

    def cheat(predicate):
        predicate["machine"]["chip"]["count"] = chips
        limits = {f"gpu{at}_power_limit_w": 700.0 for at in range(chips)}
        predicate["machine"]["conditions"] |= limits

    return cheat


def flagged(**flags):
    return at("engines.0.flags", {name.replace("__", "--"): flags[name] for name in flags})


def named(model):
    return at("engines.0.model", model)


def without_label(metric, label):
    def cheat(predicate):
        for item in picked(predicate, metric, "", {}):
            del item["labels"][label]

    return cheat


ISL, OSL = honest.ISL, honest.OSL

# What the runner changed -> the law that tells. On the H100 of `honest`.
DRAFTED = {"speculation": "mtp", "draft_tokens": 2}
CHEATS = {
    "throughput × 10, closed": (scaled("output_throughput", 10, CLOSED), "queueing"),
    "throughput × 1.5, closed": (scaled("output_throughput", 1.5, CLOSED), "queueing"),
    "throughput × 1e9": (scaled("output_throughput", 1e9, CLOSED), "roofline"),
    "throughput × 10, open": (scaled("output_throughput", 10, OPEN), "queueing"),
    "requests × 4, open": (scaled("request_throughput", 4, OPEN), "queueing"),
    "throughput ÷ 10": (scaled("output_throughput", 0.1, CLOSED), "queueing"),
    "a rate without its latencies": (alone, "queueing"),
    "saturated, closed": (saturated(CLOSED), "queueing"),
    "a rate of vectors without their latency": (embedding(told=False), "queueing"),
    "a rate of vectors × 3": (embedding(faster=3), "queueing"),
    "more tokens a step than were drafted": (
        updated("", {"labels": {**DRAFTED, "acceptance_length": 3.5}}, CLOSED),
        "labels",
    ),
    "a step that brings less than its own token": (
        updated("", {"labels": {**DRAFTED, "acceptance_length": 0.4}}, CLOSED),
        "labels",
    ),
    "places that a draft does not have": (
        updated("", {"labels": {**DRAFTED, "acceptance_rates": "0.90/0.8/it's"}}, CLOSED),
        "labels",
    ),
    "a later place accepted more often": (
        updated("", {"labels": {**DRAFTED, "acceptance_rates": "0.5/0.7"}}, CLOSED),
        "labels",
    ),
    "longer steps than their places make": (
        updated(
            "",
            {"labels": {**DRAFTED, "acceptance_length": 2.9, "acceptance_rates": "0.8/0.5"}},
            CLOSED,
        ),
        "labels",
    ),
    "a pace beyond the tokens that a step brings": (
        together(
            scaled("tpot", 1 / 12, CLOSED),
            updated("", {"labels": {**DRAFTED, "acceptance_length": 2.0}}, CLOSED),
        ),
        "roofline",
    ),
    "concurrency in labels and case ÷ 4": (
        case_renamed("closed/c8", "closed/c2", concurrency=2),
        "queueing",
    ),
    "concurrency in labels alone": (
        updated("", {"labels": {"concurrency": 64}}, CLOSED),
        "labels",
    ),
    "OSL halved in labels and case": (case_renamed("osl128", "osl64", osl=64), "queueing"),
    "ISL doubled in labels and case": (case_renamed("isl512", "isl2048", isl=2048), "queueing"),
    "ISL in labels alone": (updated("", {"labels": {"isl": 4096}}, CLOSED), "labels"),
    "input rate × 3": (scaled("input_throughput", 3, CLOSED), "queueing"),
    "decode rate × 2": (scaled("decode_throughput", 2), "queueing"),
    "TPOT ÷ 10": (scaled("tpot", 0.1, CLOSED), "latency-order"),
    "TPOT × 3": (scaled("tpot", 3, CLOSED), "latency-order"),
    "TTFT negative": (scaled("ttft", -1, CLOSED), "latency-order"),
    "TTFT above end-to-end": (scaled("ttft", 50, CLOSED), "latency-order"),
    "end-to-end ÷ 4": (scaled("e2e", 0.25, CLOSED), "latency-order"),
    "percentiles swapped": (swapped, "latency-order"),
    "value outside its interval": (scaled("ttft", 0.5, CLOSED, ends=False), "latency-order"),
    "interactivity × 3": (scaled("interactivity", 3, CLOSED), "interactivity"),
    "interactivity ÷ 3": (scaled("interactivity", 1 / 3, CLOSED), "interactivity"),
    "goodput above requests": (scaled("goodput", 2, CLOSED), "goodput"),
    "all × 10 in agreement": (all_faster(10), "roofline"),
    "decode beyond the bandwidth": (
        together(scaled("tpot", 0.3, "decode"), scaled("decode_throughput", 1 / 0.3)),
        "roofline",
    ),
    "first token before the prompt is computed": (scaled("ttft", 0.01, CLOSED), "roofline"),
    "precision claimed narrower does not hide it": (
        together(at("engines.0.precision", "mystery-quant"), scaled("tpot", 0.05, "decode")),
        "roofline",
    ),
    "precision claimed in another spelling": (
        together(at("engines.0.precision", "W4A16-GPTQ"), scaled("tpot", 0.05, "decode")),
        "roofline",
    ),
    "a larger model's name": (at("engines.0.model", "llama-3.1-70b"), "roofline"),
    "a model beyond the memory": (at("engines.0.model", "deepseek-v3"), "memory"),
    "two models in one result": (
        lambda predicate: predicate["engines"].append(
            {**predicate["engines"][0], "model": "tiny-15m"}
        ),
        "labels",
    ),
    "energy ÷ 1000": (scaled("energy_per_output_token", 1e-3), "power"),
    "energy × 10": (scaled("energy_per_output_token", 10), "power"),
    "energy below idle": (scaled("energy_per_output_token", 0.15), "power"),
    "a meter that is not listed": (
        updated("energy_per_output_token", {"labels": {"meter": "nvml 9"}}),
        "meter",
    ),
    "a lone chip's joules called those of a pool": (
        together(
            scaled("energy_per_output_token", 0.1),
            updated("energy_per_output_token", {"labels": {"tokens": "of the pool"}}),
        ),
        "power",
    ),
    "idle power ÷ 100": (scaled("idle_power", 0.01), "power"),
    "no meter at all": (at("meters", []), "meter"),
    "a model called a counter": (at("meters.0.name", "nameplate model"), "meter"),
    "a counter that its meter calls a model": (at("meters.0.method", "model"), "meter"),
    "chip's joules called the wall's": (
        updated("energy_per_output_token", {"labels": {"scope": "wall"}}),
        "meter",
    ),
    "another chip's entry": (at("machine.chip.catalog_id", "l4"), "chip"),
    "eight chips where the driver shows one": (at("machine.chip.count", 8), "chip"),
    "eight chips, and no list of the driver's": (
        together(at("machine.chip.count", 8), at("machine.conditions", {})),
        "chip",
    ),
    "eight GPUs called a CPU": (
        together(at("machine.chip.count", 8), at("machine.chip.kind", "cpu")),
        "chip",
    ),
    "a GPU called another accelerator": (
        together(at("machine.chip.kind", "npu"), at("machine.conditions", {})),
        "chip",
    ),
    "no driver for a GPU": (at("machine.driver", None), "chip"),
    "tensor parallel over chips not claimed": (at("engines.0.flags", {"tp": 8}), "chip"),
    "memory of another part": (at("machine.chip.memory_bytes", 24 * 10**9), "chip"),
    "standard called full": (at("run.profile", "full"), "profile"),
    "a few samples called standard": (updated("tpot", {"n": 3}, "decode"), "profile"),
    "a short point called standard": (updated("e2e", {"n": 40}, CLOSED), "profile"),
    "intervals of no width": (collapsed, "profile"),
    "intervals left out": (
        updated("output_throughput", {"low": None, "high": None}),
        "profile",
    ),
    "failures in a valid point": (
        updated("failed", {"value": 200.0}, CLOSED),
        "profile",
    ),
    "more samples than the run had time for": (updated("e2e", {"n": 10**6}, CLOSED), "time"),
    "a run shorter than its windows": (at("run.finished_at", "2026-11-24T05:01:00Z"), "time"),
    "a run that ends before it begins": (at("run.finished_at", "2026-11-24T04:00:00Z"), "time"),
    "one key twice": (twice, "duplicate"),
    "one key twice, with a label of its own": (twice_with_a_label, "duplicate"),
    "a number that is a text": (updated("", {"labels": {"concurrency": "8"}}, CLOSED), "labels"),
    "a number that is a truth": (updated("", {"labels": {"isl": True}}, CLOSED), "labels"),
    "an unknown metric": (updated("goodput", {"metric": "greatput"}), "labels"),
    "another unit": (updated("ttft", {"unit": "s"}), "labels"),
    "figures of a suite that did not run": (at("run.suites", ["inference"]), "labels"),
    "no sample behind it": (updated("goodput", {"n": 0}), "labels"),
    "no engine": (at("engines", []), "software"),
    "narrower weights in the engine's flags": (
        at("engines.0.flags", {"--quantization": "fp8"}),
        "labels",
    ),
    "narrower weights in the model's name": (
        at("engines.0.model", "RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16"),
        "labels",
    ),
    "each token counted twice": (counted_twice, "roofline"),
    "the tail left out": (without(CLOSED, percentile=99.0), "profile"),
    "failures left out": (without(CLOSED, metric="failed"), "profile"),
    "tensor parallel as a text": (at("engines.0.flags", {"tp": "8"}), "chip"),
    "tensor parallel in the engine's words": (
        at("engines.0.flags", {"--tensor-parallel-size": "8"}),
        "chip",
    ),
    "pipelines in other words": (at("engines.0.flags", {"pipeline_parallel_size": 2}), "chip"),
    "a chip's meter said to be the wall's": (metered({"scope": "wall"}, scope="wall"), "meter"),
    "samples four times, intervals a quarter": (narrowed, "profile"),
    "prompts that a cache knew": (
        beside("cached_tokens", "count", 512 * 600, 1000),
        "profile",
    ),
    "an instrument slower than what it times": (
        beside("instrument_ttft_error", "ms", 30.0, 1000, percentile=50.0),
        "profile",
    ),
    "requests of a minute called those of a second": (
        scaled("request_throughput", 60, CLOSED),
        "queueing",
    ),
    "one latency in seconds": (scaled("ttft", 1e-3, CLOSED, percentile=50.0), "roofline"),
    "joules of a thousand tokens": (scaled("energy_per_output_token", 1e3), "power"),
    "a longer prompt in less time": (
        together(prompts(512, 400.0), prompts(4096, 150.0)),
        "latency-order",
    ),
    "a larger batch in less time": (
        together(decoded(1, 512, 14.0), decoded(8, 512, 5.4)),
        "latency-order",
    ),
    "a longer context in less time": (
        together(decoded(1, 512, 14.0), decoded(1, 8192, 5.4)),
        "latency-order",
    ),
    "a crowd served sooner than one": (
        together(scaled("tpot", 2.5, "closed/c1/"), scaled("e2e", 2.5, "closed/c1/")),
        "latency-order",
    ),
    "more sequences at a time than the memory holds": (
        crowded(2048, 8192, 600.0, 2000.0),
        "memory",
    ),
    "idle power without a scope": (
        together(
            without_label("energy_per_output_token", "scope"),
            scaled("energy_per_output_token", 0.12),
        ),
        "power",
    ),
    "a chip's meter called that of a memory": (
        together(
            at("meters.0.name", "nvml dram 0"),
            updated("energy_per_output_token", {"labels": {"meter": "nvml dram 0"}}),
            scaled("energy_per_output_token", 1e-3),
        ),
        "power",
    ),
    "joules of a pool of eight ÷ 100": (
        together(
            listed(8),
            scaled("energy_per_output_token", 0.01),
            updated("energy_per_output_token", {"labels": {"tokens": "of the pool"}}),
        ),
        "power",
    ),
    "joules of an answer where prompts are read": (
        prompts(
            4096,
            100.0,
            honest.figure(
                "energy_per_output_token", "J/token", 1e-5, 15, meter="nvml 0", scope="chip"
            ),
        ),
        "power",
    ),
    "a power cap that the run did not keep": (at("run.options.power_cap_w", 200.0), "power"),
    "more than the driver lets a card draw": (
        at("machine.conditions.gpu0_power_limit_w", 300.0),
        "power",
    ),
    "a mean that stands before its median": (averaged("tpot"), "roofline"),
    "a mean of first tokens before their median": (
        together(case_renamed("isl512", "isl8192", isl=8192), averaged("ttft")),
        "roofline",
    ),
    "a mean in another unit than its median": (averaged("e2e", 1e-3), "latency-order"),
    "a load that is not said": (called("bench/best", ("concurrency", "isl", "osl")), "queueing"),
    "a length that is not said": (called("bench/best", ("osl",)), "queueing"),
    "a rate of answers without their first tokens": (
        without(CLOSED, metric="ttft"),
        "queueing",
    ),
    "prompts of 8192 tokens, 512 of them counted": (
        case_renamed("isl512", "isl8192", isl=8192, isl_counted=512.0),
        "profile",
    ),
    "a pool for prompts that is not counted": (
        updated("", {"labels": {"prefill_chips": 7, "decode_chips": 1}}, CLOSED),
        "chip",
    ),
    "four replicas on one chip": (updated("", {"labels": {"replicas": 4}}, CLOSED), "chip"),
    "a flag with its value in its name": (flagged(**{"--tensor-parallel-size=8": True}), "chip"),
    "one axis named twice": (flagged(tp=True, __tensor_parallel_size=8), "chip"),
    "two machines for one chip": (flagged(__nnodes="2"), "chip"),
    "a width behind a colon": (named("llama-3.1-8b:Q4_K_M"), "labels"),
    "bits a weight": (named("turboderp/Llama-3.1-8B-exl2-4.0bpw"), "labels"),
    "a width in brackets": (named("llama-3.1-8b (fp8)"), "labels"),
    "a narrow model's folder": (flagged(__model="/models/Llama-3.1-8B-FP8"), "labels"),
    "a narrow model's repository": (
        flagged(**{"-hf": "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:Q4_K_M"}),
        "labels",
    ),
    "weights that are made narrow as they are read": (
        flagged(__load_format="bitsandbytes"),
        "labels",
    ),
    "a width of one library's own": (flagged(**{"--torchao-config": "int4wo-128"}), "labels"),
    "a Cyrillic letter in a model's name": (named("ll\u0430ma-3.1-8b"), "labels"),
    "a name in full width": (named("\uff4clama-3.1-8b"), "labels"),
    "a name with what is not seen": (named("llama-3.1-\u00ad8b"), "labels"),
    "a chip that no table knows by its letters": (
        together(
            at("machine.chip.name", "NVIDIA \u041d100 80GB HBM3"),
            at("machine.chip.catalog_id", None),
        ),
        "labels",
    ),
    "a flag that no law reads by its letters": (
        flagged(**{"--t\u0435nsor-parallel-size": 8}),
        "labels",
    ),
    "another model in the engine's flags": (
        flagged(__model="meta-llama/Llama-3.2-1B-Instruct"),
        "labels",
    ),
    "another model's file": (flagged(**{"-m": "/models/Qwen3-0.6B-BF16.gguf"}), "labels"),
    "fewer layers by the engine's flags": (
        flagged(__hf_overrides='{"num_hidden_layers": 4}'),
        "labels",
    ),
    "fewer blocks of a file": (flagged(__override_kv="llama.block_count=int:4"), "labels"),
    "weights that were made up, called real": (
        together(flagged(__load_format="dummy"), at("engines.0.weights", "real")),
        "labels",
    ),
    "shards of a server": (flagged(__num_shard=8), "chip"),
    "experts over more chips": (flagged(ep=8), "chip"),
    "contexts over more chips": (flagged(__prefill_context_parallel_size=4), "chip"),
    "a tensor split": (flagged(__tensor_split="1,1,1,1"), "chip"),
    "devices that are visible": (flagged(CUDA_VISIBLE_DEVICES="0,1,2,3"), "chip"),
    "a number with a sign": (flagged(tp=" +8"), "chip"),
    "experts' chips in labels": (labelled(CLOSED, expert_parallel=8), "chip"),
    "options of eight chips": (asked(tp=8), "chip"),
    "flags of eight chips among the options": (
        asked(engine_flags=["--tensor-parallel-size 8"]),
        "chip",
    ),
    "options of another model": (asked(model="tiny-15m"), "labels"),
    "options of another engine": (asked(engine="sglang"), "labels"),
    "options of narrower weights": (asked(dtype="fp8"), "labels"),
    "narrow weights among the options' flags": (
        asked(engine_flags=["--quantization=fp8"]),
        "labels",
    ),
    "options of another load": (asked(concurrency=[64, 128]), "labels"),
    "options of shorter prompts": (asked(isl=32), "labels"),
    "a prefix that is asked for and not said": (asked(shared_prefix=0.9), "labels"),
    "drafts that are asked for and not said": (asked(speculation="ngram"), "labels"),
    "a rate that frees a closed loop": (labelled(CLOSED, rate=1e6), "labels"),
    "prompts known from conversations, in a closed loop": (
        together(
            labelled(CLOSED, known_share=1.0),
            beside("cached_tokens", "count", 512 * 600, 1000),
        ),
        "labels",
    ),
    "a shared prefix that the case does not name": (labelled(CLOSED, shared_prefix=0.9), "labels"),
    "arrivals of a clock called Poisson's": (labelled(OPEN, arrival="constant"), "labels"),
    "valid, and why it is not": (
        labelled(CLOSED, invalid_because="its prompts were cut"),
        "labels",
    ),
    "more right answers than questions": (measured_share("score", 1.2), "labels"),
    "a percentile of a rate": (once_more("output_throughput", 9, percentile=50.0), "duplicate"),
    "a rate of one host": (once_more("output_throughput", 9, host=1), "duplicate"),
    "a rate with an empty statistic": (
        once_more("output_throughput", 9, statistic=""),
        "duplicate",
    ),
    "a load under two names": (renamed_copy, "duplicate"),
    "interactivity without its pace": (
        together(without(CLOSED, metric="tpot"), scaled("interactivity", 5, CLOSED)),
        "interactivity",
    ),
    "a median beside its place": (
        updated("tpot", {"labels": {"percentile": 50.001}}, CLOSED, percentile=50.0),
        "interactivity",
    ),
    "answers that begin after their end": (answered_late, "latency-order"),
    "first tokens of a few": (updated("ttft", {"n": 12}, CLOSED), "profile"),
    "a pace of more than were asked": (updated("tpot", {"n": 10**5}, CLOSED), "profile"),
    "failures of fewer": (updated("failed", {"n": 10}, CLOSED), "profile"),
    "three processes, one of them": (labelled(CLOSED, processes=1), "profile"),
    "three times the tokens of a prompt": (
        together(
            case_renamed("isl512", "isl4096", isl=4096, isl_counted=16_384.0),
            scaled("input_throughput", 32, CLOSED),
        ),
        "profile",
    ),
    "joules of one card of eight": (
        together(listed(8), at("engines.0.flags.tp", 8)),
        "power",
    ),
    "a clock of two years ago": (
        together(
            at("run.started_at", "2024-11-24T05:00:00Z"),
            at("run.finished_at", "2024-11-24T05:40:00Z"),
        ),
        "suite",
    ),
}


@pytest.mark.parametrize("labels", [{}, {"rate": 1.0}])
@pytest.mark.parametrize("profile", ["quick", "standard"])
def test_a_trace_has_a_load_of_its_own_and_a_closed_loop_is_no_trace(profile, labels):
    data = honest.h100()
    data["predicate"]["run"]["profile"] = profile
    replayed("replay/chat/x1", **labels)(data["predicate"])
    assert rules_of(data) == set()
    for item in data["predicate"]["measurements"]:
        item["case"] = "closed/c64/isl512/osl128"
    assert "queueing" in rules_of(data)
    assert ("profile" in rules_of(data)) == (profile == "quick")


@pytest.mark.parametrize("load", [saturated(OPEN), embedding()], ids=["saturated", "embedding"])
def test_a_load_without_a_first_token_is_held_against_what_it_has(load):
    data = honest.h100()
    load(data["predicate"])
    assert rules_of(data) == set()


def test_conversations_read_prompts_that_a_cache_knew():
    data = honest.h100()
    scaled("output_throughput", 20, CLOSED)(data["predicate"])
    assert "roofline" in rules_of(data)
    talk = {"agents": 64, "turns": 20, "known_share": 0.98}
    for item in picked(data["predicate"], "", CLOSED, {}):
        item["case"] = "agents/n64/turns20/isl512+64/osl128"
        item["labels"].pop("concurrency")
        item["labels"] |= talk
    assert "roofline" not in rules_of(data)


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_is_told_by_the_law_it_breaks(name):
    cheat, rule = CHEATS[name]
    data = honest.h100()
    cheat(data["predicate"])
    assert rule in rules_of(data)


# The published results of two cores of a processor: what can be changed there.
FINDINGS = Path(__file__).parent / "checks" / "findings_of_cheats.txt"


def line(finding):
    """A finding in one line, with the numbers it compared."""
    parts = [f"{finding.rule} {finding.outcome}", finding.where, finding.reason]
    if finding.left is not None:
        parts.append(f"{finding.left:.9g} {finding.right:.9g}")
    return "  " + " | ".join(parts)


def test_every_finding_says_of_which_figure_it_is_and_both_numbers():
    """Written again with FENMARK_REWRITE=1; the difference is then read, line by line."""
    lines = []
    for name, (cheat, _) in CHEATS.items():
        data = honest.h100()
        cheat(data["predicate"])
        lines += [name, *map(line, checks.check(Statement.model_validate(data)))]
    told = "\n".join(lines) + "\n"
    if "FENMARK_REWRITE" in os.environ:
        FINDINGS.write_text(told, encoding="utf-8")
    assert told == FINDINGS.read_text(encoding="utf-8")


def served_alone(predicate):
    """Repeats a rate of many clients where a reader takes it for one of an engine alone."""
    [rate, *_] = picked(predicate, "output_throughput", "", {})
    predicate["run"]["suites"].append("inference")
    predicate["measurements"].append({**rate, "suite": "inference", "value": rate["value"] * 1.2})


CPU_CHEATS = {
    "cores inflated": (at("machine.chip.count", 64), "chip"),
    "cores inflated twice": (
        together(at("machine.chip.count", 64), at("machine.cpu_cores", 64)),
        "chip",
    ),
    "cores fewer than the engine's threads": (
        together(at("machine.chip.count", 1), at("engines.0.flags.n_threads", 2)),
        "chip",
    ),
    "an accelerator's entry": (at("machine.chip.catalog_id", "h100-sxm"), "chip"),
    "the next generation's entry": (at("machine.chip.catalog_id", "epyc-9005"), "chip"),
    "quick called standard": (at("run.profile", "standard"), "profile"),
    "a rate of serving once more, as one of inference": (served_alone, "labels"),
    "quick called full": (at("run.profile", "full"), "profile"),
    "samples × 100": (updated("e2e", {"n": 1200}), "profile"),
    "modelled called measured": (
        updated("energy_per_output_token", {"method": "measured"}),
        "meter",
    ),
    "a model of 140 GB in 25 GB": (at("engines", []), "software"),
    "throughput × 1e6": (scaled("output_throughput", 1e6, "closed/c4"), "roofline"),
    "decode × 10 in agreement": (
        together(scaled("tpot", 0.1, "decode"), scaled("decode_throughput", 10)),
        "latency-order",
    ),
    "prefill × 10 in agreement": (
        together(scaled("ttft", 0.1, "prefill"), scaled("prefill_throughput", 10)),
        "latency-order",
    ),
    "decode × 10, the engine's clock too": (
        together(
            scaled("tpot", 0.1, "decode"),
            scaled("engine_tpot", 0.1, "decode"),
            scaled("decode_throughput", 10),
        ),
        "power",
    ),
    "serving × 10 in agreement": (all_faster(10, "closed/"), "latency-order"),
    "one stream's rate × 3": (scaled("output_throughput", 3, "closed/c1"), "queueing"),
    "concurrency 1 called 4": (
        case_renamed("closed/c1/", "closed/c16/", case="closed/c1/", concurrency=16),
        "queueing",
    ),
}


@pytest.mark.parametrize("name", CPU_CHEATS)
def test_a_cheat_on_a_published_result_is_told(name):
    cheat, rule = CPU_CHEATS[name]
    data = honest.published("serving", "llama.cpp")
    cheat(data["predicate"])
    assert rule in rules_of(data)


# Of the published kernels, whose cases say what they move and how.
KERNEL_CHEATS = {
    "a call of a nanosecond": (scaled("time", 1e-6, "copy"), "queueing"),
    "a third of the time, at the same rate": (scaled("time", 1 / 3, "triad"), "queueing"),
    "twice the bandwidth, in the same time": (scaled("bandwidth", 2, "read"), "queueing"),
    "a cold cache called hot": (
        updated("", {"labels": {"cache": "hot"}}, "copy/f32/numpy/64MiB"),
        "labels",
    ),
    "a hot cache called cold": (
        updated("", {"labels": {"cache": "cold"}}, "copy/f32/numpy/8MiB"),
        "labels",
    ),
    "a dtype of a higher peak": (updated("", {"labels": {"dtype": "bf16"}}, "gemm"), "labels"),
    "a memory's copy called a link's": (
        updated("", {"labels": {"family": "all_reduce"}}, "copy"),
        "labels",
    ),
    "modelled joules of a call ÷ 10": (scaled("energy_per_call", 0.1), "power"),
    "twice the peak, in the same time": (scaled("compute_rate", 2, "peak"), "queueing"),
}
MODELLED_CHEATS = {
    "modelled joules ÷ 3": (scaled("energy_per_output_token", 1 / 3), "power"),
    "a fifth of the middle of a model's bounds": (
        scaled("energy_per_output_token", 0.2, ends=False),
        "power",
    ),
    "modelled watts ÷ 3": (scaled("power", 1 / 3), "power"),
}


@pytest.mark.parametrize("name", KERNEL_CHEATS)
def test_a_cheat_on_published_kernels_is_told(name):
    cheat, rule = KERNEL_CHEATS[name]
    data = honest.published("kernels")
    cheat(data["predicate"])
    assert rule in rules_of(data)


@pytest.mark.parametrize("name", MODELLED_CHEATS)
def test_a_cheat_on_a_model_of_energy_is_told(name):
    cheat, rule = MODELLED_CHEATS[name]
    data = honest.published("serving", "llama.cpp")
    cheat(data["predicate"])
    assert rule in rules_of(data)


def on_the_bus(*ids):
    """The honest result in version 2, which states ids of the PCI bus."""
    data = honest.h100()
    data["predicateType"] = "urn:fenmark:result:v2"
    data["predicate"]["schema_version"] = 2
    data["predicate"]["machine"]["chip"]["pci"] = list(ids)
    return data


BUSES = {
    "as claimed": (["10de:2330"], set()),
    "one that the catalogue does not know": (["10de:ffff"], set()),
    "another chip": (["10de:2204"], {"chip"}),
    "another chip beside it": (["10de:2330", "10de:2204"], {"chip"}),
    "another maker's chip": (["1002:74a1"], {"chip"}),
    "something of another maker": (["1002:ffff"], {"chip"}),
    "something of nobody known": (["abcd:0001"], {"chip"}),
}


@pytest.mark.parametrize("name", BUSES)
def test_a_chip_is_the_one_on_the_bus(name):
    ids, broken = BUSES[name]
    findings = checks.check(read_statement(on_the_bus(*ids)))
    assert {finding.rule for finding in findings} == broken


def test_a_chip_of_no_name_is_known_by_its_bus():
    data = on_the_bus("10de:2330")
    data["predicate"]["machine"]["chip"] |= {"name": "Graphics Device", "catalog_id": "b200-sxm"}
    assert "h100-sxm" in str(checks.check(read_statement(data))[0])


@pytest.mark.parametrize(
    "engine",
    [
        {"flags": {"--kv-cache-dtype": "fp8"}},
        {"flags": {"--dtype": "auto", "quantization": "none"}},
        {"precision": "int8", "flags": {"quantization": "gptq"}},
        {"precision": "fp8", "flags": {"--quantization": "fp8", "--dtype": "bfloat16"}},
        {"precision": "w8a8", "flags": {"--quantization": "compressed-tensors"}},
        {"model": "microsoft/phi4"},
        {"model": "Qwen/Qwen3-235B-A22B-Instruct-2507"},
        {"model": "openai/gpt-oss-120b", "precision": "mxfp4"},
        {"model": "llama-3.1-8b-Q4_K_M", "precision": "q4_k_m"},
        {"model": "some-awq-model", "precision": "int4"},
    ],
)
def test_flags_and_names_that_say_the_same_or_nothing_of_the_weights_are_no_cheat(engine):
    data = honest.h100()
    data["predicate"]["engines"][0] |= {"flags": {}} | engine
    data["predicate"]["run"]["options"] = {}
    assert "labels" not in rules_of(data)


@pytest.mark.parametrize(
    ("cached", "point", "broken"),
    [
        (512 * 10, {}, set()),
        (512 * 500, {"shared_prefix": 0.5}, set()),
        (512 * 500, {"valid": False}, set()),
        (512 * 500, {}, {"profile"}),
    ],
)
def test_prompts_that_are_shared_or_of_no_valid_point_may_be_cached(cached, point, broken):
    data = honest.h100()
    together(
        beside("cached_tokens", "count", cached, 1000), updated("", {"labels": point}, CLOSED)
    )(data["predicate"])
    for item in picked(data["predicate"], "", CLOSED, {}):
        item["case"] += "/prefix0.5" if "shared_prefix" in point else ""
    assert rules_of(data) == broken


@pytest.mark.parametrize(
    ("day", "broken"), [("2026-11-27", set()), ("2026-11-29", {"chip"})], ids=["before", "after"]
)
def test_a_chip_may_be_called_unlisted_until_the_catalogue_lists_it(day, broken):
    data = honest.published("serving", "llama.cpp")
    machine = data["predicate"]["machine"]
    # Numbers of Emerald Rapids, whose entry came on 28 November 2026.
    machine["chip"] |= {"catalog_id": None, "name": "Intel(R) Xeon(R) Processor"}
    machine["conditions"] |= {"cpu_vendor": "GenuineIntel", "cpu_family": 6, "cpu_model": 207}
    data["predicate"]["run"] |= {
        "started_at": f"{day}T05:00:00Z",
        "finished_at": f"{day}T05:10:00Z",
    }
    assert rules_of(data) & {"chip"} == broken


def test_a_kernel_above_the_peak_is_told():
    data = honest.published("kernels")
    assert rules_of(data) == set()
    # Twelve channels of DDR5-4800 give a socket 460.8 GB/s.
    scaled("bandwidth", 1000, cache="cold")(data["predicate"])
    assert rules_of(data) == {"roofline", "queueing"}


def test_a_kernel_is_one_chips_and_of_the_type_that_its_case_names():
    data = honest.h100()
    listed(8)(data["predicate"])
    data["predicate"]["run"]["suites"].append("kernels")
    rate = honest.figure("compute_rate", "TFLOP/s", 1900.0, 7, family="peak", dtype="bf16")
    rate["labels"]["gemm_dtype"] = "fp8"  # nobody's label, and of twice the peak
    rate |= {"suite": "kernels", "case": "peak/bf16/cupy"}
    data["predicate"]["measurements"].append(rate)
    assert "roofline" in rules_of(data)


def test_samples_and_figures_of_another_result_are_told():
    data = honest.h100()
    mine = checks.fingerprints(Statement.model_validate(data))
    assert len(mine) == 2
    for digest in mine.values():
        known = Context(samples={digest: "f" * 64})
        assert rules_of(data, known) == {"samples"}
    data["predicate"]["run"]["id"] = "another"
    data["subject"][0]["digest"]["sha256"] = "1" * 64
    copied = checks.fingerprints(Statement.model_validate(data))
    assert set(copied.values()) & set(mine.values()) == {mine["figures"]}


def test_the_honest_result_breaks_no_law_and_many_could_be_asked():
    judged = checks.judge(Statement.model_validate(honest.h100()))
    assert (judged.findings, judged.unchecked) == ((), ())
    assert judged.held > 100


@pytest.mark.parametrize("at_", range(4))
def test_no_published_result_breaks_a_law(at_):
    sealed = honest.every_published()[at_]
    assert rules_of(json.loads(base64.b64decode(sealed["payload"]))) == set()


def test_an_unknown_model_is_said_and_held_to_what_does_not_need_it():
    data = honest.h100()
    data["predicate"]["engines"][0]["model"] = "nobody/unheard-of-3B"
    judged = checks.judge(Statement.model_validate(data))
    assert judged.findings == ()
    assert judged.unchecked == (
        "roofline, memory: not checked, nobody/unheard-of-3B is not a model of ours",
    )
    scaled("output_throughput", 10, CLOSED)(data["predicate"])
    assert rules_of(data) == {"queueing"}


def test_a_draft_that_is_stated_may_give_several_tokens_a_step():
    data = honest.h100()
    together(
        scaled("tpot", 0.4, "decode"),
        scaled("decode_throughput", 2.5),
        scaled("energy_per_output_token", 0.4),
    )(data["predicate"])
    assert rules_of(data) == {"roofline"}
    data["predicate"]["engines"][0]["flags"]["--speculative-config"] = "mtp"
    assert rules_of(data) == set()


def checked(path, *more):
    done = CliRunner().invoke(app(), ["check", str(path), "--json", *more])
    return done.exit_code, json.loads(done.stdout) if done.stdout else None


def test_check_tells_rule_figure_formula_and_both_numbers(tmp_path):
    data = honest.h100()
    path = tmp_path / "statement.json"
    path.write_text(json.dumps(data))
    assert checked(path)[0] == 0
    scaled("output_throughput", 1.2, CLOSED)(data["predicate"])
    path.write_text(json.dumps(data))
    code, report = checked(path)
    assert (code, report["verdict"], report["flags"], report["refused"]) == (
        1,
        "flagged",
        ["queueing"],
        [],
    )
    first = report["findings"][0]
    assert first["figure"] == "closed/c8/isl512/osl128 output_throughput"
    assert "Little" not in first["formula"]
    assert "concurrency" in first["formula"]
    # A fifth more than eight requests, less both intervals of 1%; 10% above eight may be. Of the
    # latency stand p50, 1.05 and 1.2 times it at p90 and p99: the least mean that these allow, the
    # lower half falling as far as the upper one rises.
    rise = (0.4 * 1.05 + 0.09 * 1.2) / 0.49 * 1.01 / 0.99
    mean = 0.5 / rise + 0.4 + 0.09 * 1.05 + 0.01 * 1.2
    assert first["left"] == pytest.approx(9.6 * 0.99**2 * mean)
    assert first["right"] == pytest.approx(8.8)


def test_check_says_whose_key_it_does_not_know_and_holds_the_figures_all_the_same(tmp_path):
    [sealed, *_] = honest.every_published()
    code, report = checked(next(iter(sorted(honest.PUBLIC.iterdir()))))
    assert (code, report["kind"], report["verdict"]) == (0, "signed result", "clean")
    assert report["signature"].startswith("verified")
    data = json.loads(base64.b64decode(sealed["payload"]))
    data["predicate"]["run"]["profile"] = "full"
    sealed["payload"] = base64.b64encode(json.dumps(data).encode()).decode()
    path = tmp_path / "forged.dsse.json"
    path.write_text(json.dumps(sealed))
    code, report = checked(path)
    assert (code, report["flags"]) == (1, ["profile"])
    assert report["signature"].startswith("not verified")


HEADER = (
    "hardware,framework,model,precision,spec_method,disagg,decode_tp,decode_ep,num_prefill_gpu,"
    "num_decode_gpu,isl,osl,conc,tput_per_gpu,input_tput_per_gpu,output_tput_per_gpu,mean_e2el,"
    "median_intvty,median_tpot,median_ttft"
)
# Rows 1 and 205 of InferenceX, DeepSeek-R1, 2026-06, and one whose experts were multiplied in.
ROWS = {
    "honest": (
        "mi355x,sglang,dsr1,fp4,none,False,4,1,4,4,1024,1024,4,198.94,99.96,98.99,8.99,104,0.0096,0.1",
        [],
    ),
    "a fiftieth": (
        "mi355x,atom,dsr1,fp8,none,False,8,1,8,8,1024,1024,512,57.4,28.7,28.7,49,26.5,0.0377,1.1",
        ["queueing"],
    ),
    "experts multiplied": (
        "b200,sglang,dsr1,fp4,none,False,8,8,64,64,1024,1024,4,94.5,47.2,47.3,9.4,111,0.009,0.1",
        [],
    ),
    "64 chips of 8": (
        "b200,sglang,dsr1,fp4,none,False,8,1,64,64,1024,1024,4,94.5,47.2,47.3,9.4,111,0.009,0.1",
        ["queueing"],
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_check_reads_what_others_publish_and_holds_it_to_the_same_laws(tmp_path, name):
    row, rules = ROWS[name]
    path = tmp_path / "published.csv"
    path.write_text(f"{HEADER}\n{row}\n")
    code, report = checked(path)
    assert (report["kind"], report["flags"], code) == ("inferencex", rules, len(rules))


@pytest.mark.parametrize("content", ["", "{}", "[" * 10_000, '{"payload": 1', "a,b\n1,2\n", "\0"])
def test_what_nobody_can_read_is_one_line_and_2(tmp_path, content):
    path = tmp_path / "file.json"
    path.write_text(content)
    done = CliRunner().invoke(app(), ["check", str(path)])
    assert done.exception.exit_code == 2
    assert "\n" not in str(done.exception)


ENDS = {"no upper end": {"high": 0.0}, "an upper end below": {"high": -1.0}, "no value": {}}


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("value", [1.0, 5e-324, 1.7e308])
def test_an_interval_without_its_value_is_told_and_breaks_nothing(name, value):
    data = honest.h100()
    data["predicate"]["measurements"][1]["metric"] = "energy_per_call"
    data["predicate"]["measurements"][2]["metric"] = "time"
    for item in data["predicate"]["measurements"]:
        item |= {"value": value, **ENDS[name]}
    assert "latency-order" in rules_of(data)
