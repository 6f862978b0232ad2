"""What an evaluation is given: samples, and a reader that makes a detector's input out of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deepfakebench_ext.common.choices import DetectorName, NoFace, Per, Search, ShortVideo, Whose
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.numbers import check_count, check_seed
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.samples.folder_labels import labels_above_notices
from deepfakebench_ext.data.samples.folders import collect_samples, limit_samples
from deepfakebench_ext.data.samples.given import Given, samples_at
from deepfakebench_ext.data.samples.kinds import Kind
from deepfakebench_ext.data.samples.manifest import read_manifest
from deepfakebench_ext.engine.input_options import FaceOptions, SamplingOptions
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.media.sampling import FrameSampling
from deepfakebench_ext.remote.typed import place

if TYPE_CHECKING:
    from deepfakebench_ext.data.readers.reader import Reader
    from deepfakebench_ext.models.scoring import ScoringDetector


def gather_samples(
    image: str | Path | None = None,
    manifest: str | Path | None = None,
    *,
    video: str | Path | None = None,
    paths: Sequence[str | Path] = (),
    takes: str = "image",
    limit: int | None = None,
    seed: int = 1024,
) -> Sequence[Sample]:
    """Return the samples of a file, a folder, a CSV manifest, or of several paths, in a stable order.

    Args:
        image: An image, or a folder of images searched in all depths; for a video detector, a folder of folders of
            frames. Labels come from directory names.
        manifest: A CSV with `path`, `label` and optionally `video`, `dataset`, `method`, instead.
        video: A video, or a folder of videos and of folders of frames, instead.
        paths: Any of these and several, instead: images and videos each by its kind, as `samples_at`.
        takes: What the detector takes, `image` or `video`.
        limit: At most so many, balanced over the labels; None for all.
        seed: Of the choice that `limit` makes.

    Raises:
        ConfigError: Not exactly one given, nothing found, or labels that contradict each other.
    """
    return gather_given(image, manifest, video=video, paths=paths, takes=takes, limit=limit, seed=seed).samples


def gather_given(
    image: str | Path | None = None,
    manifest: str | Path | None = None,
    *,
    video: str | Path | None = None,
    paths: Sequence[str | Path] = (),
    takes: str = "image",
    limit: int | None = None,
    seed: int = 1024,
) -> Given:
    """As `gather_samples`, with what is to be said of the samples.

    Raises:
        ConfigError: As `gather_samples`.
    """
    check_one_input(image, video, manifest, paths)
    if paths:
        found = samples_at(paths, takes=takes)
    else:
        found = _at(place(str(image or video or manifest)), manifest is not None, video, takes)
    if limit is None:
        return found
    check_count("--limit", limit)
    check_seed("--seed", seed)
    return replace(found, samples=limit_samples(found.samples, limit, seed))


def check_one_input(
    image: str | Path | None, video: str | Path | None, manifest: str | Path | None, paths: Sequence[str | Path]
) -> None:
    """Pass exactly one way to say what is scored.

    Raises:
        ConfigError: None, or several.
    """
    if sum(path is not None for path in (image, video, manifest)) + bool(paths) != 1:
        raise ConfigError(
            "give one of --image (a file or folder), --video (a file or folder), --manifest (a CSV); or paths alone, "
            "of images, videos, folders and CSVs"
        )


def _at(path: Path | str, is_manifest: bool, video: str | Path | None, takes: str) -> Given:
    kind: Kind = "video" if video is not None or takes == "video" else "image"
    if is_manifest:
        return Given(read_manifest(path, kind=kind), ())
    samples = collect_samples(path, kind=kind)
    return Given(samples, tuple(labels_above_notices([(path, samples)])))


def make_reader(
    detector: ScoringDetector,
    *,
    sampling: str | None = None,
    num_frames: int | None = None,
    fps: float | None = None,
    num_clips: int | None = None,
    frame_interval: int | None = None,
    short_video: ShortVideo | None = None,
    faces: FaceReader | None = None,
) -> Reader:
    """Return what makes a detector's input out of a sample.

    Args:
        detector: From `load_detector`.
        sampling, num_frames, fps, num_clips, frame_interval, short_video: As `SamplingOptions`.
        faces: From `make_face_reader`; None leaves frames whole.

    Raises:
        ConfigError: A number out of range, or an option for the other kind of detector.
    """
    options = SamplingOptions(
        sampling=sampling,
        num_frames=num_frames,
        fps=fps,
        num_clips=num_clips,
        frame_interval=frame_interval,
        short_video=short_video,
    )
    return file_reader(detector, options, faces)


def file_reader(detector: ScoringDetector, options: SamplingOptions, faces: FaceReader | None) -> Reader:
    """As `make_reader`, the options as one record."""
    from deepfakebench_ext.data.readers.reader import Reader

    chosen = options.of(detector)
    is_kept = faces is not None and faces.cache is not None
    if is_kept and isinstance(chosen, FrameSampling) and chosen.fps is not None:
        raise ConfigError("--crop_cache means nothing with --sampling fps, whose crops are not kept; leave it out")
    return Reader(detector.preprocess, chosen, faces=faces)


def make_face_reader(
    detector: ScoringDetector,
    *,
    face_detector: DetectorName | None = None,
    landmark_model: str | Path | None = None,
    face_model: str | Path | None = None,
    face_search: Search = "full",
    min_face_score: float | None = None,
    no_face: NoFace | None = None,
    crop: Per | None = None,
    face: Whose | None = None,
    crop_cache: str | Path | None = None,
) -> FaceReader | None:
    """Return what cuts frames to the face, at the size that the detector takes; None leaves them whole.

    Args:
        detector: From `load_detector`.
        face_detector, landmark_model, face_model, face_search: As `FaceOptions`.
        min_face_score, no_face, crop, face, crop_cache: As `FaceOptions`.

    Raises:
        ConfigError: Options that do not go together, or a model's file that is not what it should be.
        MissingExtraError: dlib is not installed.
    """
    return FaceOptions(
        face_detector=face_detector,
        landmark_model=landmark_model,
        face_model=face_model,
        face_search=face_search,
        min_face_score=min_face_score,
        no_face=no_face,
        crop=crop,
        face=face,
        crop_cache=crop_cache,
    ).reader(detector)
