"""A small true statement, and an archive that holds it."""

import pytest
from securesystemslib.signer import CryptoSigner

from results import archive, envelope
from results.statement import Statement


def make_statement(run_id="run-1", value=42.0):
    return Statement.model_validate(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "samples/x.json", "digest": {"sha256": "0" * 64}}],
            "predicateType": "urn:fenmark:result:v1",
            "predicate": {
                "schema_version": 1,
                "run": {
                    "id": run_id,
                    "runner": "runner-1",
                    "suite_version": "0.1.0",
                    "suites": ["inference"],
                    "profile": "quick",
                    "seed": 0,
                    "started_at": "2026-11-23T00:00:00Z",
                    "finished_at": "2026-11-23T00:05:00Z",
                },
                "machine": {
                    "chip": {"catalog_id": None, "name": "Some CPU", "kind": "cpu", "count": 2},
                    "cpu_name": "Some CPU",
                    "cpu_cores": 2,
                    "memory_bytes": 2**34,
                    "os": "Linux",
                    "kernel": "6.1",
                    "container": None,
                    "virtual_machine": None,
                    "driver": None,
                },
                "software": {"python": "3.11.7", "packages": {}},
                "source": {"commit": None, "modified": False},
                "engines": [],
                "meters": [],
                "measurements": [
                    {
                        "suite": "inference",
                        "case": "decode/b1/ctx64",
                        "metric": "tpot",
                        "unit": "ms",
                        "value": value,
                        "low": value - 1,
                        "high": value + 1,
                        "n": 3,
                        "method": "measured",
                        "labels": {"batch": 1},
                    }
                ],
            },
        }
    )


@pytest.fixture
def statement():
    """Builds statements that differ by run id."""
    return make_statement


@pytest.fixture
def payload():
    return envelope.encode(make_statement())


@pytest.fixture(scope="session")
def signer():
    return CryptoSigner.generate_ed25519()


@pytest.fixture
def home(tmp_path, payload, signer):
    archive.accept(tmp_path / "results", payload, signer)
    return tmp_path / "results"
