"""Tables of the submission store; `results/migrations` makes them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    Dialect,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = ["Base", "Entry", "Sample", "Submission", "WordColumn"]


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

    Attributes:
        flags: rules that its entry in the log names; none in entries older than the column.
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
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    flags: Mapped[list[str]] = mapped_column(WordColumn)
    envelope: Mapped[bytes] = mapped_column(LargeBinary)


class Sample(Base):
    """Digest of raw samples or of all figures, and the first result that brought them."""

    __tablename__ = "samples"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[int] = mapped_column(ForeignKey("submissions.at"))
