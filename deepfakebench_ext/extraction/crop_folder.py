"""A dataset's folder while frames are extracted into it: a record for each video that is done, everything whole.

A video's files are written aside, then its record, which says what they are, and then they are moved into their place.
A run that is killed at any point and started again by the same command goes on with the videos whose files are not all
there, and ends with the same tree. So it does with other settings, or another input file of the same name.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from deepfakebench_ext.common.atomic_files import write_bytes_atomic
from deepfakebench_ext.common.errors import ConfigError, OutputError
from deepfakebench_ext.common.locked_folder import LockedFolder
from deepfakebench_ext.common.types import Status
from deepfakebench_ext.engine.claims import Claims
from deepfakebench_ext.extraction.places import Place

_OURS = ".extract"
_TRIES = 100  # each fails only where another process removed the same empty folder within microseconds


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
    """A dataset's folder, this process's while open, or that of several that extract into it. A context manager.

    Attributes:
        claims: Who is at which video, by `claim_name`.
    """

    def __init__(self, folder: Path, *, alone: bool = True) -> None:
        """Create `folder` if need be, or go on with what is in it.

        Args:
            folder: Where it lies.
            alone: Whether no other process extracts into it meanwhile.

        Raises:
            ConfigError: It holds files, and none of them says that they were extracted by this program.
            OutputError: It cannot be written, or another process is using it.
        """
        self._own, self._alone = folder / _OURS, alone
        self.claims = Claims(self._own / "claims")
        self._places: dict[str, str] = {}
        with writing(folder):
            if folder.is_dir() and any(folder.iterdir()) and not self._own.is_dir():
                raise ConfigError(f"{folder} holds files of another origin; give another --output_dir or --dataset")
        super().__init__(folder, lock=f"{_OURS}/lock", alone=alone)
        with writing(folder):
            self.claims.folder.mkdir(exist_ok=True)

    def close(self) -> None:
        """Remove what is nobody's any more, and give the lock back."""
        if self._alone:
            shutil.rmtree(self._aside, ignore_errors=True)
            shutil.rmtree(self.claims.folder, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):  # others are not through
                self._aside.rmdir()
        super().close()

    def plan(self, places: Mapping[str, Place]) -> None:
        """Take which videos there are, by their keys, and where the files of each go.

        Raises:
            ConfigError: There are frames of a video that is not among them.
        """
        strange = [record.key for record in self._records() if record.key not in places and record.frames]
        if strange:
            raise ConfigError(
                f"{self.folder} holds the frames of {len(strange)} videos that are not in this input, such as "
                f"{strange[0]}; give another --output_dir or --dataset, or remove {self.folder} to begin anew"
            )
        self._places = {place.frames: key for key, place in places.items()}

    def begin(self) -> None:
        """Let what failed before be tried anew: a command begins.

        Raises:
            OutputError: Something cannot be removed.
        """
        self.claims.forgive()
        with writing(self.folder):
            for path in self.claims.folder.glob("*.json"):
                path.unlink(missing_ok=True)

    def find(self, key: str, fingerprint: str) -> VideoFrames | None:
        """Return what became of a video with these settings, whoever extracted it; None where it is to be extracted."""
        record = _read(self._record(key))
        if record is not None and record.fingerprint == fingerprint and self._is_whole(record):
            return record
        failed = _read(self._failure(key))
        return failed if failed is not None and failed.fingerprint == fingerprint else None

    def claim_name(self, key: str) -> str:
        """Return what a video is called among the claims."""
        return self._record(key).stem

    def aside(self, key: str, place: Place) -> Path:
        """Remove what is left of a video, and create an empty folder to write its `frames` and `landmarks` into.

        Raises:
            OutputError: Something cannot be removed, or written.
        """
        with writing(self.folder):
            known = _read(self._record(key))
            if known is not None and self._places.get(known.place.frames, key) == key:
                self._remove(known.place)
            self._record(key).unlink(missing_ok=True)  # last, since it says where the files are
            self._remove(place)  # files whose record was damaged
            folder = self._aside / f"{self._record(key).stem}.{secrets.token_hex(4)}"
            folder.mkdir(parents=True)
        return folder

    def keep(self, video: VideoFrames, aside: Path) -> None:
        """Record a video, and then move its files from aside into their place.

        Raises:
            OutputError: They cannot be moved or the record cannot be written.
        """
        write_bytes_atomic(self._record(video.key), _text(video))
        with writing(self.folder):
            # The frames last: where they are, so are their landmarks.
            for kind, place in (("landmarks", video.place.landmarks), ("frames", video.place.frames)):
                if (aside / kind).is_dir():
                    self._move(aside / kind, self.folder / place)
            shutil.rmtree(aside)

    def _move(self, folder: Path, target: Path) -> None:
        for left in reversed(range(_TRIES)):
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                folder.rename(target)
                break
            except FileNotFoundError:  # whoever removes another video takes the folders that are then empty with it
                if not left:
                    raise
            except OSError as error:  # another process extracted the same, where locks do not reach
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST) and folder_bytes([folder]) == folder_bytes([target]):
                    break
                raise

    def fail(self, video: VideoFrames) -> None:
        """Keep why nothing came of a video, until the next command tries it anew.

        Raises:
            OutputError: It cannot be written.
        """
        write_bytes_atomic(self._failure(video.key), _text(video))

    @property
    def _aside(self) -> Path:
        return self._own / "unfinished"

    def _record(self, key: str) -> Path:
        return self._own / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"

    def _failure(self, key: str) -> Path:
        return self.claims.folder / self._record(key).name

    def _records(self) -> Iterator[VideoFrames]:
        return filter(None, map(_read, sorted(self._own.glob("*.json"))))

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


def _text(video: VideoFrames) -> bytes:
    return (json.dumps(asdict(video), ensure_ascii=True) + "\n").encode()


def _read(path: Path) -> VideoFrames | None:
    """What a record says; None where there is none, or one that a crash of the machine damaged."""
    try:
        values = json.loads(path.read_bytes())
        place = Place(**values.pop("place"))
        return VideoFrames(**{**values, "place": place, "frames": tuple(values["frames"])})
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None


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
