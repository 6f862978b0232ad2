"""What is deleted by itself: old jobs, what takes too much room, and files that no job is of."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import pytest

from deepfakebench_ext.service.database import Database
from deepfakebench_ext.service.folders import Folders
from deepfakebench_ext.service.job import Job, NewJob
from deepfakebench_ext.service.jobs import Jobs
from deepfakebench_ext.service.upkeep import delete, delete_what_is_too_old


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "data")


def completed(jobs: Jobs, folders: Folders, content: bytes, owner: str = "") -> Job:
    """A job that has ended, with its upload and a result of a hundred bytes."""
    with folders.part(io.BytesIO(content)) as part:
        new = NewJob(
            owner=owner,
            kind="video",
            model="default",
            params={},
            filename="a.mp4",
            sha256=part.sha256,
            size_bytes=part.size_bytes,
        )
        job, _ = jobs.submit(new, digest=None, place=lambda: folders.keep_upload(part))
    taken = jobs.claim("w", {"default": "d" * 64})
    assert taken is not None and taken.id == job.id
    run = folders.begin_attempt(job.id, 1) / "run"
    run.mkdir()
    (run / "timeline.json").write_bytes(b"x" * 100)
    jobs.complete(taken, folders.publish(job.id, run, 1))
    return taken


def test_what_is_old_is_deleted_and_what_is_young_stays(database: Database, jobs: Jobs, folders: Folders) -> None:
    job = completed(jobs, folders, b"film")
    delete_what_is_too_old(jobs, folders, 60.0, None)
    assert jobs.find(job.id) is not None and folders.upload(job.sha256).read_bytes() == b"film"
    time.sleep(0.05)
    delete_what_is_too_old(jobs, folders, 0.01, None)
    assert jobs.find(job.id) is None
    assert not folders.uploads() and not folders.jobs()


def test_beyond_so_many_bytes_those_that_ended_first_are_deleted(jobs: Jobs, folders: Folders) -> None:
    first, second, third = (completed(jobs, folders, bytes([n]) * 400) for n in range(3))
    delete_what_is_too_old(jobs, folders, None, 1500)
    assert len(jobs.listing(None)) == 3
    delete_what_is_too_old(jobs, folders, None, 1100)
    assert [jobs.find(job.id) is not None for job in (first, second, third)] == [False, True, True]


def test_an_upload_that_jobs_share_takes_its_room_once_and_goes_with_the_last(jobs: Jobs, folders: Folders) -> None:
    mine, theirs = completed(jobs, folders, b"f" * 1000), completed(jobs, folders, b"f" * 1000, owner="bob")
    delete_what_is_too_old(jobs, folders, None, 1200)
    assert len(jobs.listing(None)) == 2
    assert delete(jobs, folders, mine) and folders.upload(theirs.sha256).is_file()
    assert not delete(jobs, folders, mine)
    assert delete(jobs, folders, theirs) and not folders.uploads()


def test_a_job_that_has_not_ended_is_not_deleted(jobs: Jobs, folders: Folders) -> None:
    with folders.part(io.BytesIO(b"film")) as part:
        new = NewJob(
            owner="", kind="video", model="m", params={}, filename="a", sha256=part.sha256, size_bytes=part.size_bytes
        )
        job, _ = jobs.submit(new, digest=None, place=lambda: folders.keep_upload(part))
    delete_what_is_too_old(jobs, folders, 0.001, 1)
    assert jobs.find(job.id) == job and folders.uploads() == {job.sha256}


def test_files_that_no_job_is_of_are_deleted(jobs: Jobs, folders: Folders) -> None:
    """As a server leaves them that is killed between a file and its row."""
    kept = completed(jobs, folders, b"film")
    folders.upload("e" * 64).write_bytes(b"nobody's")
    folders.begin_attempt("job_0123456789ab_0123456789abcdef", 1)
    delete_what_is_too_old(jobs, folders, None, None)
    assert folders.uploads() == {kept.sha256} and folders.jobs() == {kept.id}


def test_uploads_that_were_broken_off_are_deleted_and_those_on_their_way_stay(jobs: Jobs, folders: Folders) -> None:
    left = folders.incoming / "0123456789abcdef.part"
    left.write_bytes(b"half")
    fresh = folders.incoming / "fedcba9876543210.part"
    fresh.write_bytes(b"of this moment")
    with folders.part(io.BytesIO(b"film")) as part:
        for path in (left, part.path):
            os.utime(path, (time.time() - 3600,) * 2)
        delete_what_is_too_old(jobs, folders, None, None)
        assert not left.exists() and fresh.exists() and part.path.exists()
    assert not part.path.exists()
