"""The files of a job that is completed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from fastapi import HTTPException
from fastapi.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

from deepfakebench_ext.analysis.formats.timeline_reading import TIMELINE
from deepfakebench_ext.service.api.serving import Serving
from deepfakebench_ext.service.job import Job
from deepfakebench_ext.service.network_names import SCORE

_GONE = "the file is gone: the job was deleted"


class OpenFile(FileResponse):
    """A file that was there when it was asked for: it is sent whole, or by ranges, whatever is deleted meanwhile."""

    def __init__(self, path: Path, media_type: str) -> None:
        """Open the file.

        Raises:
            OSError: It is not there.
        """
        self._file = path.open("rb")
        number = self._file.fileno()
        super().__init__(f"/dev/fd/{number}", media_type=media_type, stat_result=os.fstat(number))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it.

        Raises:
            HTTPException: 400 or 416, for a range that is none of this file.
        """

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:  # Starlette's, with no sentence
                size = os.fstat(self._file.fileno()).st_size
                detail = f"this range is none of the file's {size} bytes; give bytes=<first>-<last>"
                raise HTTPException(message["status"], detail, {"content-range": f"bytes */{size}"})
            await send(message)

        with self._file:
            await super().__call__(scope, receive, sent)


def result_name(job: Job) -> str:
    """What the file of a job's result is called."""
    return TIMELINE if job.kind == "video" else SCORE


def result_of(serving: Serving, job: Job) -> dict[str, Any] | None:
    """timeline.json of a completed job, or its score; None of others.

    Raises:
        HTTPException: 404, it was deleted meanwhile.
    """
    if job.state != "completed" or job.result is None:
        return None
    file = serving.folders.job(job.id) / job.result / result_name(job)
    try:
        values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise HTTPException(404, _GONE) from error
    return values


def finished(serving: Serving, job: Job, name: str) -> Path:
    """Where a file of a completed job lies.

    Raises:
        HTTPException: 409, it is not completed; 404, it has no such file.
    """
    if job.state != "completed" or job.result is None:
        why = f": {job.error}" if job.state == "failed" else ""
        raise HTTPException(409, f"the job is {job.state}{why}; it has no results")
    file = serving.folders.job(job.id) / job.result / name
    if not file.is_file():
        raise HTTPException(404, f"this job has no {Path(name).name}; it was not asked for")
    return file


def file_answer(path: Path, media_type: str) -> FileResponse:
    """A file, whole or by ranges.

    Raises:
        HTTPException: 404, it is gone.
    """
    try:
        return OpenFile(path, media_type)
    except FileNotFoundError as error:
        raise HTTPException(404, _GONE) from error
