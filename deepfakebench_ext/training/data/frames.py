"""The frames that one draw of training takes from its sample, whole or cut to the face, with landmarks on request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from deepfakebench_ext.common.errors import ConfigError, MediaError
from deepfakebench_ext.common.suffixes import is_image_name
from deepfakebench_ext.common.types import Sample, Status
from deepfakebench_ext.data.samples.kinds import is_video
from deepfakebench_ext.data.stores.frame_stores import FrameStore, RgbStore
from deepfakebench_ext.faces.cache import CachedFrame
from deepfakebench_ext.faces.crop import Miss, crop_frames
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.media.frame import RGB, Frame
from deepfakebench_ext.media.image import frame_files, read_rgb
from deepfakebench_ext.media.sampling import ClipSampling, FrameSampling
from deepfakebench_ext.media.video import sampled

Pick: TypeAlias = Callable[[int], int]
"""From a number of choices to the one that is taken."""

_Groups: TypeAlias = Sequence[Sequence[int]]

# What is drawn from where faces are searched, so that a crop cache has them all after one epoch. The frames are those
# that an evaluation takes by default, which then finds them in the cache.
FACE_POOL_FRAMES = 32
FACE_POOL_CLIPS = 8

HOW_TO_GET_LANDMARKS = (
    "write them beside the frames with `dfb-ext extract --landmark_model ...` and train on its output, or train with "
    "--landmark_model here"
)


class Unusable(MediaError):
    """A draw that gives nothing to train on, though its files can be read.

    Attributes:
        status: `no_face` or `too_short`.
    """

    def __init__(self, message: str, status: Status) -> None:
        """Keep the word beside the sentence."""
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One frame for training.

    Attributes:
        rgb: uint8 (H, W, 3).
        landmarks_px: (K, 2) x, y in this frame; None where it has none or none were asked for.
    """

    rgb: RGB
    landmarks_px: npt.NDArray[np.float64] | None = None


class TrainingFrames:
    """Reads what a draw takes: one frame for an image detector, one clip for a video detector. Safe in threads.

    Attributes:
        faceless: Keys of samples of which a frame was taken whole, for lack of a face.
    """

    def __init__(
        self,
        *,
        clips: ClipSampling | None,
        faces: FaceReader | None,
        stores: Mapping[str, FrameStore],
        landmarks: bool,
        transform: Callable[[RGB], RGB],
    ) -> None:
        """Say how samples are read.

        Args:
            clips: Length, interval and what becomes of short videos, for a video detector; its `num_clips` means
                nothing here. None takes single frames.
            faces: What cuts frames to the face; frames of a DeepfakeBench JSON are crops already and stay whole.
            stores: By the name of their dataset, where the frames that a JSON lists are read.
            landmarks: Whether every frame must have some: those of its crop, or the file that extraction wrote.
            transform: Applied to each frame, or to its crop, as it comes.
        """
        self._clips, self._faces, self._stores = clips, faces, stores
        self._landmarks, self._transform = landmarks, transform
        self.faceless: set[str] = set()

    def read(self, sample: Sample, pick: Pick) -> list[Shot]:
        """Return the frames of one draw.

        Raises:
            Unusable: No face, no landmarks, or a video shorter than a clip.
            MediaError: Something of it cannot be read.
        """
        if sample.frames:
            return self._stored(sample, pick)
        if self._faces is not None:
            crops = self._crops(sample.path, self._faces, pick) if is_video(sample) else self._image_crop(sample.path)
            return [self._cut(sample, crop) for crop in crops]
        if not is_video(sample):
            return [self._shot(read_rgb(sample.path), landmarks_file(sample.path))]
        files = frame_files(sample.path) if self._landmarks else []
        done = sampled(sample.path, lambda n: self._drawn(sample, n, pick), lambda frame: self._whole(frame, files))
        return list(done.items)

    def check_landmarks(self, samples: Sequence[Sample]) -> None:
        """Pass samples whose frames have landmarks, as far as their names and first frames tell.

        Raises:
            ConfigError: Some have none; says how to get them.
        """
        lacking = [sample.key for sample in samples if not self._has_landmarks(sample)]
        if lacking:
            shown = ", ".join(lacking[:3]) + (", ..." if len(lacking) > 3 else "")
            raise ConfigError(
                f"self_blend needs the landmarks of every face, and {len(lacking)} of {len(samples)} samples have none "
                f"({shown}); {HOW_TO_GET_LANDMARKS}"
            )

    def _has_landmarks(self, sample: Sample) -> bool:
        if sample.frames:
            return landmarks_file(self._file(sample, sample.frames[0])).is_file()
        if self._faces is not None:
            settings = self._faces.for_videos
            return settings.detector == "yunet" or settings.landmark_model is not None
        if is_image_name(sample.path.name):
            return landmarks_file(sample.path).is_file()
        # Of a folder's frames some may lack them, where extraction was told to keep frames without a face.
        return sample.path.is_dir() and landmarks_file(sample.path / "000.png").parent.is_dir()

    def _stored(self, sample: Sample, pick: Pick) -> list[Shot]:
        store = self._store(sample)
        names = [sample.frames[index] for index in self._drawn(sample, len(sample.frames), pick)]
        return [
            self._shot(store.read(name), landmarks_file(self._file(sample, name)) if self._landmarks else None)
            for name in names
        ]

    def _store(self, sample: Sample) -> FrameStore:
        try:
            return self._stores[sample.dataset or ""]
        except KeyError as error:
            raise ValueError(f"{sample.key}: no store was given for the dataset {sample.dataset!r}") from error

    def _file(self, sample: Sample, frame: str) -> Path:
        store = self._store(sample)
        if not isinstance(store, RgbStore):
            raise ConfigError(f"self_blend reads landmarks beside image files, not from {store}; give --rgb_dir")
        return Path(store.address(frame))

    def _drawn(self, sample: Sample, num_frames: int, pick: Pick) -> Sequence[int]:
        """The indices of the drawn frame or clip among all that there are."""
        if self._clips is None:
            return (pick(num_frames),)
        clips = self._clips.within(num_frames)
        starts = num_frames - clips.span + 1
        if starts < 1:
            return self._filled(sample, num_frames)
        start = pick(starts)
        return range(start, start + clips.span, clips.frame_interval)

    def _filled(self, sample: Sample, num_frames: int) -> Sequence[int]:
        assert self._clips is not None
        found = self._clips.clips(num_frames)
        if not found:
            raise _too_short(sample.path, num_frames, self._clips)
        return found[0]

    def _whole(self, frame: Frame, files: Sequence[Path]) -> Shot:
        return self._shot(frame.rgb, landmarks_file(files[frame.index]) if files else None)

    def _shot(self, rgb: RGB, landmarks: Path | None) -> Shot:
        points = read_landmarks(landmarks) if self._landmarks and landmarks is not None else None
        return Shot(self._transform(rgb), points)

    def _image_crop(self, path: Path) -> Sequence[CachedFrame]:
        assert self._faces is not None
        return self._faces.image(path).frames

    def _crops(self, path: Path, faces: FaceReader, pick: Pick) -> Sequence[CachedFrame]:
        """The crops of the draw: out of the cache, all of a video being made at once, or else only those drawn."""
        if faces.cache is None:
            return _fresh_crops(path, faces, lambda n: self._face_pool(path, n), pick)
        if self._clips is None:
            frames = faces.frames(path, FrameSampling("uniform", num_frames=FACE_POOL_FRAMES)).frames
            return (frames[pick(len(frames))],)
        crops = faces.clips(path, replace(self._clips, num_clips=FACE_POOL_CLIPS))
        if not crops.frames:
            raise _too_short(path, int(crops.info["num_frames"]), self._clips)
        size = self._clips.clip_len
        first = size * pick(len(crops.frames) // size)
        return crops.frames[first : first + size]

    def _face_pool(self, path: Path, num_frames: int) -> _Groups:
        if self._clips is None:
            indices = FrameSampling("uniform", num_frames=FACE_POOL_FRAMES).indices(num_frames)
            return [(index,) for index in indices]
        groups = replace(self._clips, num_clips=FACE_POOL_CLIPS).clips(num_frames)
        if not groups:
            raise _too_short(path, num_frames, self._clips)
        return groups

    def _cut(self, sample: Sample, crop: CachedFrame) -> Shot:
        if isinstance(crop.result, Miss):
            raise Unusable(f"{sample.path}, frame {crop.index}: {crop.result.reason}", "no_face")
        points = crop.result.landmarks_px
        if self._landmarks and points is None:
            raise Unusable(f"{sample.path}, frame {crop.index}: no landmarks, as no face was found", "no_face")
        if crop.result.is_full_frame:
            self.faceless.add(sample.key)
        return Shot(self._transform(crop.result.rgb), points)


def _fresh_crops(path: Path, faces: FaceReader, pool: Callable[[int], _Groups], pick: Pick) -> Sequence[CachedFrame]:
    def plan(num_frames: int) -> Sequence[int]:
        groups = pool(num_frames)
        return groups[pick(len(groups))]

    frames = sampled(path, plan, lambda frame: frame).items
    results = crop_frames([frame.rgb for frame in frames], faces.detector, faces.for_videos)
    return [CachedFrame(f.index, f.time_s, result) for f, result in zip(frames, results, strict=True)]


def landmarks_file(frame: Path) -> Path:
    """Return where extraction writes the landmarks of a frame: `frames/v/000.png` has them in `landmarks/v/000.npy`.

    Source:
        DeepfakeBench training/dataset/abstract_dataset.py:486, which replaces the word wherever it stands in the path;
        here only the last folder of that name.
    """
    parts = list(frame.parts)
    places = [at for at, part in enumerate(parts[:-1]) if part == "frames"]
    if places:
        parts[places[-1]] = "landmarks"
    return Path(*parts).with_suffix(".npy")


def read_landmarks(path: Path) -> npt.NDArray[np.float64]:
    """Return the landmarks of a frame, float64 (K, 2) x, y.

    Raises:
        Unusable: There is no such file.
        MediaError: It holds something else.
    """
    try:
        points = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise Unusable(f"{path}: no landmarks of this frame", "no_face") from error
    except (OSError, ValueError, EOFError) as error:
        raise MediaError(f"{path}: not a file of landmarks: {error}") from error
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3 or not np.isfinite(points).all():
        raise MediaError(f"{path}: landmarks of shape {points.shape}; they must be (K, 2) finite x, y, K at least 3")
    return np.asarray(points, np.float64)


def _too_short(path: Path, num_frames: int, clips: ClipSampling) -> Unusable:
    return Unusable(
        f"{path}: {num_frames} frames, and a clip spans {clips.span}; --short_video repeat_last or wrap", "too_short"
    )
