"""What a server says of itself in Prometheus's text format, by names that no engine owns.

Pure: text in, figures out. Only series of the table are read; all else in the text is passed over.
"""

from __future__ import annotations

import math
import re
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["UNITS", "figures", "read_text"]

# Our name -> the series that say it: vLLM (V1, then earlier), SGLang, TensorRT-LLM, llama.cpp.
# Counters have the suffix `_total` in the text format, whether or not their name does.
_SERIES = {
    "running": (
        "vllm:num_requests_running",
        "sglang:num_running_reqs",
        "trtllm_num_requests_running",
        "llamacpp:requests_processing",
    ),
    "queue": (
        "vllm:num_requests_waiting",
        "sglang:num_queue_reqs",
        "trtllm_num_requests_waiting",
        "llamacpp:requests_deferred",
    ),
    "kv_use": (
        "vllm:kv_cache_usage_perc",
        "vllm:gpu_cache_usage_perc",
        "sglang:token_usage",
        "trtllm_kv_cache_utilization",
        "llamacpp:kv_cache_usage_ratio",
    ),
    "preemptions": ("vllm:num_preemptions", "sglang:num_retracted_reqs"),
    "prefix_hits": ("vllm:prefix_cache_hits", "vllm:gpu_prefix_cache_hits"),
    "prefix_queries": ("vllm:prefix_cache_queries", "vllm:gpu_prefix_cache_queries"),
    "prefix_hit_share": ("sglang:cache_hit_rate", "trtllm_kv_cache_hit_rate"),
    "drafts": ("vllm:spec_decode_num_drafts", "llamacpp:spec_decode_num_drafts"),
    "drafted": ("vllm:spec_decode_num_draft_tokens", "llamacpp:spec_decode_num_draft_tokens"),
    "accepted": (
        "vllm:spec_decode_num_accepted_tokens",
        "llamacpp:spec_decode_num_accepted_tokens",
    ),
    "acceptance_length": ("sglang:spec_accept_length",),
}
# Of each place of a draft, by the label `position` from 0: how often it was accepted.
_BY_POSITION = {
    "vllm:spec_decode_num_accepted_tokens_per_pos",
    "llamacpp:spec_decode_num_accepted_tokens_per_pos",
}
_POSITION = re.compile(r"position=\"(\d{1,3})\"", re.ASCII)
_NAMES = {series: name for name, all_ in _SERIES.items() for series in all_}
# Several engines behind one address: what they hold adds up, what they are full of does not.
_MEANS = {"kv_use", "prefix_hit_share", "acceptance_length"}
_SHARES = {"kv_use", "prefix_hit_share"}
_GAUGES = {
    "running": "server_running",
    "queue": "server_queue",
    "kv_use": "server_kv_use",
    "prefix_hit_share": "server_prefix_hit_share",
}
_RATIOS = {
    "server_prefix_hit_share": ("prefix_hits", "prefix_queries"),
    "server_draft_acceptance": ("accepted", "drafted"),
}
UNITS = {
    "server_running": "count",
    "server_queue": "count",
    "server_kv_use": "share",
    "server_preemptions": "count",
    "server_prefix_hit_share": "share",
    "server_draft_acceptance": "share",
    "server_acceptance_length": "tokens",
    "server_position_acceptance": "share",
}
# A name, labels whose values may hold any sign, a number, perhaps a time.
_SAMPLE = re.compile(
    r"([A-Za-z_:][\w:]*)"
    r"(\{(?:[^\"{}]|\"(?:[^\"\\]|\\.)*\")*\})?"
    r"[ \t]+(\S{1,64})(?:[ \t]+-?\d+)?\s*",
    re.ASCII,
)
_LONGEST_LINE = 8192
_MOST = 1e15


def read_text(text: str) -> dict[str, float]:
    """Read one answer: values by our names, of those it says.

    A series that several engines give is their sum, a share their mean; values that are none
    (NaN, below 0, a share above 1) are left out.
    """
    by_name: dict[str, list[float]] = {}
    for line in text.splitlines():
        if len(line) > _LONGEST_LINE or not (match := _SAMPLE.fullmatch(line)):
            continue
        name = _name_of(match[1].removesuffix("_total"), match[2] or "")
        value = _number(match[3])
        if name and 0 <= value <= (1 if name in _SHARES else _MOST):
            by_name.setdefault(name, []).append(value)
    return {
        name: fmean(values) if name in _MEANS else sum(values) for name, values in by_name.items()
    }


def _name_of(series: str, labels: str) -> str | None:
    if series in _BY_POSITION:
        place = _POSITION.search(labels)
        return f"accepted_at_{int(place[1])}" if place else None
    return _NAMES.get(series)


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan


def figures(samples: Sequence[Mapping[str, float]]) -> dict[str, dict[str, Any]]:
    """Sum up the samples of a load, in order of time: metric -> statistic -> value.

    Levels have min, mean and max; what is counted up has its growth, under "". A counter that was
    set back while the load ran says nothing. Acceptance by position has the place in the draft,
    from 1, for a statistic.
    """
    summed: dict[str, dict[str, Any]] = {}
    for name, metric in _GAUGES.items():
        values = [sample[name] for sample in samples if name in sample]
        if values:
            summed[metric] = {"min": min(values), "mean": fmean(values), "max": max(values)}
    preempted = _growth(samples, "preemptions")
    if preempted is not None:
        summed["server_preemptions"] = {"": preempted}
    for metric, (part, whole) in _RATIOS.items():
        hits, asked = _growth(samples, part), _growth(samples, whole)
        if hits is not None and asked and hits <= asked:
            summed[metric] = {"": hits / asked}
    return summed | _acceptance(samples)


def _acceptance(samples: Sequence[Mapping[str, float]]) -> dict[str, dict[str, Any]]:
    """Tokens a step of a speculating engine, its own among them, and how often each place held.

    As vLLM defines both (`vllm.v1.spec_decode.metrics`, 0.33.0): 1 + accepted ÷ drafts, and
    accepted at a place ÷ drafts.
    """
    drafts, accepted = _growth(samples, "drafts"), _growth(samples, "accepted")
    if not drafts or accepted is None:
        told = [sample["acceptance_length"] for sample in samples if "acceptance_length" in sample]
        told = [length for length in told if length >= 1]  # 0 until something was drafted
        return {"server_acceptance_length": {"": fmean(told)}} if told else {}
    shares: dict[str, float] = {}
    while (held := _growth(samples, f"accepted_at_{len(shares)}")) is not None and held <= drafts:
        shares[str(len(shares) + 1)] = held / drafts
    by_position = {"server_position_acceptance": shares} if shares else {}
    return {"server_acceptance_length": {"": 1 + accepted / drafts}, **by_position}


def _growth(samples: Sequence[Mapping[str, float]], name: str) -> float | None:
    values = [sample[name] for sample in samples if name in sample]
    if len(values) < 2 or any(after < before for before, after in pairwise(values)):
        return None
    return values[-1] - values[0]
