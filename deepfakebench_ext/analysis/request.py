"""What an analysis is asked: one record, filled by whoever asks, and the steps from it to timelines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from deepfakebench_ext.analysis.analyze import Analysed, How, analyse_film, films_of, score_settings
from deepfakebench_ext.analysis.assembling import Threshold
from deepfakebench_ext.analysis.calibrating import (
    Risk,
    calibrated,
    calibration_basis,
    read_calibration,
    write_calibration,
)
from deepfakebench_ext.analysis.outputs import Outputs
from deepfakebench_ext.analysis.policy import Policy, PolicyOptions
from deepfakebench_ext.analysis.taking import DEFAULT_FPS, MIN_FACE_PX, Faces, Taking
from deepfakebench_ext.analysis.video_score import TOP_FIFTH, check_rule
from deepfakebench_ext.common.atomic_files import check_writable, making
from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.engine.input_options import FaceFinding
from deepfakebench_ext.engine.run_directory import fingerprint
from deepfakebench_ext.engine.run_name import detector_words, run_name
from deepfakebench_ext.media.film_writer import check_films_can_be_written
from deepfakebench_ext.models.config import DetectorConfig
from deepfakebench_ext.models.loading import takes_of
from deepfakebench_ext.models.options import DetectorOptions
from deepfakebench_ext.models.scoring import ScoringDetector
from deepfakebench_ext.models.stored_thresholds import STORED, threshold_number, thresholds_asked


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisRequest(DetectorOptions):
    """What an analysis is asked: a detector, and films.

    Attributes:
        videos: Files, and folders that are searched in all depths.
        fps: Moments a second at which an image detector scores; None is 5.
        frame_interval: Distance between two frames of a clip of a video detector; None is 1.
        faces: `all` or `largest`.
        min_face_px: Faces less wide than this are not scored.
        cutting: How faces are found.
        threshold: Onset of a segment, typed by hand, or `stored`, what training stored for frames or clips with the
            weights; None is 0.5.
        threshold_from: A calibration that chooses it instead: its file or folder.
        policy: How stretches are cut, apart from the threshold.
        aggregation: How the scores of a face come to one.
        overlay, subtitles, report: What is written besides.
        output_dir, batch_size: As `How`.
        command: How this was asked, for the run's record.
    """

    videos: Sequence[str] = ()
    fps: float | None = None
    frame_interval: int | None = None
    faces: Faces = "all"
    min_face_px: int = MIN_FACE_PX
    cutting: FaceFinding = field(default_factory=FaceFinding)
    threshold: float | str | None = None
    threshold_from: str | None = None
    policy: PolicyOptions = field(default_factory=PolicyOptions)
    aggregation: str = TOP_FIFTH
    overlay: bool = False
    subtitles: bool = False
    report: bool = True
    output_dir: str = "inference_results"
    batch_size: int | None = None
    command: str | None = None

    def __post_init__(self) -> None:
        """Pass options that are allowed.

        Raises:
            ConfigError: One is not.
            MissingExtraError: An overlay is asked for, and PyAV is not installed.
        """
        check_rule(self.aggregation)
        if self.overlay:
            check_films_can_be_written("--overlay")
        if self.threshold is not None and self.threshold_from is not None:
            raise ConfigError("give --threshold, typed by hand, or --threshold_from, a calibration; not both")
        if self.threshold not in (None, STORED):
            threshold_number(str(self.threshold))
        self._policy()
        self._taking()
        if self.cutting.detector == "none" and (self.faces, self.min_face_px) != ("all", MIN_FACE_PX):
            raise ConfigError("--faces and --min_face_px are of faces, and none are looked for; give --face_detector")

    def settings(self) -> DetectorConfig:
        """Return the detector's config.

        Raises:
            ConfigError: No such config, or an option for the other kind of detector.
            WeightsError: The weights that it depends on cannot be had.
        """
        settings = DetectorOptions.settings(self)  # super() knows no class that has slots
        self.check_takes(takes_of(settings), settings.model_name)
        return settings

    def check_takes(self, takes: str, name: str) -> None:
        """Pass options that mean something to a detector.

        Args:
            takes: `image` or `video`.
            name: The detector's, for the message.

        Raises:
            ConfigError: An option for the other kind of detector.
        """
        unused = {"image": ("--frame_interval", self.frame_interval), "video": ("--fps", self.fps)}[takes]
        if unused[1] is not None:
            raise ConfigError(f"{unused[0]} means nothing here: {name} takes {takes}s")

    def films(self) -> list[Sample]:
        """Return what is analysed, once results can be written.

        Raises:
            ConfigError: Nothing there.
            OutputError: Results cannot be written.
        """
        found = films_of(self.videos)
        check_writable(Path(self.output_dir))
        return found

    def how(self, detector: ScoringDetector) -> How:
        """Return how films are analysed.

        Raises:
            ConfigError: Options that do not go together.
            MissingExtraError: dlib is not installed.
        """
        how = How(
            taking=self._taking(),
            faces=self.cutting.reader(detector),
            outputs=Outputs(report=self.report, overlay=self.overlay, subtitles=self.subtitles),
            output_dir=self.output_dir,
            batch_size=self.batch_size,
            record={"command": self.command},
        )
        return replace(how, threshold=self._cut_by(detector, how))

    def _taking(self) -> Taking:
        return Taking(
            fps=DEFAULT_FPS if self.fps is None else self.fps,
            frame_interval=1 if self.frame_interval is None else self.frame_interval,
            faces=self.faces,
            min_face_px=self.min_face_px,
        )

    def _cut_by(self, detector: ScoringDetector, how: How) -> Threshold:
        if self.threshold_from is not None:
            found = read_calibration(Path(self.threshold_from), calibration_basis(score_settings(detector, how)))
            if found.rule != self.aggregation:
                raise ConfigError(
                    f"--threshold_from was made with --aggregation {found.rule}, and this is {self.aggregation}"
                )
            self.policy.check_same(found.policy)
            return found
        if self.threshold == STORED:
            level: Level = "frame" if detector.takes == "image" else "clip"
            weights = (detector.stored_thresholds, detector.source.spec)
            stored = thresholds_asked(STORED, *weights, levels=(level,), rule=self.aggregation)[level]
            cut = self.policy.policy(stored.value)
            return Threshold(
                cut, f"{stored.value:.6g}, {stored.source}, not calibrated on films", rule=self.aggregation
            )
        policy = self._policy()
        typed = "" if self.threshold is None else "typed by hand, "
        return Threshold(policy, f"{policy.onset:g}, {typed}not calibrated", rule=self.aggregation)

    def _policy(self) -> Policy:
        typed = self.threshold not in (None, STORED)
        return self.policy.policy(threshold_number(str(self.threshold))) if typed else self.policy.policy()

    def analyses(self, films: Sequence[Sample], detector: ScoringDetector) -> Iterator[Analysed]:
        """Yield what became of each film, as it is done.

        Raises:
            ConfigError, ModelError, OutputError: As `analyze`.
        """
        yield from _each(films, detector, self.how(detector))

    def calibrate(
        self, real: Sequence[Sample], fake: Sequence[Sample], detector: ScoringDetector, risk: Risk
    ) -> tuple[Threshold, Path, list[Analysed]]:
        """Analyse films of which it is known what they are, and choose the threshold by them.

        Returns:
            The threshold, where it was written, and what became of each film.

        Raises:
            ConfigError, ModelError, OutputError: As `analyze` and `calibrated`.
        """
        how = self.how(detector)
        done = [list(_each(side, detector, how)) for side in (real, fake)]
        timelines = ([each.timeline for each in side if each.timeline is not None] for side in done)
        threshold = calibrated(*timelines, policy=self._policy(), rule=self.aggregation, risk=risk)
        basis = calibration_basis(score_settings(detector, how))
        folder = Path(self.output_dir) / run_name(detector_words(detector), "calibration", fingerprint(basis))
        with making(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return threshold, write_calibration(folder, threshold, basis), [*done[0], *done[1]]


def _each(films: Sequence[Sample], detector: ScoringDetector, how: How) -> Iterator[Analysed]:
    for film in films:
        yield analyse_film(detector, film, how)
