"""What the endpoints share."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from results.service.limits import Buckets
from results.service.request import Nonces
from results.service.sessions import AdminSessions

if TYPE_CHECKING:
    from securesystemslib.signer import Key

    from results.proof.ledger import Ledger
    from results.service.group_commit import Committer
    from results.service.health import Health
    from results.service.limits import Quota, SenderLimits
    from results.service.owner_quotas import OwnerQuotas
    from results.service.store import Store
    from results.service.submission_check import Intake
    from results.service.taking import Taker
    from results.service.vouching import Vouching

__all__ = ["Service"]

_REGISTRATIONS_PER_MINUTE = 10.0  # of an address


@dataclass(slots=True, kw_only=True)
class Service:
    """The open store and those who work on it.

    Attributes:
        intake: judges what comes in; its store takes what passes.
        log_key: public key of the log.
        addresses, keys: what each may still ask and send.
        owners: what their owners may still submit today.
        registering: how often an address may ask to be registered.
        nonces: of signed requests.
        sessions: of administrators in a browser.
        vouching: whose workflows are registered by themselves.
        names: hosts, with their ports, that signed requests may be made for; local ones always.
        taker: takes what was judged.
        health: whether disk, log and database do their work.
        judging: one thread: it holds the interpreter, so that more would only take turns, and a
            kernel computed again must not hold up the event loop.
        answered: responses by method, route and status.
        outcomes: new results by outcome.
        refused: requests by the problem they were answered with.
        broken: refused results by the rule that refused them.
        flagged: new results by the rule that has something against them.
    """

    intake: Intake
    log_key: Key
    limits: SenderLimits
    taker: Taker
    committer: Committer
    addresses: Quota
    keys: Quota
    health: Health
    owners: OwnerQuotas
    vouching: Vouching | None = None
    names: frozenset[str] = frozenset()
    registering: Buckets = field(default_factory=lambda: Buckets(_REGISTRATIONS_PER_MINUTE))
    nonces: Nonces = field(default_factory=Nonces)
    sessions: AdminSessions = field(default_factory=AdminSessions)
    judging: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    answered: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    flagged: Counter[str] = field(default_factory=Counter)

    @property
    def store(self) -> Store:
        return self.intake.store

    @property
    def ledger(self) -> Ledger:
        return self.intake.store.ledger
