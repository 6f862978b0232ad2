"""Each step that a job can take, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from deepfakebench_ext.service.database import Database
from deepfakebench_ext.service.job import Job, NewJob, TooManyJobsError
from deepfakebench_ext.service.job_figures import BOUNDS_S, job_figures
from deepfakebench_ext.service.jobs import Jobs
from deepfakebench_ext.service.settings import Limits

DIGESTS = {"default": "d" * 64}


def new(sha256: str = "a" * 64, **changes: Any) -> NewJob:
    given = {"owner": "", "kind": "video", "model": "default", "params": {}, "filename": "a.mp4", "size_bytes": 1}
    return NewJob(sha256=sha256, **{**given, **changes})


def submit(jobs: Jobs, *changes: dict[str, Any]) -> list[Job]:
    return [jobs.submit(new(**change), digest=None)[0] for change in changes or [{}]]


def test_a_job_that_is_submitted_waits_and_is_found(jobs: Jobs) -> None:
    (job,) = submit(jobs)
    assert (job.state, job.attempts, job.progress) == ("queued", 0, 0.0)
    assert jobs.find(job.id) == job
    assert jobs.find("job_none") is None


def test_the_same_wish_of_the_same_owner_is_the_same_job(jobs: Jobs) -> None:
    first, is_new = jobs.submit(new(params={"fps": 5.0}), digest=None)
    assert is_new
    assert jobs.submit(new(params={"fps": 5.0}, filename="b.mp4"), digest=None) == (first, False)
    others = [new(params={"fps": 6.0}), new(params={"fps": 5.0}, owner="bob"), new("b" * 64, params={"fps": 5.0})]
    assert all(jobs.submit(other, digest=None)[1] for other in others)


def test_what_other_weights_have_judged_is_judged_again(jobs: Jobs) -> None:
    (job,) = submit(jobs)
    taken = jobs.claim("w", DIGESTS)
    assert taken is not None and jobs.complete(taken, "result-1")
    assert jobs.submit(new(), digest=DIGESTS["default"])[0].id == job.id
    assert jobs.submit(new(), digest="e" * 64)[1]


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_what_failed_or_was_cancelled_can_be_asked_again(jobs: Jobs, end: str) -> None:
    (job,) = submit(jobs)
    if end == "failed":
        taken = jobs.claim("w", DIGESTS)
        assert taken is not None and jobs.fail(taken, "no video")
    else:
        jobs.request_cancel(job.id)
    found = jobs.find(job.id)
    assert found is not None and found.state == end and found.finished_at is not None
    again, is_new = jobs.submit(new(), digest=None)
    assert is_new and again.id != job.id


def test_an_owner_has_no_more_open_jobs_than_are_allowed(jobs: Jobs) -> None:
    submit(jobs, *[{"params": {"fps": float(n)}} for n in range(5)])
    with pytest.raises(TooManyJobsError, match="5 of your jobs wait or run"):
        submit(jobs, {"params": {"fps": 9.0}})
    submit(jobs, {"owner": "bob"})


def test_a_job_that_is_retried_counts_as_any_other(jobs: Jobs) -> None:
    first, *_ = submit(jobs, *[{"params": {"fps": float(n)}} for n in range(5)])
    jobs.request_cancel(first.id)
    submit(jobs, {"params": {"fps": 9.0}})
    with pytest.raises(TooManyJobsError, match="5 of your jobs wait or run"):
        jobs.retry(first.id)
    found = jobs.find(first.id)
    assert found is not None and found.state == "cancelled"


def test_jobs_are_begun_in_the_order_of_submission_and_each_once(jobs: Jobs) -> None:
    ids = [job.id for job in submit(jobs, {"params": {"fps": 1.0}}, {"params": {"fps": 2.0}})]
    assert jobs.places(jobs.listing("")) == {ids[0]: 0, ids[1]: 1}
    taken = [jobs.claim("w", DIGESTS), jobs.claim("v", DIGESTS), jobs.claim("w", DIGESTS)]
    assert [None if job is None else job.id for job in taken] == [*ids, None]
    assert taken[0] is not None and (taken[0].attempts, taken[0].digest) == (1, DIGESTS["default"])
    assert jobs.places([taken[0]]) == {}


def test_many_workers_never_begin_one_job_twice(jobs: Jobs) -> None:
    ids = [job.id for job in submit(jobs, *[{"params": {"fps": float(n)}} for n in range(5)])]
    taken: list[str] = []

    def work(name: str) -> None:
        while (job := jobs.claim(name, DIGESTS)) is not None:
            taken.append(job.id)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(ids)


def test_a_lost_job_is_another_workers_and_the_first_cannot_end_it(jobs: Jobs) -> None:
    submit(jobs)
    first = jobs.claim("w", DIGESTS)
    assert first is not None and jobs.claim("v", DIGESTS) is None
    time.sleep(2.2)
    second = jobs.claim("v", DIGESTS)
    assert second is not None and (second.id, second.attempts, second.losses) == (first.id, 2, 1)
    assert jobs.renew(first) == "lost"
    assert not jobs.complete(first, "result-1")
    assert jobs.renew(second) == "ours"
    assert jobs.complete(second, "result-2")
    found = jobs.find(first.id)
    assert found is not None and (found.state, found.result) == ("completed", "result-2")


def test_a_lease_that_is_renewed_outlasts_its_seconds(jobs: Jobs) -> None:
    submit(jobs)
    job = jobs.claim("w", DIGESTS)
    assert job is not None
    for number in range(6):
        time.sleep(0.5)
        assert jobs.renew(job, stage="scoring", progress=number / 10) == "ours"
    assert jobs.claim("v", DIGESTS) is None
    found = jobs.find(job.id)
    assert found is not None and (found.stage, found.progress) == ("scoring", 0.5)


def test_a_job_that_is_lost_too_often_fails(database: Database) -> None:
    jobs = Jobs(database, Limits(lease_s=2, losses=1))
    submit(jobs)
    job = jobs.claim("w", DIGESTS)
    time.sleep(2.2)
    assert jobs.claim("v", DIGESTS) is None
    found = jobs.find(job.id) if job else None
    assert found is not None and found.state == "failed" and "lost 1 times" in str(found.error)


def test_a_job_under_which_the_process_ends_is_tried_again_later_and_then_fails(jobs: Jobs) -> None:
    submit(jobs)
    job = jobs.claim("w", DIGESTS)
    assert job is not None and jobs.crashed(job, "signal 11")
    assert jobs.claim("w", DIGESTS) is None  # not before its time
    time.sleep(2.2)
    job = jobs.claim("w", DIGESTS)
    assert job is not None and job.failures == 1 and jobs.crashed(job, "signal 11 again")
    found = jobs.find(job.id)
    assert found is not None and (found.state, found.error) == ("failed", "signal 11 again")


def test_a_running_job_is_asked_to_stop_and_a_waiting_one_stops(jobs: Jobs) -> None:
    first, second = submit(jobs, {"params": {"fps": 1.0}}, {"params": {"fps": 2.0}})
    running = jobs.claim("w", DIGESTS)
    assert running is not None
    asked = jobs.request_cancel(first.id)
    assert asked is not None and asked.state == "running"
    assert jobs.renew(running) == "cancel"
    assert jobs.cancelled(running)
    waiting = jobs.request_cancel(second.id)
    assert waiting is not None and waiting.state == "cancelled"
    assert jobs.claim("w", DIGESTS) is None
    assert jobs.request_cancel("job_none") is None


def test_a_lost_job_that_was_to_stop_is_cancelled(jobs: Jobs) -> None:
    (job,) = submit(jobs)
    jobs.claim("w", DIGESTS)
    jobs.request_cancel(job.id)
    time.sleep(2.2)
    jobs.bury()
    found = jobs.find(job.id)
    assert found is not None and found.state == "cancelled"


@pytest.mark.parametrize("how", ["handed back", "crashed"])
def test_a_job_that_was_to_stop_does_not_wait_again(jobs: Jobs, how: str) -> None:
    (job,) = submit(jobs)
    taken = jobs.claim("w", DIGESTS)
    assert taken is not None
    jobs.request_cancel(job.id)
    assert jobs.hand_back(taken) if how == "handed back" else jobs.crashed(taken, "it ended")
    found = jobs.find(job.id)
    assert found is not None and (found.state, found.stage) == ("cancelled", "done")
    assert found.finished_at is not None and not jobs.waiting()


def test_a_job_that_is_handed_back_waits_again_at_its_place(jobs: Jobs) -> None:
    first, second = submit(jobs, {"params": {"fps": 1.0}}, {"params": {"fps": 2.0}})
    taken = jobs.claim("w", DIGESTS)
    assert taken is not None and jobs.hand_back(taken)
    again = jobs.claim("v", DIGESTS)
    assert again is not None and (again.id, again.losses, again.failures) == (first.id, 0, 0)
    assert jobs.waiting() == [second.id]


def test_a_retried_job_forgets_how_it_ended(jobs: Jobs) -> None:
    (job,) = submit(jobs)
    taken = jobs.claim("w", DIGESTS)
    assert taken is not None and jobs.fail(taken, "no video")
    again = jobs.retry(job.id)
    assert again is not None and (again.state, again.error, again.finished_at) == ("queued", None, None)
    running = jobs.claim("w", DIGESTS)
    untouched = jobs.retry(job.id)
    assert running is not None and untouched is not None and untouched.state == "running"


def test_only_a_job_that_has_ended_is_deleted(jobs: Jobs) -> None:
    (job,) = submit(jobs)
    removed: list[str] = []
    assert not jobs.delete(job, lambda: removed.append("early"))
    jobs.request_cancel(job.id)
    assert jobs.delete(job, lambda: removed.append("upload")) and jobs.find(job.id) is None
    assert removed == ["upload"]


def test_an_upload_is_removed_with_the_last_job_that_is_of_it(jobs: Jobs) -> None:
    mine, theirs = submit(jobs, {}, {"owner": "bob"})
    removed: list[str] = []
    for job in (mine, theirs):
        jobs.request_cancel(job.id)
        jobs.forget_upload(job.sha256, lambda: removed.append("too early"))
        jobs.delete(job, lambda id_=job.id: removed.append(id_))
    assert removed == [theirs.id]
    jobs.forget_upload(mine.sha256, lambda: removed.append("nobody's"))
    assert removed == [theirs.id, "nobody's"]


def test_an_upload_that_is_being_submitted_does_not_lose_its_file_to_a_deletion(jobs: Jobs) -> None:
    """The last job of a file is deleted while the same file is submitted: whoever comes first, the file is there."""
    (last,) = submit(jobs)
    jobs.request_cancel(last.id)
    for _ in range(20):
        files, start = {"there"}, threading.Barrier(2)

        def delete(job: Job = last, files: set[str] = files, start: threading.Barrier = start) -> None:
            start.wait()
            jobs.delete(job, files.clear)

        deleting = threading.Thread(target=delete)
        deleting.start()
        start.wait()
        again, _ = jobs.submit(new(owner="bob"), digest=None, place=lambda files=files: files.add("there"))
        deleting.join()
        assert files == {"there"} and jobs.uploads() == {again.sha256}
        jobs.request_cancel(again.id)
        last = again


def test_a_submission_that_is_refused_puts_nothing_in_its_place(jobs: Jobs) -> None:
    submit(jobs, *[{"params": {"fps": float(n)}} for n in range(5)])
    placed: list[str] = []
    with pytest.raises(TooManyJobsError):
        jobs.submit(new("b" * 64), digest=None, place=lambda: placed.append("b"))
    assert not placed


def test_jobs_are_listed_newest_first_by_owner_and_state(jobs: Jobs) -> None:
    mine = submit(jobs, {"params": {"fps": 1.0}}, {"params": {"fps": 2.0}}, {"params": {"fps": 3.0}})
    submit(jobs, {"owner": "bob"})
    jobs.request_cancel(mine[1].id)
    ids = [job.id for job in reversed(mine)]
    assert [job.id for job in jobs.listing("")] == ids
    assert len(jobs.listing(None)) == 4
    assert [job.id for job in jobs.listing("", states=["cancelled"])] == [mine[1].id]
    assert [job.id for job in jobs.listing("", before=mine[2].seq, limit=1)] == [mine[1].id]


def test_every_change_counts_up_the_version(jobs: Jobs) -> None:
    (job,) = submit(jobs)
    seen = [job.version]
    taken = jobs.claim("w", DIGESTS)
    assert taken is not None
    seen.append(taken.version)
    jobs.renew(taken, progress=0.5)
    jobs.renew(taken)  # says nothing new
    jobs.complete(replace(taken), "result-1")
    found = jobs.find(job.id)
    assert found is not None
    assert [*seen, found.version] == [1, 2, 4]


def test_counts_and_ages_are_those_of_the_jobs(database: Database, jobs: Jobs) -> None:
    assert job_figures(database).oldest_waiting_s == 0
    submit(jobs, {"params": {"fps": 1.0}}, {"params": {"fps": 2.0}}, {"params": {"fps": 3.0}})
    ends = [jobs.claim("w", DIGESTS), jobs.claim("w", DIGESTS)]
    assert ends[0] is not None and jobs.complete(ends[0], "result-1")
    figures = job_figures(database)
    assert figures.counts == {"queued": 1, "running": 1, "completed": 1, "failed": 0, "cancelled": 0}
    assert 0 < figures.oldest_waiting_s < 60 and 0 < figures.oldest_running_s < 60
    assert (figures.crashes, figures.losses) == (0, 0)
    assert set(figures.took) == {"completed"} and set(figures.waited) == {"completed", "running"}
    bounds, numbers = zip(*figures.took["completed"].up_to, strict=True)
    assert bounds == BOUNDS_S and numbers[-2:] == (1, 1) and list(numbers) == sorted(numbers)
    assert 0 <= figures.took["completed"].sum_s < 60


def test_jobs_are_forsaken_where_they_wait_and_no_worker_has_one(jobs: Jobs) -> None:
    assert not jobs.is_forsaken(0)
    submit(jobs, {"params": {"fps": 1.0}}, {"params": {"fps": 2.0}})
    assert jobs.is_forsaken(0) and not jobs.is_forsaken(60)
    jobs.claim("w", DIGESTS)
    assert not jobs.is_forsaken(0)
    time.sleep(2.2)  # and its lease is over
    assert jobs.is_forsaken(0)
