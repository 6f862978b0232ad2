"""How samples are read, as it is asked for: options by their names on the command line; None is one not given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfakebench_ext.common.choices import DetectorName, NoFace, Per, Search, ShortVideo, Whose
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.numbers import check_above, check_count
from deepfakebench_ext.data.preprocess.spec import output_size
from deepfakebench_ext.faces.cache import CropCache
from deepfakebench_ext.faces.reader import FaceReader, face_reader
from deepfakebench_ext.faces.settings import face_settings
from deepfakebench_ext.media.sampling import SPREAD, ClipSampling, FrameSampling

if TYPE_CHECKING:
    from deepfakebench_ext.models.scoring import ScoringDetector

DEFAULT_NUM_CLIPS = 4
CROP_CACHE_BYTES = 16 * 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingOptions:
    """Which frames or clips of a video are scored.

    Attributes:
        sampling: `uniform`, `first` or `fps`, for an image detector.
        num_frames: For `uniform` and `first`.
        fps: For `fps`.
        num_clips: Clips of a video, for a video detector.
        frame_interval: Distance between two frames of a clip; `SPREAD` for a clip that spans its video.
        short_video: What becomes of a video shorter than a clip: `skip`, `repeat_last` or `wrap`.
    """

    sampling: str | None = None
    num_frames: int | None = None
    fps: float | None = None
    num_clips: int | None = None
    frame_interval: int | None = None
    short_video: ShortVideo | None = None

    def __post_init__(self) -> None:
        """Pass numbers that some sampling takes.

        Raises:
            ConfigError: Another.
        """
        check_count("--num_frames", self.num_frames)
        check_above("--fps", self.fps, 0)
        check_count("--num_clips", self.num_clips)
        check_count("--frame_interval", self.frame_interval, least=SPREAD)
        FrameSampling.from_options(self.sampling or "uniform", num_frames=self.num_frames, fps=self.fps)

    @property
    def given(self) -> list[str]:
        """The options that say something, as they are typed."""
        return [f"--{name}" for name, value in asdict(self).items() if value is not None]

    def of(self, detector: ScoringDetector) -> FrameSampling | ClipSampling:
        """Return which frames or which clips of a video a detector is given.

        Raises:
            ConfigError: A number out of range, or an option for the other kind of detector.
        """
        self.check_takes(detector.takes, detector.settings.model_name)
        if detector.takes == "image":
            return self.frames()
        number = DEFAULT_NUM_CLIPS if self.num_clips is None else self.num_clips
        return self.clips(detector.clip_len, number)

    def check_takes(self, takes: str, name: str) -> None:
        """Pass options that mean something to a detector; needs none.

        Args:
            takes: `image` or `video`.
            name: The detector's, for the message.

        Raises:
            ConfigError: An option for the other kind of detector.
        """
        others, what = (_OF_CLIPS, "single frames") if takes == "image" else (_OF_FRAMES, "clips")
        if unused := [option for option in self.given if option in others]:
            raise ConfigError(f"{', '.join(unused)} means nothing here: {name} takes {what}")

    def frames(self) -> FrameSampling:
        """Return which single frames of a video are taken.

        Raises:
            ConfigError: A number out of range.
        """
        return FrameSampling.from_options(self.sampling or "uniform", num_frames=self.num_frames, fps=self.fps)

    def clips(self, clip_len: int, number: int) -> ClipSampling:
        """Return so many clips of so many frames each.

        Raises:
            ConfigError: A number out of range.
        """
        interval = 1 if self.frame_interval is None else self.frame_interval
        return ClipSampling(clip_len, interval, number, self.short_video or "skip")


NOTHING_SAID = SamplingOptions()
_OF_FRAMES = ("--sampling", "--num_frames", "--fps")
_OF_CLIPS = ("--num_clips", "--frame_interval", "--short_video")


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceFinding:
    """How faces are found, whatever is then cut out of the frame.

    Attributes:
        face_detector: `none`, `dlib` or `yunet`; None is dlib where a landmark model is given, else none.
        landmark_model: dlib's shape predictor of 68 or 81 points; without it crops are cut around the box.
        face_model: YuNet's network (ONNX).
        face_search: `full`, or `coarse`: faces from about 90 px, in a third of the time or less.
        min_face_score: Faces that the face detector is less sure of are none; None takes all that it finds.
    """

    face_detector: DetectorName | None = None
    landmark_model: str | Path | None = None
    face_model: str | Path | None = None
    face_search: Search = "full"
    min_face_score: float | None = None

    @property
    def detector(self) -> DetectorName:
        """The face detector that is meant."""
        return self.face_detector or ("dlib" if self.landmark_model is not None else "none")

    def cutting(
        self,
        size_px: tuple[int, int],
        *,
        no_face: NoFace | None = None,
        per: Per = "clip",
        face: Whose = "largest",
        cache: CropCache | None = None,
    ) -> FaceReader | None:
        """Return what cuts frames to the face at a size, as `face_reader` does; None leaves them whole.

        Raises:
            ConfigError: Options that do not go together, or a model's file that is not what it should be.
            MissingExtraError: dlib is not installed.
        """
        settings = face_settings(
            self.detector,
            size_px,
            landmark_model=None if self.landmark_model is None else Path(self.landmark_model),
            face_model=None if self.face_model is None else Path(self.face_model),
            search=self.face_search,
            min_face_score=self.min_face_score,
            no_face=no_face or "skip",
            per=per,
            face=face,
        )
        return face_reader(settings, no_face, cache)

    def reader(self, detector: ScoringDetector) -> FaceReader | None:
        """Return what cuts frames to the face, at the size that the detector takes; None leaves them whole.

        Raises:
            ConfigError, MissingExtraError: As `cutting`.
        """
        return self.cutting(output_size(detector.preprocess) or (0, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceOptions(FaceFinding):
    """How frames are cut to the face.

    Attributes:
        no_face: `skip` or `full_frame`; None is `full_frame` for images and `skip` for videos.
        crop: `clip` cuts all frames of a clip at one place, `frame` each at its own; None is `clip`.
        face: `largest`, or `all`: each face of a frame, each person of a clip, is scored, and the highest score counts;
            None is `largest`.
        crop_cache: Folder in which crops are kept for the next detector on the same data, up to 16 GiB.
    """

    no_face: NoFace | None = None
    crop: Per | None = None
    face: Whose | None = None
    crop_cache: str | Path | None = None

    @property
    def choices(self) -> dict[str, Any]:
        """The options that say something: name to value. `face_search` does so only beside others."""
        return {k: v for k, v in asdict(self).items() if v is not None and k != "face_search"}

    @property
    def _of_crops(self) -> dict[str, object]:
        return {"--no_face": self.no_face, "--crop": self.crop, "--face": self.face}

    def check(self, of_crops: Mapping[str, object] | None = None) -> None:
        """Pass options of crops where frames are cut.

        Args:
            of_crops: Options that mean nothing where frames stay whole, to what was said; None takes all of ours.

        Raises:
            ConfigError: Frames stay whole.
        """
        said = self._of_crops if of_crops is None else of_crops
        unused = [option for option, value in said.items() if value is not None]
        if self.detector == "none" and unused:
            raise ConfigError(f"{', '.join(unused)} means nothing here: without --face_detector frames stay whole")

    def check_takes(self, takes: str, name: str) -> None:
        """Pass options that mean something to a detector, as `SamplingOptions.check_takes`.

        Raises:
            ConfigError: How clips are cut, and it takes single frames.
        """
        if self.crop is not None and takes == "image" and self.detector != "none":
            raise ConfigError(f"--crop means nothing here: {name} takes single frames")

    def reader(self, detector: ScoringDetector) -> FaceReader | None:
        """Return what cuts frames to the face, at the size that the detector takes; None leaves them whole.

        Raises:
            ConfigError, MissingExtraError: As `cutting`.
        """
        self.check_takes(detector.takes, detector.settings.model_name)
        if self.face == "all" and self.crop == "frame":
            raise ConfigError(
                "--face all follows each person through a clip and cuts it at one place; leave --crop out"
            )
        size_px = output_size(detector.preprocess) or (0, 0)
        return self.cutting_to(size_px, self.crop or "clip", self._of_crops)

    def cutting_to(self, size_px: tuple[int, int], per: Per, of_crops: Mapping[str, object]) -> FaceReader | None:
        """Return what cuts frames to the face at a size; None leaves them whole.

        Args:
            size_px: Height and width of a crop.
            per: As `crop`.
            of_crops: Options that mean nothing where frames stay whole, to what was said.

        Raises:
            ConfigError, MissingExtraError: As `cutting`.
        """
        self.check(of_crops)
        cache = None if self.crop_cache is None else CropCache(Path(self.crop_cache), CROP_CACHE_BYTES)
        return self.cutting(size_px, no_face=self.no_face, per=per, face=self.face or "largest", cache=cache)
