"""A server from its start to its end: the API, and beside it upkeep and the embedded worker."""

from __future__ import annotations

import logging
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from deepfakebench_ext.common.errors import WeightsError
from deepfakebench_ext.service.api.app import service_app
from deepfakebench_ext.service.api.connection import Connection
from deepfakebench_ext.service.api.serving import Serving
from deepfakebench_ext.service.api.tokens import Tokens
from deepfakebench_ext.service.database import open_database
from deepfakebench_ext.service.embedded import EmbeddedWorker
from deepfakebench_ext.service.folders import Folders
from deepfakebench_ext.service.jobs import Jobs
from deepfakebench_ext.service.models_seen import ModelsSeen
from deepfakebench_ext.service.settings import ServiceSettings
from deepfakebench_ext.service.upkeep import Upkeep

logger = logging.getLogger(__name__)

_LAST_ANSWERS_S = 5
_MOST_CONNECTIONS = 2000


def serve(
    settings: ServiceSettings, tokens: Tokens | None, *, host: str, port: int, local_names: bool, embedded: bool
) -> None:
    """Answer until the process is told to end.

    Args:
        settings: The service's.
        tokens: Those that are asked for; None asks for none.
        local_names: As `Gate`.
        host: Address to listen at.
        port: And port; 0 takes one that is free.
        embedded: Run a worker beside the server.

    Raises:
        ConfigError: A database that is not served.
        OutputError: The data folder or the database cannot be opened.
        WeightsError: The worker could not load its detectors.
    """
    folders = Folders(settings.folder)
    database = open_database(settings.database, settings.folder)
    jobs = Jobs(database, settings.limits)
    wake = _waker(settings.broker)
    upkeep = Upkeep(jobs, folders, keep_s=settings.keep_s, keep_bytes=settings.keep_bytes, wake=wake)
    serving = Serving(
        settings,
        database,
        jobs,
        ModelsSeen(database),
        folders,
        wake=wake or _nobody_to_wake,
        is_ending=lambda: server.should_exit,
    )
    beside = _Beside(settings, upkeep, embedded, end_all=lambda: setattr(server, "should_exit", True))
    app = service_app(serving, tokens, local_names=local_names, started=beside.start, ended=beside.end)
    server = http_server(app, host, port)
    server.run()
    if beside.is_unusable:
        raise WeightsError("the worker could not load its detectors; the message above says why")


def http_server(app: ASGIApp, host: str, port: int) -> uvicorn.Server:
    """What answers HTTP with an application."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=Connection,
            ws="none",
            access_log=False,
            server_header=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_LAST_ANSWERS_S,
            log_config=None,
        )
    )


class _Beside:
    """What runs beside the server."""

    def __init__(
        self, settings: ServiceSettings, upkeep: Upkeep, embedded: bool, *, end_all: Callable[[], None]
    ) -> None:
        self._settings, self._upkeep, self._embedded, self._end_all = settings, upkeep, embedded, end_all
        self._worker: EmbeddedWorker | None = None
        self.is_unusable = False

    def start(self) -> None:
        self._upkeep.start()
        if self._embedded:
            self._worker = EmbeddedWorker(self._settings, self._unusable)
            self._worker.start()

    def end(self) -> None:
        self._upkeep.stop()
        if self._worker is not None:
            self._worker.end()

    def _unusable(self) -> None:
        self.is_unusable = True
        self._end_all()


def _nobody_to_wake(job: str) -> None:
    """An embedded worker looks for itself."""


def _waker(broker: str | None) -> Callable[[str], None] | None:
    if broker is None:
        return None
    from deepfakebench_ext.service.wakeups import wakeups

    return wakeups(broker)
