"""A dataset's folder while frames are extracted into it: a record for each video that is done, everything whole.

A video's files are written aside, then its record, which says what they are, and then they are moved into their place.
A run that is killed at any point and started again by the same command goes on with the videos whose files are not all
there, and ends with the same tree. So it does with other settings, or another input file of the same name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from deepfakebench_ext.common.atomic_files import write_bytes_atomic
from deepfakebench_ext.common.errors import ConfigError, OutputError
from deepfakebench_ext.common.locked_folder import LockedFolder
from deepfakebench_ext.common.types import Status
from deepfakebench_ext.extraction.places import Place

_OURS = ".extract"


@dataclass(frozen=True, slots=True)
class VideoFrames:
    """What became of one video.

    Attributes:
        key: The sample's key.
        place: Where its frames lie.
        status: `ok` when there is at least one frame, else what went wrong.
        reason: Empty when `ok`, else a sentence for people.
        frames: Names of the files, ascending by the frame's number.
        planned: Frames that the sampling asked for; None where it goes by time.
        decoded: Frames that were looked at.
        faceless: Those of them in which no face was found.
        replanned: Whether fewer frames could be decoded than the file had promised.
        size_bytes: Of all its files together.
        fingerprint: Of all that decides them.
    """

    key: str
    place: Place
    status: Status
    reason: str = ""
    frames: tuple[str, ...] = ()
    planned: int | None = None
    decoded: int = 0
    faceless: int = 0
    replanned: bool = False
    size_bytes: int = 0
    fingerprint: str = ""


class CropFolder(LockedFolder):
    """A dataset's folder, locked for this process while open. A context manager."""

    def __init__(self, folder: Path) -> None:
        """Create `folder` if need be, or go on with what is in it.

        Raises:
            ConfigError: It holds files, and none of them says that they were extracted by this program.
            OutputError: It cannot be written, or another process is using it.
        """
        self._own = folder / _OURS
        with writing(folder):
            if folder.is_dir() and any(folder.iterdir()) and not self._own.is_dir():
                raise ConfigError(f"{folder} holds files of another origin; give another --output_dir or --dataset")
        super().__init__(folder, lock=f"{_OURS}/lock")

    def close(self) -> None:
        """Remove what was written aside, and give the lock back."""
        shutil.rmtree(self._aside, ignore_errors=True)
        super().close()

    def keep_whole(self, planned: Mapping[str, tuple[Place, str]]) -> dict[str, VideoFrames]:
        """Return the videos that are done; remove all files of the others.

        Args:
            planned: Key to place and fingerprint, of every video of the run.

        Raises:
            ConfigError: There are frames of a video that is not among the planned.
            OutputError: Something cannot be removed.
        """
        known = {record.key: record for record in self._records()}
        strange = [key for key, record in known.items() if key not in planned and record.frames]
        if strange:
            raise ConfigError(
                f"{self.folder} holds the frames of {len(strange)} videos that are not in this input, such as "
                f"{strange[0]}; give another --output_dir or --dataset, or remove {self.folder} to begin anew"
            )
        with writing(self.folder):
            done = {
                key: record
                for key, record in known.items()
                if key in planned and record.fingerprint == planned[key][1] and self._is_whole(record)
            }
            shutil.rmtree(self._aside, ignore_errors=True)
            for key, record in known.items():
                if key not in done:
                    self._remove(record.place)
                    self._record(key).unlink(missing_ok=True)  # last, since it says where the files are
            for key, (place, _) in planned.items():
                if key not in done:  # files whose record was damaged
                    self._remove(place)
        return done

    def aside(self, key: str) -> Path:
        """Create an empty folder, to write a video's `frames` and `landmarks` into."""
        folder = self._aside / self._record(key).stem
        with writing(folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        return folder

    def keep(self, video: VideoFrames, aside: Path) -> None:
        """Record a video, and then move its files from aside into their place.

        Raises:
            OutputError: They cannot be moved or the record cannot be written.
        """
        text = json.dumps(asdict(video), ensure_ascii=True) + "\n"
        write_bytes_atomic(self._record(video.key), text.encode())
        with writing(self.folder):
            # The frames last: where they are, so are their landmarks.
            for kind, place in (("landmarks", video.place.landmarks), ("frames", video.place.frames)):
                if (aside / kind).is_dir():
                    target = self.folder / place
                    target.parent.mkdir(parents=True, exist_ok=True)
                    (aside / kind).rename(target)

    @property
    def _aside(self) -> Path:
        return self._own / "unfinished"

    def _record(self, key: str) -> Path:
        return self._own / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"

    def _records(self) -> Iterator[VideoFrames]:
        for path in sorted(self._own.glob("*.json")):
            try:
                values = json.loads(path.read_bytes())
                place = Place(**values.pop("place"))
                yield VideoFrames(**{**values, "place": place, "frames": tuple(values["frames"])})
            except (ValueError, TypeError, KeyError, AttributeError):
                path.unlink()  # damaged by a crash of the machine: the video is extracted again

    def _is_whole(self, record: VideoFrames) -> bool:
        return folder_bytes(self.folder / place for place in (record.place.frames, record.place.landmarks)) == (
            record.size_bytes
        )

    def _remove(self, place: Place) -> None:
        """Remove a video's files, and the folders that are then empty."""
        for path in (self.folder / place.frames, self.folder / place.landmarks):
            if path.exists():
                shutil.rmtree(path)
            for parent in path.relative_to(self.folder).parents:
                with contextlib.suppress(OSError):  # not there, or not empty
                    if parent != Path():
                        (self.folder / parent).rmdir()


def folder_bytes(folders: Iterable[Path]) -> int:
    """Size of all files directly in these folders; 0 for one that is not there."""
    return sum(file.stat().st_size for folder in folders if folder.is_dir() for file in folder.iterdir())


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says against writing at `path` into a sentence.

    Raises:
        OutputError: The block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write {error.filename or path}: {error.strerror or error}. What was finished is kept; make room "
            "and run the same command again to go on"
        ) from error
