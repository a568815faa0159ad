"""What the instruments here share: a small true statement, and the command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from results.keys.identity import runner_id
from results.statement import strict_json

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner

__all__ = ["FENMARK", "statement_bytes"]

FENMARK = [sys.executable, "-c", "from runners.cli import main; main()"]
_STATEMENT_BYTES = 4096


def statement_bytes(signer: CryptoSigner, at: int) -> bytes:
    """A small true statement, filled with a warning up to 4 KiB."""
    stated: dict[str, Any] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "samples", "digest": {"sha256": f"{at:064x}"}}],
        "predicateType": "urn:fenmark:result:v1",
        "predicate": {
            "schema_version": 1,
            "run": {
                "id": f"run-{at}",
                "runner": runner_id(signer.public_key),
                "suite_version": "0.1.0",
                "suites": ["kernels"],
                "profile": "quick",
                "seed": at,
                "started_at": "2026-11-23T00:00:00Z",
                "finished_at": "2026-11-23T00:05:00Z",
            },
            "machine": {
                "chip": {"catalog_id": None, "name": "CPU", "kind": "cpu", "count": 2},
                "cpu_name": "CPU",
                "cpu_cores": 2,
                "memory_bytes": 2**34,
                "os": "Linux",
                "kernel": "6",
                "container": None,
                "virtual_machine": None,
                "driver": None,
            },
            "software": {"python": "3", "packages": {}},
            "source": {"commit": None, "modified": False},
            "engines": [],
            "meters": [],
            "measurements": [
                {
                    "suite": "kernels",
                    "case": "copy",
                    "metric": "bandwidth",
                    "unit": "GB/s",
                    "value": 10.5,
                    "low": 10.25,
                    "high": 10.75,
                    "n": 15,
                    "method": "measured",
                    "labels": {"cache": "cold"},
                }
            ],
            "warnings": [],
        },
    }
    room = _STATEMENT_BYTES - len(strict_json.canonical(stated)) - 2
    stated["predicate"]["warnings"] = ["." * room]
    return strict_json.canonical(stated)
