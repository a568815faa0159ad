"""Serving under load: a load generator that measures itself first.

Options of `plan`:
    endpoint: str: URL of a running OpenAI-compatible server; without it llama.cpp is started.
    model: str: geometry id, or the name served at the endpoint.
    api: str: "completions" (default; token ids, exact) or "chat".
    api_key_env: str: name of the environment variable that holds the API key.
    concurrency: list[int]: closed loop, one point each.
    isl, osl: int: tokens in and out per request.
    requests: int or duration: float (seconds): how long each point lasts.
    slo_ttft, slo_tpot: float: limits in ms for goodput.
    weights: str, cache: str, threads: int: for the engine we start.
    seed: int, case: str (pattern): as for every suite.
"""

from suites.serving.plan import plan
from suites.serving.summary import summarize

__all__ = ["plan", "summarize"]
