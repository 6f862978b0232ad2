"""From videos to a dataset: the evaluator's own pixels, in DeepfakeBench's layout, whatever interrupts it."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import films
import numpy as np
import pytest
import videos
from PIL import Image

from deepfakebench_ext.common.errors import ConfigError, OutputError
from deepfakebench_ext.data.preprocess.transform import PreprocessSpec
from deepfakebench_ext.data.readers.reader import Reader
from deepfakebench_ext.data.samples.folders import collect_samples
from deepfakebench_ext.extraction import crop_folder
from deepfakebench_ext.extraction.crop_folder import CropFolder
from deepfakebench_ext.extraction.extract import Extraction, extract, make_crop_reader
from deepfakebench_ext.faces.align import five_points, template
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.media.image import frame_files, read_rgb
from deepfakebench_ext.media.sampling import FrameSampling

SIZE = 64
AS_IS = PreprocessSpec("exact", (SIZE, SIZE), None, "bilinear", (0.5,) * 3, (0.5,) * 3, source="test")
THREE = FrameSampling("uniform", 3)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> FaceReader:
    model = films.landmark_model(tmp_path_factory.mktemp("model") / "81.dat")
    reader = make_crop_reader(landmark_model=model, size=SIZE)
    assert reader is not None
    return reader


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filmed") / "films"
    films.face_films(folder)
    return folder


@pytest.fixture
def stamped(tmp_path: Path) -> Path:
    films.stamped_films(tmp_path / "in")
    return tmp_path / "in"


def report(result: Extraction) -> dict[str, dict[str, str]]:
    with result.report.open(encoding="utf-8", newline="") as file:
        return {row["key"]: row for row in csv.DictReader(file)}


def frames_of(result: Extraction, key: str) -> list[Path]:
    (video,) = (video for video in result.videos if video.key == key)
    return [result.folder / video.place.frames / name for name in video.frames]


# --- what is written ------------------------------------------------------------------------------------------------


def test_crops_are_the_pixels_that_the_evaluator_scores(filmed: Path, faces: FaceReader) -> None:
    result = extract(filmed, "out", sampling=THREE, faces=faces)
    reader = Reader(AS_IS, THREE, faces=faces)
    for sample in result.samples:
        scored = [unit.pixels.transpose(1, 2, 0) for unit in reader.units(sample) if unit.pixels is not None]
        written = [read_rgb(path) for path in frames_of(result, sample.key)]
        assert len(written) == 3
        assert all(np.array_equal(a, b) for a, b in zip(scored, written, strict=True))


def test_landmarks_lie_beside_the_crops_and_on_their_faces(filmed: Path, faces: FaceReader) -> None:
    result = extract(filmed, "out", dataset="d", sampling=THREE, faces=faces)
    found = sorted(result.folder.glob("**/*.npy"))
    expected = {
        str(path).replace("frames", "landmarks").replace(".png", ".npy")
        for sample in result.samples
        for path in frames_of(result, sample.key)
    }
    assert {str(path) for path in found} == expected
    for path in found:
        points = np.load(path)
        assert (points.shape, points.dtype) == ((81, 2), np.float64)
        assert np.abs(five_points(points) - template((SIZE, SIZE))).max() < 8


def test_frames_are_named_by_their_numbers_and_sort_by_them(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    videos.stamped_video(tmp_path / "real/long.mp4", 1003, size=(64, 48), gop=250)
    result = extract("real", "out", sampling=FrameSampling("uniform", 4))
    found = frames_of(result, "long.mp4")
    assert [path.name for path in found] == ["000.png", "334.png", "668.png", "1002.png"]
    assert [videos.stamp_of(read_rgb(path)) for path in found] == [0, 334, 668, 1002]
    assert frame_files(found[0].parent) == found


def test_sampling_by_time_takes_the_frames_of_those_times(stamped: Path) -> None:
    result = extract(stamped, "out", sampling=FrameSampling("fps", fps=5))
    assert [videos.stamp_of(read_rgb(path)) for path in frames_of(result, "fake/a.mp4")] == [0, 5, 10]
    assert report(result)["fake/a.mp4"]["frames_planned"] == ""


def test_the_json_lists_every_frame_by_a_path_from_where_deepfakebench_runs(stamped: Path, tmp_path: Path) -> None:
    (tmp_path / "bench").mkdir()
    result = extract(stamped, "out", dataset="d", sampling=THREE, splits=["train", "val"], run_from="bench")
    assert result.dataset_json is not None
    listed = json.loads(result.dataset_json.read_text())["d"]
    for label, keys in (("DF_real", ["real/a.mp4", "real/b.webm"]), ("DF_fake", ["fake/a.mp4", "fake/sub/a.avi"])):
        assert list(listed[label]) == ["train", "val"]
        paths = [path for video in listed[label]["val"].values() for path in video["frames"]]
        there = [path for key in keys for path in frames_of(result, key)]
        assert [(tmp_path / "bench" / path).resolve() for path in paths] == [path.resolve() for path in there]
        assert all(path.startswith("../out/d/") for path in paths)


def test_videos_of_equal_names_stay_apart(stamped: Path) -> None:
    result = extract(stamped, "out", sampling=FrameSampling("uniform", 100))
    for key, number in films.STAMPED.items():
        assert [videos.stamp_of(read_rgb(path)) for path in frames_of(result, key)] == list(range(number))
    assert len({video.place.video for video in result.videos}) == len(films.STAMPED)
    assert frames_of(result, "real/b.webm")[0].parent == Path("out/in/real/frames/b")


def test_the_tree_reads_back_as_the_same_videos_with_the_same_labels(filmed: Path, faces: FaceReader) -> None:
    result = extract(filmed, "out", sampling=THREE, faces=faces)
    read = collect_samples(result.folder, kind="video")
    written = [(video.place.frames, s.label) for s, video in zip(result.samples, result.videos, strict=True)]
    assert [(sample.key, sample.label) for sample in read] == sorted(written)


# --- what cannot be written -----------------------------------------------------------------------------------------


def test_what_fails_is_reported_with_its_reason_and_the_rest_goes_on(filmed: Path, faces: FaceReader) -> None:
    shutil.copytree(filmed, "in")
    Path("in/fake/empty.mp4").touch()
    Path("in/fake/text, with comma.mp4").write_text("not a video")
    videos.sound(Path("in/real/sound.mp4"))
    videos.stamped_video(Path("in/real/wall.mp4"), 5)
    result = extract("in", "out", sampling=THREE, faces=faces)
    rows = report(result)
    assert {row["status"] for key, row in rows.items() if key in films.FACES} == {"ok"}
    assert {video.key: video.status for video in result.failed} == {
        "fake/empty.mp4": "unreadable",
        "fake/text, with comma.mp4": "unreadable",
        "real/sound.mp4": "unreadable",
        "real/wall.mp4": "no_face",
    }
    assert "the file is empty" in rows["fake/empty.mp4"]["reason"]
    assert "holds no video" in rows["real/sound.mp4"]["reason"]
    assert list(rows["real/wall.mp4"].values()) == [
        "real/wall.mp4", "0", "no_face", "no face found in 3 of 3 frames", "3", "3", "0", "3", "0", "",
    ]  # fmt: skip
    assert result.dataset_json is not None
    assert not any(word in result.dataset_json.read_text() for word in ("empty", "comma", "sound", "wall"))
    assert len(collect_samples(result.folder, kind="video")) == len(films.FACES)


def test_a_frame_without_a_face_is_left_out_or_taken_whole_as_asked(filmed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in/real/mixed"
    folder.mkdir(parents=True)
    whole = extract(filmed, "whole", sampling=FrameSampling("first", 1))
    shutil.copy(frames_of(whole, "real/a.mp4")[0], folder / "0.png")
    Image.fromarray(videos.stamp(5)).save(folder / "1.png")
    for no_face, names, sizes in (("skip", ["000.png"], [SIZE]), ("full_frame", ["000.png", "001.png"], [SIZE, 96])):
        faces = make_crop_reader(face_detector="dlib", size=SIZE, no_face=no_face)  # type: ignore[arg-type]
        result = extract("in", f"out_{no_face}", faces=faces)
        found = frames_of(result, "real/mixed")
        assert [path.name for path in found] == names
        assert [len(read_rgb(path)) for path in found] == sizes
        assert report(result)["real/mixed"]["frames_faceless"] == "1"
        assert not list(result.folder.glob("**/*.npy"))


def test_a_video_that_breaks_off_gives_the_frames_it_has_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "fake").mkdir()
    fragments = {"movflags": "frag_keyframe+empty_moov"}
    videos.stamped_video(tmp_path / "whole.mp4", 40, container_options=fragments)
    videos.piece(tmp_path / "whole.mp4", tmp_path / "fake/cut.mp4", 0.0, 0.6)
    result = extract("fake", "out", sampling=FrameSampling("uniform", 4))
    found = frames_of(result, "cut.mp4")
    assert report(result)["cut.mp4"]["replanned"] == "1"
    assert sorted(path.name for path in found[0].parent.iterdir()) == [path.name for path in found]
    assert len(found) == 4
    assert [videos.stamp_of(read_rgb(path)) for path in found[:3]] == [int(path.stem) for path in found[:3]]


def test_videos_without_a_label_are_extracted_and_not_listed_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "in").mkdir()
    videos.stamped_video(tmp_path / "in/x.mp4", 3)
    result = extract("in", "out")
    assert "1 video of 1 left out of out/in.json, such as x.mp4: no directory of theirs says real" in caplog.text
    assert result.dataset_json is None
    assert not Path("out/in.json").exists()
    assert len(list(Path("out/in/unlabelled/frames/x").iterdir())) == 3


# --- what is refused ------------------------------------------------------------------------------------------------


def test_a_folder_of_another_origin_is_left_alone(stamped: Path) -> None:
    theirs = Path("out/in/real/frames/b/000.png")
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"theirs")
    with pytest.raises(ConfigError, match="files of another origin"):
        extract(stamped, "out")
    assert films.tree(Path("out")) == {"in/real/frames/b/000.png": b"theirs"}


def test_a_json_of_another_origin_is_left_alone(stamped: Path) -> None:
    Path("out").mkdir()
    Path("out/in.json").write_text("theirs")
    with pytest.raises(ConfigError, match=r"in\.json exists"):
        extract(stamped, "out")
    assert films.tree(Path("out")) == {"in.json": b"theirs"}


def test_frames_of_another_input_are_left_alone(stamped: Path) -> None:
    extract(stamped, "out", sampling=THREE)
    before = films.tree(Path("out"))
    (stamped / "real/b.webm").unlink()
    with pytest.raises(ConfigError, match=r"1 videos that are not in this input, such as real/b\.webm"):
        extract(stamped, "out", sampling=THREE)
    assert films.tree(Path("out")) == before


@pytest.mark.parametrize("output_dir", ["in", "in/crops", "."])
def test_input_and_output_one_in_the_other_are_an_error(output_dir: str, stamped: Path) -> None:
    before = films.tree(stamped)
    with pytest.raises(ConfigError, match="one in the other"):
        extract(stamped, output_dir)
    assert films.tree(stamped) == before


def test_two_processes_do_not_write_one_dataset(stamped: Path) -> None:
    with CropFolder(Path("out/in")), pytest.raises(OutputError, match="another process is writing"):
        extract(stamped, "out")


def test_a_disk_that_is_full_ends_the_run_with_a_sentence(stamped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OutputError, match="No space left on device"):
            extract(stamped, "out")
    assert not list(Path("out").glob("**/frames"))
    assert len(extract(stamped, "out").videos) == len(films.STAMPED)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataset": "a/b"}, "--dataset"),
        ({"splits": ["tset"]}, "--split"),
        ({"workers": 0}, "--workers 0"),
        ({"input_dir": "nowhere"}, "nowhere does not exist"),
    ],
)
def test_a_mistake_is_said_before_anything_is_written(options: dict[str, Any], message: str, stamped: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        extract(**{"input_dir": stamped, "output_dir": "out", **options})
    assert not Path("out").exists()


@pytest.mark.parametrize(("option", "value"), [("size", 64), ("no_face", "skip")])
def test_an_option_of_crops_without_crops_is_an_error(option: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"--{option} means nothing here"):
        make_crop_reader(**{option: value})  # type: ignore[arg-type]


def test_a_path_in_which_landmarks_would_not_be_found_is_an_error(filmed: Path, faces: FaceReader) -> None:
    with pytest.raises(ConfigError, match="finds landmarks by replacing"):
        extract(filmed, "my_frames", faces=faces)
    assert not extract(filmed, "my_frames", sampling=THREE).failed


def test_the_records_are_the_only_files_that_no_one_is_to_read(stamped: Path) -> None:
    result = extract(stamped, "out", sampling=THREE)
    beside = {path.name for path in result.folder.iterdir()}
    assert beside == {"real", "fake", "extract_report.csv", crop_folder._OURS}
    assert not list((result.folder / crop_folder._OURS).glob("*/"))


def test_what_is_lost_of_a_video_is_said_beside_what_was_extracted(tmp_path: Path) -> None:
    folder = tmp_path / "in/real/frames"
    folder.mkdir(parents=True)
    for number in range(3):
        Image.fromarray(videos.stamp(number)).save(folder / f"{number}.png")
    (folder / "1.png").write_bytes(b"")
    videos.stamped_video(tmp_path / "whole.mp4", 60, container_options={"movflags": "faststart"})
    videos.piece(tmp_path / "whole.mp4", tmp_path / "in/real/cut.mp4", 0.0, 0.7)
    rows = report(extract("in", "out", sampling=THREE))
    frames = rows["real/frames"]
    assert frames["status"] == "ok"
    assert [frames[f"frames_{name}"] for name in ("planned", "decoded", "written")] == ["3", "2", "2"]
    assert frames["reason"].startswith("1 frame left out, such as ")
    assert rows["real/cut.mp4"]["reason"].startswith("cut short or damaged: ")
