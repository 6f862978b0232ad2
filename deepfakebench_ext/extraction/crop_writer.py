"""Frames of one video to PNG files, cut to the face, with the landmarks of each crop beside it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError
from pathlib import Path

import cv2
import numpy as np

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.extraction.crop_folder import writing
from deepfakebench_ext.faces.crop import FaceCrop, Miss, crop_frame
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.media.sampling import FrameSampling
from deepfakebench_ext.media.video import RGB, Frame, frames_at_rate, sampled


class FrameWriter:
    """Writes the sampled frames of one video as they are decoded, one in memory at a time.

    Attributes:
        folders: Of the frames and of the landmarks; there as soon as something is in them.
        names: Of the files written, ascending by the frame's number.
        missed: Why there is none, of each frame that shows no face.
        lost: Why there is none, of each frame that cannot be read.
        damage: What is amiss with the file, as far as it was seen.
        decoded: Frames that were looked at.
        faceless: Those of them in which no face was found.
    """

    def __init__(self, folder: Path, faces: FaceReader | None, stop: threading.Event) -> None:
        """Write `frames/000.png` and `landmarks/000.npy` into a folder.

        Args:
            folder: An empty one.
            faces: What cuts frames to the face; None leaves them whole.
            stop: Set from another thread, to give up at the next frame.
        """
        self._faces, self._stop, self.damage = faces, stop, ""
        self.folders = (folder / "frames", folder / "landmarks")
        self._begin()

    def _begin(self) -> None:
        for folder in self.folders:
            if folder.is_dir():
                shutil.rmtree(folder)
        self.names: list[str] = []
        self.missed: list[str] = []
        self.lost: list[str] = []
        self.decoded = self.faceless = 0

    def write(self, path: Path, sampling: FrameSampling) -> bool:
        """Write the sampled frames of a video; return whether there were fewer than the file had promised.

        Raises:
            MediaError: The video cannot be read.
            OutputError: A file cannot be written.
            CancelledError: `stop` was set.
        """
        if sampling.fps is None:
            done = sampled(path, lambda n: self._plan(sampling, n), self._take, lost=self._lose)
            self.damage = done.damage
            return done.replanned
        for frame in frames_at_rate(path, sampling.fps):
            self._take(frame)
        return False

    def _plan(self, sampling: FrameSampling, num_frames: int) -> Sequence[int]:
        """Begin anew: where fewer frames can be decoded than promised, the plan is made twice."""
        with writing(self.folders[0]):
            self._begin()
        return sampling.indices(num_frames)

    def _take(self, frame: Frame) -> None:
        if self._stop.is_set():
            raise CancelledError
        result = self._cut(frame.rgb)
        self.decoded += 1
        if isinstance(result, Miss):
            self.faceless += 1
            self.missed.append(result.reason)
            return
        self.faceless += not result.face_found
        with writing(self.folders[0]):
            self._write(frame.index, result)

    def _lose(self, index: int, error: MediaError) -> None:
        self.lost.append(str(error))

    def _cut(self, rgb: RGB) -> FaceCrop | Miss:
        if self._faces is None:
            return FaceCrop(rgb)
        return crop_frame(rgb, self._faces.detector, self._faces.for_videos)

    def _write(self, index: int, crop: FaceCrop) -> None:
        frames, landmarks = self.folders
        frames.mkdir(exist_ok=True)
        name = f"{index:03d}.png"
        (frames / name).write_bytes(_png(crop.rgb))
        self.names.append(name)
        if crop.landmarks_px is not None:
            landmarks.mkdir(exist_ok=True)
            np.save(landmarks / f"{index:03d}.npy", crop.landmarks_px.astype(np.float64), allow_pickle=False)


def _png(rgb: RGB) -> bytes:
    """The uint8 (H, W, 3) pixels as a PNG file, lossless. By OpenCV, which lets other threads run meanwhile."""
    _, coded = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return coded.tobytes()
