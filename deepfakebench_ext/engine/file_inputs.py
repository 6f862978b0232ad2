"""What an evaluation is given: samples, and a reader that makes a detector's input out of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.preprocess.transform import output_size
from deepfakebench_ext.data.readers.reader import Reader
from deepfakebench_ext.data.samples.folders import collect_samples, limit_samples
from deepfakebench_ext.data.samples.manifest import read_manifest
from deepfakebench_ext.faces.cache import CropCache
from deepfakebench_ext.faces.detect import Search
from deepfakebench_ext.faces.reader import FaceReader, face_reader
from deepfakebench_ext.faces.settings import DetectorName, NoFace, Per, face_settings
from deepfakebench_ext.media.sampling import ClipSampling, FrameSampling, ShortVideo
from deepfakebench_ext.models.base import Detector

DEFAULT_NUM_CLIPS = 4
CROP_CACHE_BYTES = 16 * 2**30


def gather_samples(
    image: str | Path | None = None,
    manifest: str | Path | None = None,
    *,
    video: str | Path | None = None,
    takes: str = "image",
    limit: int | None = None,
    seed: int = 1024,
) -> list[Sample]:
    """Return the samples of a file, a folder, or a CSV manifest, in a stable order.

    Args:
        image: An image, or a folder of images searched in all depths; for a video detector, a folder of folders of
            frames. Labels come from directory names.
        manifest: A CSV with `path`, `label` and optionally `video`, `dataset`, `method`, instead.
        video: A video, or a folder of videos and of folders of frames, instead.
        takes: What the detector takes, `image` or `video`.
        limit: At most so many, balanced over the labels; None for all.
        seed: Of the choice that `limit` makes.

    Raises:
        ConfigError: Not exactly one given, nothing found, or labels that contradict each other.
    """
    given = [path for path in (image, video, manifest) if path is not None]
    if len(given) != 1:
        raise ConfigError("give one of --image (a file or folder), --video (a file or folder), --manifest (a CSV)")
    kind: Any = "video" if video is not None else takes
    path = Path(given[0])
    samples = read_manifest(path, kind=kind) if manifest is not None else collect_samples(path, kind=kind)
    if limit is None:
        return samples
    if limit < 1:
        raise ConfigError(f"--limit {limit} is not allowed: give 1 or more, or leave it out to score everything")
    return limit_samples(samples, limit, seed)


def make_reader(
    detector: Detector,
    *,
    sampling: str | None = None,
    num_frames: int | None = None,
    fps: float | None = None,
    num_clips: int | None = None,
    frame_interval: int | None = None,
    short_video: ShortVideo | None = None,
    faces: FaceReader | None = None,
) -> Reader:
    """Return what makes a detector's input out of images and videos. None is an option's default.

    Args:
        detector: From `load_detector`; its preprocessing and the length of its clips are taken from it.
        sampling: Frames of a video, for an image detector: `uniform` (default), `first` or `fps`.
        num_frames: For `uniform` and `first`; 32 by default.
        fps: For `fps`, frames of a second; 1 by default.
        num_clips: Clips of a video, for a video detector; 4 by default.
        frame_interval: Distance between two frames of a clip; 1 by default; `media.sampling.SPREAD` spans the video.
        short_video: What becomes of a video shorter than a clip: `skip` (default), `repeat_last`, `wrap`.
        faces: From `make_face_reader`; None leaves frames whole.

    Raises:
        ConfigError: A number out of range, or an option for the other kind of detector.
    """
    chosen = frame_or_clip_sampling(
        detector,
        sampling=sampling,
        num_frames=num_frames,
        fps=fps,
        num_clips=num_clips,
        frame_interval=frame_interval,
        short_video=short_video,
    )
    is_kept = faces is not None and faces.cache is not None
    if is_kept and isinstance(chosen, FrameSampling) and chosen.fps is not None:
        raise ConfigError("--crop_cache means nothing with --sampling fps, whose crops are not kept; leave it out")
    return Reader(detector.preprocess, chosen, faces=faces)


def frame_or_clip_sampling(
    detector: Detector,
    *,
    sampling: str | None,
    num_frames: int | None,
    fps: float | None,
    num_clips: int | None,
    frame_interval: int | None,
    short_video: ShortVideo | None,
) -> FrameSampling | ClipSampling:
    """Return which frames or which clips of a video a detector is given.

    Raises:
        ConfigError: As `make_reader`.
    """
    of_frames = {"--sampling": sampling, "--num_frames": num_frames, "--fps": fps}
    of_clips = {"--num_clips": num_clips, "--frame_interval": frame_interval, "--short_video": short_video}
    others = of_clips if detector.takes == "image" else of_frames
    unused = [name for name, value in others.items() if value is not None]
    if unused:
        takes = "single frames" if detector.takes == "image" else f"clips of {detector.clip_len} frames"
        raise ConfigError(f"{', '.join(unused)} means nothing here: {detector.settings.model_name} takes {takes}")
    if detector.takes == "image":
        return FrameSampling.from_options(sampling or "uniform", num_frames=num_frames, fps=fps)
    return ClipSampling(
        detector.clip_len,
        1 if frame_interval is None else frame_interval,
        DEFAULT_NUM_CLIPS if num_clips is None else num_clips,
        short_video or "skip",
    )


def make_face_reader(
    detector: Detector,
    *,
    face_detector: DetectorName | None = None,
    landmark_model: str | Path | None = None,
    face_model: str | Path | None = None,
    face_search: Search = "full",
    no_face: NoFace | None = None,
    crop: Per | None = None,
    crop_cache: str | Path | None = None,
) -> FaceReader | None:
    """Return what cuts frames to the face, at the size that the detector takes; None leaves them whole.

    Args:
        detector: From `load_detector`.
        face_detector: `none`, `dlib` or `yunet`; None is dlib where a landmark model is given, else none.
        landmark_model: dlib's shape predictor of 68 or 81 points; without it crops are cut around the box.
        face_model: YuNet's network (ONNX).
        face_search: `full`, or `coarse`: on a reduced image first.
        no_face: `skip` or `full_frame`; None is `full_frame` for images and `skip` for videos.
        crop: `clip` cuts all frames of a clip at one place, `frame` each at its own; None is `clip`.
        crop_cache: Folder in which crops are kept for the next detector on the same data, up to 16 GiB.

    Raises:
        ConfigError: Options that do not go together, or a model's file that is not what it should be.
        MissingExtraError: dlib is not installed.
    """
    name: DetectorName = face_detector or ("dlib" if landmark_model is not None else "none")
    unused = [option for option, value in (("--no_face", no_face), ("--crop", crop)) if value is not None]
    if name == "none" and unused:
        raise ConfigError(f"{', '.join(unused)} means nothing here: without --face_detector frames stay whole")
    if crop is not None and detector.takes == "image":
        raise ConfigError(f"--crop means nothing here: {detector.settings.model_name} takes single frames")
    settings = face_settings(
        name,
        output_size(detector.preprocess) or (0, 0),
        landmark_model=None if landmark_model is None else Path(landmark_model),
        face_model=None if face_model is None else Path(face_model),
        search=face_search,
        no_face=no_face or "skip",
        per=crop or "clip",
    )
    cache = None if crop_cache is None else CropCache(Path(crop_cache), CROP_CACHE_BYTES)
    return face_reader(settings, no_face, cache)
