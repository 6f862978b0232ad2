"""`--max_failures` stops a run that cannot end well, with what went wrong by its reason."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from killed_workers import made_plan
from made_scorer import SAMPLES

from deepfakebench_ext.common.errors import FailuresError
from deepfakebench_ext.common.types import Prediction
from deepfakebench_ext.engine import part_worker, parts
from deepfakebench_ext.engine.failures import Failures
from deepfakebench_ext.engine.progress import Progress
from deepfakebench_ext.evaluation.evaluate import Scoring
from deepfakebench_ext.evaluation.plan import Plan
from deepfakebench_ext.evaluation.sharing import score_parts


def failed(number: int, status: Any = "unreadable") -> Prediction:
    return Prediction(f"{number}", None, status, "made so")


def test_a_sample_failed_when_none_of_its_frames_is_scored() -> None:
    failures = Failures(0.5)
    failures.add([Prediction("a", 0.5), Prediction("a", None, "no_face", "none", 1), failed(1), failed(2, "no_face")])
    failures.add([failed(2, "no_face"), failed(3)])
    assert (failures.tried, failures.text()) == (3, "1 unreadable, 1 no_face")
    failures.end()
    failures.end()
    assert (failures.tried, failures.text()) == (4, "2 unreadable, 1 no_face")


def test_a_share_means_nothing_of_a_few_and_is_no_limit_itself() -> None:
    failures = Failures(0.5)
    failures.add(failed(number) for number in range(20))
    failures.check()  # 19 are through
    failures.add([Prediction("a", 0.5)])
    with pytest.raises(FailuresError, match=r"20 of 20 samples tried .* --max_failures 0\.5 allows: 20 unreadable\."):
        failures.check()
    failures.add(Prediction(f"b{number}", 0.5) for number in range(20))
    failures.check()
    assert failures.tried == 40


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setattr(parts, "_IMAGES", parts._IMAGES)  # put back what made_plan changes
    monkeypatch.setattr(part_worker, "_PAUSE_S", part_worker._PAUSE_S)
    return made_plan(tmp_path, batch_s=0)


def test_one_process_stops_keeps_what_is_scored_and_goes_on_when_it_may(plan: Plan) -> None:
    stops: list[int] = []
    for _ in range(2):  # the same again stops by what is there
        with Scoring(plan, max_failures=0.1) as scoring, pytest.raises(FailuresError, match=r"unreadable.*higher"):
            scoring.to_the_end()
        stops.append(scoring.done)
    assert stops[0] <= stops[1] <= stops[0] + 3
    assert 20 <= stops[0] < len(SAMPLES)
    with Scoring(plan, max_failures=0.5) as scoring:
        scoring.to_the_end()
    assert scoring.done == len(SAMPLES)


def test_a_worker_stops_by_its_own_failures_and_by_those_of_others(plan: Plan) -> None:
    with pytest.raises(FailuresError):
        score_parts(plan, max_failures=0.1)
    score_parts(plan, range(20))
    with pytest.raises(FailuresError, match=r"of 240 samples tried"):
        score_parts(plan, range(20), max_failures=0.1)


def test_progress_says_what_failed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    progress = Progress(100, "sample")
    progress.more = "3 unreadable"
    assert progress.line() == "0 of 100 samples; 3 unreadable"
