"""What a dataset JSON names and the disk lacks, before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.data.stores.frame_stores import FrameStore

_VIDEOS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a dataset is there.

    Attributes:
        dataset: Its name.
        videos: Videos that the JSON lists.
        frames: Frames that it names, over all videos.
        missing: Those that are not there.
        empty_videos: Videos of which no frame is there.
        incomplete: Key and number of missing frames of each video that lacks some, most first.
        looked_at: Where the first missing frame was looked for; empty where none is missing.
        faults: Why videos cannot be used whatever is on the disk, one a video.
    """

    dataset: str
    videos: int
    frames: int
    missing: int
    empty_videos: int
    incomplete: tuple[tuple[str, int], ...]
    looked_at: str = ""
    faults: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every frame is there."""
        return self.missing == 0

    @property
    def is_empty(self) -> bool:
        """Whether no frame is there, so that a run would score nothing."""
        return self.missing == self.frames

    def lines(self, shown: int = _VIDEOS_SHOWN) -> list[str]:
        """Return it as text for a terminal, one string a line: the sums, then at most `shown` videos, worst first."""
        head = f"{self.dataset}: {self.frames:,} frames of {self.videos:,} videos"
        unusable = [f"  {counted(len(self.faults), 'video')} cannot be used: {self.faults[0]}"] if self.faults else []
        if self.is_complete:
            return [f"{head}, all there", *unusable]
        lines = [
            f"{head}; {self.missing:,} frames are missing, in {len(self.incomplete):,} videos, "
            f"{self.empty_videos:,} of which have none",
            f"  the first was looked for at {self.looked_at}",
            *unusable,
        ]
        width = len(f"{self.incomplete[0][1]:,}")
        lines += [f"  {count:>{width},} missing  {key}" for key, count in self.incomplete[:shown]]
        if rest := self.incomplete[shown:]:
            lines.append(f"  ... and {sum(count for _, count in rest):,} missing in {len(rest):,} more videos")
        return lines


def coverage(samples: Sequence[Sample], store: FrameStore) -> Coverage:
    """Return how much of a dataset is there. Nothing is decoded.

    Args:
        samples: One dataset, from `gather_dataset`.
        store: The one that they were gathered with.

    Raises:
        ConfigError: No samples, or samples of several datasets.
    """
    datasets = {sample.dataset for sample in samples}
    if len(datasets) != 1:
        raise ConfigError(f"coverage is of one dataset at a time, not of {len(datasets)}; call it for each")
    absent = store.missing(frame for sample in samples for frame in sample.frames)
    lacking = set(absent)
    counts = [(sample.key, sum(frame in lacking for frame in sample.frames)) for sample in samples]
    incomplete = sorted(((key, count) for key, count in counts if count), key=lambda pair: (-pair[1], pair[0]))
    return Coverage(
        dataset=str(samples[0].dataset),
        videos=len(samples),
        frames=sum(len(sample.frames) for sample in samples),
        missing=len(absent),
        empty_videos=sum(0 < count == len(s.frames) for s, (_, count) in zip(samples, counts, strict=True)),
        incomplete=tuple(incomplete),
        looked_at=store.address(absent[0]) if absent else "",
        faults=tuple(sample.fault for sample in samples if sample.fault),
    )
