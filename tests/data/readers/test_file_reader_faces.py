"""Crops on their way to the network: found, kept, counted, and cut at one place for a whole clip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import skimage.data

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.preprocess.transform import PreprocessSpec
from deepfakebench_ext.data.readers.reader import Reader, Unit
from deepfakebench_ext.faces.cache import CropCache
from deepfakebench_ext.faces.crop import FaceCrop, crop_frame
from deepfakebench_ext.faces.reader import FaceReader, face_reader
from deepfakebench_ext.faces.settings import face_settings
from deepfakebench_ext.media.image import read_rgb
from deepfakebench_ext.media.sampling import ClipSampling, FrameSampling

SPEC = PreprocessSpec("exact", (64, 64), None, "bilinear", (0.5,) * 3, (0.5,) * 3, source="test")
PHOTO = np.ascontiguousarray(skimage.data.astronaut()[:256, 96:352])
EMPTY = np.full_like(PHOTO, 128)


def faces(cache: Path | None = None, no_face: Any = None, **options: Any) -> FaceReader:
    settings = face_settings("dlib", (64, 64), **{"per": "clip", **options})
    reader = face_reader(settings, no_face, None if cache is None else CropCache(cache, 2**30))
    assert reader is not None
    return reader


def units(path: Path, reader: FaceReader, sampling: Any = None) -> list[Unit]:
    return list(Reader(SPEC, sampling, faces=reader).units(Sample(path.name, path)))


def write_image(path: Path, rgb: np.ndarray) -> Path:
    cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return path


def write_film(path: Path, frames: list[np.ndarray]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = PHOTO.shape[1], PHOTO.shape[0], "yuv420p"
        for rgb in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")))
        container.mux(stream.encode())
    return path


def test_an_image_is_cut_to_its_face_at_the_size_of_the_network(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.png", PHOTO)
    reader = faces()
    (unit,) = units(path, reader)
    crop = crop_frame(read_rgb(path), reader.detector, reader.for_images)
    assert isinstance(crop, FaceCrop)
    np.testing.assert_array_equal(unit.pixels.transpose(1, 2, 0), crop.rgb)
    assert (unit.prediction.status, unit.prediction.faceless) == ("ok", 0)


def test_an_image_without_a_face_is_scored_whole_and_counted_and_a_frame_is_left_out(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.png", EMPTY)
    (whole,) = units(path, faces())
    assert (whole.prediction.status, whole.prediction.faceless) == ("ok", 1)
    assert (whole.pixels == 128).all()
    (left_out,) = units(path, faces(no_face="skip"))
    assert (left_out.prediction.status, left_out.prediction.faceless, left_out.pixels) == ("no_face", 1, None)
    film = write_film(tmp_path / "a.mp4", [PHOTO, EMPTY])
    statuses = [unit.prediction.status for unit in units(film, faces(), FrameSampling("uniform", 2))]
    assert statuses == ["ok", "no_face"]


def test_a_clip_is_cut_at_one_place_also_where_a_frame_shows_no_face(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mp4", [PHOTO, PHOTO, EMPTY, PHOTO])
    (unit,) = units(film, faces(), ClipSampling(4))
    assert unit.pixels.shape == (4, 3, 64, 64)
    assert (unit.prediction.status, unit.prediction.faceless, unit.prediction.decoded) == ("ok", 1, 4)
    assert float(unit.pixels[2].std()) < 4  # the wall, at the place of the face
    (each,) = units(film, faces(per="frame"), ClipSampling(4))
    assert (each.prediction.status, each.pixels) == ("no_face", None)
    assert "in 1 of 4 frames" in each.prediction.reason


def test_overlapping_clips_are_those_of_the_sampling(tmp_path: Path) -> None:
    moved = [np.roll(PHOTO, 2 * i, axis=1) for i in range(8)]
    film = write_film(tmp_path / "a.mp4", moved)
    overlapping = units(film, faces(), ClipSampling(6, num_clips=3))
    for start, unit in zip((0, 1, 2), overlapping, strict=True):
        (alone,) = units(write_film(tmp_path / f"{start}.mp4", moved[start : start + 6]), faces(), ClipSampling(6))
        assert np.abs(unit.pixels.astype(float) - alone.pixels).mean() < 3


@pytest.mark.parametrize("sampling", [FrameSampling("uniform", 3), ClipSampling(2, num_clips=2)])
def test_a_warm_cache_needs_neither_the_decoder_nor_the_face_detector(sampling: Any, tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mp4", [PHOTO, PHOTO, EMPTY, EMPTY])
    reader = faces(tmp_path / "cache")
    cold = units(film, reader, sampling)

    class Blind:
        def detect(self, rgb: np.ndarray) -> list[Any]:
            raise AssertionError("a face was looked for")

    warm = units(film, replace(reader, detector=Blind()), sampling)
    assert [unit.prediction for unit in warm] == [unit.prediction for unit in cold]
    for a, b in zip(cold, warm, strict=True):
        assert (a.pixels is None) == (b.pixels is None)
        assert a.pixels is None or bool((a.pixels == b.pixels).all())


def test_another_content_or_sampling_or_setting_is_not_the_cached_one(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    film = write_film(tmp_path / "a.mp4", [PHOTO] * 3)
    units(film, faces(cache), FrameSampling("uniform", 2))
    entries = lambda: len(list(cache.rglob("*.crops")))  # noqa: E731
    assert entries() == 1
    units(film, faces(cache), FrameSampling("uniform", 3))
    units(film, faces(cache, scale=1.5), FrameSampling("uniform", 2))
    units(write_film(film, [EMPTY] * 3), faces(cache), FrameSampling("uniform", 2))
    assert entries() == 4


def test_a_cache_without_a_face_detector_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no --face_detector"):
        face_reader(face_settings("none", (64, 64)), None, CropCache(tmp_path, 2**20))
    assert face_reader(face_settings("none", (64, 64)), None, None) is None


def folder_with_a_bad_picture(folder: Path) -> Path:
    folder.mkdir()
    for number, rgb in enumerate([PHOTO, PHOTO, PHOTO, PHOTO]):
        write_image(folder / f"{number}.png", rgb)
    (folder / "1.png").write_bytes(b"")
    return folder


@pytest.mark.parametrize("per", ["frame", "clip"])
def test_an_unreadable_picture_is_no_frame_without_a_face_and_is_looked_for_again(per: Any, tmp_path: Path) -> None:
    folder, cache = folder_with_a_bad_picture(tmp_path / "frames"), tmp_path / "cache"
    frames = units(folder, faces(cache, per=per), FrameSampling("uniform", 4))
    assert [unit.prediction.status for unit in frames] == ["ok", "unreadable", "ok", "ok"]
    clips = units(folder, faces(cache, per=per), ClipSampling(2, num_clips=2))
    assert [unit.prediction.status for unit in clips] == ["unreadable", "ok"]
    assert [(unit.prediction.decoded, unit.prediction.faceless) for unit in clips] == [(1, 0), (2, 0)]
    assert list(cache.rglob("*.crops")) == []


def test_a_frame_without_a_face_is_counted_once_however_many_clips_have_it(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mp4", [EMPTY] * 3)
    found = units(film, faces(no_face="full_frame"), ClipSampling(2, num_clips=2))
    assert [(u.prediction.faceless, u.prediction.faceless_before) for u in found] == [(2, 0), (2, 1)]


def two_people(left_px: int, right_px: int) -> np.ndarray:
    """A frame of 512 x 256 with her face twice, so many pixels wide, on a wall."""
    frame = np.full((256, 512, 3), 128, np.uint8)
    for middle, width in ((128, left_px), (384, right_px)):
        side = round(256 * width / 91)
        photo = cv2.resize(PHOTO, (side, side), interpolation=cv2.INTER_AREA)
        top = max(0, side // 2 - 128)
        cut = photo[top : top + 240, max(0, side // 2 - 120) : side // 2 + 120]
        frame[8 : 8 + cut.shape[0], middle - cut.shape[1] // 2 : middle - cut.shape[1] // 2 + cut.shape[1]] = cut
    return frame


def write_wide_film(path: Path, frames: list[np.ndarray]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "4"})
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        for rgb in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_a_clip_of_two_people_shows_one_of_them_and_says_where(tmp_path: Path) -> None:
    path = write_wide_film(tmp_path / "two.mp4", [two_people(91, 80)] * 8)
    known = [units(path, faces(tmp_path / "cache"), ClipSampling(4, num_clips=2)) for _ in range(2)]
    for first, second in known:
        assert (first.prediction.num_faces, first.prediction.several, first.prediction.off_crop) == (2, 4, 0)
        x0, _, x1, _ = first.prediction.bbox_px or (0, 0, 0, 0)
        assert abs((x0 + x1) / 2 - 128) < 25
        assert (first.prediction.frame, second.prediction.frame) == (0, 4)
        assert first.prediction.face_score > 0.5
    assert known[0][0].prediction == known[1][0].prediction  # out of the cache


def test_a_clip_cut_in_its_middle_follows_one_shot_and_counts_the_other(tmp_path: Path) -> None:
    other = np.ascontiguousarray(np.roll(PHOTO[:, ::-1], 60, axis=1)[..., ::-1])
    path = write_film(tmp_path / "cut.mp4", [PHOTO] * 6 + [other] * 4)
    (unit,) = units(path, faces(), ClipSampling(10))
    assert unit.prediction.status == "ok"
    assert (unit.prediction.off_crop, unit.prediction.faceless) == (4, 0), "another's face is a face"
    path = write_film(tmp_path / "cuts.mp4", [PHOTO] * 4 + [other] * 4 + [PHOTO] * 4)
    for _ in range(2):  # the second out of the cache
        (unit,) = units(path, faces(tmp_path / "cache"), ClipSampling(12))
        assert (unit.prediction.status, unit.pixels) == ("off_crop", None)
        assert (unit.prediction.off_crop, unit.prediction.faceless, unit.prediction.num_faces) == (12, 0, 1)
        assert unit.prediction.reason == "the face that is followed lies off the crop or is another's in 8 of 12 frames"
