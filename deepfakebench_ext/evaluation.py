"""`evaluate`: score samples with a detector and write the results. The command line calls nothing else."""

from __future__ import annotations

import logging
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from deepfakebench_ext.data.preprocess import output_size
from deepfakebench_ext.data.reading import Reader, is_video
from deepfakebench_ext.data.samples import collect_samples, limit_samples, read_manifest
from deepfakebench_ext.engine.loader import default_workers
from deepfakebench_ext.engine.predictor import default_batch_size, predict
from deepfakebench_ext.engine.run_directory import RunDirectory, digest_samples, fingerprint
from deepfakebench_ext.errors import ConfigError
from deepfakebench_ext.faces.cache import CropCache
from deepfakebench_ext.faces.detect import Search
from deepfakebench_ext.faces.reader import FaceReader, face_reader
from deepfakebench_ext.faces.settings import DetectorName, NoFace, Per, face_settings
from deepfakebench_ext.media.sampling import ClipSampling, FrameSampling, ShortVideo
from deepfakebench_ext.media.video import backend_name
from deepfakebench_ext.metrics.aggregation import aggregation_rule
from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.ranking import Figure, Level
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.loading import untrained_notice
from deepfakebench_ext.report.run_report import write_report
from deepfakebench_ext.types import Sample

logger = logging.getLogger(__name__)

DEFAULT_NUM_CLIPS = 4
CROP_CACHE_BYTES = 16 * 2**30


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation came to.

    Attributes:
        folder: The run directory with every file written.
        level: What the text is about: `video` where there are videos, else `frame` or `clip`.
        figures: Name with its level, such as `frame_auc`, to figure; of every level there is.
        counts: Level to numbers of samples.
        notices: Warnings that belong to the figures.
    """

    folder: Path
    level: Level
    figures: Mapping[str, Figure]
    counts: Mapping[Level, Counts]
    notices: tuple[str, ...]


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
        frame_interval: Distance between two frames of a clip; 1 by default.
        short_video: What becomes of a video shorter than a clip: `skip` (default), `repeat_last`, `wrap`.
        faces: From `make_face_reader`; None leaves frames whole.

    Raises:
        ConfigError: A number out of range, or an option for the other kind of detector.
    """
    of_frames = {"--sampling": sampling, "--num_frames": num_frames, "--fps": fps}
    of_clips = {"--num_clips": num_clips, "--frame_interval": frame_interval, "--short_video": short_video}
    others = of_clips if detector.takes == "image" else of_frames
    unused = [name for name, value in others.items() if value is not None]
    if unused:
        takes = "single frames" if detector.takes == "image" else f"clips of {detector.clip_len} frames"
        raise ConfigError(f"{', '.join(unused)} means nothing here: {detector.settings.model_name} takes {takes}")
    if detector.takes == "image":
        frames = FrameSampling.from_options(sampling or "uniform", num_frames=num_frames, fps=fps)
        return Reader(detector.preprocess, frames=frames, faces=faces)
    clips = ClipSampling(
        detector.clip_len,
        1 if frame_interval is None else frame_interval,
        DEFAULT_NUM_CLIPS if num_clips is None else num_clips,
        short_video or "skip",
    )
    return Reader(detector.preprocess, clips=clips, faces=faces)


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
    settings = face_settings(
        name,
        output_size(detector.preprocess) or (0, 0),
        landmark_model=None if landmark_model is None else Path(landmark_model),
        face_model=None if face_model is None else Path(face_model),
        search=face_search,
        per=crop or "clip",
    )
    cache = None if crop_cache is None else CropCache(Path(crop_cache), CROP_CACHE_BYTES)
    return face_reader(settings, no_face, cache)


def evaluate(
    detector: Detector,
    samples: Sequence[Sample],
    *,
    reader: Reader | None = None,
    aggregation: str = "mean",
    output_dir: str | Path = "inference_results",
    batch_size: int | None = None,
    workers: int | None = None,
    plots: bool = True,
    notices: Sequence[str] = (),
    record: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Score `samples`, write a run directory, and return the figures.

    A run that was cut off goes on where it stopped, and ends with the same bytes.

    Example:
        >>> result = evaluate(load_detector(weights="demo.pth"), gather_samples("photos"))
        >>> result.figures["frame_auc"].value
        0.9682

    Args:
        detector: From `load_detector`.
        samples: From `gather_samples`; keys are unique.
        reader: From `make_reader`; None takes its defaults.
        aggregation: How the scores of a video's frames or clips come to one: `mean`, `median`, `max`, `topk:K`,
            `logit_mean`.
        output_dir: The run directory is created in it.
        batch_size: Images, frames or clips of a batch; None takes what suits the device.
        workers: Reading threads; None takes the CPUs, at most 8.
        plots: Draw ROC and PR curves, where matplotlib is installed.
        notices: Warnings to go with the figures, beside those found here.
        record: Further settings to write into `run.json`, such as the command line. They decide no score.

    Raises:
        ConfigError: No samples, or an option out of range.
        ModelError: Logits that are not finite.
        OutputError: Results that cannot be written; what was scored until then is kept.
    """
    batch_size = _at_least_one("batch_size", batch_size, default_batch_size(detector))
    workers = _at_least_one("workers", workers, default_workers())
    aggregation_rule(aggregation)
    if not samples:
        raise ConfigError("there is nothing to score: the list of samples is empty")
    reader = reader or make_reader(detector)
    settings = _settings(detector, reader, samples, batch_size)
    folder = Path(output_dir) / _run_name(detector, settings["fingerprint"])
    notices = [*([] if detector.report.head_trained else [untrained_notice(detector)]), *notices]
    with RunDirectory(folder, {**settings, **(record or {})}) as run:
        _score(detector, reader, samples, run, batch_size, workers)
        report = write_report(
            folder,
            samples,
            run.predictions,
            unit="frame" if detector.takes == "image" else "clip",
            by_video=any(sample.video is not None or is_video(sample) for sample in samples),
            aggregation=aggregation,
            title=detector.report.source,
            head="trained" if detector.report.head_trained else "untrained",
            notices=notices,
            plots=plots,
        )
    return Evaluation(folder, report.level, report.figures, report.counts, report.notices)


def _score(
    detector: Detector, reader: Reader, samples: Sequence[Sample], run: RunDirectory, batch_size: int, workers: int
) -> None:
    from tqdm import tqdm

    done, units = run.resume(samples, batch_size)
    if done or units:
        logger.info("going on after %d of %d samples that %s already holds", done, len(samples), run.folder)
    # disable=None: silent where stderr is not a terminal.
    with tqdm(total=len(samples), initial=done, unit="sample", disable=None, dynamic_ncols=True) as bar:
        key = samples[done].key if done < len(samples) else None
        for predictions in predict(
            detector, reader, samples[done:], batch_size=batch_size, workers=workers, skip=units
        ):
            run.append(predictions)
            for prediction in predictions:
                bar.update(prediction.key != key)
                key = prediction.key
        bar.update(bar.total - bar.n)
    run.complete()


def _settings(detector: Detector, reader: Reader, samples: Sequence[Sample], batch_size: int) -> dict[str, Any]:
    """Return what goes into `run.json`; all of it decides scores and so the fingerprint, which is added."""
    parameter = next(detector.backbone.parameters())
    settings = {
        "schema_version": 1,
        "detector": detector.settings.model_dump(mode="json"),
        "weights": asdict(detector.report),
        **reader.to_dict(),
        "device": parameter.device.type,
        "dtype": str(parameter.dtype).removeprefix("torch."),
        "batch_size": batch_size,
        "video_backend": backend_name() if any(map(is_video, samples)) else None,
        "samples": {"count": len(samples), "sha256": digest_samples(samples)},
        "versions": {name: version(name) for name in ("torch", "transformers", "numpy", "pillow")}
        | {"python": platform.python_version(), "deepfakebench-ext": _own_version()},
    }
    return {"fingerprint": fingerprint(settings), **settings}


def _own_version() -> str:
    from deepfakebench_ext import __version__

    return __version__


def _run_name(detector: Detector, digest: str) -> str:
    """Return `<detector>-<weights>-<8 hex digits>`; the digits tell runs of other settings apart."""
    source = detector.report.source.rstrip("/\\")
    stem = Path(source).stem if detector.report.kind == "file" else "-".join(source.replace("\\", "/").split("/")[-2:])
    words = f"{detector.settings.model_name}-{stem}"
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in words)
    return f"{safe[:100]}-{digest[:8]}"


def _at_least_one(name: str, value: int | None, default: int) -> int:
    if value is None:
        return default
    if value < 1:
        raise ConfigError(f"--{name} {value} is not allowed: give 1 or more, or leave it out for {default}")
    return value
