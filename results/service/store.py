"""The submission store: rows in a database, among them the log's leaves, then the log.

A batch is one transaction, the only thing waited for, then one extension of the log. The rows
hold each leaf and say which checkpoint covers it, and signatures are deterministic: a log that a
crash or a power cut left behind is made again on opening, byte for byte.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, String, func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, load_only

from results.archive import archive
from results.keys.identity import Runner, read_key_file, runner_id
from results.proof import checkpoint, moderation, notice
from results.proof.checkpoint import Checkpoint
from results.proof.keylog import KeyLog, events, time_entry
from results.proof.ledger import Ledger
from results.proof.moderation import Logged, Moderation, ResultNotice
from results.proof.receipt import Receipt
from results.proof.writer import LogWriter
from results.service import engine as database
from results.service.desk import Desk, Switches
from results.service.faults import receipt_pending
from results.service.history import check_rows
from results.service.insert import choose_new, insert_entries, insert_new, next_place, places_of
from results.service.orm import LogEntry, SampleDigest, Submission
from results.service.samples import SampleFiles, named
from results.statement import strict_json
from suites.base import files
from suites.base.errors import CheckError, UserError
from suites.base.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from securesystemslib.signer import Key, Signer

    from results.proof.notice import Notice
    from results.service.insert import Candidate

__all__ = [
    "Filters",
    "ResultPage",
    "Store",
    "Stored",
    "envelopes",
    "following",
    "keyid_of",
    "notices",
    "open_store",
    "payload_sha256",
    "removed",
]

_LOG = logging.getLogger(__name__)

# Digits of a time as Fenmark writes it: 2026-11-23T00:00.
_TO_THE_HOUR, _TO_THE_MINUTE = 13, 16
# Files of the log written but not waited for; bounds what opening does again after a power cut.
_MOST_UNSETTLED = 500
# What is told of a result; its envelope, up to 1 MiB, is read where it is asked for alone.
_TOLD = load_only(
    Submission.digest,
    Submission.keyid,
    Submission.runner,
    Submission.chip,
    Submission.profile,
    Submission.finished_at,
    Submission.received_at,
    Submission.outcome,
    Submission.findings,
    Submission.flags,
    raiseload=True,
)
# A page ends early behind so many, some 2 MB of them: one result may have thousands.
_MOST_FINDINGS = 5_000
_ROWS_AT_ONCE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of a candidate.

    Attributes:
        receipt: None where the nonce was used by another result.
        new: it was not there before.
        outcome, findings: of the checks, as they were when it was stored.
    """

    receipt: Receipt | None
    new: bool = False
    outcome: str = ""
    findings: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which results to list; None takes any."""

    chip: str | None = None
    runner: str | None = None
    profile: str | None = None
    outcome: str | None = None
    flag: str | None = None


@dataclass(frozen=True, slots=True)
class ResultPage:
    """Results in order of the log, without their envelopes; `more` follow."""

    rows: list[Submission]
    more: bool


class Store:
    """Rows and log of one folder. Only one process opens it, only one thread commits.

    Attributes:
        follows: another process has it open, and this one reads along: nothing is put in.
    """

    def __init__(
        self, home: Path, engine: Engine, signer: Signer, origin: str, *, follows: bool = False
    ) -> None:
        """Keep the parts; `open_store` and `following` make them."""
        self.follows = follows
        self._engine = engine
        self._signer = signer
        self._origin = origin
        self._writing = threading.Lock()
        self._home = home
        self._key_files = home / "runners"
        self._writer = LogWriter.of(origin, checkpoint.ed25519_bytes(signer.public_key.to_dict()))
        self._time = ""  # that the log last stated
        self._read_so_far = (tuple[Runner, ...](), 0, KeyLog(authority=self.administrators))
        self.desk = Desk(engine)
        self.ledger = Ledger(home / "log")
        self.samples = SampleFiles(home / "samples")

    @property
    def administrators(self) -> tuple[Key, ...]:
        """Keys whose notices and requests count here."""
        return self._writer.administrators

    @property
    def own_administrator(self) -> Signer | None:
        """The log's own key, where it is an administrator's; None where those keep theirs."""
        own = self._signer.public_key.keyid
        return self._signer if own in {key.keyid for key in self.administrators} else None

    def set_switches(self, act: dict[str, Any], **changes: Any) -> Switches:
        """Change how the server is run: once it is read-only, nothing enters the log any more."""
        with self._writing:
            return self.desk.set_switches(act, **changes)

    def brought(self, keyids: Iterable[str], since: str) -> tuple[int, int]:
        """Count results of some keys since a time, and the bytes of their envelopes."""
        query = select(func.count(), func.sum(func.length(Submission.envelope))).where(
            Submission.keyid.in_(list(keyids)), Submission.received_at >= since
        )
        with self._engine.connect() as connection:
            number, size = connection.execute(query).one()
        return number, int(size or 0)

    def counts(self) -> dict[str, tuple[int, str]]:
        """Count the results of each key, and tell when the last came."""
        query = select(Submission.keyid, func.count(), func.max(Submission.received_at))
        with self._engine.connect() as connection:
            rows = connection.execute(query.group_by(Submission.keyid)).all()
        return {keyid: (number, last) for keyid, number, last in rows}

    @property
    def _puts_nothing_in(self) -> bool:
        return self.follows or self.desk.switches.read_only

    def recover(self) -> int:
        """Bring the log up to the rows; return how many entries it lacked.

        The one way entries get into the log, whether a moment or a crash after their rows.

        Raises:
            CheckError: the log is damaged.
            OSError: its disk is full or broken; asked again, it goes on where it stopped.
        """
        size = self.ledger.unverified().size
        query = (
            select(LogEntry.record, LogEntry.size).where(LogEntry.at >= size).order_by(LogEntry.at)
        )
        with self._engine.connect() as connection:
            missing = connection.execute(query).all()
        for _, batch in groupby(missing, lambda row: row.size):
            records = [row.record for row in batch]
            self.ledger.extend(records, origin=self._origin, signer=self._signer, settle=False)
        if self.ledger.unsettled > _MOST_UNSETTLED:
            self.ledger.settle()
        return len(missing)

    def commit(self, batch: Sequence[Candidate]) -> list[Stored]:
        """Store candidates in one transaction and one checkpoint; durable on return.

        Candidates known already, or twice in the batch, get the receipt of the first.

        Raises:
            OperationalError: the database is full, locked or out of reach; nothing was stored.
            Problem: 503, the server is read-only; or everything is stored, and the log could not
                be written yet.
        """
        with self._writing:
            self.desk.admit()
            with self._engine.begin() as connection:
                places = places_of(connection, batch)
                new = choose_new(connection, batch, set(places))
                time = self._time_due(new)
                if time:
                    insert_entries(connection, [time_entry(time)])
                places |= insert_new(connection, new)
            self._time = time or self._time
            self._follow()  # though nothing is new: an earlier batch may have no receipts yet
            receipts = self._receipts(
                (row.size, row.at, row.digest, row.flags) for row in places.values()
            )
        fresh = {id(candidate) for candidate in new}
        return [
            Stored(
                receipt=receipts[place.at],
                new=id(candidate) in fresh,
                outcome=place.outcome,
                findings=place.findings,
            )
            if (place := places.get(candidate.identity))
            else Stored(receipt=None)
            for candidate in batch
        ]

    def _time_due(self, new: Sequence[Candidate]) -> str:
        """Give the time to be stated before these: each hour, and to the minute for a validity."""
        dated = any(candidate.dated for candidate in new)
        if not dated and not self._time:  # a store that was told of no key states no time
            return ""
        now = max((candidate.received_at for candidate in new), default="")
        digits = _TO_THE_MINUTE if dated else _TO_THE_HOUR
        return now if now[:digits] > self._time[:digits] else ""

    def sync_keys(self, runners: Sequence[Runner]) -> KeyLog:
        """Put into the log what key files and notices say that it does not; return what it says.

        A notice that would count for nothing stays out, and its fault is logged. While the server
        is read-only nothing is put in.
        """
        with self._writing:
            key_log = self._key_log(runners)
            if self._puts_nothing_in:
                return key_log
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            dated = ({**event, "time": now} for event in events(runners, key_log))
            records = [strict_json.canonical(event) for event in dated]
            with self._engine.begin() as connection:
                at = next_place(connection) + len(records)
                if at and not (records or key_log.times):  # a log from before times were stated
                    records.append(time_entry(now))
                    at += 1
                records += self._notices_due(key_log, at)
                if records:
                    insert_entries(connection, records)
            if records:
                self.recover()
            key_log = self._key_log(runners)
            self._time = max(self._time, *(time for _, time in key_log.times[-1:]), "")
            return key_log

    def _notices_due(self, key_log: KeyLog, at: int) -> list[bytes]:
        """Entries of notices that lie here, count, and are not in the log, from a place on."""
        due: list[bytes] = []
        for digest, data in notice.files(self._home, known=key_log.notices).items():
            if moderation.is_about_result(data):
                continue
            fault = key_log.offer(data, at + len(due))
            if fault:
                _LOG.warning("%s: %s", notice.place(self._home, digest), fault)
            else:
                due.append(notice.notice_entry(digest))
        return due

    def sync_moderation(self, keys: KeyLog) -> Moderation:
        """Put into the log what notices about results say that lie here; return what it says.

        One that would count for nothing stays out, and its fault is logged. While the server is
        read-only nothing is put in.
        """
        with self._writing:
            if self._puts_nothing_in:
                return self._moderation(keys)
            rulings, due = self._moderation(keys), list[ResultNotice]()
            at, now = self.size(), datetime.now(UTC)
            known = {*rulings.entered, *keys.notices}
            for digest, data in notice.files(self._home, known=known).items():
                if not moderation.is_about_result(data):
                    continue
                where = str(notice.place(self._home, digest))
                try:
                    told = moderation.read(data, where)
                    fault = rulings.offer(told, at + len(due), now)
                except UserError as error:
                    fault = str(error)
                if fault:
                    _LOG.warning("%s: %s", where, fault)
                else:
                    due.append(told)
            self._enter(due)
            return rulings

    def moderate(self, told: ResultNotice, keys: KeyLog) -> Moderation:
        """Take a notice about a result, durably on return; return what the log says then.

        Raises:
            CheckError: it would count for nothing; it leaves no trace.
            OperationalError: the database is full, locked or out of reach; nothing was stored.
            Problem: 503, it is stored, the log could not be written yet.
        """
        with self._writing:
            self.desk.admit()
            rulings = self._moderation(keys)
            if fault := rulings.offer(told, self.size(), datetime.now(UTC)):
                raise CheckError(fault)
            with self._laid(told.data):
                self._enter([told])
            return rulings

    def enter_key_notice(self, told: Notice, runners: Sequence[Runner]) -> None:
        """Take a notice about a key, durably on return.

        Args:
            runners: of the key files, as `sync_keys` takes them.

        Raises:
            CheckError: it would count for nothing; it leaves no trace.
            OperationalError: the database is full, locked or out of reach; nothing was stored.
            Problem: 503, it is stored, the log could not be written yet.
        """
        with self._writing:
            self.desk.admit()
            if fault := self._key_log(runners).offer(told.data, self.size()):
                raise CheckError(fault)
            with self._laid(told.data), self._engine.begin() as connection:
                insert_entries(connection, [notice.notice_entry(told.digest)])
            self._follow()

    @contextmanager
    def _laid(self, data: bytes) -> Iterator[None]:
        """Lay a notice down before the entry that names it, and take it away if none comes."""
        place = notice.lay(self._home, data)
        try:
            yield
        except OperationalError:
            place.unlink(missing_ok=True)
            raise

    def _follow(self) -> None:
        """Let the log follow the rows.

        Raises:
            Problem: 503, it could not be written yet.
        """
        try:
            self.recover()
        except OSError as error:
            _LOG.error("%s", error)
            raise receipt_pending(error) from error

    def _enter(self, due: Sequence[ResultNotice]) -> None:
        """Enter notices that count; of results that they remove, drop envelope and samples."""
        if not due:
            return
        removed = [told.result for told in due if told.action == "removed"]
        erased = update(Submission).where(Submission.digest.in_(removed)).values(envelope=b"")
        samples = select(SampleDigest.sha256).join(Submission).where(Submission.digest.in_(removed))
        with self._engine.begin() as connection:
            insert_entries(connection, [moderation.entry(told.digest) for told in due])
            dropped = list(connection.scalars(samples)) if removed else []
            if removed:
                connection.execute(erased)
        self._follow()
        self.samples.drop(dropped, self.named)

    def _moderation(self, keys: KeyLog) -> Moderation:
        return Moderation.of(
            self._records(0, self.size()),
            self._fetch,
            keys=keys,
            authority=self._writer.administrators,
            logged=self._logged,
        )

    def _logged(self, digest: str) -> Logged | None:
        row = self.find(digest)
        return Logged(row.at, row.keyid) if row else None

    def _fetch(self, digest: str) -> bytes:
        return archive.read(notice.place(self._home, digest))

    @property
    def notice_folder(self) -> Path:
        """Where they lie."""
        return self._home / notice.NOTICES

    def notice_files(self) -> list[Path]:
        """List the files of notices, entered or waiting to be."""
        return notice.paths(self._home)

    def notices(self, first: int, most: int) -> Iterator[tuple[int, bytes]]:
        """Yield index and envelope of notices the log holds, from an index on, in order."""
        entries = {
            notice.notice_entry(digest): path for digest, path in self._notice_places().items()
        }
        query = select(LogEntry.at, LogEntry.record).where(
            LogEntry.at >= first, LogEntry.record.in_(entries.keys())
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(LogEntry.at).limit(most)).all()
        for row in rows:
            yield row.at, files.read_limited(entries[row.record])

    def notice(self, digest: str) -> bytes | None:
        """Return the envelope of a notice that the log holds, byte for byte."""
        path = self._notice_places().get(digest)
        records = [notice.notice_entry(digest), moderation.entry(digest)]
        query = select(LogEntry.at).where(LogEntry.record.in_(records))
        with self._engine.connect() as connection:
            entered = path and connection.scalar(query) is not None
        return files.read_limited(path) if path and entered else None

    def _notice_places(self) -> dict[str, Path]:
        return {path.name.partition(".")[0]: path for path in self.notice_files()}

    def keep_key_files(self, paths: Sequence[Path]) -> None:
        """Keep copies: an archive must verify after its runners' files were moved elsewhere."""
        if self._puts_nothing_in:
            return
        self._key_files.mkdir(exist_ok=True)
        for path in paths:
            write_atomically(self._key_files / path.name, read_key_file(path).encode())

    def _key_log(self, runners: Sequence[Runner]) -> KeyLog:
        """Read what the log says of keys, from where it was last read to."""
        known, start, before = self._read_so_far
        if known != tuple(runners):
            known, start = tuple(runners), 0
            before = KeyLog(known=runners, authority=self.administrators)
        key_log, size = before.copy(), self.size()
        key_log.follow(self._records(start, size), self._fetch)
        if not key_log.refused:  # a notice whose file is missing may come back
            self._read_so_far = (known, size, key_log.copy())
        return key_log

    def _records(self, start: int, end: int) -> list[tuple[int, dict[str, Any]]]:
        """Index and record of every entry of a range that is not a result, in order."""
        results = select(Submission.at).where(Submission.at >= start)
        query = select(LogEntry.at, LogEntry.record).where(
            LogEntry.at >= start, LogEntry.at < end, LogEntry.at.not_in(results)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(LogEntry.at)).all()
        return [(row.at, strict_json.loads(row.record, "log")) for row in rows]

    def find(self, digest: str) -> Submission | None:
        """Return what is told of the submission of an envelope."""
        query = select(Submission).options(_TOLD).where(Submission.digest == digest)
        with Session(self._engine) as session:
            return session.scalar(query)

    def envelope(self, digest: str) -> bytes | None:
        """Return an envelope, byte for byte; empty where the result was removed."""
        query = select(Submission.envelope).where(Submission.digest == digest)
        with self._engine.connect() as connection:
            return connection.scalar(query)

    def receipt(self, submission: Submission) -> Receipt:
        """Return the receipt a submission got, byte for byte as it was.

        Raises:
            Problem: 503, the log could not be written yet.
        """
        query = select(LogEntry.size).where(LogEntry.at == submission.at)
        with self._engine.connect() as connection:
            size = connection.execute(query).scalar_one()
        mine = (size, submission.at, submission.digest, submission.flags)
        return self._receipts([mine])[submission.at]

    def page(self, filters: Filters, after: int, limit: int) -> ResultPage:
        """List submissions in order of the log, from the entry behind `after`.

        Args:
            limit: of results; there are fewer where they have thousands of findings.
        """
        wanted = {
            Submission.chip: filters.chip,
            Submission.runner: filters.runner,
            Submission.profile: filters.profile,
            Submission.outcome: filters.outcome,
        }
        query = select(Submission).options(_TOLD).where(Submission.at > after)
        for column, value in wanted.items():
            if value is not None:
                query = query.where(column == value)
        if filters.flag is not None:
            query = query.where(Submission.flags.like(f"% {filters.flag} %"))
        ordered = query.order_by(Submission.at).limit(limit + 1)
        streamed = ordered.execution_options(yield_per=_ROWS_AT_ONCE)
        with Session(self._engine) as session, session.execute(streamed) as result:
            return _first_of(result.scalars(), limit)

    def flagged(self, settled: Container[str], most: int) -> list[Submission]:
        """List results that a law has something against, latest first.

        Args:
            settled: digests of those of which something was said already.
        """
        query = (
            select(Submission).options(_TOLD).where(func.trim(Submission.flags, type_=String) != "")
        )
        ordered = query.order_by(Submission.at.desc()).execution_options(yield_per=_ROWS_AT_ONCE)
        with Session(self._engine) as session, session.execute(ordered) as result:
            fresh = (row for row in result.scalars() if row.digest not in settled)
            return list(islice(fresh, most))

    def named(self, digests: Iterable[str]) -> set[str]:
        """Tell which of these digests of raw samples a result names."""
        with self._engine.connect() as connection:
            return named(connection, digests)

    def size(self) -> int:
        """Count the entries that the rows hold."""
        with self._engine.connect() as connection:
            return next_place(connection)

    def folders(self) -> list[Path]:
        """List the folders that need room: the log's, and the database's where it is a file."""
        file = self._engine.url.database if self._engine.dialect.name == "sqlite" else None
        return [self.ledger.home, *([Path(file).parent] if file else [])]

    def _receipts(self, rows: Iterable[tuple[int, int, str, Sequence[str]]]) -> dict[int, Receipt]:
        """Make receipts anew; Ed25519 is deterministic, so each is the one given first.

        Args:
            rows: size of the checkpoint, place, digest and flags of each.
        """
        receipts = {}
        written = self.ledger.unverified().size
        for size, group in groupby(sorted(rows), lambda row: row[0]):
            if size > written:
                raise receipt_pending()
            members = [row[1:] for row in group]
            root, proofs = self.ledger.prove_at([at for at, *_ in members], size)
            signed = Checkpoint(origin=self._origin, size=size, root=root)
            note = checkpoint.write(signed, self._signer)
            for (at, digest, flags), proof in zip(members, proofs, strict=True):
                receipts[at] = Receipt(
                    digest=digest, index=at, proof=proof, note=note, flags=tuple(flags)
                )
        return receipts


def _first_of(submissions: Iterable[Submission], limit: int) -> ResultPage:
    rows: list[Submission] = []
    findings = 0
    for row in submissions:
        if len(rows) == limit or findings > _MOST_FINDINGS:
            return ResultPage(rows, more=True)
        rows.append(row)
        findings += len(row.findings)
    return ResultPage(rows, more=False)


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
        UserError: the database cannot be reached.
        CheckError: another process has the folder or the database, the log is damaged, or the
            rows do not give what it committed to.
    """
    (home / "log").mkdir(parents=True, exist_ok=True)
    with database.connect(home, url) as engine, database.only_server(home, engine):
        database.migrate(engine)
        store = Store(home, engine, signer, origin or _origin(signer))
        check_rows(engine, store.ledger)
        store.ledger.rewind()
        store.recover()
        store.ledger.settle()
        store.samples.sweep(store.named)
        try:
            yield store
        finally:
            store.ledger.settle()


@contextmanager
def following(home: Path, signer: Signer, *, url: str | None = None) -> Iterator[Store]:
    """Read along in a store that another process has open; see `open_store`."""
    with database.connect(home, url) as engine:
        store = Store(home, engine, signer, _origin(signer), follows=True)
        store.desk.switches = Switches()  # those of now are the other's to hold to
        yield store


def _origin(signer: Signer) -> str:
    return f"fenmark.log/{runner_id(signer.public_key)}"


def envelopes(home: Path, size: int, url: str | None = None) -> Iterator[tuple[str, bytes]]:
    """Digest and bytes of the envelopes among the first `size` entries; flat in memory.

    Of a removed result there is none. Reads beside a server that writes.

    Raises:
        UserError: the database cannot be opened.
    """
    query = select(Submission.digest, Submission.envelope).where(Submission.at < size)
    with database.connect(home, url) as engine, engine.connect() as connection:
        ordered = query.order_by(Submission.at).execution_options(yield_per=100)
        for row in connection.execute(ordered):
            if row.envelope:
                yield row.digest, row.envelope


def keyid_of(home: Path, digest: str, url: str | None = None) -> str | None:
    """Return the id of the key that signed a result; None where the store holds none of it.

    Raises:
        UserError: the database cannot be opened.
    """
    if url is None and not (home / "fenmark.db").exists():
        return None
    query = select(Submission.keyid).where(Submission.digest == digest)
    with database.connect(home, url) as engine, engine.connect() as connection:
        return connection.scalar(query)


def removed(home: Path, url: str | None = None) -> dict[str, list[str]]:
    """Digests of the results whose envelopes were removed, and of the raw samples of each.

    Raises:
        UserError: the database cannot be opened.
    """
    gone: dict[str, list[str]] = {}
    query = (
        select(Submission.digest, SampleDigest.sha256)
        .outerjoin(SampleDigest)
        .where(func.length(Submission.envelope) == 0)
    )
    with database.connect(home, url) as engine, engine.connect() as connection:
        for digest, sample in connection.execute(query):
            gone.setdefault(digest, []).extend([sample] if sample else [])
    return gone


def notices(home: Path, size: int, url: str | None = None) -> Iterator[tuple[str, bytes]]:
    """Digest and envelope of the notices among the first `size` entries.

    Raises:
        UserError: the database cannot be opened.
    """
    given = notice.files(home)
    entries = {
        enter(digest): digest
        for digest in given
        for enter in (notice.notice_entry, moderation.entry)
    }
    query = select(LogEntry.record).where(LogEntry.at < size, LogEntry.record.in_(entries))
    with database.connect(home, url) as engine, engine.connect() as connection:
        logged = {entries[record] for record in connection.scalars(query)}
    for digest, data in given.items():
        if digest in logged:
            yield digest, data


def payload_sha256(payload: bytes) -> str:
    """Return the digest that, with the signer, is a submission's identity."""
    return hashlib.sha256(payload).hexdigest()
