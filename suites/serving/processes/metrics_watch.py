"""Read a server's metrics once a second beside a load, in a process of its own.

The client's process has nothing to do with it: parsing would make it late for tokens.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from suites.base.errors import UserError
from suites.base.printable import printable
from suites.engines.process import EngineProcess
from suites.serving.processes.server_metrics import figures

if TYPE_CHECKING:
    from suites.serving.load.outcome import LoadOutcome

__all__ = ["MetricsWatch"]

_READY_WITHIN_S = 60.0


class MetricsWatch:
    """The process that reads, as a context."""

    def __init__(self, url: str) -> None:
        """Describe it; `url` is the whole address of the server's metrics."""
        self._url = url
        self._folder = tempfile.TemporaryDirectory(prefix="fenmark-metrics-")
        self._file = Path(self._folder.name, "samples.jsonl")

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            CheckError: it does not start.
            UserError: nothing can be read there, or nothing we know.
        """
        command = [sys.executable, "-m", "suites.serving.workers.metrics_worker"]
        command += ["--url", self._url, "--out", str(self._file)]
        self._process = EngineProcess(
            command, name="reader of metrics", ready_within_s=_READY_WITHIN_S
        )
        try:
            error = self._process.ready().get("error")
        except BaseException:
            self.__exit__()
            raise
        if error:
            self.__exit__()
            raise UserError(
                printable(str(error), 200),
                where=f"--metrics {self._url}",
                expected="the /metrics of vLLM, SGLang, TensorRT-LLM or llama.cpp",
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()
        self._folder.cleanup()

    def facts(self, outcome: LoadOutcome) -> dict[str, Any]:
        """What the server said while the load was in its steady state."""
        lines = self._file.read_bytes().splitlines(keepends=True)
        samples = [json.loads(line) for line in lines if line.endswith(b"\n")]
        inside = [
            sample["values"]
            for sample in samples
            if outcome.start_ns <= sample["at_ns"] <= outcome.end_ns
        ]
        return {"samples": len(inside), "figures": figures(inside)}
