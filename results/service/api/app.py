"""The application over an open store."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI

from results.service.api.admin_page import add_admin_page
from results.service.api.administration import add_administration
from results.service.api.health_and_metrics import add_operation
from results.service.api.log import add_log
from results.service.api.middleware import Frame
from results.service.api.moderation import add_moderation
from results.service.api.notices import add_notices
from results.service.api.problems import add_handlers
from results.service.api.reading import add_reading
from results.service.api.registrations import add_registrations
from results.service.api.samples import add_samples
from results.service.api.service import Service
from results.service.api.writing import add_writing
from results.service.cosigning import Cosigning
from results.service.desk import Daily
from results.service.group_commit import Committer
from results.service.health import Health
from results.service.limits import Limits, Quota
from results.service.owner_quotas import OwnerQuotas

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from securesystemslib.signer import Key
    from starlette.types import ASGIApp

    from results.service.submission_check import Intake
    from results.service.vouching import Vouching

__all__ = ["create_app"]


def create_app(
    intake: Intake,
    log_key: Key,
    *,
    limits: Limits | None = None,
    write_log: Callable[[str], None] = print,
    witnesses: Sequence[str] = (),
    daily: Daily | None = None,
    vouching: Vouching | None = None,
) -> ASGIApp:
    """Build the application over an open store.

    Args:
        intake: judges what comes in; its store takes what passes.
        log_key: public key of the log, given to who asks.
        write_log: takes one JSON line a request: route, status, digest and key id, no more of
            anybody's.
        witnesses: URLs to ask for cosignatures.
        daily: what an owner may submit a day, who has no quota of their own; None: no limit.
        vouching: whose workflows are registered without an administrator.
    """
    given = limits or Limits()
    service = Service(
        intake=intake,
        log_key=log_key,
        limits=given,
        committer=Committer(intake.store),
        addresses=Quota.of(given),
        keys=Quota.of(given),
        health=Health(intake.store),
        owners=OwnerQuotas(intake=intake, everybody=daily or Daily()),
        vouching=vouching,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        committing = asyncio.create_task(service.committer.run())
        cosigning = Cosigning(ledger=service.ledger, witnesses=witnesses)
        asking = asyncio.create_task(cosigning.run()) if witnesses else None
        yield
        if asking:
            asking.cancel()
        await service.committer.stop()
        await committing

    app = FastAPI(
        title="Fenmark submission API",
        version="1",
        summary="Signed results in, receipts out, the log for everybody.",
        lifespan=lifespan,
        docs_url=None,  # their pages load scripts from another host
        redoc_url=None,
        redirect_slashes=False,  # to an address that the request's own Host names
    )
    add_handlers(app)
    for add in (
        add_reading,
        add_samples,
        add_log,
        add_notices,
        add_moderation,
        add_registrations,
        add_admin_page,  # before the acts, whose route would take its own
        add_administration,
        add_operation,
        add_writing,
    ):  # it completes the OpenAPI
        add(app, service)
    return Frame(app, service, write_log)
