"""What is done now and then beside the jobs: burying lost ones, waking workers, and deleting what is too old."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from sqlalchemy.exc import DBAPIError

from deepfakebench_ext.service.folders import Folders
from deepfakebench_ext.service.job import Job
from deepfakebench_ext.service.jobs import Jobs

logger = logging.getLogger(__name__)

_ROUND_S, _RETENTION_S = 5.0, 60.0


class Upkeep(threading.Thread):
    """A thread that does all of it until it is to stop."""

    def __init__(
        self,
        jobs: Jobs,
        folders: Folders,
        *,
        keep_s: float | None,
        keep_bytes: int | None,
        wake: Callable[[str], None] | None,
    ) -> None:
        """Say what is kept.

        Args:
            jobs: All jobs.
            folders: Their files.
            keep_s, keep_bytes: As `ServiceSettings`.
            wake: Tells workers of a job that waits; None where they look for themselves.
        """
        super().__init__(daemon=True, name="upkeep")
        self._jobs, self._folders, self._wake = jobs, folders, wake
        self._keep_s, self._keep_bytes = keep_s, keep_bytes
        self._ending, self._retained = threading.Event(), -_RETENTION_S

    def run(self) -> None:
        """Do a round every few seconds."""
        while not self._ending.wait(_ROUND_S):
            try:
                self._round()
            except (DBAPIError, OSError) as error:
                logger.warning("upkeep is left for the next round: %s", error)

    def stop(self) -> None:
        """End after this round."""
        self._ending.set()

    def _round(self) -> None:
        self._jobs.bury()
        for job in self._jobs.waiting() if self._wake is not None else ():
            self._wake(job)  # type: ignore[misc]  # not None: there would be no job
        if time.monotonic() - self._retained >= _RETENTION_S:
            self._retained = time.monotonic()
            delete_what_is_too_old(self._jobs, self._folders, self._keep_s, self._keep_bytes)


def delete_what_is_too_old(jobs: Jobs, folders: Folders, keep_s: float | None, keep_bytes: int | None) -> None:
    """Delete finished jobs by age and by size, files that no job is of, and uploads that were broken off."""
    for job in jobs.ended_before(keep_s) if keep_s is not None else ():
        delete(jobs, folders, job)
    if keep_bytes is not None:
        _delete_beyond(jobs, folders, keep_bytes)
    there = folders.jobs()  # before those that are known: a job is known before it has a folder
    for job_id in there - jobs.ids():
        folders.remove_job(job_id)
    for sha256 in folders.uploads() - jobs.uploads():
        jobs.forget_upload(sha256, partial(folders.remove_upload, sha256))
    folders.remove_broken_off()


def _delete_beyond(jobs: Jobs, folders: Folders, keep_bytes: int) -> None:
    """Delete those that ended first, until the others take no more. What jobs share is taken once."""
    over = folders.taken_bytes() - keep_bytes
    for job in jobs.ended():
        if over <= 0:
            return
        before = folders.size_bytes(job.id, job.sha256)
        delete(jobs, folders, job)
        over -= before - folders.size_bytes(job.id, job.sha256)


def delete(jobs: Jobs, folders: Folders, job: Job) -> bool:
    """Delete a job that has ended, and its upload where no other job is of it; whether it had."""
    if not jobs.delete(job, partial(folders.remove_upload, job.sha256)):
        return False
    folders.remove_job(job.id)
    return True
