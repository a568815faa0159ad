"""The child that llama.cpp runs in: `python -m suites.engines.llamacpp_server --settings JSON`.

It imports little: a run starts an engine for every process of a cell.
"""

from __future__ import annotations

import argparse
import json
import threading
from typing import Any

from suites.engines.process import die_with_parent, say


def _serve(model: str, flags: dict[str, Any]) -> None:
    """Run the server until the owner goes."""
    die_with_parent()
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    for name, value in flags.items():
        if name == "n_threads":
            params.cpuparams.n_threads = value
            params.cpuparams_batch.n_threads = value
        else:
            setattr(params, name, value)
    params.endpoint_slots = False
    params.ui = False
    server = xllamacpp.Server(params)
    say({"url": server.listening_address})
    threading.Event().wait()


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--settings", required=True)
    spec = json.loads(parser.parse_args().settings)
    _serve(spec["model"], spec["flags"])


if __name__ == "__main__":
    _main()
