"""Jobs, and every step that one can take: each is one transaction. SQL is the truth; nothing else remembers a job."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, case, false, func, or_, select, text, update
from sqlalchemy import delete as sql_delete

from deepfakebench_ext.common.errors import ExtError
from deepfakebench_ext.service.database import Database, now
from deepfakebench_ext.service.schema import JOBS
from deepfakebench_ext.service.settings import Limits

State = Literal["queued", "running", "completed", "failed", "cancelled"]
Kind = Literal["video", "image"]
Standing = Literal["ours", "cancel", "lost"]
STATES: tuple[State, ...] = get_args(State)
OPEN: tuple[State, ...] = ("queued", "running")
ENDED: tuple[State, ...] = ("completed", "failed", "cancelled")
_BACKOFF_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What is asked for.

    Attributes:
        owner: Whose it is: the name of a token, or empty where there are none.
        kind: `video`, or `image`.
        model: Name of a served detector.
        params: What was asked of it, as JSON values.
        filename: As the upload was called. Never a path of ours.
        sha256: Of the upload's bytes.
        size_bytes: Of the upload.
    """

    owner: str
    kind: Kind
    model: str
    params: Mapping[str, Any]
    filename: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(NewJob):
    """A job as it stands.

    Attributes:
        id: Of letters, digits and `_`.
        state: See `State`.
        stage: What is being done: `queued`, `loading`, `scoring`, `writing`, `done`.
        progress: From 0 to 1.
        attempts: How often it was begun.
        failures: How often the process that works on it ended under it.
        losses: How often its worker was lost.
        lease_owner: The worker that has it.
        cancel_requested: Whether it is to stop.
        error: Why it failed.
        digest: Of all that decides scores, of the detector that it was begun with.
        result: Folder of its results within its own, once it is completed.
        version: Counts its changes.
        created_at, started_at, finished_at: Seconds since 1970, by the database's clock.
        seq: Its place in the order of submission.
    """

    id: str
    state: State
    stage: str
    progress: float
    attempts: int
    failures: int
    losses: int
    lease_owner: str | None
    cancel_requested: bool
    error: str | None
    digest: str | None
    result: str | None
    version: int
    created_at: float
    started_at: float | None
    finished_at: float | None
    seq: int


class TooManyJobsError(ExtError):
    """The owner has as many jobs that wait or run as are allowed."""


class Jobs:
    """All jobs of a database."""

    def __init__(self, database: Database, limits: Limits) -> None:
        """Take the database, and how often a job may be lost."""
        self._database, self._limits = database, limits

    # ------------------------------------------------------------------ for those who ask

    def submit(self, new: NewJob, *, digest: str | None, place: Callable[[], None] | None = None) -> tuple[Job, bool]:
        """The job, and whether it is new: the same file, detector and wishes of one owner are one job.

        Args:
            new: What is asked for.
            digest: That of the detector as workers have it now; None where that is not known yet.
            place: Puts the upload in its place. Called where nothing can delete it meanwhile: the job that is found or
                made has its upload, whoever deletes another job of the same file at that moment.

        Raises:
            TooManyJobsError: The owner has too many that wait or run.
        """
        with self._database.writing() as connection:
            _one_at_a_time(connection, new.sha256)
            found = self._same(connection, new, digest)
            if found is None:
                self._check_quota(connection, new.owner)
            if place is not None:
                place()
            if found is not None:
                return found, False
            values = {
                **{name: getattr(new, name) for name in NewJob.__dataclass_fields__},
                "params": dict(new.params),
                "id": f"job_{new.sha256[:12]}_{secrets.token_hex(8)}",
                **_QUEUED,
                "attempts": 0,
                "version": 1,
                "created_at": now(),
            }
            row = connection.execute(JOBS.insert().values(values).returning(*JOBS.c)).mappings().one()
            return _job(row), True

    def _check_quota(self, connection: Connection, owner: str) -> None:
        open_ones = select(func.count()).where(JOBS.c.owner == owner, JOBS.c.state.in_(OPEN)).select_from(JOBS)
        number = connection.scalar(open_ones) or 0
        if number >= self._limits.jobs:
            raise TooManyJobsError(
                f"{number} of your jobs wait or run, and {self._limits.jobs} may; wait for them, or cancel some"
            )

    def find(self, job: str) -> Job | None:
        """The job of that id."""
        with self._database.reading() as connection:
            row = connection.execute(select(JOBS).where(JOBS.c.id == job)).mappings().one_or_none()
        return None if row is None else _job(row)

    def listing(
        self,
        owner: str | None,
        *,
        states: Sequence[State] = get_args(State),
        before: int | None = None,
        limit: int = 100,
    ) -> list[Job]:
        """Jobs of an owner, or of all where it is None, newest first.

        Args:
            owner: Whose.
            states: Which.
            before: Only those that were submitted before the one of this `seq`.
            limit: At most so many.
        """
        wanted: list[ColumnElement[bool]] = [JOBS.c.state.in_(states)]
        wanted += [] if owner is None else [JOBS.c.owner == owner]
        wanted += [] if before is None else [JOBS.c.seq < before]
        query = select(JOBS).where(*wanted).order_by(JOBS.c.seq.desc()).limit(limit)
        with self._database.reading() as connection:
            return [_job(row) for row in connection.execute(query).mappings()]

    def place(self, job: Job) -> int | None:
        """How many waiting jobs come before this one; None where it does not wait."""
        if job.state != "queued":
            return None
        before = select(func.count()).select_from(JOBS).where(JOBS.c.state == "queued", JOBS.c.seq < job.seq)
        with self._database.reading() as connection:
            return connection.scalar(before) or 0

    def request_cancel(self, job: str) -> Job | None:
        """Cancel a job that waits, ask for the end of one that runs, leave others; None where there is none."""
        waits = JOBS.c.state == "queued"
        with self._database.writing() as connection:
            connection.execute(
                _changed(job, JOBS.c.state.in_(OPEN)).values(
                    cancel_requested=True,
                    state=case((waits, "cancelled"), else_=JOBS.c.state),
                    stage=case((waits, "done"), else_=JOBS.c.stage),
                    finished_at=case((waits, now()), else_=JOBS.c.finished_at),
                )
            )
        return self.find(job)

    def retry(self, job: str) -> Job | None:
        """Queue a job again that failed or was cancelled; others stay as they are; None where there is none.

        Raises:
            TooManyJobsError: Its owner has too many that wait or run.
        """
        can_be = JOBS.c.state.in_(("failed", "cancelled"))
        with self._database.writing() as connection:
            owner = connection.scalar(select(JOBS.c.owner).where(JOBS.c.id == job, can_be))
            if owner is not None:
                self._check_quota(connection, owner)
                connection.execute(_changed(job, can_be).values(**_QUEUED, finished_at=None))
        return self.find(job)

    def delete(self, job: Job, remove: Callable[[], None]) -> bool:
        """Forget a job that has ended; whether there was one.

        Args:
            job: Which.
            remove: Removes its upload. Called where no other job is of it, and none can come to be meanwhile.
        """
        ended = sql_delete(JOBS).where(JOBS.c.id == job.id, JOBS.c.state.in_(ENDED))
        with self._database.writing() as connection:
            _one_at_a_time(connection, job.sha256)
            if connection.execute(ended).rowcount != 1:
                return False
            if not _is_used(connection, job.sha256):
                remove()
            return True

    def ids(self) -> set[str]:
        """Of all jobs."""
        with self._database.reading() as connection:
            return set(connection.scalars(select(JOBS.c.id)))

    def uploads(self) -> set[str]:
        """Digests of all uploads that a job is of."""
        with self._database.reading() as connection:
            return set(connection.scalars(select(JOBS.c.sha256).distinct()))

    def forget_upload(self, sha256: str, remove: Callable[[], None]) -> None:
        """Call `remove` where no job is of the upload with that digest, and none can come to be meanwhile."""
        with self._database.writing() as connection:
            _one_at_a_time(connection, sha256)
            if not _is_used(connection, sha256):
                remove()

    # ------------------------------------------------------------------ for workers

    def claim(self, worker: str, digests: Mapping[str, str], job: str | None = None) -> Job | None:
        """Begin the first job that waits, or whose worker is lost; None where there is none.

        Args:
            worker: Who has it from now on.
            digests: Of the detectors that the worker has, by their names.
            job: That one alone.
        """
        if not self.waiting():  # nothing is locked for a look
            return None
        wanted = [_READY] + ([] if job is None else [JOBS.c.id == job])
        first = select(JOBS.c.seq, JOBS.c.model).where(*wanted).order_by(JOBS.c.seq).limit(1)
        with self._database.writing() as connection:
            self._bury(connection)
            found = connection.execute(first.with_for_update(skip_locked=True)).one_or_none()
            if found is None:
                return None
            begun = update(JOBS).where(JOBS.c.seq == found.seq).returning(*JOBS.c)
            values = {
                "state": "running",
                "stage": "loading",
                "attempts": JOBS.c.attempts + 1,
                "losses": JOBS.c.losses + case((JOBS.c.state == "running", 1), else_=0),
                "lease_owner": worker,
                "lease_until": now() + self._limits.lease_s,
                "started_at": func.coalesce(JOBS.c.started_at, now()),
                "digest": digests.get(found.model),
                "version": JOBS.c.version + 1,
            }
            return _job(connection.execute(begun.values(values)).mappings().one())

    def renew(
        self, job: Job, *, stage: str | None = None, progress: float | None = None
    ) -> Literal["ours", "cancel", "lost"]:
        """Keep a job that runs, and say how far it is. Whether it is still the worker's, and whether it is to stop."""
        said = {name: value for name, value in (("stage", stage), ("progress", progress)) if value is not None}
        changes = said | ({"version": JOBS.c.version + 1} if said else {})
        kept = (
            update(JOBS)
            .where(_ours(job))
            .values(lease_until=now() + self._limits.lease_s, **changes)
            .returning(JOBS.c.cancel_requested)
        )
        with self._database.writing() as connection:
            found = connection.scalar(kept)
        return "lost" if found is None else "cancel" if found else "ours"

    def complete(self, job: Job, result: str) -> bool:
        """End a job with the folder of its results; False where it is the worker's no longer."""
        return self._end(job, state="completed", progress=1.0, result=result)

    def fail(self, job: Job, reason: str) -> bool:
        """End a job that cannot be done; False where it is the worker's no longer."""
        return self._end(job, state="failed", error=reason)

    def cancelled(self, job: Job) -> bool:
        """End a job that was to stop; False where it is the worker's no longer."""
        return self._end(job, state="cancelled")

    def hand_back(self, job: Job) -> bool:
        """Queue a job again that the worker cannot go on with; one that was to stop is cancelled."""
        return self._change(job, **_AGAIN)

    def crashed(self, job: Job, reason: str) -> bool:
        """Queue a job again under which the process ended, later from time to time; too often, and it fails.

        One that was to stop is cancelled.
        """
        if job.failures + 1 >= self._limits.failures:
            return self._end(job, state="failed", failures=job.failures + 1, error=reason)
        later = now() + _BACKOFF_S * 2**job.failures
        return self._change(job, failures=job.failures + 1, error=reason, **_AGAIN, not_before=later)

    # ------------------------------------------------------------------ for those who watch

    def waiting(self) -> list[str]:
        """Jobs that a worker could begin now, first come first."""
        with self._database.reading() as connection:
            return list(connection.scalars(select(JOBS.c.id).where(_READY).order_by(JOBS.c.seq).limit(100)))

    def bury(self) -> None:
        """End jobs whose worker is lost and that are to stop, or were lost too often."""
        with self._database.writing() as connection:
            self._bury(connection)

    def is_forsaken(self, age_s: float) -> bool:
        """Whether a job waits that was submitted longer ago than that, and no worker has one: none is there."""
        waits = select(func.count()).select_from(JOBS).where(_READY, JOBS.c.created_at < now() - age_s)
        runs = select(func.count()).select_from(JOBS).where(JOBS.c.state == "running", JOBS.c.lease_until >= now())
        with self._database.reading() as connection:
            return bool(connection.scalar(waits)) and not connection.scalar(runs)

    def ended_before(self, age_s: float) -> list[Job]:
        """Jobs that ended longer ago than that."""
        return self._ended(JOBS.c.finished_at < now() - age_s)

    def ended(self) -> list[Job]:
        """All jobs that have ended, those first that ended first."""
        return self._ended(JOBS.c.finished_at.is_not(None))

    def _ended(self, which: ColumnElement[bool]) -> list[Job]:
        query = select(JOBS).where(JOBS.c.state.in_(ENDED), which).order_by(JOBS.c.finished_at)
        with self._database.reading() as connection:
            return [_job(row) for row in connection.execute(query).mappings()]

    def _same(self, connection: Connection, new: NewJob, digest: str | None) -> Job | None:
        begun = false() if digest is None else JOBS.c.digest == digest
        query = (
            select(JOBS)
            .where(JOBS.c.owner == new.owner, JOBS.c.sha256 == new.sha256, JOBS.c.model == new.model)
            .where(JOBS.c.kind == new.kind, JOBS.c.state.in_((*OPEN, "completed")), ~JOBS.c.cancel_requested)
            .where(or_(JOBS.c.digest.is_(None), begun))
            .order_by(JOBS.c.seq.desc())
        )
        same = (row for row in connection.execute(query).mappings() if row["params"] == dict(new.params))
        row = next(same, None)
        return None if row is None else _job(row)

    def _bury(self, connection: Connection) -> None:
        to_stop = update(JOBS).where(_LOST, JOBS.c.cancel_requested).values(state="cancelled", **_OVER)
        reason = f"its worker was lost {self._limits.losses} times: ended from outside, or out of memory"
        given_up = update(JOBS).where(_LOST, JOBS.c.losses + 1 >= self._limits.losses)
        connection.execute(to_stop)
        connection.execute(given_up.values(state="failed", error=reason, **_OVER))

    def _end(self, job: Job, **values: Any) -> bool:
        return self._change(job, **{**_OVER, **values})

    def _change(self, job: Job, **values: Any) -> bool:
        changed = update(JOBS).where(_ours(job)).values(version=JOBS.c.version + 1, **values)
        with self._database.writing() as connection:
            return connection.execute(changed).rowcount == 1


_QUEUED: dict[str, Any] = {
    **{"state": "queued", "stage": "queued", "progress": 0.0, "failures": 0, "losses": 0, "not_before": 0.0},
    **{"cancel_requested": False, "lease_owner": None, "lease_until": None, "error": None, "digest": None},
    "result": None,
}
_OVER: dict[str, Any] = {"stage": "done", "lease_owner": None, "lease_until": None, "finished_at": now()}
_AGAIN: dict[str, Any] = {
    **{"lease_owner": None, "lease_until": None},
    "state": case((JOBS.c.cancel_requested, "cancelled"), else_="queued"),
    "stage": case((JOBS.c.cancel_requested, "done"), else_="queued"),
    "finished_at": case((JOBS.c.cancel_requested, now()), else_=JOBS.c.finished_at),
}
_LOST = and_(JOBS.c.state == "running", JOBS.c.lease_until < now())
_READY = or_(and_(JOBS.c.state == "queued", JOBS.c.not_before <= now()), _LOST)


def _ours(job: Job) -> ColumnElement[bool]:
    """Whether a worker still has the job that it claimed: nobody began it since."""
    claimed = (JOBS.c.lease_owner == job.lease_owner, JOBS.c.attempts == job.attempts)
    return and_(JOBS.c.id == job.id, JOBS.c.state == "running", *claimed)


def _changed(job: str, which: ColumnElement[bool]) -> Any:
    return update(JOBS).where(JOBS.c.id == job, which).values(version=JOBS.c.version + 1)


def _one_at_a_time(connection: Connection, sha256: str) -> None:
    """Let no other transaction submit the same file meanwhile; on SQLite none writes anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": int(sha256[:15], 16)})


def _is_used(connection: Connection, sha256: str) -> bool:
    return bool(connection.scalar(select(func.count()).select_from(JOBS).where(JOBS.c.sha256 == sha256)))


def _job(row: RowMapping) -> Job:
    return Job(**{name: row[name] for name in Job.__dataclass_fields__})
