"""What a service keeps its jobs in, and what wakes its workers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from deepfakebench_ext.common.errors import ExtError
from deepfakebench_ext.service.diagnosis.finding import Finding

_TIMEOUT_S = 3.0
_SERVICE, _CLUSTER = (f"pip install 'deepfakebench-ext[{extra}]'" for extra in ("service", "cluster"))


def look_at_jobs(database: str | None, folder: Path) -> Finding:
    """Return whether the database answers, and which schema it has. Nothing is changed in it.

    Args:
        database: SQLAlchemy's URL; None is SQLite in `folder`.
        folder: The data folder.
    """
    if find_spec("sqlalchemy") is None or find_spec("alembic") is None:
        said = "the database cannot be asked without sqlalchemy and alembic"
        return Finding(name="database", is_found=False, said=said, remedy=_SERVICE, is_asked=True)
    from deepfakebench_ext.service.database import look_at_database

    try:
        return Finding(name="database", is_found=True, said=look_at_database(database, folder), is_asked=True)
    except ExtError as error:
        remedy = "start it, or correct --database" if database is not None else ""
        return Finding(name="database", is_found=False, said=str(error), remedy=remedy, is_asked=True)


def look_at_broker(url: str) -> Finding:
    """Return whether Redis answers, and how many wake-ups wait in it."""
    if find_spec("redis") is None or find_spec("celery") is None:
        said = "--broker needs celery and redis"
        return Finding(name="broker", is_found=False, said=said, remedy=_CLUSTER, is_asked=True)
    from redis import Redis
    from redis.exceptions import RedisError

    from deepfakebench_ext.service.wakeups import QUEUE

    try:
        with Redis.from_url(url, socket_connect_timeout=_TIMEOUT_S, socket_timeout=_TIMEOUT_S) as client:
            version, waiting = client.info("server")["redis_version"], client.llen(QUEUE)
    except (RedisError, ValueError) as error:
        said, remedy = f"the broker does not answer: {error}", "start Redis, or give --broker redis://host:6379/0"
        return Finding(name="broker", is_found=False, said=said, remedy=remedy, is_asked=True)
    details = {"version": version, "waiting": waiting}
    return Finding(name="broker", is_found=True, said=f"Redis {version}", is_asked=True, details=details)
