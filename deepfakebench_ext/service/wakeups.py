"""Celery over Redis: what tells workers that there is something to do. A job's id, and nothing else.

A wake-up that is lost or comes twice does no harm: SQL says what there is to do, and upkeep wakes again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from deepfakebench_ext.common.errors import MissingExtraError

logger = logging.getLogger(__name__)

TASK, QUEUE = "deepfakebench_ext.wake", "deepfakebench_ext"
_EXPIRES_S = 60.0
"""Upkeep wakes again long before; so no heap of old wake-ups meets a worker that comes back."""


def celery_app(broker: str) -> Any:
    """Celery's application: JSON alone, no results.

    Raises:
        MissingExtraError: Celery or the Redis client is not installed.
    """
    if missing := [name for name in ("celery", "redis") if find_spec(name) is None]:
        raise MissingExtraError(
            f"--broker needs {' and '.join(missing)}; type: pip install 'deepfakebench-ext[cluster]'"
        )
    from celery import Celery

    app = Celery("deepfakebench_ext", broker=broker)
    app.conf.update(
        accept_content=["json"],
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={"socket_connect_timeout": 2, "socket_timeout": 5, "socket_keepalive": True},
        enable_utc=True,
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_publish_retry=False,
        task_serializer="json",
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_prefetch_multiplier=1,
    )
    return app


def wakeups(broker: str) -> Callable[[str], None]:
    """What sends a wake-up for a job. Where the broker does not answer, upkeep sends the next.

    Raises:
        MissingExtraError: As `celery_app`.
    """
    from kombu.exceptions import KombuError

    app = celery_app(broker)

    def wake(job: str) -> None:
        try:
            app.send_task(TASK, args=[job], expires=_EXPIRES_S, ignore_result=True)
        except (KombuError, OSError) as error:
            logger.warning("no worker could be woken for %s: %s; it is tried again", job, error)

    return wake
