"""Open the submission store's database: SQLite made durable, or PostgreSQL; tables up to date."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from suites.base.errors import CheckError, UserError
from suites.base.extras import install
from suites.base.locks import held

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["connect", "migrate", "only_server"]

_BUSY_MS = 5000  # how long a statement waits for another's lock
_BUSY = "is open in another process"
_STOP_IT = "a log has one writer: stop the other server first"
_KEYS = "(hashtext('fenmark'), hashtext(coalesce(current_schema(), '')))"  # of this schema
_ADVISORY = text(f"SELECT pg_try_advisory_lock{_KEYS}")  # freed with the session, however it ends
_FREE = text(f"SELECT pg_advisory_unlock{_KEYS}")


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
        elif engine.dialect.name == "postgresql":
            event.listen(engine, "connect", _patient)
        engine.connect().close()
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, OperationalError) as error:
        raise UserError(
            f"cannot be opened: {str(error).splitlines()[0]}",
            where="database",
            expected="sqlite:///FILE or postgresql+psycopg://…",
            remedy=f"PostgreSQL needs the extra: {install('postgres')}",
        ) from error
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def only_server(home: Path, engine: Engine) -> Iterator[None]:
    """Hold a folder and a database for one server while the context lasts.

    Raises:
        CheckError: another process has one of them.
    """
    with (
        held(home, busy=_BUSY, remedy=_STOP_IT),
        _only_of_file(engine) if engine.dialect.name == "sqlite" else _only_of_schema(engine),
    ):
        yield


@contextmanager
def _only_of_file(engine: Engine) -> Iterator[None]:
    path = Path(engine.url.database or "").resolve()
    with held(path.parent, name=f".{path.name}.lock", busy=_BUSY, remedy=_STOP_IT):
        yield


@contextmanager
def _only_of_schema(engine: Engine) -> Iterator[None]:
    with engine.connect() as connection:
        connection.detach()  # its end is the session's, and the lock's
        if not connection.scalar(_ADVISORY):
            raise CheckError(_BUSY, where="database", remedy=_STOP_IT)
        connection.commit()  # no transaction stays open beside the lock
        try:
            yield
        finally:
            # PostgreSQL may be late to notice that a session ended: the next server need not wait.
            with suppress(SQLAlchemyError):
                connection.execute(_FREE)


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
    busy = f"busy_timeout={_BUSY_MS}"
    for pragma in (busy, "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _patient(connection: Any, _: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {_BUSY_MS}")
    connection.commit()  # else the setting goes with the first rollback
