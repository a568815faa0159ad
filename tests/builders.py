"""One small true result that every test can change, and what holds suites to what may be signed."""

from __future__ import annotations

from dataclasses import asdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from results.statement.forecast import Forecast
from results.statement.statement_v2 import MeasurementV2
from suites.client.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from suites.base.records import Row

RUN_ID = "00000000-0000-4000-8000-000000000001"


def answered(token_ns: Sequence[int], *, sent_ns: int = 0) -> Request:
    """A measured request of the serving suite, its fragments at these times."""
    return Request(
        index=0,
        intended_ns=sent_ns,
        sent_ns=sent_ns,
        token_ns=token_ns,
        ended_ns=token_ns[-1],
        input_tokens=8,
        output_tokens=len(token_ns),
        failure="",
        detail="",
        measured=True,
        cached_tokens=None,
        timings={},
        truth_ns=(),
    )


def figure(**changes: Any) -> dict[str, Any]:
    """A measurement as JSON: 42 ms a token."""
    return {
        "suite": "inference",
        "case": "decode/b1/ctx64",
        "metric": "tpot",
        "unit": "ms",
        "value": 42.0,
        "low": 41.0,
        "high": 43.0,
        "n": 3,
        "method": "measured",
        "labels": {"batch": 1},
        **changes,
    }


def around(value: float, half: float = 0.01, **changes: Any) -> dict[str, Any]:
    """A measurement with this relative half-width."""
    return figure(value=value, low=value * (1 - half), high=value * (1 + half), **changes)


def engine(**changes: Any) -> dict[str, Any]:
    """An engine as a statement names it."""
    return {
        "name": "llama.cpp",
        "version": "b6900",
        "model": "tiny-15m",
        "weights_sha256": "a" * 64,
        "weights": "random",
        "precision": "q8_0",
        **changes,
    }


def stated(
    *figures: dict[str, Any],
    version: int = 2,
    samples: str = "0" * 64,
    machine: Mapping[str, Any] = MappingProxyType({}),
    engines: Sequence[dict[str, Any]] = (),
    meters: Sequence[dict[str, Any]] = (),
    packages: Mapping[str, str] = MappingProxyType({}),
    commit: str | None = None,
    warnings: Sequence[str] = (),
    **run: Any,
) -> dict[str, Any]:
    """A statement as JSON, of one figure if none is given; other keywords change the run."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "samples/x.json", "digest": {"sha256": samples}}],
        "predicateType": f"urn:fenmark:result:v{version}",
        "predicate": {
            "schema_version": version,
            "run": {
                "id": RUN_ID,
                "runner": "runner-1",
                "suite_version": "0.1.0",
                "suites": ["inference"],
                "profile": "quick",
                "seed": 0,
                "started_at": "2026-11-23T00:00:00Z",
                "finished_at": "2026-11-23T00:05:00Z",
                **run,
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
                **machine,
            },
            "software": {"python": "3.11.7", "packages": dict(packages)},
            "source": {"commit": commit, "modified": False},
            "engines": list(engines),
            "meters": list(meters),
            "measurements": list(figures) or [figure()],
            "warnings": list(warnings),
        },
    }


def assert_signable(rows: Iterable[Row]) -> None:
    """Hold what a suite sums up against what a statement may say: every label is registered."""
    for row in rows:
        MeasurementV2.model_validate(asdict(row))


FORECAST_AT = "2026-11-28T12:00:00Z"


def forecast(**given: Any) -> Forecast:
    """A forecast of one cell."""
    own = {
        "schema_version": 1,
        "made_at": FORECAST_AT,
        "forecaster": "somebody",
        "cell": {
            "chip": "ascend-950pr", "model": "llama-3.1-8b", "engine": "vllm",
            "precision": "fp8", "tp": 1, "dp": 1, "ep": 1, "isl": 1024, "osl": 1024,
            "concurrency": 16,
        },
        "tpot_ms": {"value": 10.0, "low": 8.0, "high": 20.0},
        "ttft_ms": {"value": 100.0, "low": 50.0, "high": 200.0},
        "level": "datasheet",
    }  # fmt: skip
    return Forecast.model_validate(own | given)
