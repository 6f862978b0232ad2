"""The frames of a video that a plan asks for, given how many there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.media.frame import EndOfVideo, Frame
from deepfakebench_ext.media.image import frame_files, read_rgb
from deepfakebench_ext.media.sniff import is_folder
from deepfakebench_ext.media.video import Backend, Scan, damage_of, frames_of, scan

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sampled(Generic[T]):
    """What became of the frames that a plan asked for.

    Attributes:
        indices: The plan, as it was carried out.
        items: One for each index; frames that the plan names twice share theirs.
        num_frames: Frames of the video that the plan was made for.
        scan: What the file had promised.
    """

    indices: tuple[int, ...]
    items: tuple[T, ...]
    num_frames: int
    scan: Scan

    @property
    def replanned(self) -> bool:
        """Whether fewer frames could be decoded than the first plan was made for."""
        return self.num_frames != self.scan.num_frames

    @property
    def damage(self) -> str:
        """What is amiss with the file, as far as it was seen; empty where nothing is."""
        return damage_of(self.scan, self.num_frames)


def sampled(
    path: Path,
    plan: Callable[[int], Sequence[int]],
    transform: Callable[[Frame], T],
    *,
    lost: Callable[[int, MediaError], T] | None = None,
    backend: Backend | None = None,
) -> Sampled[T]:
    """Return `transform` of the frames that `plan` asks for, given how many there are.

    The plan is first made for the frames that the file promises. Where it then asks for one that cannot be decoded, it
    is made again for those that can, and the video is decoded once more.

    Args:
        path: A video file or a folder of images.
        plan: From a number of frames to indices below it, in any order, repetitions allowed. May be empty.
        transform: Called once for each frame, in ascending order, so that one whole frame is in memory at a time.
        lost: Called in its place for an image of a folder that cannot be read; None, or not one that can, is an error.
        backend: For tests; None takes what is installed.

    Raises:
        MediaError: Not a video, or no frame of it can be decoded.
    """
    promised = scan(path, backend=backend)
    if lost is not None and is_folder(path):
        return _of_folder(path, tuple(plan(promised.num_frames)), transform, lost, promised)
    try:
        return _carried_out(path, plan, promised.num_frames, promised, transform, backend)
    except EndOfVideo as end:
        return _carried_out(path, plan, end.decoded, promised, transform, backend)


def _carried_out(
    path: Path,
    plan: Callable[[int], Sequence[int]],
    num_frames: int,
    promised: Scan,
    transform: Callable[[Frame], T],
    backend: Backend | None,
) -> Sampled[T]:
    indices = tuple(plan(num_frames))
    wanted = sorted(set(indices))
    index = promised.index if num_frames == promised.num_frames else None
    done = {frame.index: transform(frame) for frame in frames_of(path, wanted, backend, index)} if wanted else {}
    return Sampled(indices, tuple(done[index] for index in indices), num_frames, promised)


def _of_folder(
    path: Path,
    indices: tuple[int, ...],
    transform: Callable[[Frame], T],
    lost: Callable[[int, MediaError], T],
    promised: Scan,
) -> Sampled[T]:
    files = frame_files(path)
    done: dict[int, T] = {}
    errors: list[MediaError] = []
    for index in sorted(set(indices)):
        try:
            rgb = read_rgb(files[index])
        except MediaError as error:
            errors.append(error)
            done[index] = lost(index, error)
        else:
            done[index] = transform(Frame(rgb, index, None))
    if errors and len(errors) == len(done):
        raise errors[0]
    return Sampled(indices, tuple(done[index] for index in indices), len(files), promised)
