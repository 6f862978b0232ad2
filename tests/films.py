"""Films of the astronaut's face, as datasets have them: real and fake, with names that come twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import skimage.data
import videos
from faces.scenes import head, scene, train_landmark_model

FACES = {"real/a.mp4": 1.0, "fake/a.mp4": 0.5, "fake/sub/my_frames.mp4": 0.6}
"""Path and brightness; the fakes are darker."""

STAMPED = {"real/a.mp4": 9, "real/b.webm": 7, "fake/a.mp4": 12, "fake/sub/a.avi": 8}
"""Path and number of frames."""


def film(path: Path, frames: Sequence[np.ndarray]) -> None:
    """Write uint8 (H, W, 3) RGB frames as a video."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "ultrafast"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        container.mux(stream.encode(None))


def face_films(folder: Path, num_frames: int = 6) -> None:
    """Write the films of `FACES`: a face that moves by 5 px from frame to frame."""
    face = head(skimage.data.astronaut())
    for number, (name, gain) in enumerate(FACES.items()):
        centres = [(80.0 + 5 * at + number, 96.0) for at in range(num_frames)]
        film(folder / name, [scene(face, (192, 200), 90, centre, gain=gain) for centre in centres])


def stamped_films(folder: Path) -> None:
    """Write the films of `STAMPED`, whose frames carry their numbers."""
    for name, frames in STAMPED.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        videos.stamped_video(folder / name, frames)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, but the lock, whose presence depends on the system."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def landmark_model(path: Path) -> Path:
    """Write a landmark model of 81 points that knows the face."""
    return train_landmark_model(path, skimage.data.astronaut(), 81)
