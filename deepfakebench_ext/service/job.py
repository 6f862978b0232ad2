"""A job, as it is asked for and as it stands. No I/O."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from deepfakebench_ext.common.errors import ExtError

State = Literal["queued", "running", "completed", "failed", "cancelled"]
Kind = Literal["video", "image"]
STATES: tuple[State, ...] = get_args(State)
OPEN: tuple[State, ...] = ("queued", "running")
ENDED: tuple[State, ...] = ("completed", "failed", "cancelled")
ID: Final = re.compile(r"job_[0-9a-f]{12}_[0-9a-f]{16}")
"""What the id of a job looks like."""


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
        stage: What is being done: `queued`, `loading`, `scoring`, `done`.
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


def new_id(sha256: str) -> str:
    """An id that nobody guesses, for a job of the upload with that digest."""
    return f"job_{sha256[:12]}_{secrets.token_hex(8)}"
