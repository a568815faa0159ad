"""Open the submission store's database: SQLite made durable, or PostgreSQL; tables up to date."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event

from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["connect", "migrate"]


@contextmanager
def connect(home: Path, url: str | None = None) -> Iterator[Engine]:
    """Connect to a store's database while the context lasts.

    Args:
        home: folder of the store.
        url: of the database; by default `fenmark.db` in the folder.

    Raises:
        UserError: its driver is missing, or it cannot be reached.
    """
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError

    where = url or f"sqlite:///{home / 'fenmark.db'}"
    try:
        engine = create_engine(where, pool_pre_ping=not where.startswith("sqlite"))
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _durable)
        engine.connect().close()
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, OperationalError) as error:
        raise UserError(
            f"cannot be opened: {str(error).splitlines()[0]}",
            where="database",
            expected="sqlite:///FILE or postgresql+psycopg://…",
            remedy="PostgreSQL needs the extra: pip install 'fenmark[postgres]'",
        ) from error
    try:
        yield engine
    finally:
        engine.dispose()


def migrate(engine: Engine) -> None:
    """Bring the tables up to the code (Alembic)."""
    from importlib.resources import files

    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("results") / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _durable(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    # FULL: a commit is on the disk when it returns (sqlite.org/pragma.html#pragma_synchronous).
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
