"""`analyze`: the timelines of films, each in a run directory of its own. The command line calls nothing else."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from deepfakebench_ext.analysis.assembling import Scores, Threshold, timeline_of
from deepfakebench_ext.analysis.film import Film, film_json, film_of
from deepfakebench_ext.analysis.outputs import Outputs, write_outputs
from deepfakebench_ext.analysis.progress import Progress
from deepfakebench_ext.analysis.searches import SEARCHES, KeptSearches
from deepfakebench_ext.analysis.taking import FilmReader, Taking
from deepfakebench_ext.analysis.timeline import Timeline, VideoFacts
from deepfakebench_ext.common.atomic_files import atomic_writer
from deepfakebench_ext.common.digests import sha256_of
from deepfakebench_ext.common.errors import ConfigError, MediaError
from deepfakebench_ext.common.numbers import check_count
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.common.urls import is_url
from deepfakebench_ext.data.readers.at_hand import sample_at_hand
from deepfakebench_ext.data.readers.reader import Unit, renamed
from deepfakebench_ext.data.samples.folders import collect_unlabelled
from deepfakebench_ext.engine.predictor import default_batch_size, predict_units
from deepfakebench_ext.engine.read_ahead import read_units
from deepfakebench_ext.engine.run_directory import RunDirectory
from deepfakebench_ext.engine.run_name import detector_words, run_name
from deepfakebench_ext.engine.run_settings import run_settings
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.media.video import backend_name, streams, tags
from deepfakebench_ext.models.scoring import ScoringDetector
from deepfakebench_ext.remote.typed import place

logger = logging.getLogger(__name__)

FILM = "film.json"
"""Of a run directory: what was seen of the film, beside the journal of its scores."""


@dataclass(frozen=True, slots=True)
class Analysed:
    """What became of one film.

    Attributes:
        file: Path as it was given, with `/`.
        folder: The run directory; None where the file was no video.
        timeline: What was found; None where nothing could be read.
        reason: Why there is no timeline, or what is amiss with the file; else empty.
    """

    file: str
    folder: Path | None
    timeline: Timeline | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How films are analysed.

    Attributes:
        taking: What is taken of them; its `clip_len` is the detector's.
        faces: What cuts frames to the face; None leaves them whole. Every face is followed and scored as `taking` says,
            a frame without one has no score, and no crop is kept: a reader that says otherwise is refused.
        threshold: How scores are cut into segments.
        outputs: What is written beside the timeline.
        output_dir: Run directories are created in it.
        batch_size: Frames or clips of a batch; None takes what suits the device.
        record: Further settings for `run.json`, such as the command line. They decide no score.
        shown_as: What a film is called in its results; None is the path that it was given by.
        tell: Told after each frame how far the film is and how far it goes, in microseconds; None logs it now and then.
    """

    taking: Taking = field(default_factory=Taking)
    faces: FaceReader | None = None
    threshold: Threshold = field(default_factory=Threshold)
    outputs: Outputs = field(default_factory=Outputs)
    output_dir: str | Path = "inference_results"
    batch_size: int | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    shown_as: str | None = None
    tell: Callable[[int, int], None] | None = None

    def __post_init__(self) -> None:
        """Refuse what an analysis would pass over.

        Raises:
            ConfigError: Which options, and what stands in their place.
        """
        if self.faces is None:
            return
        settings = self.faces.for_videos
        passed_over = {
            "face (Taking(faces=...) says whose face is scored)": settings.face == "all",
            "no_face (what has no face has no score)": settings.no_face == "full_frame",
            "crop_cache (crops of films are not kept)": self.faces.cache is not None,
        }
        if refused := [option for option, is_given in passed_over.items() if is_given]:
            raise ConfigError(f"an analysis takes no {', no '.join(refused)}: leave it out of make_face_reader")


def analyze(
    detector: ScoringDetector, videos: str | Path | Sequence[str | Path], how: How | None = None
) -> list[Analysed]:
    """Make the timeline of each film. A run that was cut off goes on where it stopped, and ends with the same bytes.

    Example:
        >>> (found,) = analyze(load_detector(weights="demo.pth"), ["talk.mp4"])
        >>> [(each.start_s, each.end_s) for each in found.timeline.segments]
        [(12.4, 15.2)]

    Args:
        detector: From `load_detector`.
        videos: Files, and folders that are searched in all depths; or one of them.
        how: None takes the defaults.

    Raises:
        ConfigError: Nothing there, or an option out of range.
        ModelError: Scores that are not finite.
        OutputError: Results that cannot be written; what was scored until then is kept.
    """
    how = how or How()
    return [analyse_film(detector, sample, how) for sample in films_of(videos)]


def films_of(videos: str | Path | Sequence[str | Path]) -> list[Sample]:
    """The films that paths name, each once, whatever their folders say that they are.

    Raises:
        ConfigError: None given, or nothing there.
    """
    if isinstance(videos, str | Path):  # a text is a sequence, too: of `/` and other letters that may be folders
        videos = [videos]
    if not videos:
        raise ConfigError("give one or more videos, or folders of videos")
    found = [sample for video in videos for sample in collect_unlabelled(place(video), kind="video")]
    return list({sample.where: sample for sample in found}.values())


def analyse_film(detector: ScoringDetector, sample: Sample, how: How) -> Analysed:
    """Make the timeline of one film, whatever its file is called.

    Raises:
        ConfigError, ModelError, OutputError: As `analyze`.
    """
    if is_url(sample.file):
        tell = how.tell or Progress(sample.file)
        with sample_at_hand(sample) as local:
            if local.fault:
                return Analysed(sample.file, None, None, local.fault)
            how = replace(how, shown_as=how.shown_as or sample.file, tell=tell)
            return _analysed(detector, local, how, Path(sample.file).stem)
    return _analysed(detector, sample, how, sample.path.stem)


def _analysed(detector: ScoringDetector, sample: Sample, how: How, name: str) -> Analysed:
    """As `analyse_film`, of a film on this machine; its run is called by `name`."""
    file = how.shown_as or sample.path.as_posix()
    if sample.path.is_dir():
        return Analysed(file, None, None, f"{file}: a folder of frames, which have no times; give the film itself")
    try:
        sha256, size, held = sha256_of(sample.path), sample.path.stat().st_size, tuple(streams(sample.path))
        said = tags(sample.path)
    except MediaError as error:
        return Analysed(file, None, None, str(error))
    except OSError as error:
        return Analysed(file, None, None, f"{file}: {error.strerror or error}")
    settings = _settings(detector, how, {"file": file, "sha256": sha256})
    folder = Path(how.output_dir) / run_name(detector_words(detector), name, settings["fingerprint"])
    with RunDirectory(folder, {**settings, **how.record}) as run:
        film, scores, reason = _scored(detector, sample, how, run, settings["batch_size"])
        if not film.frames:
            return Analysed(file, folder, None, reason)
        facts = VideoFacts(file, sha256, size, film.duration_us, film.start_us, held, said)
        timeline, shown = timeline_of(facts, settings["weights"], settings, film, scores, how.threshold)
        write_outputs(folder, sample.path, timeline, shown, how.outputs, damage=film.damage)
    return Analysed(file, folder, timeline, film.damage)


def _scored(
    detector: ScoringDetector, sample: Sample, how: How, run: RunDirectory, batch_size: int
) -> tuple[Film, Scores, str]:
    """What was seen of the film, the score of each unit, and why there is none: out of the run, as far as it got."""
    done, units = run.resume([sample], batch_size)
    path = run.folder / FILM
    if not done:
        if units:
            logger.info("going on after %d scores that %s already holds", units, run.folder)
        film = _see(detector, sample, how, run, units, batch_size)
        with atomic_writer(path) as stream:
            json.dump(film_json(film), stream)
        run.complete()
    (run.folder / SEARCHES).unlink(missing_ok=True)
    film = film_of(json.loads(path.read_text(encoding="utf-8")))
    predictions = list(run.predictions())
    return film, [each.score for each in predictions], "".join(each.reason for each in predictions[:1])


def _see(detector: ScoringDetector, sample: Sample, how: How, run: RunDirectory, units: int, batch_size: int) -> Film:
    """Score the film, but for its first units, into the run, and return what was seen of all of it."""
    with ExitStack() as stack:
        faces = how.faces
        if faces is not None:
            faces = replace(faces, detector=stack.enter_context(closing(KeptSearches(faces.detector, run.folder))))
        tell = how.tell or Progress(sample.path.as_posix())
        reader = FilmReader(detector.preprocess, _taking(detector, how), faces, tell=tell)
        read = reader.units if how.shown_as is None else _read_as(how.shown_as, reader)
        waiting = read_units([sample], read, workers=1, ahead=1, depth=2 * batch_size)
        stack.enter_context(closing(waiting))  # type: ignore[type-var]  # a generator: its thread ends with it
        for predictions in predict_units(
            detector, reader.preprocess, islice(waiting, units, None), batch_size=batch_size
        ):
            run.append(predictions)
        return reader.film


def _read_as(name: str, reader: FilmReader) -> Callable[[Sample], Iterator[Unit]]:
    """What reads units whose reasons call the film so."""
    return lambda sample: (renamed(unit, sample.file, name) for unit in reader.units(sample))


def score_settings(detector: ScoringDetector, how: How) -> dict[str, Any]:
    """What decides the scores of films, apart from the films themselves."""
    return _settings(detector, how, {})


def _taking(detector: ScoringDetector, how: How) -> Taking:
    clip_len = None if detector.takes == "image" else detector.clip_len
    return Taking(**{**asdict(how.taking), "clip_len": clip_len})


def _settings(detector: ScoringDetector, how: How, video: Mapping[str, Any]) -> dict[str, Any]:
    check_count("--batch_size", how.batch_size)
    reader = FilmReader(detector.preprocess, _taking(detector, how), how.faces)
    batch_size = how.batch_size or default_batch_size(detector)
    scored = {"video_backend": backend_name(), "video": dict(video)}
    return run_settings(detector, reader.to_dict(), batch_size, scored)
