"""The submission store: rows in a database, leaves in the log, both durable before a receipt.

A batch is one transaction, then one extension of the log. The rows say which entries a
checkpoint was to cover, so a log that a crash left behind is brought up to them on opening.
"""

from __future__ import annotations

import fcntl
import hashlib
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, NoReturn

from sqlalchemy import (
    JSON,
    Engine,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    create_engine,
    event,
    func,
    select,
    tuple_,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from results import checkpoint as notes
from results import strict_json
from results.checkpoint import Checkpoint
from results.identity import runner_id
from results.keylog import KeyLog, events
from results.ledger import Ledger
from results.receipt import Receipt, result_entry
from suites.child import write_atomically
from suites.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from securesystemslib.signer import Signer

    from results.checks import Finding, Outcome
    from results.identity import Runner

__all__ = [
    "Base",
    "Candidate",
    "Entry",
    "Filters",
    "Store",
    "Stored",
    "Submission",
    "envelopes",
    "open_store",
    "payload_sha256",
]


class Base(DeclarativeBase):
    """Tables of the store; `results/migrations` makes them."""


class Entry(Base):
    """An entry of the log.

    Attributes:
        at: its index.
        record: its bytes.
        size: of the first checkpoint that covers it.
    """

    __tablename__ = "entries"

    at: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    record: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int]


class Submission(Base):
    """A result, its envelope verbatim. Its identity is its payload and who signed it.

    Never the payload alone: a stranger could sign another's payload first and claim it.
    """

    __tablename__ = "submissions"
    __table_args__ = (
        UniqueConstraint("payload_sha256", "keyid"),
        Index("ix_submissions_chip", "chip"),
        Index("ix_submissions_runner", "runner"),
    )

    at: Mapped[int] = mapped_column(ForeignKey("entries.at"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    payload_sha256: Mapped[str] = mapped_column(String(64))
    keyid: Mapped[str] = mapped_column(String(64))
    runner: Mapped[str] = mapped_column(String(64))
    chip: Mapped[str] = mapped_column(String(256))
    profile: Mapped[str] = mapped_column(String(16))
    finished_at: Mapped[str] = mapped_column(String(32))
    received_at: Mapped[str] = mapped_column(String(32))
    nonce: Mapped[str | None] = mapped_column(String(256), unique=True)
    outcome: Mapped[str] = mapped_column(String(16))
    findings: Mapped[list[dict[str, str]]] = mapped_column(JSON)
    envelope: Mapped[bytes] = mapped_column(LargeBinary)


class Sample(Base):
    """Digest of raw samples, and the first result that brought them."""

    __tablename__ = "samples"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[int] = mapped_column(ForeignKey("submissions.at"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A verified and checked result that waits to be stored; fields as in `Submission`."""

    digest: str
    payload_sha256: str
    keyid: str
    runner: str
    chip: str
    profile: str
    finished_at: str
    received_at: str
    nonce: str | None
    samples: frozenset[str]
    outcome: Outcome
    findings: tuple[Finding, ...]
    envelope: bytes

    @property
    def identity(self) -> tuple[str, str]:
        return self.payload_sha256, self.keyid


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of a candidate.

    Attributes:
        receipt: None where the nonce was used by another result.
        new: it was not there before.
    """

    receipt: Receipt | None
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which results to list; None takes any."""

    chip: str | None = None
    runner: str | None = None
    profile: str | None = None
    outcome: str | None = None


class Store:
    """Rows and log of one folder. Only one process opens it, only one thread commits."""

    def __init__(self, home: Path, engine: Engine, signer: Signer, origin: str) -> None:
        """Keep the parts; `open_store` makes them."""
        self._engine = engine
        self._signer = signer
        self._origin = origin
        self._writing = threading.Lock()
        self._key_files = home / "runners"
        self.ledger = Ledger(home / "log")

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def recover(self) -> int:
        """Bring the log up to the rows; return how many entries it lacked.

        The one way entries get into the log, whether a moment or a crash after their rows.

        Raises:
            CheckError: the log is damaged.
        """
        size = self.ledger.unverified().size
        with Session(self._engine) as session:
            missing = session.scalars(select(Entry).where(Entry.at >= size).order_by(Entry.at))
            batches = [
                [entry.record for entry in batch]
                for _, batch in groupby(missing, lambda entry: entry.size)
            ]
        for batch in batches:
            self.ledger.extend(batch, origin=self._origin, signer=self._signer)
        return sum(map(len, batches))

    def commit(self, batch: Sequence[Candidate]) -> list[Stored]:
        """Store candidates in one transaction and one checkpoint; durable on return.

        Candidates known already, or twice in the batch, get the receipt of the first.
        """
        with self._writing:
            return self._commit(batch)

    def _commit(self, batch: Sequence[Candidate]) -> list[Stored]:
        with Session(self._engine) as session, session.begin():
            start = session.scalar(select(func.count()).select_from(Entry)) or 0
            places = self._known(session, batch)
            spent = self._spent(session, batch)
            new: list[Candidate] = []
            for one in batch:
                if one.identity in places or one.nonce in spent:
                    continue
                places[one.identity] = start + len(new)
                new.append(one)
                spent |= {one.nonce} if one.nonce else set()
            self._insert(session, new, start)
        self.recover()
        receipts = self._receipts(sorted(set(places.values())))
        fresh = {id(one) for one in new}
        return [
            Stored(receipt=receipts.get(places.get(one.identity, -1)), new=id(one) in fresh)
            for one in batch
        ]

    def sync_keys(self, runners: Sequence[Runner]) -> KeyLog:
        """Put into the log what key files say that it does not; return what it says then."""
        with self._writing:
            records = [strict_json.canonical(one) for one in events(runners, self._key_log())]
            if records:
                with Session(self._engine) as session, session.begin():
                    start = session.scalar(select(func.count()).select_from(Entry)) or 0
                    _add_entries(session, records, start)
                self.recover()
            return self._key_log()

    def keep_key_files(self, paths: Sequence[Path]) -> None:
        """Keep copies: an archive must verify after its runners' files were moved elsewhere."""
        self._key_files.mkdir(exist_ok=True)
        for path in paths:
            write_atomically(self._key_files / path.name, path.read_bytes())

    def _key_log(self) -> KeyLog:
        query = select(Entry).where(Entry.at.not_in(select(Submission.at))).order_by(Entry.at)
        with Session(self._engine) as session:
            return KeyLog.of(
                (entry.at, strict_json.loads(entry.record, "log"))
                for entry in session.scalars(query)
            )

    def find(self, digest: str) -> Submission | None:
        """Return the submission of an envelope."""
        with Session(self._engine) as session:
            return session.scalar(select(Submission).where(Submission.digest == digest))

    def receipt(self, submission: Submission) -> Receipt:
        """Return the receipt a submission got, byte for byte as it was."""
        return self._receipts([submission.at])[submission.at]

    def page(self, filters: Filters, after: int, limit: int) -> list[Submission]:
        """List submissions in order of the log, from the entry behind `after`."""
        wanted = {
            Submission.chip: filters.chip,
            Submission.runner: filters.runner,
            Submission.profile: filters.profile,
            Submission.outcome: filters.outcome,
        }
        query = select(Submission).where(Submission.at > after).order_by(Submission.at)
        for column, value in wanted.items():
            if value is not None:
                query = query.where(column == value)
        with Session(self._engine) as session:
            return list(session.scalars(query.limit(limit)))

    def samples(self, digests: frozenset[str]) -> dict[str, str]:
        """Which of these raw samples are known, and by the digest of which result."""
        query = (
            select(Sample.sha256, Submission.digest)
            .join(Submission, Submission.at == Sample.at)
            .where(Sample.sha256.in_(digests))
        )
        with Session(self._engine) as session:
            return {row.sha256: row.digest for row in session.execute(query)}

    def ready(self) -> bool:
        """Tell whether the database answers."""
        with Session(self._engine) as session:
            return session.scalar(select(1)) == 1

    def _known(self, session: Session, batch: Sequence[Candidate]) -> dict[tuple[str, str], int]:
        identity = tuple_(Submission.payload_sha256, Submission.keyid)
        rows = session.execute(
            select(Submission.payload_sha256, Submission.keyid, Submission.at).where(
                identity.in_({one.identity for one in batch})
            )
        )
        return {(row.payload_sha256, row.keyid): row.at for row in rows}

    def _spent(self, session: Session, batch: Sequence[Candidate]) -> set[str]:
        nonces = {one.nonce for one in batch if one.nonce}
        query = select(Submission.nonce).where(Submission.nonce.in_(nonces))
        return {nonce for nonce in session.scalars(query) if nonce} if nonces else set()

    def _insert(self, session: Session, new: Sequence[Candidate], start: int) -> None:
        if not new:
            return
        _add_entries(session, [result_entry(one.digest) for one in new], start)
        session.flush()
        first: dict[str, int] = {}
        for at, one in enumerate(new, start):
            fields = {name: getattr(one, name) for name in one.__dataclass_fields__}
            samples = fields.pop("samples")
            findings = [finding.to_json() for finding in fields.pop("findings")]
            session.add(Submission(at=at, findings=findings, **fields))
            for sha256 in samples:
                first.setdefault(sha256, at)
        session.flush()
        known = set(session.scalars(select(Sample.sha256).where(Sample.sha256.in_(first))))
        session.add_all(
            Sample(sha256=sha256, at=at) for sha256, at in first.items() if sha256 not in known
        )

    def _receipts(self, places: Sequence[int]) -> dict[int, Receipt]:
        """Make receipts anew; Ed25519 is deterministic, so each is the one given first."""
        query = (
            select(Submission.at, Submission.digest, Entry.size)
            .join(Entry, Entry.at == Submission.at)
            .where(Submission.at.in_(places))
            .order_by(Entry.size)
        )
        with Session(self._engine) as session:
            rows = session.execute(query).all()
        found = {}
        for size, group in groupby(rows, lambda row: row.size):
            members = list(group)
            root, proofs = self.ledger.prove_at([row.at for row in members], size)
            signed = Checkpoint(origin=self._origin, size=size, root=root)
            note = notes.write(signed, self._signer)
            for row, proof in zip(members, proofs, strict=True):
                found[row.at] = Receipt(digest=row.digest, index=row.at, proof=proof, note=note)
        return found


@contextmanager
def open_store(
    home: Path, signer: Signer, *, url: str | None = None, origin: str | None = None
) -> Iterator[Store]:
    """Open the store in a folder, make or migrate its tables, complete its log.

    Args:
        signer: the log's Ed25519 key.
        url: of the database; by default `fenmark.db` in the folder.
        origin: the log's name; its last part is the id of the log's key.

    Raises:
        UserError: another process has it open, or the database cannot be reached.
        CheckError: the log is damaged.
    """
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError

    home.mkdir(parents=True, exist_ok=True)
    (home / "log").mkdir(exist_ok=True)
    with _only_one(home):
        try:
            engine = _engine(url or f"sqlite:///{home / 'fenmark.db'}")
            _migrate(engine)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, OperationalError) as error:
            _unreachable(error)
        name = origin or f"fenmark.log/{runner_id(signer.public_key)}"
        store = Store(home, engine, signer, name)
        try:
            store.recover()
            yield store
        finally:
            store.close()


def envelopes(home: Path, size: int, url: str | None = None) -> Iterator[tuple[str, bytes]]:
    """Digest and bytes of the envelopes among the first `size` entries; flat in memory.

    Reads beside a server that writes.

    Raises:
        UserError: the database cannot be opened.
    """
    from sqlalchemy.exc import SQLAlchemyError

    query = select(Submission.digest, Submission.envelope).where(Submission.at < size)
    try:
        engine = _engine(url or f"sqlite:///{home / 'fenmark.db'}")
        with Session(engine) as session:
            rows = query.order_by(Submission.at).execution_options(yield_per=100)
            for row in session.execute(rows):
                yield row.digest, row.envelope
        engine.dispose()
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        _unreachable(error)


def payload_sha256(payload: bytes) -> str:
    """Return the digest that, with the signer, is a submission's identity."""
    return hashlib.sha256(payload).hexdigest()


def _add_entries(session: Session, entries: Sequence[bytes], start: int) -> None:
    size = start + len(entries)
    session.add_all(
        Entry(at=at, record=record, size=size) for at, record in enumerate(entries, start)
    )


def _engine(url: str) -> Engine:
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _durable)
    return engine


def _durable(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    # FULL: a commit is on the disk when it returns (sqlite.org/pragma.html#pragma_synchronous).
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _migrate(engine: Engine) -> None:
    from importlib.resources import files

    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("results") / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    with (home / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                "is open in another process",
                where=str(home),
                remedy="a log has one writer: stop the other server first",
            ) from error
        yield


def _unreachable(error: Exception) -> NoReturn:
    raise UserError(
        f"cannot be opened: {str(error).splitlines()[0]}",
        where="database",
        expected="sqlite:///FILE or postgresql+psycopg://…",
        remedy="PostgreSQL needs the extra: pip install 'fenmark[postgres]'",
    ) from error
