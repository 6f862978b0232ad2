"""Which pixels of a sample are taken: whole or cut to the face, out of files or a store. One place for every command.

A sampling says which frames or clips; the frames come one after the other, in ascending order, and each is held only as
long as a clip needs it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.samples.kinds import is_video
from deepfakebench_ext.data.stores.frame_stores import FrameStore
from deepfakebench_ext.faces.cache import CachedCrops
from deepfakebench_ext.faces.crop import FaceCrop, Miss, Shot, crop_frames, crop_people
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.faces.settings import FaceSettings
from deepfakebench_ext.media.frame import RGB, Frame
from deepfakebench_ext.media.host_sampling import DeepfakeBenchSampling
from deepfakebench_ext.media.image import frame_files, read_rgb
from deepfakebench_ext.media.sampled import sampled
from deepfakebench_ext.media.sampling import ClipSampling, FrameSampling
from deepfakebench_ext.media.sniff import is_folder
from deepfakebench_ext.media.video import frames_at_rate, remark

Keep: TypeAlias = Callable[[Shot], Shot]
"""What is made of a shot as soon as it is there, so that no whole frame is held for long."""
Pick: TypeAlias = Callable[[int], int]
"""From a number of frames or clips to the one that is taken."""
Sampling: TypeAlias = FrameSampling | ClipSampling | DeepfakeBenchSampling
_Groups: TypeAlias = Sequence[Sequence[int]]
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Taken:
    """What was taken of a sample.

    Attributes:
        groups: The frames or clips, in the order of their starts; to be gone through once.
        num_frames: Frames of the sample that the sampling was planned on; 0 where it goes by time.
        promised: As many as there are by what the file says.
        damage: What is amiss with the file, as far as it was seen; empty where nothing is. By time, known at the end.
        remark: What of a video's pictures was converted, or is not as a player shows it; empty for all others.
    """

    groups: Iterable[Sequence[Shot]]
    num_frames: int = 1
    promised: int = 1
    damage: str = ""
    remark: str = ""


class FrameSource:
    """Takes the frames of samples. Safe in several threads."""

    def __init__(
        self, keep: Keep, *, faces: FaceReader | None = None, stores: Mapping[str, FrameStore] | None = None
    ) -> None:
        """Say how frames are taken.

        Args:
            keep: Applied to each shot as it comes.
            faces: What cuts frames to the face; None leaves them whole, as those of a dataset JSON always are.
            stores: By the name of their dataset, where the frames that a JSON lists are read.
        """
        self._keep, self._faces, self._stores = keep, faces, stores or {}

    def take(self, sample: Sample, sampling: Sampling, pick: Pick | None = None) -> Taken:
        """Return the frames or clips that a sampling asks for. An image has one frame, whatever the sampling.

        A picture of a folder, and a frame of a store, that cannot be read is a `Miss` that says so.

        Args:
            sample: Of which.
            sampling: Which frames or clips.
            pick: Chooses the only one of them that is taken; None takes all.

        Raises:
            MediaError: Nothing of it can be read; here, or while the groups are gone through.
            ValueError: No store was given for the sample's dataset.
        """

        def plan(num_frames: int) -> _Groups:
            groups = sampling.groups(num_frames)
            return [groups[pick(len(groups))]] if groups and pick is not None else groups

        if sample.fault:
            raise MediaError(sample.fault)
        if sample.frames:
            return self._stored(sample, plan(len(sample.frames)))
        if not is_video(sample):
            return self._image(sample)
        if isinstance(sampling, FrameSampling) and sampling.fps is not None:
            return self._by_time(sample, sampling.fps)
        if self._faces is not None and self._faces.cache is not None:
            return self._cached(sample, sampling, pick, self._faces)
        return self._film(sample, plan, self._keep)

    def store_of(self, sample: Sample) -> FrameStore:
        """Return where the frames that a JSON lists are read.

        Raises:
            ValueError: There is none for the sample's dataset.
        """
        try:
            return self._stores[sample.dataset or ""]
        except KeyError as error:
            raise ValueError(f"{sample.key}: no store was given for the dataset {sample.dataset!r}") from error

    def _stored(self, sample: Sample, groups: _Groups) -> Taken:
        store, assembly = self.store_of(sample), _Assembly(self._keep)

        def read() -> Iterator[Sequence[Shot]]:
            for index in assembly.begin(groups):
                try:
                    assembly.add(Frame(store.read(sample.frames[index]), index, None))
                except MediaError as error:
                    assembly.lose(index, error)
                yield from assembly.finished()

        return Taken(read(), len(sample.frames), len(sample.frames))

    def _image(self, sample: Sample) -> Taken:
        def make(keep: Keep) -> tuple[Shot, ...]:
            assembly = _Assembly(keep, self._faces, None if self._faces is None else self._faces.for_images)
            return tuple(assembly.alone(Frame(read_rgb(sample.path), 0, None)))

        if self._faces is None:
            return Taken([make(self._keep)])
        crops = self._faces.kept(
            sample.path, self._faces.for_images, {"image": True}, lambda: CachedCrops(make(lambda shot: shot))
        )
        return Taken([[self._keep(shot) for shot in crops.shots]])

    def _by_time(self, sample: Sample, fps: float) -> Taken:
        """The last frame is held back until it is known what is amiss with the file."""
        assembly, taken = self._for_video(self._keep), Taken((), 0, 0, remark=remark(sample.path))

        def read() -> Iterator[Sequence[Shot]]:
            frames, held = frames_at_rate(sample.path, fps), list[Sequence[Shot]]()
            while True:
                try:
                    held.append(assembly.alone(next(frames)))
                except StopIteration as end:
                    taken.damage = end.value
                    yield from held
                    return
                if len(held) > 1:
                    yield held.pop(0)

        taken.groups = read()
        return taken

    def _film(self, sample: Sample, plan: Callable[[int], _Groups], keep: Keep) -> Taken:
        assembly = self._for_video(keep)
        done = sampled(sample.path, lambda count: assembly.begin(plan(count)), assembly.add, lost=assembly.lose)
        return Taken(
            assembly.finished(), done.num_frames, done.scan.num_frames, done.damage, remark=remark(sample.path)
        )

    def _cached(self, sample: Sample, sampling: Sampling, pick: Pick | None, faces: FaceReader) -> Taken:
        def make() -> CachedCrops:
            taken = self._film(sample, sampling.groups, lambda shot: shot)
            shots = tuple(shot for group in taken.groups for shot in group)
            about = {"num_frames": taken.num_frames, "scanned": taken.promised, "damage": taken.damage}
            return CachedCrops(shots, {**about, "remark": taken.remark})

        crops = faces.kept(sample.path, faces.for_videos, sampling.to_dict(), make)
        num_frames, shots = crops.info["num_frames"], iter(crops.shots)
        groups = [list(islice(shots, len(group))) for group in sampling.groups(num_frames)]
        if groups and pick is not None:
            groups = [groups[pick(len(groups))]]
        kept = ([self._keep(shot) for shot in group] for group in groups)
        about = crops.info
        return Taken(kept, num_frames, about["scanned"], about["damage"], about.get("remark", ""))

    def _for_video(self, keep: Keep) -> _Assembly:
        return _Assembly(keep, self._faces, None if self._faces is None else self._faces.for_videos)


def files_of(
    sample: Sample, stores: Mapping[str, FrameStore] | None = None, sampling: Sampling | None = None
) -> Iterator[Path | str]:
    """Yield the files that the frames of a sample are read from: an image, a film, pictures, or a database.

    Args:
        sample: Of which.
        stores: By the name of their dataset, where the frames that a JSON lists are read.
        sampling: Whose frames; None for all that there are.
    """
    if sample.frames:
        store = (stores or {})[sample.dataset or ""]
        yield from dict.fromkeys(store.file(frame) for frame in _sampled(sample.frames, sampling))
    elif is_video(sample) and is_folder(sample.path):
        with suppress(MediaError):  # said when it is read
            yield from _sampled(frame_files(sample.path), sampling)
        yield sample.path  # whose time changes with the names in it, which say how many frames there are
    else:
        yield sample.file


def sampling_record(sampling: Sampling, *, is_stored: bool) -> dict[str, Any]:
    """Return what is recorded of a sampling; of the frames that a JSON lists, by whose protocol they are taken."""
    protocol = "deepfakebench" if isinstance(sampling, DeepfakeBenchSampling) else "uniform"
    return {**({"protocol": protocol} if is_stored else {}), "sampling": sampling.to_dict()}


def _sampled(items: Sequence[T], sampling: Sampling | None) -> Sequence[T]:
    if sampling is None or (isinstance(sampling, FrameSampling) and sampling.fps is not None):
        return items
    return [items[index] for index in sorted({index for group in sampling.groups(len(items)) for index in group})]


class _Assembly:
    """Frames that come in ascending order, put together to groups as soon as each is complete.

    Frames that are cut at one place for a whole clip are held until the clip is complete; all others are cut at once.
    """

    def __init__(self, keep: Keep, faces: FaceReader | None = None, settings: FaceSettings | None = None) -> None:
        self._keep, self._faces, self._settings = keep, faces, settings
        self.begin(())

    def begin(self, groups: _Groups) -> list[int]:
        """Begin anew, with other groups; return the frames that they need, ascending."""
        self._waiting, self._held = deque(groups), dict[int, Frame | Shot]()
        self._finished = deque[Sequence[Shot]]()
        return sorted({index for group in groups for index in group})

    def add(self, frame: Frame) -> None:
        at_once = self._settings is None or self._settings.per == "frame"
        self._hold(frame.index, self._shots([frame])[0] if at_once else frame)

    def lose(self, index: int, error: MediaError) -> None:
        self._hold(index, Shot(index, None, Miss(str(error), is_unreadable=True)))

    def alone(self, frame: Frame) -> Sequence[Shot]:
        return self._shots([frame])

    def finished(self) -> Iterator[Sequence[Shot]]:
        """Hand out the groups that are complete, each once."""
        while self._finished:
            yield self._finished.popleft()

    def _hold(self, index: int, item: Frame | Shot) -> None:
        self._held[index] = item
        while self._waiting and max(self._waiting[0]) <= index:
            self._finished.append(self._cut([self._held[at] for at in self._waiting.popleft()]))
        for at in [at for at in self._held if not self._waiting or at < min(self._waiting[0])]:
            del self._held[at]

    def _cut(self, items: Sequence[Frame | Shot]) -> list[Shot]:
        shots = iter(self._shots([item for item in items if isinstance(item, Frame)]))
        return [next(shots) if isinstance(item, Frame) else item for item in items]

    def _shots(self, frames: Sequence[Frame]) -> list[Shot]:
        people = zip(*self._crops([frame.rgb for frame in frames]), strict=True)
        return [
            self._keep(Shot(frame.index, frame.time_s, first, frame.end_s, tuple(others)))
            for frame, (first, *others) in zip(frames, people, strict=True)
        ]

    def _crops(self, pixels: Sequence[RGB]) -> Sequence[Sequence[FaceCrop | Miss]]:
        """For each person that is scored, a crop or miss of each frame."""
        if not pixels or self._faces is None or self._settings is None:
            return [[FaceCrop(rgb) for rgb in pixels]]
        if self._settings.face == "all":
            return crop_people(pixels, self._faces.detector, self._settings)
        return [crop_frames(pixels, self._faces.detector, self._settings)]
