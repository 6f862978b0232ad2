"""The samples on which a detector was most wrong, and pictures of those that are still there."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from videos import stamped_video

from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.metrics.score_table import ScoreTable
from deepfakebench_ext.report.thumbnails import SIDE, first_rows, thumbnail, worst_samples


def table(rows: list[tuple[str, int | None, list[float | None]]], *, has_videos: bool = True) -> ScoreTable:
    samples = [Sample(key, Path(key), label) for key, label, _ in rows]  # type: ignore[arg-type]
    predictions = [
        Prediction(key, score, "ok" if score is not None else "unreadable", index=number)
        for key, _, scores in rows
        for number, score in enumerate(scores)
    ]
    return ScoreTable.from_predictions(samples, predictions, level="frame", has_videos=has_videos)


ROWS = [
    ("a", 1, [0.2, 0.9]),
    ("b", 0, [0.6, 0.1]),
    ("c", 1, [None]),
    ("d", None, [0.99]),
    ("e", 1, [0.1, 0.2]),
    ("f", 0, [0.9]),
]


def test_the_worst_are_fakes_scored_low_and_reals_scored_high():
    missed, alarms = worst_samples(table(ROWS), 2)
    assert [(worst.key, worst.score, worst.label) for worst in missed] == [("e #0", 0.1, 1), ("a #0", 0.2, 1)]
    assert [(worst.key, worst.row) for worst in alarms] == [("f #0", 8), ("b #0", 2)]


def test_samples_on_the_right_side_are_never_among_them():
    missed, alarms = worst_samples(table([("a", 1, [0.8]), ("b", 0, [0.5]), ("c", 1, [0.5])]), 8)
    assert ([worst.key for worst in missed], alarms) == (["c #0"], [])


def test_images_and_videos_go_by_their_name_alone():
    assert worst_samples(table(ROWS, has_videos=False), 1)[0][0].key == "e"
    assert worst_samples(table(ROWS).to_videos("mean"), 1)[0][0].key == "e"


def test_a_videos_first_row_is_where_its_file_is_found():
    assert first_rows(table(ROWS)) == [0, 2, 4, 5, 6, 8]


def picture(data: bytes | None) -> Image.Image:
    assert data is not None
    return Image.open(io.BytesIO(data))


def test_an_image_becomes_a_small_jpeg(tmp_path):
    Image.new("RGB", (640, 320), (200, 10, 10)).save(tmp_path / "a.png")
    small = picture(thumbnail(str(tmp_path / "a.png")))
    assert (small.size, small.format) == ((SIDE, SIDE // 2), "JPEG")
    assert small.getpixel((5, 5))[0] == pytest.approx(200, abs=8)


def test_a_folder_shows_its_first_frame(tmp_path):
    for name, grey in (("10.png", 250), ("2.png", 10)):
        Image.new("L", (32, 32), grey).save(tmp_path / name)
    assert picture(thumbnail(str(tmp_path))).convert("L").getpixel((5, 5)) == pytest.approx(10, abs=4)


def test_a_video_shows_its_first_frame(tmp_path):
    stamped_video(tmp_path / "a.mp4", 3)
    assert picture(thumbnail(str(tmp_path / "a.mp4"))).size[0] > 32


@pytest.mark.parametrize("name", ["gone.png", "broken.png", "broken.mp4", "empty", "", "nul\0.png", "x" * 300 + ".png"])
def test_what_cannot_be_read_has_no_picture(tmp_path, name):
    (tmp_path / "empty").mkdir()
    for broken in ("broken.png", "broken.mp4"):
        (tmp_path / broken).write_bytes(b"not a picture")
    assert thumbnail(str(tmp_path / name) if name else "") is None
