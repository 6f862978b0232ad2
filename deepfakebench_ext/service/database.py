"""The database: SQLite in the data folder, or PostgreSQL by a URL; opened, brought up to date, and its transactions.

Times are the database's own, so that no machine's clock decides who has lost a lease.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock
from sqlalchemy import Connection, Engine, Float, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from deepfakebench_ext.common.errors import ConfigError, OutputError

SQLITE = "jobs.sqlite3"
_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_MS = 30_000
_LOOK_S = 5
_LOCK_NUMBER = 0x64666265  # of PostgreSQL's advisory lock around migrations
_WRITES = "writes"


class now(FunctionElement[float]):
    """Seconds since 1970 by the database's clock, at the moment of the statement."""

    type = Float()
    inherit_cache = True


@compiles(now, "sqlite")
def _of_sqlite(element: now, compiler: Any, **kw: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _of_postgresql(element: now, compiler: Any, **kw: Any) -> str:
    return "extract(epoch from clock_timestamp())::float8"


class Database:
    """Transactions on one database.

    Attributes:
        engine: SQLAlchemy's.
    """

    def __init__(self, engine: Engine) -> None:
        """Take an engine whose schema is up to date."""
        self.engine = engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes; on SQLite it has the database alone from its first statement on."""
        with self.engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
            yield connection


def open_database(url: str | None, folder: Path) -> Database:
    """Open the database and bring its schema up to date.

    Args:
        url: SQLAlchemy's, of PostgreSQL, with psycopg or psycopg2; None is SQLite in `folder`.
        folder: The data folder.

    Raises:
        ConfigError: A URL of something else, or a driver that is not installed.
        OutputError: It cannot be reached or opened, or a newer version of this program made its schema.
    """
    engine = _engine(url, folder)
    with ExitStack() as unless_opened:
        unless_opened.callback(engine.dispose)
        try:
            with _alone(engine, folder) as connection:
                _migrate(connection)
        except SQLAlchemyError as error:
            raise _unopened(engine.url, error) from error
        unless_opened.pop_all()
    return Database(engine)


def look_at_database(url: str | None, folder: Path) -> str:
    """Return how the database stands, for people. Nothing is made or migrated.

    Args:
        url, folder: As `open_database`.

    Raises:
        ConfigError: As `open_database`.
        OutputError: As `open_database`.
    """
    if url is None and not (folder / SQLITE).is_file():
        return f"SQLite: none yet in {folder}, the first start makes it"
    engine = _engine(url, folder, timeout_s=_LOOK_S)
    try:
        with Database(engine).reading() as connection:
            found, known = _schema(connection)
            server = ".".join(map(str, connection.dialect.server_version_info or ()))
    except SQLAlchemyError as error:
        raise _unopened(engine.url, error) from error
    finally:
        engine.dispose()
    if found is None:
        return f"{engine.dialect.name} {server}, empty: the first start makes its tables"
    older = "" if found == known[0] else f", which the next start brings up to {known[0]}"
    return f"{engine.dialect.name} {server}, schema {found}{older}"


def _unopened(url: URL, error: SQLAlchemyError) -> OutputError:
    reason = error.orig if isinstance(error, DBAPIError) else error
    return OutputError(f"the database {_shown(url)} cannot be opened: {reason}")


def _engine(url: str | None, folder: Path, *, timeout_s: int | None = None) -> Engine:
    if url is None:
        engine = create_engine(URL.create("sqlite", database=str(folder / SQLITE)))
        event.listen(engine, "connect", _sqlite_connected)
        event.listen(engine, "begin", _sqlite_begins)
        return engine
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError("--database is no URL; give postgresql://user:password@host/name") from error
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise ConfigError(f"--database of {parsed.drivername} is not served; give postgresql://user:password@host/name")
    driver = parsed.drivername.partition("+")[2] or "psycopg"
    timeout = {} if timeout_s is None else {"connect_timeout": timeout_s}
    try:
        return create_engine(
            parsed.set(drivername=f"postgresql+{driver}"), pool_pre_ping=True, pool_size=20, connect_args=timeout
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise ConfigError(
            f"--database needs the driver {driver}; type: pip install 'deepfakebench-ext[cluster]'"
        ) from error


def _sqlite_connected(connection: Any, record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, and not by the driver
    for pragma in ("journal_mode = WAL", "synchronous = FULL", f"busy_timeout = {_BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begins(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")


@contextmanager
def _alone(engine: Engine, folder: Path) -> Iterator[Connection]:
    """A transaction while no other process migrates."""
    if engine.dialect.name == "sqlite":
        with FileLock(folder / ".migrating.lock"), Database(engine).writing() as connection:
            yield connection
        return
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
        yield connection


def _migrate(connection: Connection) -> None:
    _schema(connection)
    config = _migrations()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _schema(connection: Connection) -> tuple[str | None, list[str]]:
    """The schema that a database has, None where it is empty, and those that are known here, the newest first."""
    known = [script.revision for script in ScriptDirectory.from_config(_migrations()).walk_revisions()]
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and found not in known:
        raise OutputError(
            f"the database {_shown(connection.engine.url)} was made by a newer version of deepfakebench-ext (schema "
            f"{found}, this one knows {', '.join(sorted(known))}); install that version, or give another database"
        )
    return found, known


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)
