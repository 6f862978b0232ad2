"""What the terminal says of a comparison: plain lines that fit, the best first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepfakebench_ext.comparison.compare import compare
from deepfakebench_ext.comparison.comparison_lines import comparison_lines
from deepfakebench_ext.comparison.records import CompareOptions, Comparison
from deepfakebench_ext.report.scores.score_files import read_scores


def compared(folder: Path, qualities: list[float], names: list[str]) -> Comparison:
    files = []
    for number, quality in enumerate(qualities):
        rng = np.random.default_rng(int(10 * quality))
        scores = 1 / (1 + np.exp(-rng.normal(size=200) - quality * (np.arange(200) % 2)))
        rows = [f"{n}.png,{n % 2},{score}" for n, score in enumerate(scores)]
        path = folder / f"{number}.csv"
        path.write_text("\n".join(["key,label,score", *rows]) + "\n")
        files.append(read_scores(path))
    return compare(files, CompareOptions(names=tuple(names)))


@pytest.fixture
def nine(tmp_path) -> list[str]:
    names = [f"organisation-{n}/a-detector-of-a-rather-long-name-{n}" for n in range(9)]
    return list(comparison_lines(compared(tmp_path, [0.1, 0.5, 0.9, 1.3, 1.7, 2.1, 2.5, 2.5, 3.0], names)))


def test_nine_detectors_are_a_table_of_lines_that_fit(nine):
    start = next(at for at, line in enumerate(nine) if line.startswith("rank"))
    table = nine[start : start + 10]
    assert max(map(len, table)) <= 100
    assert table[0].split()[:3] == ["rank", "detector", "AUC"]
    assert [line.split()[0] for line in table[1:]] == ["1", "2", "2", "4", "5", "6", "7", "8", "9"]
    assert table[1].split()[1] == "...ector-of-a-rather-long-name-8"
    columns = {line.index(".", 45) for line in table[1:]}
    assert len(columns) == 1, "the points of the AUCs stand under each other"
    assert not any("|" in line or "**" in line for line in nine)


def test_of_many_pairs_those_are_named_that_do_not_differ(nine):
    (alike,) = [line for line in nine if line.startswith("not told apart: ")]
    assert "long-name-6 and organisation-7/" in alike
    assert not any("do not differ beyond noise" in line for line in nine)
    assert any("of 36 pairs differ in frame AUC beyond noise" in line for line in nine)


def test_of_two_the_one_pair_is_said_in_words(tmp_path):
    lines = list(comparison_lines(compared(tmp_path, [0.1, 3.0], ["a", "b"])))
    assert any(line.startswith("b is better than a beyond noise") for line in lines)
    assert lines[0] == "Comparison of 2 detectors"


def test_names_that_differ_at_their_beginning_alone_stay_whole(tmp_path):
    names = [f"{letter}/a/path/that/is/longer/than/a/column.pth" for letter in "ab"]
    lines = list(comparison_lines(compared(tmp_path, [0.1, 3.0], names)))
    assert all(
        any(line.startswith(rank) and name in line for line in lines)
        for rank, name in (("1", names[1]), ("2", names[0]))
    )


def test_a_name_brings_no_control_character(tmp_path):
    lines = list(comparison_lines(compared(tmp_path, [0.1, 3.0], ["a\x1b[2J", "b"])))
    assert all(line.isprintable() for line in lines)
