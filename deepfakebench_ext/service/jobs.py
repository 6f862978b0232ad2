"""All jobs, and every step that one can take, each one transaction. SQL is the truth: nothing else remembers a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, case, false, func, or_, select, update
from sqlalchemy import delete as sql_delete

from deepfakebench_ext.service.database import Database, now
from deepfakebench_ext.service.job import ENDED, OPEN, STATES, Job, NewJob, State, TooManyJobsError, new_id
from deepfakebench_ext.service.job_sql import (
    AGAIN,
    LOST,
    OVER,
    QUEUED,
    READY,
    changed,
    is_used,
    job_of,
    one_at_a_time,
    ours,
)
from deepfakebench_ext.service.schema import JOBS
from deepfakebench_ext.service.settings import Limits

_BACKOFF_S = 2.0


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
            one_at_a_time(connection, new.sha256)
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
                "id": new_id(new.sha256),
                **QUEUED,
                "attempts": 0,
                "version": 1,
                "created_at": now(),
            }
            row = connection.execute(JOBS.insert().values(values).returning(*JOBS.c)).mappings().one()
            return job_of(row), True

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
        return None if row is None else job_of(row)

    def listing(
        self,
        owner: str | None,
        *,
        states: Sequence[State] = STATES,
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
            return [job_of(row) for row in connection.execute(query).mappings()]

    def places(self, jobs: Sequence[Job]) -> dict[str, int]:
        """How many waiting jobs come before each of these, by their ids; those that do not wait are left out."""
        waiting = [job.id for job in jobs if job.state == "queued"]
        if not waiting:
            return {}
        place = (func.row_number().over(order_by=JOBS.c.seq) - 1).label("place")
        queue = select(JOBS.c.id, place).where(JOBS.c.state == "queued").subquery()
        with self._database.reading() as connection:
            rows = connection.execute(select(queue.c.id, queue.c.place).where(queue.c.id.in_(waiting)))
            return {row.id: row.place for row in rows}

    def request_cancel(self, job: str) -> Job | None:
        """Cancel a job that waits, ask for the end of one that runs, leave others; None where there is none."""
        waits = JOBS.c.state == "queued"
        with self._database.writing() as connection:
            connection.execute(
                changed(job, JOBS.c.state.in_(OPEN)).values(
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
                connection.execute(changed(job, can_be).values(**QUEUED, finished_at=None))
        return self.find(job)

    def delete(self, job: Job, remove: Callable[[], None]) -> bool:
        """Forget a job that has ended; whether there was one.

        Args:
            job: Which.
            remove: Removes its upload. Called where no other job is of it, and none can come to be meanwhile.
        """
        ended = sql_delete(JOBS).where(JOBS.c.id == job.id, JOBS.c.state.in_(ENDED))
        with self._database.writing() as connection:
            one_at_a_time(connection, job.sha256)
            if connection.execute(ended).rowcount != 1:
                return False
            if not is_used(connection, job.sha256):
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
            one_at_a_time(connection, sha256)
            if not is_used(connection, sha256):
                remove()

    # ------------------------------------------------------------------ for workers

    def claim(self, worker: str, digests: Mapping[str, str]) -> Job | None:
        """Begin the first job that waits, or whose worker is lost; None where there is none.

        Args:
            worker: Who has it from now on.
            digests: Of the detectors that the worker has, by their names.
        """
        if not self.waiting(most=1):  # nothing is locked for a look
            return None
        first = select(JOBS.c.seq, JOBS.c.model).where(READY).order_by(JOBS.c.seq).limit(1)
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
            return job_of(connection.execute(begun.values(values)).mappings().one())

    def renew(
        self, job: Job, *, stage: str | None = None, progress: float | None = None
    ) -> Literal["ours", "cancel", "lost"]:
        """Keep a job that runs, and say how far it is. Whether it is still the worker's, and whether it is to stop."""
        said = {name: value for name, value in (("stage", stage), ("progress", progress)) if value is not None}
        changes = said | ({"version": JOBS.c.version + 1} if said else {})
        kept = (
            update(JOBS)
            .where(ours(job))
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
        return self._change(job, **AGAIN)

    def crashed(self, job: Job, reason: str) -> bool:
        """Queue a job again under which the process ended, later from time to time; too often, and it fails.

        One that was to stop is cancelled.
        """
        if job.failures + 1 >= self._limits.failures:
            return self._end(job, state="failed", failures=job.failures + 1, error=reason)
        later = now() + _BACKOFF_S * 2**job.failures
        return self._change(job, failures=job.failures + 1, error=reason, **AGAIN, not_before=later)

    # ------------------------------------------------------------------ for those who watch

    def waiting(self, most: int = 100) -> list[str]:
        """Jobs that a worker could begin now, first come first, at most so many."""
        with self._database.reading() as connection:
            return list(connection.scalars(select(JOBS.c.id).where(READY).order_by(JOBS.c.seq).limit(most)))

    def bury(self) -> None:
        """End jobs whose worker is lost and that are to stop, or were lost too often."""
        with self._database.writing() as connection:
            self._bury(connection)

    def is_forsaken(self, age_s: float) -> bool:
        """Whether a job waits that was submitted longer ago than that, and no worker has one: none is there."""
        waits = select(func.count()).select_from(JOBS).where(READY, JOBS.c.created_at < now() - age_s)
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
            return [job_of(row) for row in connection.execute(query).mappings()]

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
        return None if row is None else job_of(row)

    def _bury(self, connection: Connection) -> None:
        to_stop = update(JOBS).where(LOST, JOBS.c.cancel_requested).values(state="cancelled", **OVER)
        reason = f"its worker was lost {self._limits.losses} times: ended from outside, or out of memory"
        given_up = update(JOBS).where(LOST, JOBS.c.losses + 1 >= self._limits.losses)
        connection.execute(to_stop)
        connection.execute(given_up.values(state="failed", error=reason, **OVER))

    def _end(self, job: Job, **values: Any) -> bool:
        return self._change(job, **{**OVER, **values})

    def _change(self, job: Job, **values: Any) -> bool:
        changed = update(JOBS).where(ours(job)).values(version=JOBS.c.version + 1, **values)
        with self._database.writing() as connection:
            return connection.execute(changed).rowcount == 1
