"""What is counted of all jobs that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from sqlalchemy import ColumnElement, case, func, select

from deepfakebench_ext.service.database import Database, now
from deepfakebench_ext.service.job import STATES
from deepfakebench_ext.service.schema import JOBS

BOUNDS_S = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, inf)


@dataclass(frozen=True, slots=True)
class Span:
    """Lengths of time.

    Attributes:
        up_to: Each of BOUNDS_S, and how many are at most that long.
        sum_s: Of all.
    """

    up_to: tuple[tuple[float, int], ...]
    sum_s: float


@dataclass(frozen=True, slots=True)
class JobFigures:
    """Figures of all jobs that are kept.

    Attributes:
        counts: Jobs by state; every state is there.
        oldest_waiting_s, oldest_running_s: Age of the oldest of each; 0 where there is none.
        crashes, losses: How often the process under a job ended, and a worker was lost.
        took: From the first beginning to the end, by the state of the end.
        waited: From the submission to the first beginning, by state.
    """

    counts: Mapping[str, int]
    oldest_waiting_s: float
    oldest_running_s: float
    crashes: int
    losses: int
    took: Mapping[str, Span]
    waited: Mapping[str, Span]


def job_figures(database: Database) -> JobFigures:
    """Count them, in one transaction."""
    jobs = JOBS.c
    waiting = func.min(case((jobs.state == "queued", jobs.created_at)))
    running = func.min(case((jobs.state == "running", jobs.started_at)))
    ages = select(now() - waiting, now() - running, func.sum(jobs.failures), func.sum(jobs.losses))
    with database.reading() as connection:
        counts = {state: n for state, n in connection.execute(select(jobs.state, func.count()).group_by(jobs.state))}
        oldest = connection.execute(ages).one()
        took = connection.execute(_spans(jobs.finished_at - jobs.started_at)).all()
        waited = connection.execute(_spans(jobs.started_at - jobs.created_at)).all()
    waiting_s, running_s, crashes, losses = (each or 0 for each in oldest)
    return JobFigures(
        dict.fromkeys(STATES, 0) | counts, waiting_s, running_s, crashes, losses, _by_state(took), _by_state(waited)
    )


def _spans(length_s: ColumnElement[float]) -> Any:
    """Of each state: the sum of all lengths, and how many are up to each bound."""
    numbers = [func.sum(case((length_s <= most, 1), else_=0)) for most in BOUNDS_S[:-1]]
    query = select(JOBS.c.state, func.sum(length_s), *numbers, func.count()).where(length_s.is_not(None))
    return query.group_by(JOBS.c.state)


def _by_state(rows: Any) -> dict[str, Span]:
    return {state: Span(tuple(zip(BOUNDS_S, numbers, strict=True)), sum_s) for state, sum_s, *numbers in rows}
