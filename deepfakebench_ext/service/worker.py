"""A worker: claims jobs, has them judged by a process of its own, keeps the lease meanwhile, and publishes results.

It computes nothing itself, so that it answers whatever a film does to the process that computes.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from deepfakebench_ext.common.errors import ConfigError, ExtError, OutputError, WeightsError
from deepfakebench_ext.service.database import Database
from deepfakebench_ext.service.folders import Folders
from deepfakebench_ext.service.job import Job
from deepfakebench_ext.service.jobs import Jobs
from deepfakebench_ext.service.models_seen import ModelsSeen, SeenModel
from deepfakebench_ext.service.network_process import NetworkEndedError, NetworkProcess
from deepfakebench_ext.service.settings import ServiceSettings
from deepfakebench_ext.service.task import Task

logger = logging.getLogger(__name__)

T = TypeVar("T")
_POLL_S, _TICK_S, _RENEW_S = 0.25, 0.1, 0.5
_FINISH_S = 10.0
"""How long a job may still take to end by itself once the worker is to stop."""
_GIVE_UP_S = 5.0
_LOADS = 3


class Worker:
    """One worker.

    Attributes:
        name: What leases are under.
    """

    def __init__(self, settings: ServiceSettings, database: Database, folders: Folders, stop: threading.Event) -> None:
        """Start the process that computes.

        Args:
            settings: The service's.
            database: Where jobs are.
            folders: Where files are.
            stop: Set when the worker is to end.
        """
        self.name = f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._settings, self._folders, self._stop = settings, folders, stop
        self._jobs, self._models = Jobs(database, settings.limits), ModelsSeen(database)
        self._digests: dict[str, str] = {}
        self._network = NetworkProcess(settings)
        self._stop_at: float | None = None

    def load(self) -> None:
        """Return once all detectors are loaded. A process that ends meanwhile is begun again a few times.

        Raises:
            ConfigError, WeightsError: One cannot be.
            ExtError: The process ended each time.
        """
        for left in reversed(range(_LOADS)):
            try:
                self._load()
            except NetworkEndedError as error:
                if not left:
                    raise ExtError(f"no detector was loaded in {_LOADS} attempts: {error}") from error
                logger.warning("no detector was loaded: %s; it is begun again", error)
                self._network = NetworkProcess(self._settings)
            else:
                return

    def _load(self) -> None:
        while not self._stop.is_set():
            said = self._network.next(_TICK_S)
            if said is None:
                continue
            if said["is"] == "ready":
                return
            if said["is"] == "unusable":
                raise (ConfigError if said["exit_code"] == ConfigError.exit_code else WeightsError)(said["reason"])
            self._digests[said["name"]] = said["digest"]
            seen = SeenModel(said["name"], said["digest"], said["about"])
            self._patiently(partial(self._models.tell, seen, self._settings.models[seen.name]))

    def run(self) -> None:
        """Work on jobs until the worker is to stop."""
        while not self._stop.is_set():
            if not self.work_on_next():
                self._stop.wait(_POLL_S)

    def drain(self) -> None:
        """Work on jobs until none waits, or the worker is to stop."""
        while not self._stop.is_set() and self.work_on_next():
            continue

    def work_on_next(self) -> bool:
        """Work on the job that is next; whether there was one."""
        if self._network.has_ended:  # under no job: none is to blame
            self._begin_again()
        job = self._patiently(lambda: self._jobs.claim(self.name, self._digests))
        if job is None:
            return False
        self._work_on(job)
        return True

    def close(self) -> None:
        """End the process that computes."""
        self._network.end()

    def _work_on(self, job: Job) -> None:
        logger.info("%s: begun, attempt %d", job.id, job.attempts)
        if job.model not in self._digests:
            self._settle(lambda: self._jobs.fail(job, f"no detector is called {job.model!r} here any more"))
            return
        try:
            folder = self._folders.begin_attempt(job.id, job.attempts)
            self._network.judge(
                Task(
                    kind=job.kind,
                    model=job.model,
                    params=dict(job.params),
                    file=str(self._folders.upload(job.sha256)),
                    filename=job.filename,
                    folder=str(folder),
                )
            )
            said = self._watched(job)
            if said is not None:
                self._settled(job, said)
        except OutputError as error:
            self._settle(partial(self._jobs.crashed, job, str(error)))
        except NetworkEndedError as error:
            self._settle(partial(self._jobs.crashed, job, str(error)))
            self._begin_again()

    def _watched(self, job: Job) -> dict[str, Any] | None:
        """What the process says at the end of a job; None where it was left, and all is settled.

        Raises:
            NetworkEndedError: It has ended, by itself or for taking too much memory.
        """
        began = renewed = time.monotonic()
        progress: float | None = None
        while True:
            said = self._network.next(_TICK_S)
            if said is not None and said["is"] != "progress":
                return said
            progress = progress if said is None else said["progress"]
            now = time.monotonic()
            if now - renewed >= _RENEW_S:
                renewed = now
                if self._is_over(job, progress, now - began):
                    return None
                progress = None

    def _is_over(self, job: Job, progress: float | None, took_s: float) -> bool:
        """Keep the lease; whether the job is to be left, and has been."""
        if self._network.has_grown:
            self._network.end()
            raise NetworkEndedError("it took more memory than a job may")
        standing = self._standing(job, progress)
        if standing == "lost":
            logger.warning("%s: another worker has it", job.id)
            end: Callable[[], bool] = bool  # nothing is this worker's to say
        elif standing == "cancel":
            end = partial(self._jobs.cancelled, job)
        elif took_s > self._settings.limits.time_s:
            end = partial(self._jobs.fail, job, f"it took longer than {self._settings.limits.time_s:g} s")
        elif self._is_to_stop():
            end = partial(self._jobs.hand_back, job)
        else:
            return False
        self._left()
        self._settle(end)
        return True

    def _standing(self, job: Job, progress: float | None) -> str:
        stage = None if progress is None else "scoring"
        try:
            return self._jobs.renew(job, stage=stage, progress=progress)
        except DBAPIError as error:
            logger.warning("%s: its lease cannot be renewed now: %s", job.id, error.orig)
            return "ours"  # until the database says otherwise; publishing asks again

    def _is_to_stop(self) -> bool:
        if not self._stop.is_set():
            return False
        self._stop_at = self._stop_at or time.monotonic() + _FINISH_S
        return time.monotonic() >= self._stop_at

    def _settled(self, job: Job, said: dict[str, Any]) -> None:
        if said["is"] == "refused":
            self._settle(lambda: self._jobs.fail(job, said["reason"]))
        elif said["is"] == "hindered":
            self._settle(lambda: self._jobs.crashed(job, said["reason"]))
        else:
            self._publish(job, said["run"])

    def _publish(self, job: Job, run: str) -> None:
        folder = self._folders.job(job.id) / f"attempt-{job.attempts}" / run
        name = self._folders.publish(job.id, folder, job.attempts)
        if self._settle(lambda: self._jobs.complete(job, name)):
            self._folders.tidy(job.id, name)
            logger.info("%s: completed", job.id)

    def _left(self) -> None:
        if not self._network.leave():
            self._begin_again()

    def _begin_again(self) -> None:
        if self._stop.is_set():
            return
        self._network = NetworkProcess(self._settings)
        self.load()

    def _settle(self, step: Callable[[], bool]) -> bool:
        """Say how a job ended, for as long as it takes; whether it was still the worker's to say."""
        return self._patiently(step) or False

    def _patiently(self, step: Callable[[], T]) -> T | None:
        """What a step on the database gives, once the database answers; None where the worker is to stop meanwhile."""
        waited_s = 0.0
        while True:
            try:
                return step()
            except (OperationalError, InterfaceError) as error:
                logger.warning("the database does not answer: %s; trying again", error.orig)
                if self._stop.is_set() and waited_s > _GIVE_UP_S:
                    return None
                time.sleep(1)
                waited_s += 1
