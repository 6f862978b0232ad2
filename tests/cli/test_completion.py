"""Shells complete verbs, options and choices, by the name that users type."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("dfb-ext eva", ["evaluate"]),
        ("dfb-ext evaluate --face_det", ["--face_detector"]),
        ("dfb-ext evaluate --face_detector ", ["none", "dlib", "yunet"]),
    ],
)
def test_what_may_come_next_is_offered(typed: str, offered: list[str]) -> None:
    told = {"_DFB_EXT_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    environment = {**os.environ, **told, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "deepfakebench_ext"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [f"plain,{word}" for word in offered], done.stderr
