"""What is done with one video after the other, or several at a time and beside other processes: its crops, written."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.common.urls import is_url
from deepfakebench_ext.common.wording import counted, of_several
from deepfakebench_ext.data.readers.at_hand import sample_at_hand
from deepfakebench_ext.engine.progress import Progress
from deepfakebench_ext.engine.run_directory import fingerprint
from deepfakebench_ext.engine.units import Units
from deepfakebench_ext.extraction.crop_folder import CropFolder, VideoFrames, folder_bytes
from deepfakebench_ext.extraction.crop_writer import write_crops
from deepfakebench_ext.extraction.places import Place
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.media.image import frame_files
from deepfakebench_ext.media.sampling import FrameSampling
from deepfakebench_ext.media.video import backend_name
from deepfakebench_ext.remote import states

logger = logging.getLogger(__name__)

# To be raised by whoever changes what the same settings write, so that files of before are not taken for it.
_RULES = 1


@dataclass(frozen=True, slots=True)
class Planned:
    """A video that is to be extracted.

    Attributes:
        sample: The video.
        place: Where its files go.
        fingerprint: Of all that decides them.
    """

    sample: Sample
    place: Place
    fingerprint: str

    def __str__(self) -> str:
        """Return its key."""
        return self.sample.key


class Extractor:
    """Extracts videos into a folder; the work of `Units`."""

    def __init__(self, store: CropFolder, sampling: FrameSampling, faces: FaceReader | None) -> None:
        """Say how.

        Args:
            store: Where files go.
            sampling: Which frames.
            faces: What cuts frames to the face; None leaves them whole.
        """
        self._store, self._sampling, self._faces = store, sampling, faces
        self._settings = {
            "rules": _RULES,
            "sampling": sampling.to_dict(),
            "faces": None if faces is None else faces.for_videos.to_dict(),
            "video_backend": backend_name(),
        }
        self._stop = threading.Event()
        self._known: dict[str, VideoFrames] = {}

    def planned(self, samples: Sequence[Sample], where: Sequence[Place]) -> list[Planned]:
        """Return what is to be extracted of all videos of the dataset.

        Raises:
            ConfigError: There are frames of a video that is not among them.
        """
        states.ask(sample.file for sample in samples if is_url(sample.file))
        self._store.plan({sample.key: place for sample, place in zip(samples, where, strict=True)})
        return [
            Planned(sample, place, fingerprint({**self._settings, "source": _state(sample), "place": place.frames}))
            for sample, place in zip(samples, where, strict=True)
        ]

    def run(self, videos: Sequence[Planned], workers: int) -> tuple[VideoFrames, ...]:
        """Return what became of each video, in their order; those that were done before are left alone.

        Raises:
            OutputError: Files that cannot be written; what was finished is kept.
        """
        done = sum(map(self.is_done, videos))
        if done:
            logger.info("%d of %d videos in %s were done before", done, len(videos), self._store.folder)
        by_name = {self._store.claim_name(video.sample.key): video for video in videos}
        with Progress(len(videos), "video", done=done) as progress:
            units = Units(self._store.claims, by_name, self, workers=workers)
            units.to_the_end(lambda left: progress.at(len(videos) - left))
        return tuple(self._known[video.sample.key] for video in videos)

    def _find(self, video: Planned) -> VideoFrames | None:
        """What became of a video; asked of the disk until it is known."""
        if video.sample.key not in self._known:
            found = self._store.find(video.sample.key, video.fingerprint)
            if found is None:
                return None
            self._known[video.sample.key] = found
        return self._known[video.sample.key]

    def is_done(self, video: Planned) -> bool:
        """Return whether it is there, or cannot be had."""
        return self._find(video) is not None

    def stop(self) -> None:
        """Let all that is being extracted end at the next frame."""
        self._stop.set()

    def give_up(self, video: Planned, reason: str) -> None:
        """Keep that it cannot be extracted."""
        self._fail(video, VideoFrames(video.sample.key, video.place, "failed", reason))

    def _fail(self, video: Planned, said: VideoFrames) -> None:
        self._store.fail(replace(said, planned=self._sampling.num_frames, fingerprint=video.fingerprint))

    def do(self, video: Planned) -> None:
        """Extract one video. One that cannot be read leaves no record but for this command; the next tries again."""
        with sample_at_hand(video.sample) as local:
            self._write(video, local)

    def _write(self, video: Planned, local: Sample) -> None:
        name = video.sample.file
        aside = self._store.aside(video.sample.key, video.place)
        try:
            crops = write_crops(local, self._sampling, aside, self._faces, self._stop)
        except MediaError as error:
            shutil.rmtree(aside, ignore_errors=True)  # of no use, and of no harm
            reason = str(error).replace(local.file, name)
            return self._fail(video, VideoFrames(video.sample.key, video.place, "unreadable", reason))
        reason = crops.damage
        if not crops.names:
            reason = of_several(crops.missed, crops.decoded, "frames")
        elif crops.lost:
            reason = f"{counted(len(crops.lost), 'frame')} left out, such as {crops.lost[0]}"
        found = VideoFrames(
            key=video.sample.key,
            place=video.place,
            status="ok" if crops.names else "no_face",
            reason=reason.replace(local.file, name),
            frames=crops.names,
            planned=self._sampling.num_frames,
            decoded=crops.decoded,
            faceless=crops.faceless,
            replanned=crops.replanned,
            size_bytes=folder_bytes([aside / "frames", aside / "landmarks"]),
            fingerprint=video.fingerprint,
        )
        self._store.keep(found, aside)
        return None


def _state(sample: Sample) -> Any:
    """Name, size and time of the video's file, or of each of its frames; None where there is no such file."""
    if is_url(sample.file):
        return states.state_text(sample.file)
    path = sample.path
    try:
        files = frame_files(path) if path.is_dir() else [path]
        return [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    except (OSError, MediaError):
        return None
