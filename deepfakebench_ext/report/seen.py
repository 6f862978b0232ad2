"""Where what a score is of can be looked at again. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deepfakebench_ext.common.types import Prediction, Sample

Paths = Callable[[Sequence[int]], Sequence[str]]
"""Where the files of some rows of the table of frames or clips lie; empty texts where unknown."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Which pixels were scored, as far as is known.

    Attributes:
        path: The image, the video or the folder of frames; empty where unknown.
        frame: Number in the video of the frame, or of the clip's first frame; None for images, or where unknown.
        frame_file: Name of the file of that frame in its folder; empty for images and films.
        bbox_px: x0, y0, x1, y1 of the face that was scored; None where the whole frame was.
    """

    path: str
    frame: int | None = None
    frame_file: str = ""
    bbox_px: tuple[float, float, float, float] | None = None

    @classmethod
    def of(cls, sample: Sample, prediction: Prediction) -> Seen:
        """Return what was scored of a sample."""
        return cls(sample.where, prediction.frame, prediction.frame_file, prediction.bbox_px)


Looks = Callable[[Sequence[int]], Sequence[Seen]]
"""What was scored in some rows of the table of frames or clips."""
