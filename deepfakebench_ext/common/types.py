"""Frozen records that cross the borders between the packages. No torch, no cv2, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from deepfakebench_ext.common.urls import is_url

REAL: Final = 0
FAKE: Final = 1
Label = Literal[0, 1]
LABEL_NAMES: dict[int, str] = {REAL: "REAL", FAKE: "FAKE"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One thing to score: an image, or a video given as a file, a folder of frames or a list of frames.

    Attributes:
        key: Identity within a run: the path relative to the input, with `/` on every system, or
            `<dataset>/<label name>/<video>` where a DeepfakeBench JSON lists it. Unique.
        file: The image file, the video file, or the folder of frames; where frames are listed, the folder of the first
            or the database that holds them.
        label: 0 real, 1 fake, None when unknown.
        video: Identity of the video that an image was taken from, or None.
        dataset: Name of the dataset, or None.
        method: Name of the manipulation method, or None.
        frames: A video's frames as its DeepfakeBench JSON spells them, in order; empty for all others.
        fault: Why nothing of it can be read, known before anything is opened; empty for all others.
    """

    key: str
    file: str
    label: Label | None = None
    video: str | None = None
    dataset: str | None = None
    method: str | None = None
    frames: tuple[str, ...] = ()
    fault: str = ""

    def __post_init__(self) -> None:
        """Keep a path as text: the objects of a million samples would take 400 MB."""
        if not isinstance(self.file, str):
            object.__setattr__(self, "file", str(self.file))

    @property
    def path(self) -> Path:
        """`file`, as a path."""
        return Path(self.file)

    @property
    def where(self) -> str:
        """`file`, as results say it: a path in its shortest spelling, or a URL."""
        return self.file if is_url(self.file) else str(self.path)


Status = Literal["ok", "unreadable", "too_short", "no_face", "off_crop", "failed"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What became of one image, frame or clip: a score, or the reason why there is none.

    Attributes:
        key: The sample's key.
        score: P(fake) in [0, 1], or None when it was not scored.
        status: `ok`, or a word for what went wrong.
        reason: A sentence for people; empty when `ok`, unless the video it is of is damaged.
        index: Number of this frame or clip within its sample, from 0.
        start_s: Presentation time of the frame, or of the clip's first frame, in seconds; None for images.
        end_s: When the clip's last frame is over; None for images and frames.
        planned: Frames that the sampling asked of the whole sample.
        decoded: Frames decoded for this frame or clip that no earlier clip of the sample has.
        faceless: Frames of this frame or clip in which no face was found.
        faceless_before: Those of them that an earlier clip of the sample has too.
        frame: Number in the video, from 0, of the frame, or of the clip's first frame; None for images.
        bbox_px: x0, y0, x1, y1 of the face in the frame; of a clip the median of those of the face that it follows.
        face_score: The face detector's confidence in it, likewise.
        num_faces: Faces found in the frame; of a clip, in the one with most.
        several: Frames with more than one face, of those that no earlier clip of the sample has.
        off_crop: Frames of the clip whose crop shows another place than the face, or another's face.
        frame_file: Name of the file of that frame, in its folder or dataset; empty for images and films.
        remark: What of its video's pictures was converted, or is not as a player shows it; empty for all others.
        content: What tells the sample's content, whatever it is called; of the first of its frames or clips alone.
    """

    key: str
    score: float | None
    status: Status = "ok"
    reason: str = ""
    index: int = 0
    start_s: float | None = None
    end_s: float | None = None
    planned: int = 1
    decoded: int = 1
    faceless: int = 0
    faceless_before: int = 0
    frame: int | None = None
    bbox_px: tuple[float, float, float, float] | None = None
    face_score: float | None = None
    num_faces: int = 0
    several: int = 0
    off_crop: int = 0
    frame_file: str = ""
    remark: str = ""
    content: str = ""

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Prediction:
        """Return the prediction whose fields these are; those that are missing say nothing."""
        box = values.get("bbox_px")
        return cls(**{"score": None, **values, "bbox_px": None if box is None else tuple(box)})


@dataclass(frozen=True, slots=True)
class VideoScore:
    """What became of one video: the score that its frames or clips come to.

    Attributes:
        sample: The video, or the first of the images that were taken from it.
        score: P(fake) in [0, 1], or None when nothing of it was scored.
        status: `ok` when something of it was scored, else what went wrong with the first frame or clip.
        reason: A sentence for people; empty when `ok`, unless frames of it are lost.
        units_scored: Frames or clips that the score rests on.
        frames_planned: Frames that the sampling asked for.
        frames_decoded: Frames that could be decoded.
        frames_faceless: Decoded frames without a face.
        frames_several: Decoded frames with more than one face.
        frames_off_crop: Frames of clips whose crop shows another place than the face, or another's face.
    """

    sample: Sample
    score: float | None
    status: Status
    reason: str
    units_scored: int
    frames_planned: int
    frames_decoded: int
    frames_faceless: int
    frames_several: int
    frames_off_crop: int


@dataclass(frozen=True, slots=True)
class LabelOrder:
    """How P(fake) is read off a detector's logits, and who said so.

    Attributes:
        fake: Indices of the logits that mean fake; P(fake) is the sum of their probabilities.
        num_logits: Width of the head. 1 means a sigmoid: `fake == (0,)` where the logit speaks for fake, `()` for real.
        names: The checkpoint's class names by index, empty where it has none.
        decided_by: `--fake_index`, `the file itself`, where our own training wrote it, `checkpoint names`, or `host
            contract` (two logits, 0 real and 1 fake).
        activation: `sigmoid` where the checkpoint says that each logit is a label of its own; then `fake` is one of
            them, and its sigmoid is P(fake).
    """

    fake: tuple[int, ...]
    num_logits: int
    names: tuple[str, ...]
    decided_by: str
    activation: Literal["softmax", "sigmoid"] = "softmax"

    def text(self) -> str:
        """Return it for people: `fake is logit [1] (Real, Fake), by checkpoint names`."""
        names = f" ({', '.join(self.names)})" if self.names else ""
        return f"fake is logit {list(self.fake)}{names}, by {self.decided_by}"


@dataclass(frozen=True, slots=True)
class WeightsReport:
    """Where a detector's parameters came from and how they fitted. Recorded in every result.

    Attributes:
        source: What was asked for: a path or a hub id.
        kind: `hub`, `folder` or `file`; `random` where there were no weights at all, to train from scratch.
        revision: Commit of the hub repository (40 hex digits), None for local weights.
        files: Names of the weight files read.
        sha256: SHA-256 over the bytes of these files, in order.
        matched: Parameters and buffers filled from the source.
        renamed: `old -> new` for every key that another version or project spells otherwise.
        folded: Linear layers whose SVD factors were folded into one matrix (Effort).
        missing: Keys the detector has and the source lacks; only a whole head may be missing.
        ignored: Keys of the source that the detector has no use for (text tower, decoder, position ids).
        head_trained: Whether the head came from the source; if not, scores are noise.
        label_order: How logits become P(fake).
    """

    source: str
    kind: Literal["hub", "folder", "file", "random"]
    revision: str | None
    files: tuple[str, ...]
    sha256: str
    matched: int
    renamed: tuple[str, ...]
    folded: int
    missing: tuple[str, ...]
    ignored: tuple[str, ...]
    head_trained: bool
    label_order: LabelOrder
