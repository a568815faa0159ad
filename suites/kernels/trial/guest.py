"""The process a stranger's kernel runs in: `python guest.py`, with NumPy and nothing of ours.

It is not trusted with anything: no clock, no reference, no gate and no seed is here. One line of
JSON on standard input says which file, which function and where operands and results lie; then
each line asks for one call on every set, and is answered when the calls have returned.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from inspect import signature
from typing import Any

import numpy as np


def _arrays(file: str, mode: Any, layout: dict[str, Any]) -> dict[str, np.ndarray]:
    return {
        name: np.memmap(file, dtype, mode, place, tuple(shape))
        for name, (place, shape, dtype) in layout.items()
    }


def _load(spec: dict[str, Any]) -> Any:
    description = spec_from_file_location("tried", spec["file"])
    if description is None or description.loader is None:
        raise ImportError("no Python file")
    module = module_from_spec(description)
    description.loader.exec_module(module)
    return getattr(module, spec["function"])


def _main() -> None:
    answers = os.fdopen(int(sys.argv[1]), "w", buffering=1)
    spec = json.loads(sys.stdin.readline())
    try:
        operands = [_arrays(spec["inputs"], "r", paths["operands"]) for paths in spec["sets"]]
        outs = [_arrays(spec["outputs"], "r+", paths["out"])["out"] for paths in spec["sets"]]
        parameters = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in spec["parameters"].items()
        }
        function = _load(spec)
        calls = [(arrays | parameters, out) for arrays, out in zip(operands, outs, strict=True)]
        if "out" in signature(function).parameters:
            calls = [(keywords | {"out": out}, out) for keywords, out in calls]
        answers.write("ready\n")
        for _ in sys.stdin:
            for keywords, out in calls:
                result = function(**keywords)
                if result is not None and result is not out:
                    out[...] = result
            answers.write("done\n")
    except Exception as error:  # noqa: BLE001 - whatever a stranger's code raises is its answer
        answers.write(f"{type(error).__name__}: {error}".replace("\n", " ")[:500] + "\n")


if __name__ == "__main__":
    _main()
