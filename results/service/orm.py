"""Tables of the submission store; `results/migrations` makes them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Dialect,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "Act",
    "Base",
    "LogEntry",
    "OwnerQuota",
    "Registration",
    "SampleDigest",
    "Setting",
    "Submission",
    "WordColumn",
]


class WordColumn(TypeDecorator[list[str]]):
    """Words in one column, a space around each, so that every database can look for one."""

    impl = String(1024)
    cache_ok = True

    def process_bind_param(self, value: Any, _: Dialect) -> str:
        """Join words; a text is a pattern to compare with, and stays."""
        return value if isinstance(value, str) else f" {' '.join(value or ())} "

    def process_result_value(self, value: str | None, _: Dialect) -> list[str]:
        """Split them again."""
        return (value or "").split()


class Base(DeclarativeBase):
    """All tables."""


class LogEntry(Base):
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

    Attributes:
        flags: rules that its entry in the log names; none in entries older than the column.
    """

    __tablename__ = "submissions"
    __table_args__ = (
        UniqueConstraint("payload_sha256", "keyid"),
        Index("ix_submissions_chip", "chip"),
        Index("ix_submissions_runner", "runner"),
        Index("ix_submissions_keyid", "keyid", "received_at"),
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
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    flags: Mapped[list[str]] = mapped_column(WordColumn)
    envelope: Mapped[bytes] = mapped_column(LargeBinary)


class SampleDigest(Base):
    """Digest of raw samples or of all figures, and the first result that brought them."""

    __tablename__ = "samples"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[int] = mapped_column(ForeignKey("submissions.at"))


class Registration(Base):
    """A key whose holder asked to be registered, and what became of it.

    Attributes:
        id: SHA-256 of the payload of its notice, which signatures added later leave as it is.
        state: "pending", "accepted" or "refused".
        contact: for administrators alone; gone where it was refused.
        notice: signed by who asked, as it came.
        decided_by: id of the administrator's key, or the identity that was enough.
    """

    __tablename__ = "registrations"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    keyid: Mapped[str] = mapped_column(String(64), index=True)
    owner: Mapped[str] = mapped_column(String(256))
    state: Mapped[str] = mapped_column(String(16), index=True)
    contact: Mapped[str] = mapped_column(String(256))
    notice: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[str] = mapped_column(String(32))
    decided_at: Mapped[str | None] = mapped_column(String(32))
    decided_by: Mapped[str | None] = mapped_column(String(256))
    reason: Mapped[str | None] = mapped_column(String(1000))


class OwnerQuota(Base):
    """What an owner may submit a day, where it is not what everybody may.

    Attributes:
        submissions, bytes: 0 limits nothing.
    """

    __tablename__ = "owner_quotas"

    owner: Mapped[str] = mapped_column(String(256), primary_key=True)
    submissions: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)


class Setting(Base):
    """How the server is run now, so that it is so after a restart."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)


class Act(Base):
    """What an administrator did; rows are added, and the database refuses to change one.

    Attributes:
        by: id of the key, or "server" for what it did by itself.
        request: the signed request, byte for byte; empty where a page's session stood for it.
    """

    __tablename__ = "acts"

    at: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[str] = mapped_column(String(32))
    by: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(256))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    request: Mapped[bytes] = mapped_column(LargeBinary)
