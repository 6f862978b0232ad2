"""Frames of one video to PNG files, cut to the face, with the landmarks of each crop beside it."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.readers.frames import FrameSource
from deepfakebench_ext.extraction.crop_folder import writing
from deepfakebench_ext.faces.crop import FaceCrop, Miss, Shot
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.media.frame import RGB
from deepfakebench_ext.media.sampling import FrameSampling

_WRITTEN = np.empty((0, 0, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class WrittenCrops:
    """What was written of one video.

    Attributes:
        names: Of the files, ascending by the frame's number.
        missed: Why there is none, of each frame that shows no face.
        lost: Why there is none, of each frame that cannot be read.
        damage: What is amiss with the file, as far as it was seen.
        decoded: Frames that were looked at.
        faceless: Those of them in which no face was found.
        replanned: Whether there were fewer frames than the file had promised.
    """

    names: tuple[str, ...]
    missed: tuple[str, ...]
    lost: tuple[str, ...]
    damage: str
    decoded: int
    faceless: int
    replanned: bool


def write_crops(
    sample: Sample, sampling: FrameSampling, folder: Path, faces: FaceReader | None, stop: threading.Event
) -> WrittenCrops:
    """Write the sampled frames of a video as they are decoded, one in memory at a time.

    Args:
        sample: The video.
        sampling: Which frames.
        folder: An empty one; gets `frames/000.png` and `landmarks/000.npy`.
        faces: What cuts frames to the face; None leaves them whole.
        stop: Set from another thread, to give up at the next frame.

    Raises:
        MediaError: The video cannot be read.
        OutputError: A file cannot be written.
        CancelledError: `stop` was set.
    """

    def keep(shot: Shot) -> Shot:
        if stop.is_set():
            raise CancelledError
        if isinstance(shot.result, FaceCrop):
            with writing(folder):
                _write(folder, shot.index, shot.result)
        return shot.made(lambda rgb: _WRITTEN)

    taken = FrameSource(keep, faces=faces).take(sample, sampling)
    shots = [shot for group in taken.groups for shot in group]
    misses = [shot.result for shot in shots if isinstance(shot.result, Miss)]
    names = tuple(f"{shot.index:03d}.png" for shot in shots if isinstance(shot.result, FaceCrop))
    with writing(folder):
        _remove_others(folder, names)
    return WrittenCrops(
        names,
        tuple(miss.reason for miss in misses if not miss.is_unreadable),
        tuple(miss.reason for miss in misses if miss.is_unreadable),
        taken.damage,
        decoded=sum(not shot.is_unreadable for shot in shots),
        faceless=sum(shot.is_faceless for shot in shots),
        replanned=taken.num_frames != taken.promised,
    )


def _write(folder: Path, index: int, crop: FaceCrop) -> None:
    frames, landmarks = folder / "frames", folder / "landmarks"
    frames.mkdir(exist_ok=True)
    (frames / f"{index:03d}.png").write_bytes(_png(crop.rgb))
    if crop.landmarks_px is not None:
        landmarks.mkdir(exist_ok=True)
        np.save(landmarks / f"{index:03d}.npy", crop.landmarks_px.astype(np.float64), allow_pickle=False)


def _remove_others(folder: Path, names: tuple[str, ...]) -> None:
    """Remove what was written before it showed that fewer frames can be decoded than were planned on."""
    stems = {Path(name).stem for name in names}
    for path in folder.glob("*/*"):
        if path.stem not in stems:
            path.unlink()


def _png(rgb: RGB) -> bytes:
    """The uint8 (H, W, 3) pixels as a PNG file, lossless. By OpenCV, which lets other threads run meanwhile."""
    _, coded = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return coded.tobytes()
