"""A draw reads the frames it drew, from files, videos and databases, whole or cut to the face, with their landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import stored
import videos

from deepfakebench_ext.common.errors import ConfigError, MediaError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.samples.datasets import gather_dataset
from deepfakebench_ext.data.stores.frame_stores import LmdbStore, RgbStore
from deepfakebench_ext.faces.cache import CropCache
from deepfakebench_ext.faces.detect import Face
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.faces.settings import FaceSettings
from deepfakebench_ext.media.frame import RGB
from deepfakebench_ext.media.sampling import SPREAD, ClipSampling
from deepfakebench_ext.training.data.frames import (
    FACE_POOL_FRAMES,
    TrainingFrames,
    Unusable,
    landmarks_file,
    read_landmarks,
)


def frames(**options) -> TrainingFrames:
    defaults = {"clips": None, "faces": None, "stores": {}, "landmarks": False, "transform": lambda rgb: rgb}
    return TrainingFrames(**{**defaults, **options})


def first(count: int) -> int:
    return 0


def last(count: int) -> int:
    return count - 1


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """40 frames, each stamped with its number."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    videos.stamped_video(path, 40)
    return Sample("film.mp4", path, 0)


def test_any_frame_of_a_video_may_be_drawn(film: Sample) -> None:
    for pick, number in ((first, 0), (lambda count: 17, 17), (last, 39)):
        (shot,) = frames().read(film, pick)
        assert videos.stamp_of(shot.rgb) == number


def test_any_start_of_a_clip_may_be_drawn(film: Sample) -> None:
    reader = frames(clips=ClipSampling(4, frame_interval=3))
    for pick, numbers in ((first, [0, 3, 6, 9]), (last, [30, 33, 36, 39])):
        assert [videos.stamp_of(shot.rgb) for shot in reader.read(film, pick)] == numbers


def test_a_spread_clip_spans_the_video_it_is_drawn_from(film: Sample) -> None:
    reader = frames(clips=ClipSampling(5, SPREAD))
    for pick, numbers in ((first, [0, 9, 18, 27, 36]), (last, [3, 12, 21, 30, 39])):
        assert [videos.stamp_of(shot.rgb) for shot in reader.read(film, pick)] == numbers


def test_a_file_that_promises_more_than_it_holds_is_drawn_from_what_it_holds(tmp_path: Path) -> None:
    options = {"container_options": {"movflags": "frag_keyframe+empty_moov+default_base_moof"}}
    videos.stamped_video(tmp_path / "whole.mp4", 40, **options)
    videos.piece(tmp_path / "whole.mp4", tmp_path / "cut.mp4", 0, 0.6)
    counts = []
    (shot,) = frames().read(Sample("cut.mp4", tmp_path / "cut.mp4", 0), lambda n: counts.append(n) or n - 1)
    promised, there = counts
    assert there < promised <= 40
    assert shot.rgb.shape == (96, 128, 3)


def test_a_video_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(MediaError, match=r"a\.mp4"):
        frames().read(Sample("a.mp4", tmp_path / "a.mp4", 0), first)


@pytest.mark.parametrize("kind", ["files", "lmdb"])
def test_frames_of_a_dataset_are_read_from_its_store(tmp_path: Path, kind: str) -> None:
    images = stored.write_images(tmp_path / "rgb")
    jsons = stored.write_json(tmp_path / "json", "")
    if kind == "lmdb":
        stored.images_in_lmdb(tmp_path / f"lmdb/{stored.DATASET}_lmdb", images, "")
    store = RgbStore(images, tmp_path) if kind == "files" else LmdbStore(tmp_path / "lmdb", stored.DATASET)
    samples = gather_dataset(stored.DATASET, json_folder=jsons, store=store)
    stores = {stored.DATASET: store}
    (sample,) = [sample for sample in samples if sample.key.endswith("_real/a")]
    (shot,) = frames(stores=stores).read(sample, last)
    assert np.array_equal(shot.rgb, stored.picture("CelebDFv1_real", "a", 9))
    clip = frames(stores=stores, clips=ClipSampling(3)).read(sample, lambda count: 2)
    expected = [stored.picture("CelebDFv1_real", "a", number) for number in (2, 3, 4)]
    assert all(np.array_equal(shot.rgb, rgb) for shot, rgb in zip(clip, expected, strict=True))
    with pytest.raises(Unusable, match="3 frames, and a clip spans 4") as short:
        frames(stores=stores, clips=ClipSampling(4)).read(next(s for s in samples if s.key.endswith("/b")), first)
    assert short.value.status == "too_short"
    if kind == "lmdb":
        with pytest.raises(ConfigError, match="give --rgb_dir"):
            frames(stores=stores, landmarks=True).check_landmarks(samples)


def test_a_dataset_without_its_store_is_a_mistake_of_the_program(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no store"):
        frames().read(Sample("D/x/v", tmp_path, 0, dataset="D", frames=("D/x/v/0.png",)), first)


@dataclass(frozen=True)
class Bright:
    """Finds a face around the brightest pixel, and none in a dark frame."""

    landmarks: bool = True

    def detect(self, rgb: RGB) -> list[Face]:
        y, x = np.unravel_index(rgb[..., 0].argmax(), rgb.shape[:2])
        if rgb[y, x, 0] < 128:
            return []
        points = np.array([[-8, -8], [8, -8], [0, 0], [-6, 8], [6, 8]], np.float64) + np.array([x, y])
        return [Face((x - 12.0, y - 12.0, x + 12.0, y + 12.0), points if self.landmarks else None, 1.0)]


def face_reader(cache: Path | None = None, per: str = "frame", detector: Bright | None = None) -> FaceReader:
    settings = FaceSettings("yunet", (32, 32), per=per)  # type: ignore[arg-type]
    kept = None if cache is None else CropCache(cache, 2**30)
    return FaceReader(detector or Bright(), settings, settings, kept)


@pytest.fixture
def spots(tmp_path: Path) -> Sample:
    """70 frames with a spot at their number's place; frame 0 is dark."""
    folder = tmp_path / "spots"
    folder.mkdir()
    for number in range(70):
        rgb = np.full((64, 96, 3), number, np.uint8)
        if number:
            rgb[30:34, 10 + number : 14 + number] = 255
        cv2.imwrite(str(folder / f"{number:03d}.png"), rgb)
    return Sample("spots", folder, 0)


@pytest.mark.parametrize("clips", [None, ClipSampling(4)])
@pytest.mark.parametrize("per", ["frame", "clip"])
def test_a_crop_cache_changes_no_crop(spots: Sample, tmp_path: Path, clips: ClipSampling | None, per: str) -> None:
    fresh = frames(faces=face_reader(per=per), clips=clips)
    kept = frames(faces=face_reader(tmp_path / "cache", per), clips=clips)
    for choice in (1, 2, 5, 2):
        shots = [reader.read(spots, lambda count, choice=choice: choice) for reader in (fresh, kept)]
        assert len(shots[0]) == len(shots[1]) == (1 if clips is None else 4)
        for one, other in zip(*shots, strict=True):
            assert one.rgb.shape == (32, 32, 3)
            assert np.array_equal(one.rgb, other.rgb)
            assert np.array_equal(one.landmarks_px, other.landmarks_px)


def test_with_faces_a_frame_is_drawn_of_those_that_an_evaluation_takes(spots: Sample) -> None:
    counts = []
    (shot,) = frames(faces=face_reader()).read(spots, lambda count: counts.append(count) or count - 1)
    assert counts == [FACE_POOL_FRAMES]
    assert np.median(shot.rgb) == 69


@pytest.mark.parametrize("cached", [True, False])
def test_a_draw_without_a_face_is_unusable(spots: Sample, tmp_path: Path, cached: bool) -> None:
    reader = frames(faces=face_reader(tmp_path / "cache" if cached else None))
    with pytest.raises(Unusable, match="spots, frame 0: no face found") as error:
        reader.read(spots, first)
    assert error.value.status == "no_face"


@pytest.mark.parametrize("cached", [True, False])
def test_a_video_too_short_for_a_clip_of_crops_is_unusable(spots: Sample, tmp_path: Path, cached: bool) -> None:
    reader = frames(faces=face_reader(tmp_path / "cache" if cached else None), clips=ClipSampling(71))
    with pytest.raises(Unusable, match="70 frames, and a clip spans 71") as error:
        reader.read(spots, first)
    assert error.value.status == "too_short"


def test_landmarks_of_a_crop_serve_for_self_blending(spots: Sample) -> None:
    reader = frames(faces=face_reader(), landmarks=True)
    reader.check_landmarks([spots])
    (shot,) = reader.read(spots, last)
    assert shot.landmarks_px is not None
    assert shot.landmarks_px.shape == (5, 2)
    assert 0 <= shot.landmarks_px.min() < shot.landmarks_px.max() < 32
    with pytest.raises(Unusable, match="no landmarks"):
        frames(faces=face_reader(detector=Bright(landmarks=False)), landmarks=True).read(spots, last)


@pytest.mark.parametrize(
    ("frame", "landmarks"),
    [
        ("a/frames/v/000.png", "a/landmarks/v/000.npy"),
        ("frames/a/frames/v/000.jpg", "frames/a/landmarks/v/000.npy"),
        ("my_frames/v/000.png", "my_frames/v/000.npy"),
    ],
)
def test_landmarks_lie_where_extraction_writes_them(frame: str, landmarks: str) -> None:
    assert landmarks_file(Path(frame)) == Path(landmarks)


def extracted(folder: Path, count: int = 3) -> Sample:
    """A folder of frames with landmarks that carry their number."""
    for number in range(count):
        for kind in ("frames", "landmarks"):
            (folder / kind / "v").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"frames/v/{number:03d}.png"), np.full((8, 8, 3), number, np.uint8))
        np.save(folder / f"landmarks/v/{number:03d}.npy", np.full((81, 2), float(number)))
    return Sample("frames/v", folder / "frames/v", 0)


@pytest.mark.parametrize("kind", ["folder", "clip", "image", "dataset"])
def test_every_frame_comes_with_its_own_landmarks(tmp_path: Path, kind: str) -> None:
    sample, clips, stores = extracted(tmp_path / "d"), None, {}
    if kind == "clip":
        clips = ClipSampling(2)
    elif kind == "image":
        sample = Sample("002.png", sample.path / "002.png", 0)
    elif kind == "dataset":
        names = tuple(f"./d/frames/v/{number:03d}.png" for number in range(3))
        stores = {"d": RgbStore(None, tmp_path)}
        stores["d"].settle(names)
        sample = Sample("d/real/v", sample.path, 0, dataset="d", frames=names)
    reader = frames(landmarks=True, clips=clips, stores=stores)
    reader.check_landmarks([sample])
    shots = reader.read(sample, last)
    assert [shot.rgb[0, 0, 0] for shot in shots] == ([1, 2] if kind == "clip" else [2])
    assert all((shot.landmarks_px == float(shot.rgb[0, 0, 0])).all() for shot in shots)


def test_samples_without_landmarks_are_refused_with_the_remedy(film: Sample, tmp_path: Path) -> None:
    good = extracted(tmp_path / "good")
    bare = extracted(tmp_path / "bare")
    for path in (tmp_path / "bare/landmarks/v").iterdir():
        path.unlink()
    (tmp_path / "bare/landmarks/v").rmdir()
    with pytest.raises(ConfigError, match=r"2 of 3 samples have none \(film.mp4, frames/v\); .*dfb-ext extract"):
        frames(landmarks=True).check_landmarks([film, good, bare])


def test_a_frame_without_landmarks_is_unusable_and_damaged_ones_are_an_error(tmp_path: Path) -> None:
    sample = extracted(tmp_path)
    (tmp_path / "landmarks/v/000.npy").unlink()
    with pytest.raises(Unusable, match=r"000\.npy: no landmarks"):
        frames(landmarks=True).read(sample, first)
    (tmp_path / "landmarks/v/002.npy").write_bytes(b"damaged")
    with pytest.raises(MediaError, match=r"002\.npy: not a file of landmarks"):
        frames(landmarks=True).read(sample, last)


@pytest.mark.parametrize("points", [np.zeros((2, 2)), np.zeros((81, 3)), np.full((5, 2), np.nan), np.zeros(4)])
def test_landmarks_of_another_shape_are_an_error(tmp_path: Path, points: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", points)
    with pytest.raises(MediaError, match="must be"):
        read_landmarks(tmp_path / "a.npy")
