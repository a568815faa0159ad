"""Prefill and decode of one engine, isolated: no other load, exact token counts.

Options of `plan`: `model`, `weights`, `cache`, `threads`, `seed`, `case`, and for a server that is
already running `endpoint`, `api`, `api_key_env` (see `suites.serving`).
"""

from suites.inference.plan import plan
from suites.inference.summary import summarize

__all__ = ["plan", "summarize"]
