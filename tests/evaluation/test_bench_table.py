"""The table of several detectors: what it says of figures, of failures, and of what is not comparable."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.evaluation.bench_table import COLUMNS, Cell, bench_markdown, write_bench_csv
from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.figure import Figure
from deepfakebench_ext.metrics.ranking import binary_figures

COUNTS = Counts(total=5, scored=4, not_scored=1, real=2, fake=2, unlabelled=0)
SCORES = np.array([0.1, 0.4, 0.35, 0.8])


def figures(level: Level, scores: np.ndarray = SCORES) -> dict[str, Figure]:
    return binary_figures(np.array([0, 0, 1, 1]), scores, level=level)


def cell(detector: str, dataset: str, unit: Level = "frame", **changes: object) -> Cell:
    both = figures(unit) | figures("video", np.array([0.1, 0.2, 0.7, 0.8]))
    values: dict[str, object] = {"figures": both, "counts": {unit: COUNTS, "video": COUNTS}, **changes}
    return Cell(detector, "w.pth", dataset, **values)  # type: ignore[arg-type]


def rows(text: str) -> dict[str, list[str]]:
    lines = [[part.strip() for part in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]
    return {line[0]: line[1:] for line in lines}


def test_a_detector_is_a_row_and_a_dataset_two_columns_and_the_means_end_it() -> None:
    table = rows(bench_markdown([cell("a", "X"), cell("a", "Y")]))
    assert table["AUC"] == ["X frame", "X video", "Y frame", "Y video", "mean frame", "mean video"]
    assert table["a"] == ["0.7500", "1.0000"] * 3


def test_a_failure_is_named_and_leaves_no_mean() -> None:
    text = bench_markdown([cell("a", "X"), Cell("a", "w.pth", "Y", "out of\nmemory")])
    assert rows(text)["a"] == ["0.7500", "1.0000", "failed", "failed", "-", "-"]
    assert "- a on Y failed: out of memory" in text


def test_one_reason_for_several_datasets_and_a_notice_of_several_are_said_once() -> None:
    failed = [Cell("b", "w.pth", name, "no\nweights") for name in ("X", "Y")]
    text = bench_markdown(
        [*(cell("a", name, notices=(Notice("protocol", "other pixels"),)) for name in ("X", "Y")), *failed]
    )
    notes = text.partition("\n\n")[2].splitlines()
    assert "- b on X, Y failed: no weights" in notes
    assert notes.count("- a: other pixels") == 1
    assert rows(text)["b"][0] == "failed"


def test_an_untrained_head_a_clip_and_what_was_not_scored_are_said() -> None:
    statuses = {"clip": {"ok": 4, "too_short": 3, "unreadable": 1}}
    text = bench_markdown([cell("a", "X", "clip", trained=False, statuses=statuses)])
    assert rows(text)["a (UNTRAINED)"] == ["0.7500 (clip)", "1.0000", "0.7500 (clip)", "1.0000"]
    assert "figures are noise" in text
    assert "- a on X: 1 of 5 clips were not scored (too_short 3, unreadable 1)\n" in text
    assert "- a on X: 1 of 5 videos were not scored\n" in text


def test_an_undefined_figure_is_a_dash_with_its_reason() -> None:
    one = {"frame": COUNTS}
    undefined = {"frame_auc": Figure(None, "d", "only real samples"), "frame_ap": Figure(0.5, "d")}
    text = bench_markdown([cell("a", "X", figures=undefined, counts=one)])
    assert rows(text)["a"] == ["-", "-", "-", "-"]
    assert "- a on X: frame_auc is undefined, only real samples" in text


def test_the_csv_has_a_line_a_level_and_one_for_a_failure_and_gives_the_numbers_back(tmp_path: Path) -> None:
    write_bench_csv(tmp_path / "b.csv", [cell("a", "X", trained=True), Cell("b|c", "w", "X", "no, file")])
    with (tmp_path / "b.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert tuple(lines[0]) == COLUMNS
    assert [(line["detector"], line["level"], line["status"]) for line in lines] == [
        ("a", "frame", "ok"),
        ("a", "video", "ok"),
        ("b|c", "", "failed"),
    ]
    assert [line["head"] for line in lines] == ["trained", "trained", ""]
    assert float(lines[0]["auc"]) == 0.75
    assert (lines[0]["real"], lines[0]["not_scored"], lines[2]["reason"]) == ("2", "1", "no, file")
