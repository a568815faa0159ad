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
from results.service.limits import Quota, SenderLimits
from results.service.owner_quotas import OwnerQuotas
from results.service.taking import Taking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from contextlib import AbstractAsyncContextManager

    from securesystemslib.signer import Key

    from results.service.submission_check import Intake
    from results.service.taking import Taker
    from results.service.vouching import Vouching

__all__ = ["create_app", "create_front"]


def create_app(
    intake: Intake,
    log_key: Key,
    *,
    limits: SenderLimits | None = None,
    write_log: Callable[[str], None] = print,
    witnesses: Sequence[str] = (),
    daily: Daily | None = None,
    vouching: Vouching | None = None,
    names: Iterable[str] = (),
) -> Frame:
    """Build the application over an open store.

    Args:
        intake: judges what comes in; its store takes what passes.
        log_key: public key of the log, given to who asks.
        write_log: takes one JSON line a request: route, status, digest and key id, no more of
            anybody's.
        witnesses: URLs to ask for cosignatures.
        daily: what an owner may submit a day, who has no quota of their own; None: no limit.
        vouching: whose workflows are registered without an administrator.
        names: hosts, with their ports where those are unusual, by which clients reach it.
    """
    owners, committer = (
        OwnerQuotas(intake=intake, everybody=daily or Daily()),
        Committer(intake.store),
    )
    given = limits or SenderLimits()
    service = Service(
        intake=intake,
        log_key=log_key,
        limits=given,
        taker=Taking(intake=intake, committer=committer, owners=owners),
        committer=committer,
        addresses=Quota.of(given),
        keys=Quota.of(given),
        health=Health(intake.store),
        owners=owners,
        vouching=vouching,
        names=frozenset(name.lower() for name in names),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        committing = asyncio.create_task(committer.run())
        cosigning = Cosigning(ledger=service.ledger, witnesses=witnesses)
        asking = asyncio.create_task(cosigning.run()) if witnesses else None
        yield
        if asking:
            asking.cancel()
        await committer.stop()
        await committing

    app = _application(lifespan)
    for add in (
        *_ON_THE_WAY,
        add_notices,
        add_moderation,
        add_registrations,
        add_admin_page,  # before the acts, whose route would take its own
        add_administration,
        add_operation,
        add_writing,
    ):
        add(app, service)
    return Frame(app, service, write_log)


def create_front(
    intake: Intake,
    log_key: Key,
    taker: Taker,
    limits: SenderLimits,
    write_log: Callable[[str], None],
) -> Frame:
    """Build what a process answers by itself that reads along in a store: see `api/processes`.

    Args:
        taker: takes what it judged, where the store is open.
    """
    service = Service(
        intake=intake,
        log_key=log_key,
        limits=limits,
        taker=taker,
        committer=Committer(intake.store),
        addresses=Quota.of(limits),
        keys=Quota.of(limits),
        health=Health(intake.store),
        owners=OwnerQuotas(intake=intake, everybody=Daily()),
    )
    app = _application(None)
    for add in (*_ON_THE_WAY, add_writing):
        add(app, service)
    return Frame(app, service, write_log)


def _application(
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None,
) -> FastAPI:
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
    return app


# What any process answers that reads the store.
_ON_THE_WAY = (add_reading, add_samples, add_log)
