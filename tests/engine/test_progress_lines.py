"""How far something is, in log files and on terminals."""

from __future__ import annotations

import logging
import sys

import pytest

from deepfakebench_ext.engine.progress import Progress


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def lines_of(caplog: pytest.LogCaptureFixture, total: int, second_each: float) -> list[str]:
    caplog.set_level("INFO")
    caplog.clear()
    clock = Clock()
    with Progress(total, "sample", clock=clock) as progress:
        for done in range(1, total + 1):
            clock.now += second_each
            progress.at(done)
    return [record.message for record in caplog.records]


def test_a_log_has_a_line_each_five_percent_and_none_of_a_short_run(caplog: pytest.LogCaptureFixture) -> None:
    assert lines_of(caplog, 100, 0.04) == []
    lines = lines_of(caplog, 1000, 0.2)
    assert len(lines) == 19
    assert lines[0] == "50 of 1000 samples, 5 a second, 3:10 left"


def test_a_slow_run_has_a_line_each_half_minute(caplog: pytest.LogCaptureFixture) -> None:
    lines = lines_of(caplog, 1000, 3.0)
    assert len(lines) == 99 and lines[0].startswith("10 of 1000 samples")


def test_a_run_that_goes_on_counts_what_was_done_before_as_no_work(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    clock = Clock()
    progress = Progress(100, "step", name="epoch", clock=clock)
    progress.restart(50)
    clock.now = 10.0
    progress.at(60)
    assert progress.line() == "epoch: 60 of 100 steps, 1 a second, 0:40 left"


def test_a_terminal_has_a_bar_and_quiet_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    logger = logging.getLogger("deepfakebench_ext")
    logger.setLevel(logging.INFO)
    try:
        with Progress(4, "sample") as progress:
            progress.at(4)
        assert "4/4" in capsys.readouterr().err
        logger.setLevel(logging.WARNING)
        with Progress(4, "sample") as progress:
            progress.at(4)
        assert capsys.readouterr().err == ""
    finally:
        logger.setLevel(logging.NOTSET)
