"""How faces are cut out of frames, and where the crops are kept for the next detector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.choices import NoFace
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.faces.cache import CachedCrops, CropCache
from deepfakebench_ext.faces.detect import FaceDetector
from deepfakebench_ext.faces.settings import FaceSettings, open_detector
from deepfakebench_ext.media.image import frame_files


@dataclass(frozen=True, slots=True)
class FaceReader:
    """What cuts frames to the face. Safe in several threads.

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
        rule = {"face_rule": "highest score"} if self.for_videos.face == "all" else {}
        return {**self.for_videos.to_dict(), "no_face": without_face, **rule}

    def kept(
        self, path: Path, settings: FaceSettings, identity: Mapping[str, Any], make: Callable[[], CachedCrops]
    ) -> CachedCrops:
        """Return the crops of a file out of the cache, or else made, and then kept unless a frame cannot be read.

        Args:
            path: An image, a video, or a folder of frames.
            settings: How they are cut.
            identity: What else decides which crops these are, such as how frames are sampled. JSON values.
            make: Makes them.

        Raises:
            MediaError: The file cannot be read.
        """
        if self.cache is None:
            return make()
        files = frame_files(path) if path.is_dir() else [path]
        key = self.cache.key(files, settings.to_dict(), identity)
        crops = self.cache.get(key)
        if crops is None:
            crops = make()
            if not any(shot.is_unreadable for shot in crops.shots):
                self.cache.put(key, crops)
        return crops


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
