"""Faces by YuNet, OpenCV's own small network, from a model file that the user names."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.faces.detect import MODEL_FILES, Face, check_model_file
from deepfakebench_ext.media.frame import RGB

# OpenCV's own defaults but for the score: its 0.9 loses half of the faces of 60 px in a 720p frame, and all of 40 px;
# 0.6 loses none and adds no false one (scripts/bench_faces.py).
_SCORE, _OVERLAP, _CANDIDATES = 0.6, 0.3, 5000
_SIDE_PX = 640  # it was trained for faces of 10 to 300 px


class YuNetDetector:
    """OpenCV's FaceDetectorYN: boxes and five points. Frames are searched at 640 px, whatever their size."""

    def __init__(self, face_model: Path) -> None:
        """Load the network once, to see that it is one.

        Raises:
            ConfigError: The file is missing or not a YuNet of the kind that OpenCV reads.
        """
        check_model_file(face_model, "--face_model")
        self._path = face_model
        self._local = threading.local()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # it warns in each thread that it has no GPU
        try:
            self.detect(np.zeros((64, 64, 3), np.uint8))
        except cv2.error as error:
            reason = " ".join(error.err.split())
            raise ConfigError(
                f"--face_model {face_model} is not a YuNet that OpenCV {cv2.__version__} reads: {reason}; "
                f"give {MODEL_FILES['--face_model']}"
            ) from error

    def detect(self, rgb: RGB) -> list[Face]:
        """The faces in a uint8 (H, W, 3) RGB frame. Other threads run meanwhile."""
        height, width = rgb.shape[:2]
        shrink = min(1.0, _SIDE_PX / max(height, width))
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        small = rgb if shrink == 1.0 else cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        network = self._own_network()
        network.setInputSize(size)
        _, rows = network.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        return [] if rows is None else [yunet_face(row, (width / size[0], height / size[1])) for row in rows]

    def _own_network(self) -> Any:
        if not hasattr(self._local, "network"):
            self._local.network = cv2.FaceDetectorYN.create(
                str(self._path), "", (64, 64), _SCORE, _OVERLAP, _CANDIDATES
            )
        return self._local.network


def yunet_face(row: npt.NDArray[np.float32], enlarge: tuple[float, float]) -> Face:
    """The face that a row of FaceDetectorYN describes.

    Its points are the person's right eye, left eye, nose tip, right and left corner of the mouth. The person's right is
    the picture's left, so that this is the order of `align.FIVE_POINTS_68`.

    Args:
        row: (15,): x, y, width, height, five times x, y, and the score.
        enlarge: Frame size over searched size, for x and for y.

    Source:
        OpenCV objdetect.hpp, FaceDetectorYN::detect.
    """
    values = row.astype(np.float64)
    x0, y0, width, height = values[:4]
    bbox = (x0 * enlarge[0], y0 * enlarge[1], (x0 + width) * enlarge[0], (y0 + height) * enlarge[1])
    landmarks = values[4:14].reshape(5, 2) * enlarge
    return Face((float(bbox[0]), float(bbox[1]), float(bbox[2]), float(bbox[3])), landmarks, float(values[14]))
