import csv
from pathlib import Path

import numpy as np
import pytest

from deepfakebench_ext.common.csv_files import restored
from deepfakebench_ext.common.errors import OutputError
from deepfakebench_ext.common.types import Prediction, Sample, VideoScore
from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.ranking import binary_figures
from deepfakebench_ext.report.scores.csv_writing import SCORES_COLUMNS, write_scores_csv, write_videos_csv
from deepfakebench_ext.report.scores.score_files import read_scores

NASTY = [
    "a,b.png",
    'quote".png',
    "line\nbreak.png",
    "carriage\rreturn.png",
    "換臉/è ü.png",
    " lead and trail ",
    "'=1+1",
    "=1+1",
    "-x.png",
    "''=",
    "'",
    "-1",
    "semi;colon\t.png",
    "100%",
    "byte\udcff.png",
    r"byte\udcff.png",
    r"byte\\udcff.png",
    r"byte\xff.png",
]


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def row(key, score=0.5, **fields):
    return (1, Sample(key, Path(key), **fields), Prediction(key, score))


# --- scores.csv -----------------------------------------------------------------------------------------------------


def test_names_with_separators_quotes_breaks_and_other_scripts_come_back(tmp_path):
    rows = [row(name, label=1, video=name, dataset=name, method=name) for name in NASTY]
    write_scores_csv(tmp_path / "scores.csv", rows, head="trained")
    for name, line in zip(NASTY, read(tmp_path / "scores.csv"), strict=True):
        assert [restored(line[column]) for column in ("key", "path", "video", "dataset", "method")] == [name] * 5
    read_back = read_scores(tmp_path / "scores.csv")
    assert [read_back.table.key.text(row) for row in range(len(NASTY))] == NASTY
    assert read_back.paths(range(len(NASTY))) == NASTY


def test_videos_of_any_name_read_back(tmp_path):
    videos = [VideoScore(Sample(name, Path(name), 1, dataset=name), 0.5, "ok", "", 1, 1, 1, 0, 0, 0) for name in NASTY]
    write_videos_csv(tmp_path / "videos.csv", videos, head="trained")
    table = read_scores(tmp_path / "videos.csv").table
    assert [table.key.text(row) for row in range(len(NASTY))] == NASTY
    assert [table.dataset.text(row) for row in range(len(NASTY))] == NASTY


def test_no_cell_is_a_formula(tmp_path):
    names = ["=cmd|' /C calc'!A0", "+1+2", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "'=1"]
    write_scores_csv(tmp_path / "scores.csv", [row(name) for name in names], head="trained")
    for line in read(tmp_path / "scores.csv"):
        assert all(cell.startswith("'") for cell in (line["key"], line["path"]))
        assert line["score"] == "0.5"


def test_every_score_comes_back_to_the_last_bit(tmp_path):
    scores = [0.1 + 0.2, 1 / 3, 5e-324, 1.0, 0.0, float(np.nextafter(1, 0)), np.float64(0.7), float(np.float32(0.7))]
    write_scores_csv(tmp_path / "scores.csv", [row(f"{i}.png", s) for i, s in enumerate(scores)], head="trained")
    assert [float(line["score"]) for line in read(tmp_path / "scores.csv")] == scores


def test_columns_are_named_and_absent_values_are_empty(tmp_path):
    sample = Sample("a.png", Path("in/a.png"))
    lost = Prediction("a.png", None, "unreadable", "cut off after 12 bytes")
    write_scores_csv(tmp_path / "scores.csv", [(1, sample, lost)], head="untrained")
    (line,) = read(tmp_path / "scores.csv")
    assert tuple(line) == SCORES_COLUMNS
    assert list(line.values()) == [
        "a.png",
        str(Path("in/a.png")),
        *("", "0", "", "", "", ""),
        *("", "unreadable", "cut off after 12 bytes", "0"),
        *("0", "0", "", "", "", "", ""),
        *("", "", ""),
        "untrained",
    ]


def test_where_a_face_is_and_in_which_frame_stands_beside_its_score(tmp_path):
    sample = Sample("a.mp4", Path("a.mp4"))
    known = {"frame": 75, "bbox_px": (10.5, 20.0, 110.5, 120.0), "face_score": 1.25, "num_faces": 3, "off_crop": 2}
    write_scores_csv(tmp_path / "scores.csv", [(1, sample, Prediction("a.mp4", 0.5, **known))], head="trained")
    (line,) = read(tmp_path / "scores.csv")
    assert [line[name] for name in ("frame", "face_x0", "face_y0", "face_x1", "face_y1", "face_score")] == [
        *("75", "10.5", "20.0", "110.5", "120.0", "1.25"),
    ]
    assert (line["num_faces"], line["frames_off_crop"]) == ("3", "2")


@pytest.mark.parametrize(("label", "text"), [(0, "0"), (1, "1"), (None, "")])
def test_labels_are_digits_or_empty(tmp_path, label, text):
    write_scores_csv(tmp_path / "scores.csv", [row("a.png", label=label)], head="trained")
    assert read(tmp_path / "scores.csv")[0]["label"] == text


def test_rows_keep_their_order_and_end_with_line_feeds_only(tmp_path):
    write_scores_csv(tmp_path / "scores.csv", (row(key) for key in ("b", "a", "c")), head="trained")
    assert [line["key"] for line in read(tmp_path / "scores.csv")] == ["b", "a", "c"]
    assert b"\r" not in (tmp_path / "scores.csv").read_bytes()


def test_a_prediction_of_another_sample_is_an_error_and_writes_nothing(tmp_path):
    with pytest.raises(ValueError, match=r"'b\.png' stands beside the sample 'a\.png'"):
        write_scores_csv(
            tmp_path / "scores.csv", [(1, Sample("a.png", Path("a.png")), Prediction("b.png", 0.1))], head="trained"
        )
    assert list(tmp_path.iterdir()) == []


def test_a_csv_that_cannot_be_written_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match=r"scores\.csv"):
        write_scores_csv(tmp_path / "none" / "scores.csv", [], head="trained")


# --- metrics.json ---------------------------------------------------------------------------------------------------

COUNTS = Counts(total=5, scored=4, not_scored=1, real=2, fake=2, unlabelled=0)
FIGURES = binary_figures(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.3, 0.45]), level="frame")
