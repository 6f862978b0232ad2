"""The files of a job that is completed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi import HTTPException
from fastapi.responses import FileResponse

from deepfakebench_ext.analysis.formats.timeline_reading import TIMELINE
from deepfakebench_ext.service.api.serving import Serving
from deepfakebench_ext.service.jobs import Job
from deepfakebench_ext.service.network_names import SCORE


def result_name(job: Job) -> str:
    """What the file of a job's result is called."""
    return TIMELINE if job.kind == "video" else SCORE


def result_of(serving: Serving, job: Job) -> dict[str, Any] | None:
    """timeline.json of a completed job, or its score; None of others."""
    if job.state != "completed" or job.result is None:
        return None
    file = serving.folders.job(job.id) / job.result / result_name(job)
    values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
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
    if not path.is_file():
        raise HTTPException(404, "the file is gone")
    return FileResponse(path, media_type=media_type)
