"""llama.cpp as the default engine: prebuilt, exact token counts, its own HTTP server.

Chosen for size, exactness and robustness, not for speed: the wheel is an AVX2 build, and other
engines on the same chip are faster. Its figures say "llama.cpp" beside them for that reason.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Self

from suites.engines.child_engine import ChildEngine
from suites.engines.process import EngineProcess, is_healthy
from suites.engines.weights import Weights, generate, read
from suites.models import load

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LlamaCpp", "Settings", "default_threads", "usable_cpus"]

# Loading half a gigabyte takes a second or two; eight from a cold disk may take minutes.
_READY_WITHIN_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What llama.cpp is started with.

    Attributes:
        slots: requests decoded together.
        context: tokens of key-value cache per slot.
        threads: compute threads, prefill and decode alike.
    """

    slots: int
    context: int
    threads: int

    def flags(self) -> dict[str, int | bool | str]:
        """Every setting that bears on speed, as it goes into the result."""
        return {
            "n_parallel": self.slots,
            # Divided among the slots by the server.
            "n_ctx": self.slots * self.context,
            "n_threads": self.threads,
            # A prompt seen before must cost what it costs: no reuse of any kind.
            "cache_prompt": False,
            "cache_ram_mib": 0,
            "n_cache_reuse": 0,
            # The model and the context as asked for, or an error: never silently fitted.
            "fit_params": False,
            "n_gpu_layers": 0,
            "use_jinja": False,
            "warmup": True,
        }


def default_threads() -> int:
    """Cores minus one, at least one: the stable profile.

    With every core taken, any neighbour stalls the slowest thread and all wait for it: decode
    was seen to go from 45 ms to 200–800 ms per token.
    """
    return max(1, len(usable_cpus()) - 1)


def usable_cpus() -> list[int]:
    """Numbers of the logical cores this process may use."""
    try:
        return sorted(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return list(range(os.cpu_count() or 1))


class LlamaCpp(ChildEngine):
    """A llama.cpp server.

    Attributes:
        weights, settings: what it runs.
    """

    name = "llama.cpp"

    def __init__(self, weights: Weights, settings: Settings, *, model: str) -> None:
        """Describe the engine; entering the context starts it."""
        super().__init__()
        self.weights, self.settings, self.model = weights, settings, model

    @classmethod
    def for_model(
        cls,
        model: str,
        settings: Settings,
        *,
        cache: Path,
        seed: int = 0,
        weights: Path | None = None,
        geometry: str = "",
    ) -> Self:
        """Take the user's weight file, or generate random weights of the geometry.

        Args:
            geometry: where the sizes are, if not under the model's own name.

        Raises:
            UserError: see `generate` and `read`.
        """
        sizes = geometry or model
        file = read(weights) if weights else generate(load(sizes), cache, seed=seed)
        return cls(file, settings, model=model)

    def _launch(self) -> EngineProcess:
        spec = json.dumps({"model": str(self.weights.path), "flags": self.settings.flags()})
        command = [sys.executable, "-m", "suites.engines.llamacpp_server", "--settings", spec]
        return EngineProcess(command, name=self.name, ready_within_s=_READY_WITHIN_S)

    def _wait_for(self, process: EngineProcess) -> None:
        super()._wait_for(process)
        deadline = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline:
            process.check_alive()
            if is_healthy(self.url, "/health"):
                return
            time.sleep(0.05)
        raise process.failure(f"not healthy within {_READY_WITHIN_S:.0f} s")

    def describe(self) -> dict[str, Any]:
        """Fields of `results.statement.statement.Engine`."""
        return {
            "name": self.name,
            "version": version("xllamacpp"),
            "model": self.model,
            "weights_sha256": self.weights.sha256,
            "weights": self.weights.kind,
            "precision": self.weights.precision,
            "flags": {**self.settings.flags(), **self.weights.facts()},
        }
