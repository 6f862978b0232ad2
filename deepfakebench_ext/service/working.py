"""A worker from its start to its end, embedded or beside others."""

from __future__ import annotations

import signal
import threading

from deepfakebench_ext.service.database import open_database
from deepfakebench_ext.service.folders import Folders
from deepfakebench_ext.service.settings import ServiceSettings
from deepfakebench_ext.service.worker import Worker


def work(settings: ServiceSettings, stop: threading.Event) -> None:
    """Work on jobs until `stop` is set.

    Raises:
        ConfigError, WeightsError: A detector cannot be loaded.
        OutputError: The data folder or the database cannot be opened.
    """
    folders = Folders(settings.folder)
    worker = Worker(settings, open_database(settings.database, settings.folder), folders, stop)
    try:
        worker.load()
        worker.run()
    finally:
        worker.close()


def work_until_told(settings: ServiceSettings) -> None:
    """Work until SIGTERM or SIGINT; with a broker, when Celery says that there is something to do.

    Raises:
        ConfigError, WeightsError, OutputError: As `work`.
    """
    if settings.broker is not None:
        from deepfakebench_ext.service.celery_worker import work_by_celery

        work_by_celery(settings)
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    work(settings, stop)
