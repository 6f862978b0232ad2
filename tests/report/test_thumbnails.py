"""The samples on which a detector was most wrong, and pictures of those that are still there."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from videos import stamped_video

from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.metrics.score_table import ScoreTable
from deepfakebench_ext.report.seen import Seen
from deepfakebench_ext.report.thumbnails import SIDE, telling_rows, thumbnail, worst_samples


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


def test_of_a_video_what_made_its_score_wrong_is_shown():
    units = table([*ROWS, ("g", 1, [None, 0.4, 0.3, 0.3])])
    assert telling_rows(units).tolist() == [0, 2, 4, 5, 6, 8, 11]


def picture(data: bytes | None) -> Image.Image:
    assert data is not None
    return Image.open(io.BytesIO(data))


def test_an_image_becomes_a_small_jpeg(tmp_path):
    Image.new("RGB", (640, 320), (200, 10, 10)).save(tmp_path / "a.png")
    small = picture(thumbnail(Seen(str(tmp_path / "a.png"))))
    assert (small.size, small.format) == ((SIDE, SIDE // 2), "JPEG")
    assert small.getpixel((5, 5))[0] == pytest.approx(200, abs=8)


def test_a_folder_shows_its_first_frame(tmp_path):
    for name, grey in (("10.png", 250), ("2.png", 10)):
        Image.new("L", (32, 32), grey).save(tmp_path / name)
    assert picture(thumbnail(Seen(str(tmp_path)))).convert("L").getpixel((5, 5)) == pytest.approx(10, abs=4)


def test_a_folder_shows_the_frame_that_was_scored(tmp_path):
    for name, grey in (("10.png", 250), ("2.png", 10)):
        Image.new("L", (32, 32), grey).save(tmp_path / name)
    shown = picture(thumbnail(Seen(str(tmp_path), frame=1, frame_file="10.png")))
    assert shown.convert("L").getpixel((5, 5)) == pytest.approx(250, abs=4)


def test_a_video_shows_the_frame_that_was_scored(tmp_path):
    stamped_video(tmp_path / "a.mp4", 3)
    shown = {frame: picture(thumbnail(Seen(str(tmp_path / "a.mp4"), frame))).tobytes() for frame in (None, 0, 2)}
    assert shown[None] == shown[0] != shown[2]


BOX = (300.0, 100.0, 340.0, 140.0)


def test_the_face_that_was_scored_is_shown_and_not_the_frame(tmp_path):
    frame = Image.new("RGB", (640, 320), (10, 10, 200))
    frame.paste((200, 10, 10), (290, 90, 350, 150))
    frame.save(tmp_path / "a.png")
    shown = picture(thumbnail(Seen(str(tmp_path / "a.png"), bbox_px=BOX)))
    assert shown.size == (SIDE, SIDE)
    assert {shown.getpixel((x, y))[0] > 150 for x in (4, SIDE - 4) for y in (4, SIDE - 4)} == {True}


@pytest.mark.parametrize(
    "box", [(5.0, 5.0, 5.0, 9.0), (0.0, 0.0, 1e9, 1e9), (1.0, 1.0, float("nan"), 9.0), (900.0, 0.0, 910.0, 10.0)]
)
def test_a_box_of_nothing_in_the_frame_shows_nothing(tmp_path, box):
    Image.new("RGB", (64, 32)).save(tmp_path / "a.png")
    assert thumbnail(Seen(str(tmp_path / "a.png"), bbox_px=box)) is None


@pytest.mark.parametrize("frame", [3, 10**8])
def test_a_frame_that_is_not_there_shows_nothing(tmp_path, frame):
    stamped_video(tmp_path / "a.mp4", 3)
    assert thumbnail(Seen(str(tmp_path / "a.mp4"), frame)) is None


@pytest.mark.parametrize("name", ["gone.png", "broken.png", "broken.mp4", "empty", "", "nul\0.png", "x" * 300 + ".png"])
def test_what_cannot_be_read_has_no_picture(tmp_path, name):
    (tmp_path / "empty").mkdir()
    for broken in ("broken.png", "broken.mp4"):
        (tmp_path / broken).write_bytes(b"not a picture")
    assert thumbnail(Seen(str(tmp_path / name) if name else "")) is None
