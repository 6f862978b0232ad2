"""Each mistyped command is answered with what to type, before torch is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import mistyped
import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("words", "said"), mistyped.MISTYPED, ids=[" ".join(words) for words, _ in mistyped.MISTYPED])
def test_what_is_mistyped_is_answered_with_what_to_type(words: tuple[str, ...], said: str) -> None:
    mistyped.made()
    code, text = mistyped.answer(words)
    assert code in (1, 2)
    assert said in " ".join(text.split())


def test_no_answer_waits_for_torch() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/mistyped.py")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_there_are_enough_of_them() -> None:
    assert len(mistyped.MISTYPED) >= 60
