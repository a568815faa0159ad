"""The registry of metrics: one name, one unit, one direction, everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["METRICS", "Metric"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A quantity Fenmark reports.

    Attributes:
        name: key in results, data files and the site.
        unit: SI or the field's own; "ms", "tokens/s", "J/token".
        better: which direction a buyer wants.
        title: for people, naming the token kind where there is one.
        digits: significant digits shown to people.
    """

    name: str
    unit: str
    better: Literal["lower", "higher", "neither"]
    title: str
    digits: int = 3


_ALL = (
    # Latency as a user feels it. Definitions: results and methodology page, "Latency".
    Metric(name="ttft", unit="ms", better="lower", title="Time to first token (TTFT)"),
    # Of a model that thinks first: the first token of the answer itself.
    Metric(name="ttfo", unit="ms", better="lower", title="Time to first output (TTFO)"),
    Metric(name="tpot", unit="ms", better="lower", title="Time per output token (TPOT)"),
    Metric(name="itl", unit="ms", better="lower", title="Inter-token latency (ITL)"),
    Metric(name="e2e", unit="ms", better="lower", title="End-to-end latency"),
    # Open loop: intended send time to real one, and real one to the last token.
    Metric(name="send_delay", unit="ms", better="lower", title="Send delay"),
    Metric(name="service_time", unit="ms", better="lower", title="Service time"),
    # Rates.
    Metric(
        name="prefill_throughput", unit="tokens/s", better="higher", title="Prefill, input tokens"
    ),
    Metric(
        name="decode_throughput", unit="tokens/s", better="higher", title="Decode, output tokens"
    ),
    Metric(name="input_throughput", unit="tokens/s", better="higher", title="Input throughput"),
    Metric(name="output_throughput", unit="tokens/s", better="higher", title="Output throughput"),
    Metric(
        name="total_throughput", unit="tokens/s", better="higher", title="Input + output throughput"
    ),
    Metric(name="request_throughput", unit="1/s", better="higher", title="Requests"),
    Metric(name="goodput", unit="1/s", better="higher", title="Goodput"),
    # The highest load at which a stated share of the requests meets stated limits.
    Metric(name="searched_rate", unit="1/s", better="higher", title="Highest rate within limits"),
    Metric(name="searched_users", unit="count", better="higher", title="Most users within limits"),
    Metric(
        name="searched_agents", unit="count", better="higher", title="Most agents within limits"
    ),
    Metric(
        name="searched_concurrency",
        unit="count",
        better="higher",
        title="Highest concurrency within limits",
    ),
    # Conversations: whole ones, and single turns of them.
    Metric(name="session_time", unit="s", better="lower", title="Time of a session"),
    Metric(name="turn_ttft", unit="ms", better="lower", title="TTFT of one turn"),
    Metric(name="turn_tpot", unit="ms", better="lower", title="TPOT of one turn"),
    Metric(name="adapter_ttft", unit="ms", better="lower", title="TTFT of one adapter"),
    Metric(
        name="requests_in_flight", unit="count", better="neither", title="Requests in flight, mean"
    ),
    Metric(
        name="interactivity", unit="tokens/s/user", better="higher", title="Interactivity, output"
    ),
    Metric(name="failed", unit="count", better="lower", title="Failed requests"),
    # Prompt tokens the engine says it took from its prefix cache.
    Metric(name="cached_tokens", unit="count", better="neither", title="Cached input tokens"),
    # Thoughts before an answer, shown or only counted.
    Metric(name="reasoning_tokens", unit="count", better="neither", title="Reasoning tokens"),
    # The instrument's own error, measured against a built-in emitter.
    Metric(name="instrument_ttft_error", unit="ms", better="lower", title="Error of our own TTFT"),
    Metric(name="instrument_itl_error", unit="ms", better="lower", title="Error of our own ITL"),
    # A load made by several hosts: each one's monotonic clock less that of the host that asked.
    Metric(
        name="clock_offset", unit="ms", better="neither", title="Clock of a load host", digits=9
    ),
    # What the engine says of itself, beside what we saw.
    Metric(
        name="engine_ttft", unit="ms", better="lower", title="Prefill time by the engine's clock"
    ),
    Metric(name="engine_tpot", unit="ms", better="lower", title="TPOT by the engine's clock"),
    # What a server says of itself in its /metrics while a load runs.
    Metric(name="server_running", unit="count", better="neither", title="Requests running"),
    Metric(name="server_queue", unit="count", better="lower", title="Requests waiting"),
    Metric(name="server_kv_use", unit="share", better="neither", title="KV cache in use"),
    Metric(name="server_preemptions", unit="count", better="lower", title="Preemptions"),
    Metric(
        name="server_prefix_hit_share",
        unit="share",
        better="neither",
        title="Prefix cache hits, input tokens",
    ),
    Metric(
        name="server_draft_acceptance",
        unit="share",
        better="higher",
        title="Accepted draft tokens",
    ),
    # Kernels.
    Metric(name="time", unit="ms", better="lower", title="Kernel time"),
    Metric(name="compute_rate", unit="TFLOP/s", better="higher", title="Attained compute"),
    Metric(name="integer_rate", unit="TOP/s", better="higher", title="Attained integer compute"),
    Metric(name="bandwidth", unit="GB/s", better="higher", title="Attained bandwidth"),
    # Whether it is the same token: questions graded by program, next tokens beside a reference's.
    Metric(name="score", unit="share", better="higher", title="Right answers"),
    Metric(name="score_drop", unit="share", better="lower", title="Right answers lost"),
    Metric(
        name="tokens_per_solved", unit="tokens", better="lower", title="Output tokens, right answer"
    ),
    Metric(name="divergence", unit="nats/token", better="lower", title="Divergence, next tokens"),
    Metric(
        name="top1_agreement", unit="share", better="higher", title="Likeliest next token the same"
    ),
    Metric(name="greedy_prefix", unit="tokens", better="higher", title="Greedy tokens the same"),
    Metric(name="hidden_score", unit="share", better="higher", title="Right answers under load"),
    Metric(name="open_score", unit="share", better="higher", title="Right answers at rest"),
    Metric(name="hidden_drop", unit="share", better="lower", title="Right answers lost under load"),
    Metric(
        name="hidden_tokens",
        unit="count",
        better="neither",
        title="Output tokens of hidden questions",
    ),
    # Of a named benchmark, by its harness.
    Metric(name="task_score", unit="share", better="higher", title="Score of a named task"),
    # Energy.
    Metric(name="power", unit="W", better="lower", title="Mean power"),
    Metric(name="idle_power", unit="W", better="lower", title="Idle power"),
    Metric(
        name="energy_per_input_token", unit="J/token", better="lower", title="Energy, input tokens"
    ),
    Metric(
        name="energy_per_output_token",
        unit="J/token",
        better="lower",
        title="Energy, output tokens",
    ),
    Metric(name="energy_per_image", unit="J/image", better="lower", title="Energy, images"),
    Metric(name="energy_per_video", unit="J/video", better="lower", title="Energy, videos"),
    Metric(name="energy_per_call", unit="J", better="lower", title="Energy of a kernel's call"),
)

METRICS = {metric.name: metric for metric in _ALL}
