"""Reads a server's metrics: `python -m suites.serving.workers.metrics_worker --url URL --out FILE`.

Its first line says whether it could; then each second a line goes into the file: when, on this
machine's monotonic clock, and the values by our names.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import httpx

from suites.client.bounded_answers import BoundedTransport
from suites.engines.process import die_with_parent, say
from suites.serving.processes.server_metrics import read_text

_EVERY_S = 1.0
_LIMIT_S = 5.0


def read_metrics(client: httpx.Client, url: str) -> dict[str, float]:
    """Ask once.

    Raises:
        ValueError: no answer, another than 200, or none of the series we know; says which.
    """
    try:
        answer = client.get(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ValueError(f"cannot be read ({error or type(error).__name__})") from error
    if answer.status_code != 200:
        raise ValueError(f"answers {answer.status_code}")
    values = read_text(answer.text)
    if not values:
        raise ValueError("says nothing we know")
    return values


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    die_with_parent()
    with (
        httpx.Client(transport=BoundedTransport(), timeout=_LIMIT_S, trust_env=False) as client,
        options.out.open("w") as out,
    ):
        try:
            read_metrics(client, options.url)
        except ValueError as error:
            say({"error": str(error)})
            return
        say({"ready": True})
        while True:
            began = time.monotonic_ns()
            try:
                values = read_metrics(client, options.url)
            except ValueError:
                values = {}
            if values:
                out.write(json.dumps({"at_ns": began, "values": values}) + "\n")
                out.flush()
            time.sleep(max(0.0, _EVERY_S - (time.monotonic_ns() - began) / 1e9))


if __name__ == "__main__":
    _main()
