"""Endpoints for operators: is it well, how much did it do."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from results.proof import checkpoint
from results.service.backup import BACKED_UP
from results.service.health import OK
from results.service.publish import PUBLISHED
from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

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
        switches = service.store.desk.switches
        return JSONResponse(
            {
                "status": OK if well else "failing",
                "checks": checks,
                "read_only": switches.read_only,
                "message": switches.message,
            },
            status_code=200 if well else 503,
            headers={"Cache-Control": "no-store"},
        )

    @app.get("/metrics", summary="Counters for Prometheus")
    def metrics() -> Response:
        return Response("".join(_metrics(service)), media_type="text/plain; version=0.0.4")


def _by_name(metric: str, label: str, counts: Mapping[str, int]) -> Iterator[str]:
    yield f"# TYPE {metric} counter\n"
    for name, number in sorted(counts.items()):
        yield f'{metric}{{{label}="{name}"}} {number}\n'


def _disk(service: Service) -> dict[str, tuple[str, float]]:
    """Room left, of the folder that has the least."""
    with suppress(OSError):
        free = min(shutil.disk_usage(folder).free for folder in service.store.folders())
        return {"fenmark_disk_free_bytes": ("gauge", free)}
    return {}


def _since(note: Path, what: str) -> dict[str, tuple[str, float]]:
    """Entries and time of the checkpoint last cosigned, published or backed up, if any was."""
    with suppress(OSError, UserError):
        written_s = note.stat().st_mtime
        size = checkpoint.read(note.read_bytes(), note.name)[0].size
        return {
            f"fenmark_{what}_entries": ("gauge", size),
            f"fenmark_{what}_timestamp_seconds": ("gauge", written_s),
        }
    return {}


def _metrics(service: Service) -> Iterator[str]:
    yield "# TYPE fenmark_requests_total counter\n"
    for (method, route, status), number in sorted(service.answered.items()):
        labels = f'method="{method}",route="{route}",status="{status}"'
        yield f"fenmark_requests_total{{{labels}}} {number}\n"
    yield from _by_name("fenmark_submissions_total", "outcome", service.outcomes)
    yield from _by_name("fenmark_refusals_total", "problem", service.refused)
    yield from _by_name("fenmark_refused_results_total", "rule", service.broken)
    yield from _by_name("fenmark_flags_total", "rule", service.flagged)
    size = service.ledger.unverified().size
    values: dict[str, tuple[str, float]] = {
        "fenmark_log_entries": ("gauge", size),
        "fenmark_log_entries_pending": ("gauge", service.store.size() - size),
        "fenmark_log_files_unsettled": ("gauge", service.ledger.unsettled),
        **_disk(service),
        **_since(service.ledger.home / "cosigned", "cosigned"),
        **_since(service.ledger.home.parent / PUBLISHED, "published"),
        **_since(service.ledger.home.parent / BACKED_UP, "backed_up"),
        "fenmark_read_only": ("gauge", service.store.desk.switches.read_only),
        "fenmark_registrations_pending": ("gauge", service.store.desk.pending()),
        "fenmark_commits_total": ("counter", service.committer.batches),
        "fenmark_commit_seconds_total": ("counter", service.committer.seconds),
    }
    for name, (kind, value) in values.items():
        yield f"# TYPE {name} {kind}\n{name} {value}\n"
