"""`extract`: videos to aligned crops and landmarks in DeepfakeBench's layout. The command line calls nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepfakebench_ext.common.atomic_files import atomic_writer, remove_unfinished
from deepfakebench_ext.common.choices import DetectorName, NoFace, Search
from deepfakebench_ext.common.csv_files import write_csv
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.numbers import MOST_WORKERS, check_count
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.engine.input_options import FaceOptions
from deepfakebench_ext.engine.launched import Launched
from deepfakebench_ext.engine.parts import Shard
from deepfakebench_ext.engine.read_ahead import default_workers
from deepfakebench_ext.extraction.crop_folder import CropFolder, VideoFrames, writing
from deepfakebench_ext.extraction.extractor import Extractor
from deepfakebench_ext.extraction.places import places
from deepfakebench_ext.extraction.sources import Source
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.host.dataset_json_writing import (
    ListedVideo,
    check_dataset_name,
    check_splits,
    dataset_json,
    frames_root,
)
from deepfakebench_ext.media.sampling import FrameSampling

logger = logging.getLogger(__name__)

REPORT = "extract_report.csv"
REPORT_COLUMNS = (
    *("key", "label", "status", "reason", "frames_planned", "frames_decoded", "frames_written", "frames_faceless"),
    *("replanned", "folder"),
)
DEFAULT_SIZE_PX = 256
_MOST_SIZE_PX = 8192


@dataclass(frozen=True, slots=True)
class Extraction:
    """What an extraction came to.

    Attributes:
        folder: Of the dataset: `<output_dir>/<dataset>`.
        dataset_json: What DeepfakeBench loads; None where no labelled video gave a frame, and of a share.
        report: CSV with a line a video; None of a share.
        samples: The videos, of a share its own.
        videos: What became of each, in the same order.
    """

    folder: Path
    dataset_json: Path | None
    report: Path | None
    samples: tuple[Sample, ...]
    videos: tuple[VideoFrames, ...]

    @property
    def failed(self) -> tuple[VideoFrames, ...]:
        """The videos that gave no frame."""
        return tuple(video for video in self.videos if video.status != "ok")


def make_crop_reader(
    *,
    face_detector: DetectorName | None = None,
    landmark_model: str | Path | None = None,
    face_model: str | Path | None = None,
    face_search: Search = "full",
    min_face_score: float | None = None,
    no_face: NoFace | None = None,
    size: int | None = None,
) -> FaceReader | None:
    """Return what cuts frames to the face; None leaves them whole. None is an option's default.

    Args:
        face_detector: `none`, `dlib` or `yunet`; None is dlib where a landmark model is given, else none.
        landmark_model: dlib's shape predictor of 68 or 81 points; without it crops are cut around the box.
        face_model: YuNet's network (ONNX).
        face_search: `full`, or `coarse`: faces from about 90 px, in a third of the time or less.
        min_face_score: Faces that the face detector is less sure of are none; None takes all that it finds.
        no_face: `skip` (default) leaves a frame without a face out, `full_frame` takes it whole.
        size: Side of the square crops in pixels; 256 by default, as in DeepfakeBench.

    Raises:
        ConfigError: Options that do not go together, or a model's file that is not what it should be.
        MissingExtraError: dlib is not installed.
    """
    options = FaceOptions(
        face_detector=face_detector,
        landmark_model=landmark_model,
        face_model=face_model,
        face_search=face_search,
        min_face_score=min_face_score,
        no_face=no_face,
    )
    check_count("--size", size, most=_MOST_SIZE_PX)
    side = DEFAULT_SIZE_PX if size is None else size
    return options.cutting_to((side, side), "frame", {"--size": size, "--no_face": no_face})


def extract(
    input_dir: str | Path | None,
    output_dir: str | Path,
    *,
    manifest: str | Path | None = None,
    dataset: str | None = None,
    sampling: FrameSampling | None = None,
    faces: FaceReader | None = None,
    splits: Sequence[str] = ("test",),
    run_from: str | Path | None = None,
    workers: int | None = None,
    shard: Shard | None = None,
    launched: Launched | None = None,
) -> Extraction:
    """Write the frames of videos of a folder or manifest, their landmarks, a report, and the JSON for DeepfakeBench.

    Frames are `<output_dir>/<dataset>/<class>/frames/<video>/000.png`, by their numbers in the video; landmarks lie
    beside them, `landmarks/<video>/000.npy`, float64 (K, 2) x, y in the crop. The JSON is
    `<output_dir>/<dataset>.json`. A video that cannot be read or shows no face is in the report and in nothing else. An
    extraction that was cut off goes on with the videos that it had not finished, and ends with the same files.

    Args:
        input_dir: Video files and folders of frames, in any depth; labels come from directory names. None with a
            manifest.
        output_dir: Created if need be.
        manifest: A CSV with `path` and `label`, or DFDC's metadata.json, in place of the folder.
        dataset: Its name in DeepfakeBench; None is the name of `input_dir`, or of the manifest without its suffix.
        sampling: Which frames; None takes 32 evenly spread ones.
        faces: From `make_crop_reader`; None leaves frames whole.
        splits: Under which the JSON lists the videos, all under each: `train`, `val`, `test`.
        run_from: Folder from which DeepfakeBench is run, to which the JSON's paths are relative; None is this one.
        workers: Videos at a time; None takes the CPUs, at most 8 where no face is looked for.
        shard: Extract its share of the videos alone, and write neither report nor JSON. Whoever extracts the same
            without a shard then finds all videos done, and writes them.
        launched: Which of several processes this is, that share the videos; the first one reports.

    Raises:
        ConfigError: No videos, contradicting labels, or a name, split or folder that is not allowed.
        OutputError: Files that cannot be written; what was finished is kept.
    """
    source = Source.of(input_dir, manifest)
    name = source.name if dataset is None else dataset
    folder, listing = Path(output_dir) / name, Path(output_dir) / f"{name}.json"
    check_dataset_name(name)
    check_splits(splits)
    spelled = frames_root(folder, Path(run_from or "."), has_landmarks=_finds_landmarks(faces))
    check_count("--workers", workers, most=MOST_WORKERS)
    samples = source.samples(apart_from=folder)
    if listing.exists() and not folder.exists():
        raise ConfigError(f"{listing} exists, and {folder} does not; give another --output_dir or --dataset")
    is_main = launched is None or launched.rank == 0
    with CropFolder(folder, alone=launched is None and shard is None) as store:
        extractor = Extractor(store, sampling or FrameSampling.from_options(), faces)
        planned = extractor.planned(samples, places(samples, name))
        if is_main:
            store.begin()
        own = [planned[number] for number in (range(len(planned)) if shard is None else shard.of(len(planned)))]
        videos = extractor.run(own, workers or default_workers(finds_faces=faces is not None))
        if shard is not None or not is_main:
            return Extraction(folder, None, None, tuple(video.sample for video in own), videos)
        _write_report(folder / REPORT, samples, videos)
        _say_left_out(samples, videos, listing, source.why_unlabelled)
        remove_unfinished(folder, REPORT)
        is_listed = _write_listing(listing, name, list(_listed(samples, videos, spelled)), splits)
    return Extraction(folder, listing if is_listed else None, folder / REPORT, samples, videos)


def _write_listing(path: Path, name: str, listed: Sequence[ListedVideo], splits: Sequence[str]) -> bool:
    """Write the JSON; return whether there is anything to list."""
    with writing(path):
        remove_unfinished(path.parent, path.name)
        if not listed:
            path.unlink(missing_ok=True)
    if listed:
        with atomic_writer(path) as file:
            file.write(dataset_json(name, listed, splits))
    return bool(listed)


def _finds_landmarks(faces: FaceReader | None) -> bool:
    return faces is not None and (faces.for_videos.landmark_model is not None or faces.for_videos.detector == "yunet")


def _listed(samples: Sequence[Sample], videos: Sequence[VideoFrames], root: str) -> Iterator[ListedVideo]:
    """What the JSON lists: the videos with a label and at least one frame."""
    for sample, video in zip(samples, videos, strict=True):
        if sample.label is not None and video.frames:
            frames = tuple(f"{root}/{video.place.frames}/{name}" for name in video.frames)
            yield ListedVideo(video.place.video, sample.label, frames)


def _say_left_out(samples: Sequence[Sample], videos: Sequence[VideoFrames], listing: Path, why: str) -> None:
    unknown = [s.key for s, video in zip(samples, videos, strict=True) if s.label is None and video.frames]
    if unknown:
        logger.warning(
            "%s of %d left out of %s, such as %s: %s",
            *(counted(len(unknown), "video"), len(samples), listing, unknown[0], why),
        )


def _write_report(path: Path, samples: Sequence[Sample], videos: Sequence[VideoFrames]) -> None:
    rows = (_row(sample, video) for sample, video in zip(samples, videos, strict=True))
    write_csv(path, REPORT_COLUMNS, (dict(zip(REPORT_COLUMNS, row, strict=True)) for row in rows))


def _row(sample: Sample, video: VideoFrames) -> tuple[str, ...]:
    label, folder = "" if sample.label is None else str(sample.label), video.place.frames if video.frames else ""
    planned = "" if video.planned is None else str(video.planned)
    counts = (video.decoded, len(video.frames), video.faceless, int(video.replanned))
    return video.key, label, video.status, video.reason, planned, *map(str, counts), folder
