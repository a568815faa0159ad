"""An engine of `templates/`, started by its command line and asked through its OpenAI door."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from suites.engines.child_engine import ChildEngine
from suites.engines.hf_folder import generate_folder, read_folder
from suites.engines.llamacpp import usable_cpus
from suites.engines.process import EngineProcess
from suites.engines.template import chosen
from suites.models import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from suites.engines.weights import Weights

__all__ = ["EngineChoice", "ServedEngine"]

# The launcher ends a moment after the engine: it removes files and says goodbye.
_LAUNCHER_S = 5.0
# Words of the command line that name this machine's places, not the engine's settings.
_PLACES = ("--host", "--port", "--server-name", "--server-port", "--served-model-name")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """What the user asked of an engine.

    Attributes:
        engine: "vllm", or "vllm:cpu" with the device named.
        dtype: of the matrices, as the engine spells it; "auto" is that of the weights.
        parallel: tp, pp, dp, ep.
        program, flags: see `suites.engines.template.command`.
        image: container image with its digest, as the runner states it.
    """

    engine: str
    dtype: str = "auto"
    parallel: Mapping[str, int] = field(default_factory=dict)
    program: str | None = None
    flags: tuple[str, ...] = ()
    speculation: Mapping[str, object] = field(default_factory=dict)
    image: str | None = None


class ServedEngine(ChildEngine):
    """An engine started as its template says.

    Attributes:
        template: its template.
    """

    def __init__(
        self,
        weights: Weights,
        choice: EngineChoice,
        *,
        model: str,
        slots: int,
        context: int,
        threads: int,
    ) -> None:
        """Describe the engine; entering the context starts it.

        Args:
            slots: requests decoded together.
            context: tokens of one request, prompt and output.
            threads: compute threads on a CPU.
        """
        super().__init__()
        self.template, self.device = chosen(choice.engine)
        self.weights, self.choice, self.model = weights, choice, model
        self._values: dict[str, Any] = {
            "weights": str(weights.path),
            "model": model,
            "dtype": choice.dtype,
            "context": context,
            "slots": slots,
            "cpus": ",".join(map(str, usable_cpus()[:threads])),
            "threads": threads,
            "chips": list(range(choice.parallel.get("tp", 1))),
        }

    @classmethod
    def for_model(
        cls,
        model: str,
        choice: EngineChoice,
        *,
        cache: Path,
        seed: int = 0,
        weights: Path | None,
        geometry: str = "",
        **sizes: int,
    ) -> Self:
        """Take the user's model folder, or generate random weights of the geometry.

        Raises:
            UserError: see `generate_folder` and `read_folder`.
        """
        named = geometry or model
        folder = read_folder(weights) if weights else generate_folder(load(named), cache, seed=seed)
        return cls(folder, choice, model=model, **sizes)

    def _launch(self) -> EngineProcess:
        spec = {
            "engine": self.template.id,
            "device": self.device,
            "values": self._values,
            "parallel": dict(self.choice.parallel),
            "program": self.choice.program,
            "flags": list(self.choice.flags),
            "speculation": dict(self.choice.speculation),
        }
        return EngineProcess(
            [sys.executable, "-m", "suites.engines.launch", "--spec", json.dumps(spec)],
            name=self.template.name,
            ready_within_s=self.template.ready_within_s,
            stop_within_s=self.template.stop_within_s + _LAUNCHER_S,
        )

    def describe(self) -> dict[str, Any]:
        """Fields of `results.statement.statement.Engine`."""
        return {
            "name": self.template.name,
            "version": self._greeting["version"],
            "model": self.model,
            "weights_sha256": self.weights.sha256,
            "weights": self.weights.kind,
            "precision": self.weights.precision
            if self.choice.dtype == "auto"
            else self.choice.dtype,
            "flags": {
                "device": self.device,
                "slots": self._values["slots"],
                "context": self._values["context"],
                **{axis: size for axis, size in self.choice.parallel.items() if size > 1},
                **self._flags(),
                **self.weights.facts(),
            },
            **({"image": self.choice.image} if self.choice.image else {}),
        }

    def _flags(self) -> dict[str, str | bool]:
        """The command line as pairs, without what only names places on this machine."""
        words = [str(word) for word in self._greeting["arguments"]]
        flags: dict[str, str | bool] = {}
        for word, following in zip(words, [*words[1:], "--"], strict=True):
            if not word.startswith("-") or word in {"-m", *_PLACES}:
                continue
            name, equals, value = word.partition("=")
            if not equals and not following.startswith("-"):
                value = following
            if str(self.weights.path) not in value:
                flags[name] = value[:256] or True
        environment: dict[str, str] = self._greeting["environment"]
        return flags | environment
