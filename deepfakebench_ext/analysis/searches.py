"""The searches for faces of one film, kept as they are made: a run that goes on makes none of them again.

A search of a frame takes longer than all else that is done with it. Which frames are searched follows from the film and
from what was found before, so the first searches of a run that goes on are those that are kept, in their order.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from deepfakebench_ext.common.errors import damaged
from deepfakebench_ext.common.journal import Journal, read_lines
from deepfakebench_ext.faces.detect import Face, FaceDetector
from deepfakebench_ext.media.frame import RGB

SEARCHES = "searches.jsonl"
"""Of a run directory, until the film has been seen to its end."""


class KeptSearches:
    """A face detector of one film, which goes on after the searches that its folder holds."""

    def __init__(self, detector: FaceDetector, folder: Path) -> None:
        """Read what was found so far.

        Raises:
            OutputError: The file of searches is damaged, or cannot be written.
        """
        path = folder / SEARCHES
        self._detector, self._journal = detector, Journal(path, kept="What was found is kept")
        lines = list(read_lines(path))
        self._found = deque(_faces(values, path, number) for number, (values, _) in enumerate(lines, start=1))
        self._journal.open(lines[-1][1] if lines else 0)

    def close(self) -> None:
        """Close the file."""
        self._journal.close()

    def detect(self, rgb: RGB) -> list[Face]:
        """The faces of the next frame that is searched.

        Raises:
            OutputError: They cannot be kept.
        """
        if self._found:
            return self._found.popleft()
        faces = self._detector.detect(rgb)
        self._journal.add([{"faces": [_values(face) for face in faces]}])
        return faces


def _values(face: Face) -> dict[str, Any]:
    points = None if face.landmarks_px is None else face.landmarks_px.tolist()
    return {"bbox_px": list(map(float, face.bbox_px)), "landmarks_px": points, "score": float(face.score)}


def _faces(values: dict[str, Any], path: Path, number: int) -> list[Face]:
    try:
        return [_face(**each) for each in values["faces"]]
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, f"line {number} holds no faces: {error}") from error


def _face(bbox_px: list[float], landmarks_px: list[list[float]] | None, score: float) -> Face:
    x0, y0, x1, y1 = map(float, bbox_px)
    points = None if landmarks_px is None else np.array(landmarks_px, np.float64).reshape(-1, 2)
    return Face((x0, y0, x1, y1), points, float(score))
