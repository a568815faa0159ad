"""Endpoints for operators: is it well, how much did it do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from results.service.health import OK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results.service.api.service import Service

__all__ = ["add_operation"]


def add_operation(app: FastAPI, service: Service) -> None:
    """Add the endpoints."""

    @app.get(
        "/healthz",
        summary="Whether disk, log and database do their work",
        responses={503: {"description": "One of them does not; `checks` names it"}},
    )
    async def healthz() -> JSONResponse:
        checks = await service.health.checks()
        well = all(seen == OK for seen in checks.values())
        return JSONResponse(
            {"status": OK if well else "failing", "checks": checks},
            status_code=200 if well else 503,
            headers={"Cache-Control": "no-store"},
        )

    @app.get("/metrics", summary="Counters for Prometheus")
    def metrics() -> Response:
        return Response("".join(_metrics(service)), media_type="text/plain; version=0.0.4")


def _metrics(service: Service) -> Iterator[str]:
    yield "# TYPE fenmark_requests_total counter\n"
    for (method, route, status), number in sorted(service.answered.items()):
        labels = f'method="{method}",route="{route}",status="{status}"'
        yield f"fenmark_requests_total{{{labels}}} {number}\n"
    yield "# TYPE fenmark_submissions_total counter\n"
    for outcome, number in sorted(service.outcomes.items()):
        yield f'fenmark_submissions_total{{outcome="{outcome}"}} {number}\n'
    values = {
        "fenmark_log_entries": ("gauge", service.ledger.unverified().size),
        "fenmark_commits_total": ("counter", service.committer.batches),
        "fenmark_commit_seconds_total": ("counter", service.committer.seconds),
    }
    for name, (kind, value) in values.items():
        yield f"# TYPE {name} {kind}\n{name} {value}\n"
