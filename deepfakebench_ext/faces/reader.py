"""From a file to the crops of its faces: decode, sample, detect, cut, and keep them for the next detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.errors import ConfigError, MediaError
from deepfakebench_ext.faces.cache import CachedCrops, CachedFrame, CropCache
from deepfakebench_ext.faces.crop import Miss, crop_frame, crop_frames
from deepfakebench_ext.faces.detect import FaceDetector
from deepfakebench_ext.faces.settings import FaceSettings, NoFace, open_detector
from deepfakebench_ext.media.image import frame_files, read_rgb
from deepfakebench_ext.media.sampling import ClipSampling, FrameSampling
from deepfakebench_ext.media.video import Frame, Sampled, frames_at_rate, sampled


@dataclass(frozen=True, slots=True)
class FaceReader:
    """Reads crops. Safe in several threads.

    Attributes:
        detector: What finds the faces.
        for_images: How crops of images are cut.
        for_videos: How crops of videos are cut; the same but for what becomes of a frame without a face.
        cache: Where crops are kept; None keeps none.
    """

    detector: FaceDetector
    for_images: FaceSettings
    for_videos: FaceSettings
    cache: CropCache | None

    def to_dict(self) -> dict[str, Any]:
        """Return what is recorded of it: all that decides the pixels of a crop."""
        without_face = {"images": self.for_images.no_face, "videos": self.for_videos.no_face}
        return {**self.for_videos.to_dict(), "no_face": without_face}

    def image(self, path: Path) -> CachedCrops:
        """Return the one crop of an image, or why there is none.

        Raises:
            MediaError: The image cannot be read.
        """

        def make() -> CachedCrops:
            return CachedCrops((CachedFrame(0, None, crop_frame(read_rgb(path), self.detector, self.for_images)),))

        return self._kept(path, self.for_images, {"image": True}, make)

    def frames(self, path: Path, sampling: FrameSampling) -> CachedCrops:
        """Return the crops of the sampled frames of a video; what is known of the file in `info`.

        Raises:
            MediaError: The video cannot be read.
        """

        def make() -> CachedCrops:
            done = sampled(path, sampling.indices, self._frame, lost=_lost)
            return CachedCrops(done.items, _about(done))

        return self._kept(path, self.for_videos, sampling.to_dict(), make)

    def frames_at_rate(self, path: Path, fps: float) -> Any:
        """Yield the crops of frames by time, one at a time. They are not kept: a film has too many.

        Raises:
            MediaError: The video cannot be read.
        """
        return map(self._frame, frames_at_rate(path, fps))

    def clips(self, path: Path, sampling: ClipSampling) -> CachedCrops:
        """Return the crops of all clips of a video, one clip after the other.

        Raises:
            MediaError: The video cannot be read.
        """

        def make() -> CachedCrops:
            cutter = _ClipCutter(sampling, self.detector, self.for_videos)
            done = sampled(path, cutter.plan, cutter.take, lost=cutter.lose)
            return CachedCrops(cutter.frames(), _about(done))

        return self._kept(path, self.for_videos, sampling.to_dict(), make)

    def _frame(self, frame: Frame) -> CachedFrame:
        return CachedFrame(frame.index, frame.time_s, crop_frame(frame.rgb, self.detector, self.for_videos))

    def _kept(self, path: Path, settings: FaceSettings, identity: Mapping[str, Any], make: Any) -> CachedCrops:
        if self.cache is None:
            made: CachedCrops = make()
            return made
        files = frame_files(path) if path.is_dir() else [path]
        key = self.cache.key(files, settings.to_dict(), identity)
        crops = self.cache.get(key)
        if crops is None:
            crops = make()
            if not any(isinstance(frame.result, Miss) and frame.result.is_unreadable for frame in crops.frames):
                self.cache.put(key, crops)
        return crops


def _about(done: Sampled[Any]) -> dict[str, int | str]:
    return {"num_frames": done.num_frames, "scanned": done.scan.num_frames, "damage": done.damage}


def _lost(index: int, error: MediaError) -> CachedFrame:
    return CachedFrame(index, None, Miss(str(error), is_unreadable=True))


class _ClipCutter:
    """Cuts each clip as soon as its last frame has come, and holds no frame longer than a clip needs it."""

    def __init__(self, sampling: ClipSampling, detector: FaceDetector, settings: FaceSettings) -> None:
        self._sampling, self._detector, self._settings = sampling, detector, settings
        self._clips: Sequence[tuple[int, ...]] = ()
        self._held: dict[int, Frame] = {}
        self._lost: dict[int, CachedFrame] = {}
        self._cut: dict[int, list[CachedFrame]] = {}

    def plan(self, num_frames: int) -> tuple[int, ...]:
        """Begin anew for a video of so many frames."""
        self._clips = self._sampling.clips(num_frames)
        self._held, self._lost, self._cut = {}, {}, {}
        return tuple(index for clip in self._clips for index in clip)

    def take(self, frame: Frame) -> None:
        self._held[frame.index] = frame
        self._settle(frame.index)

    def lose(self, index: int, error: MediaError) -> None:
        self._lost[index] = _lost(index, error)
        self._settle(index)

    def _settle(self, last: int) -> None:
        for number, clip in enumerate(self._clips):
            if max(clip) == last:
                self._cut[number] = self._crops(clip)
        needed = [min(clip) for number, clip in enumerate(self._clips) if number not in self._cut]
        for index in [index for index in self._held if not needed or index < min(needed)]:
            del self._held[index]

    def frames(self) -> tuple[CachedFrame, ...]:
        return tuple(frame for number in range(len(self._clips)) for frame in self._cut[number])

    def _crops(self, clip: Sequence[int]) -> list[CachedFrame]:
        frames = [self._held[index] for index in clip if index in self._held]
        results = crop_frames([frame.rgb for frame in frames], self._detector, self._settings) if frames else []
        found = (CachedFrame(f.index, f.time_s, result) for f, result in zip(frames, results, strict=True))
        return [self._lost.get(index) or next(found) for index in clip]


def face_reader(settings: FaceSettings, no_face: NoFace | None, cache: CropCache | None) -> FaceReader | None:
    """Return what reads crops as `settings` say; None where they leave frames whole.

    Args:
        settings: From `face_settings`.
        no_face: What becomes of a frame without a face; None is `full_frame` for images, as the older tool did, and
            `skip` for videos.
        cache: Where crops are kept; None keeps none.

    Raises:
        ConfigError: A cache and no face detector, or a model's file that is not the model it should be.
        MissingExtraError: dlib is not installed.
    """
    detector = open_detector(settings)
    if detector is None:
        if cache is not None:
            raise ConfigError("--crop_cache keeps crops of faces, and there is no --face_detector; leave it out")
        return None
    return FaceReader(
        detector,
        for_images=replace(settings, no_face=no_face or "full_frame", per="frame"),
        for_videos=replace(settings, no_face=no_face or "skip"),
        cache=cache,
    )
