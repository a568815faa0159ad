"""Serving under load: a load generator that measures itself first.

Options of `plan`:
    endpoint: str: URL of a running OpenAI-compatible server; without it llama.cpp is started.
    model: str: geometry id, or the name served at the endpoint.
    api: str: "completions" (default; token ids, exact), "chat" or "responses" (words); "embeddings"
        (token ids) or "rerank" (words; `documents` a question), which generate nothing.
    api_key_env: str: name of the variable that holds the API key; FENMARK_API_KEY when set.
    concurrency: list[int]: closed loop, one point each; with `rate` one value, the cap.
    rate: list[float]: open loop, requests per second, one point each.
    arrival: str: "poisson" (default), "constant", "burst" or "gamma"; burstiness: float, of gamma.
    isl, osl: int: tokens in and out per request.
    isl_spread, osl_spread: float: lengths uniform within this share of their mean to both sides.
    lengths: str: JSONL file of lengths (isl, osl), taken in turn, in place of `isl` and `osl`.
    requests: int or duration: float (seconds): how long each point's steady state lasts.
    users or agents: list[int]: so many conversations at a time, one point each; turns: int,
        turn_isl: int (new input tokens of a turn), think_time: str, sub_agents: int and
        cache_target: float say what each is like.
    images: int, image_size: str, audio: float (seconds): noise in every prompt of a chat.
    lora_mix: list[str]: names with weights, "sql:3"; each request names one of them.
    ramp: int: steps from the first to the last of two rates or concurrencies, in one window.
    trace: str: JSONL file of requests to replay (arrival, isl, osl, session), or a trace of
        Mooncake, Azure or BurstGPT; trace_speed: float.
    tokenizer: str: tokenizer.json; prompts are text of exact length, for an engine without ids.
    shared_prefix: float: share of every prompt that all have in common, 0 by default.
    request_limit: float: seconds after which a request has failed, 600 by default.
    slo_ttft, slo_tpot: float: limits in ms for goodput.
    sweep: str: TOML file (`most`, `gain`, `refinements`); finds the concurrencies by itself.
    search: str: "rate", "concurrency", "users" or "agents": finds the highest at which
        `goodput_share` (0.9) of the requests meet the limits with 95% confidence; the option of
        that name says where it starts.
    metrics: str: URL of the endpoint's Prometheus metrics, read once a second beside the load.
    processes: int: processes the load is spread over; 1 by default, 1 a node with a fleet.
    fleet: str: address of a Ray cluster whose nodes make the load (extra `fleet`).
    samples: str: Parquet file that gets a row per request.
    weights: str, cache: str, threads: int: for the engine we start.
    hidden_share: float: with the suite quality, share of the requests that are hidden questions.
    seed: int, case: str (pattern): as for every suite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from suites.base.records import CellResult, CellSpec, Row

__all__ = ["plan", "summarize"]

# Imported when called: the processes that make the load need neither, and start in less time.


def plan(profile: str, options: Mapping[str, Any]) -> list[CellSpec]:
    """Expand a profile; see `suites.serving.cells.plan`."""
    from suites.serving import cells

    return cells.plan(profile, options)


def summarize(results: Sequence[CellResult]) -> list[Row]:
    """Sum up cells; see `suites.serving.summary.summarize`."""
    from suites.serving import summary

    return summary.summarize(results)
