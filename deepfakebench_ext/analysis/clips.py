"""Clips of a face out of the frames that show it, one begun every half of a clip. Holds the frames of one clip."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from deepfakebench_ext.analysis.seeing import SeenFrame


class Cut(NamedTuple):
    """A clip of a face.

    Attributes:
        track: Number of the track.
        frames: Those of the clip; all in which the face was in sight where that are too few for one.
        is_short: Whether they are.
    """

    track: int
    frames: list[SeenFrame]
    is_short: bool = False


@dataclass(slots=True)
class _Run:
    """Frames in which a face was without a gap: the last ones, and how many there were."""

    frames: deque[SeenFrame]
    count: int = field(default=0)


class ClipMaker:
    """Puts the frames of each track together, as they come. A gap in a track ends a run of clips."""

    def __init__(self, clip_len: int, frame_interval: int) -> None:
        """Begin before the first frame; both at least 1."""
        self._span, self._interval = (clip_len - 1) * frame_interval + 1, frame_interval
        self._hop = max(1, self._span // 2)
        self._runs: dict[int, _Run] = {}

    def add(self, frame: SeenFrame, tracks: Collection[int]) -> Iterator[Cut]:
        """Take the next frame, in which these tracks are to be scored; yield the clips that are complete."""
        for track in [track for track in self._runs if track not in tracks]:
            yield from self._ended(track)
        for track in tracks:
            run = self._runs.setdefault(track, _Run(deque(maxlen=self._span)))
            run.frames.append(frame)
            run.count += 1
            if run.count >= self._span and (run.count - self._span) % self._hop == 0:
                yield Cut(track, list(run.frames)[:: self._interval])

    def finish(self) -> Iterator[Cut]:
        """Yield the clips that end with the film, or with the size of its pictures."""
        for track in list(self._runs):
            yield from self._ended(track)

    def _ended(self, track: int) -> Iterator[Cut]:
        """The last frames, where the last clip did not reach them: one that ends with them."""
        run = self._runs.pop(track)
        if run.count < self._span:
            yield Cut(track, list(run.frames), is_short=True)
        elif (run.count - self._span) % self._hop:
            yield Cut(track, list(run.frames)[:: self._interval])
