"""What SQL says of jobs: in which state one can be begun, whose one is, and what a step changes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Update, and_, case, func, or_, select, text, update

from deepfakebench_ext.service.database import now
from deepfakebench_ext.service.job import Job
from deepfakebench_ext.service.schema import JOBS

QUEUED: dict[str, Any] = {
    **{"state": "queued", "stage": "queued", "progress": 0.0, "failures": 0, "losses": 0, "not_before": 0.0},
    **{"cancel_requested": False, "lease_owner": None, "lease_until": None, "error": None, "digest": None},
    "result": None,
}
"""Of a job that waits, and of which nothing is remembered."""
OVER: dict[str, Any] = {"stage": "done", "lease_owner": None, "lease_until": None, "finished_at": now()}
"""Of one that has ended."""
AGAIN: dict[str, Any] = {
    **{"lease_owner": None, "lease_until": None},
    "state": case((JOBS.c.cancel_requested, "cancelled"), else_="queued"),
    "stage": case((JOBS.c.cancel_requested, "done"), else_="queued"),
    "finished_at": case((JOBS.c.cancel_requested, now()), else_=JOBS.c.finished_at),
}
"""Of one that is to be begun again, or was to stop."""
LOST = and_(JOBS.c.state == "running", JOBS.c.lease_until < now())
"""Whether its worker is lost."""
READY = or_(and_(JOBS.c.state == "queued", JOBS.c.not_before <= now()), LOST)
"""Whether a worker can begin it."""


def ours(job: Job) -> ColumnElement[bool]:
    """Whether a worker still has the job that it claimed: nobody began it since."""
    claimed = (JOBS.c.lease_owner == job.lease_owner, JOBS.c.attempts == job.attempts)
    return and_(JOBS.c.id == job.id, JOBS.c.state == "running", *claimed)


def changed(job: str, which: ColumnElement[bool]) -> Update:
    """An update of a job, where that holds, which counts as a change."""
    return update(JOBS).where(JOBS.c.id == job, which).values(version=JOBS.c.version + 1)


def one_at_a_time(connection: Connection, sha256: str) -> None:
    """Let no other transaction submit the same file meanwhile; on SQLite none writes anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": int(sha256[:15], 16)})


def is_used(connection: Connection, sha256: str) -> bool:
    """Whether a job is of the upload with that digest."""
    return bool(connection.scalar(select(func.count()).select_from(JOBS).where(JOBS.c.sha256 == sha256)))


def job_of(row: RowMapping) -> Job:
    """The job that a row holds."""
    return Job(**{name: row[name] for name in Job.__dataclass_fields__})
