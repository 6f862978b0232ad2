"""A worker that Celery wakes: the same loop, over whatever SQL says there is to do."""

from __future__ import annotations

import threading
from typing import Any

from celery.signals import worker_shutting_down

from deepfakebench_ext.service.database import open_database
from deepfakebench_ext.service.folders import Folders
from deepfakebench_ext.service.jobs import Jobs
from deepfakebench_ext.service.settings import ServiceSettings
from deepfakebench_ext.service.upkeep import Upkeep
from deepfakebench_ext.service.wakeups import QUEUE, TASK, celery_app, wakeups
from deepfakebench_ext.service.worker import Worker


def work_by_celery(settings: ServiceSettings) -> None:
    """Load the detectors, then work until SIGTERM.

    Raises:
        ConfigError, WeightsError: A detector cannot be loaded.
        OutputError: The data folder or the database cannot be opened.
        MissingExtraError: Celery is not installed.
    """
    assert settings.broker is not None
    app = celery_app(settings.broker)
    folders, stop = Folders(settings.folder), threading.Event()
    database = open_database(settings.database, settings.folder)
    jobs = Jobs(database, settings.limits)
    upkeep = Upkeep(
        jobs, folders, keep_s=settings.keep_s, keep_bytes=settings.keep_bytes, wake=wakeups(settings.broker)
    )
    worker = Worker(settings, database, folders, stop)

    @app.task(name=TASK)  # type: ignore[untyped-decorator]
    def wake(job: str) -> None:
        worker.drain()  # whichever is first: the id is a hint that there is one

    def shutting_down(**_: Any) -> None:
        stop.set()  # the job is finished or handed back, and Celery's warm shutdown has its end

    worker_shutting_down.connect(shutting_down)
    try:
        worker.load()
        upkeep.start()
        alone = ["--pool=solo", "--without-gossip", "--without-mingle"]
        app.worker_main(["worker", "--loglevel=INFO", f"--queues={QUEUE}", f"--hostname={worker.name}@%h", *alone])
    finally:
        upkeep.stop()
        worker.close()
