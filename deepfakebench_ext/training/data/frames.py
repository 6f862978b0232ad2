"""The frames that one draw of training takes from its sample, whole or cut to the face, with landmarks on request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from operator import methodcaller
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepfakebench_ext.common.errors import ConfigError, MediaError
from deepfakebench_ext.common.suffixes import is_image_name
from deepfakebench_ext.common.types import Sample, Status
from deepfakebench_ext.data.readers.frames import FrameSource, Pick
from deepfakebench_ext.data.samples.kinds import is_video
from deepfakebench_ext.data.stores.frame_stores import FrameStore, RgbStore
from deepfakebench_ext.faces.crop import FaceCrop, Miss, Shot
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.media.frame import RGB
from deepfakebench_ext.media.image import frame_files
from deepfakebench_ext.media.sampling import EVERY, ClipSampling, FrameSampling

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
        self._clips, self._faces, self._landmarks = clips, faces, landmarks
        self._source = FrameSource(methodcaller("made", transform), faces=faces, stores=stores)
        self._every, self._pool = _pool(clips, EVERY, EVERY), _pool(clips, FACE_POOL_FRAMES, FACE_POOL_CLIPS)
        self.faceless: set[str] = set()

    def read(self, sample: Sample, pick: Pick) -> list[FaceCrop]:
        """Return the frames of one draw, with landmarks where every frame must have some.

        Raises:
            Unusable: No face, no landmarks, or a video shorter than a clip.
            MediaError: Something of it cannot be read.
        """
        is_cut = self._faces is not None and not sample.frames
        taken = self._source.take(sample, self._pool if is_cut else self._every, pick)
        shots = next(iter(taken.groups), None)
        if shots is None:
            assert self._clips is not None
            raise Unusable(f"{sample.path}: {self._clips.why_too_short(taken.num_frames)}", "too_short")
        lost = [shot.result.reason for shot in shots if isinstance(shot.result, Miss) and shot.is_unreadable]
        if lost:
            raise MediaError(lost[0])
        return [self._usable(sample, shot, is_cut) for shot in shots]

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

    def _file(self, sample: Sample, frame: str) -> Path:
        store = self._source.store_of(sample)
        if not isinstance(store, RgbStore):
            raise ConfigError(f"self_blend reads landmarks beside image files, not from {store}; give --rgb_dir")
        return store.file(frame)

    def _usable(self, sample: Sample, shot: Shot, is_cut: bool) -> FaceCrop:
        crop, where = shot.result, f"{sample.path}, frame {shot.index}"
        if isinstance(crop, Miss):
            raise Unusable(f"{where}: {crop.reason}", "no_face")
        if crop.is_full_frame:
            self.faceless.add(sample.key)
        if not self._landmarks:
            return crop
        if not is_cut:
            return replace(crop, landmarks_px=read_landmarks(landmarks_file(self._frame_file(sample, shot.index))))
        if crop.landmarks_px is None:
            raise Unusable(f"{where}: no landmarks, as no face was found", "no_face")
        return crop

    def _frame_file(self, sample: Sample, index: int) -> Path:
        if sample.frames:
            return self._file(sample, sample.frames[index])
        return frame_files(sample.path)[index] if is_video(sample) else sample.path


def _pool(clips: ClipSampling | None, num_frames: int, num_clips: int) -> FrameSampling | ClipSampling:
    """What is drawn from: at most so many frames, or clips."""
    return FrameSampling("uniform", num_frames) if clips is None else replace(clips, num_clips=num_clips)


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
