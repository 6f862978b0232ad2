"""Videos to frames: files, through PyAV or else OpenCV, and folders of images.

Frame i is the i-th frame of a sequential decode, and nothing believes a declared number of frames. Where the packets
leave no doubt which frame that is, few frames of a long film are decoded from the keyframes before them (`seeking`):
the same frames, at the same times, to the bit. Times are the file's own, at which players show the frame: MP4, MOV,
Matroska and WebM count from 0, and their first frame may come later; others count from where the file begins, and
OpenCV always from the first frame.
Colours follow the file's own matrix and range tags, 601 and limited where it has none; both backends agree to the
value, for 10 bits within 4 levels. Non-square pixels stay as they are stored; interlaced frames too.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.media.frame import RGB, Clock, EndOfVideo, Frame, Picture
from deepfakebench_ext.media.hdr import RULE, TRANSFERS
from deepfakebench_ext.media.image import frame_files, read_rgb
from deepfakebench_ext.media.packet_index import PacketIndex
from deepfakebench_ext.media.sampling import RateGate
from deepfakebench_ext.media.sniff import check_file, is_folder

__all__ = [
    "RGB",
    "EndOfVideo",
    "Frame",
    "Scan",
    "backend_name",
    "every_frame",
    "frames_at_rate",
    "read_frames",
    "remark",
    "scan",
    "streams",
]


Backend = Literal["pyav", "opencv"]
# From this frame on, reading the packets first is worth while for a single one.
_FAR = 100


@dataclass(frozen=True, slots=True)
class Scan:
    """What a file promises before anything is decoded.

    Attributes:
        num_frames: Frames that ought to be decodable. Damage shows only in decoding.
        times_s: Their presentation times in seconds, as players count, ascending; None for folders of images.
        breaks_off: Whether the file is seen to end in the middle of a frame, or cannot be read on.
        index: Its packets; None where they were not read by themselves.
    """

    num_frames: int
    times_s: tuple[float, ...] | None
    breaks_off: bool = False
    index: PacketIndex | None = None


def backend_name() -> Backend:
    """Return what decodes video files here: `pyav` where the extra `video` is installed, else `opencv`."""
    return "pyav" if find_spec("av") else "opencv"


def scan(path: Path, *, backend: Backend | None = None) -> Scan:
    """Count the frames of a video and read their times.

    PyAV only reads the packets. OpenCV has to decode the whole video.

    Raises:
        MediaError: Not a video, or one without frames.
    """
    if is_folder(path):
        return Scan(len(frame_files(path)), None)
    check_file(path)
    index: PacketIndex | None = None
    if (backend or backend_name()) == "pyav":
        from deepfakebench_ext.media.pyav_backend import packet_index

        index = packet_index(path)
    times_s = _decoded_times(path) if index is None else index.times_s
    if not times_s:
        raise _no_frame(path)
    before = min(0.0, times_s[0])
    return Scan(len(times_s), tuple(time_s - before for time_s in times_s), bool(index and index.breaks_off), index)


def read_frames(path: Path, indices: Sequence[int], *, backend: Backend | None = None) -> Iterator[Frame]:
    """Yield the frames at `indices`, each once and in ascending order, from a decode that stops after the last.

    Raises:
        EndOfVideo: The video has fewer frames; those that it has were yielded before.
        MediaError: Not a video, or no frame of it can be decoded.
        ValueError: A negative index.
    """
    wanted = sorted(set(indices))
    if wanted and wanted[0] < 0:
        raise ValueError(f"frame {wanted[0]} was asked for; the first is 0")
    if not wanted:
        return
    index = None
    if wanted[-1] >= _FAR and not is_folder(path) and (backend or backend_name()) == "pyav":
        index = scan(path, backend=backend).index
    yield from frames_of(path, wanted, backend, index)


def frames_of(path: Path, wanted: Sequence[int], backend: Backend | None, index: PacketIndex | None) -> Iterator[Frame]:
    """Yield frames by number, ascending and distinct: where an index tells how, from the keyframes before them.

    Raises:
        EndOfVideo: As `read_frames`.
        MediaError: As `read_frames`.
    """
    upcoming = 0
    for frame in _sought(path, wanted, index):
        yield frame
        upcoming += 1
    if upcoming < len(wanted):
        yield from _decoded(path, wanted[upcoming:], backend)


def frames_at_rate(path: Path, fps: float, *, backend: Backend | None = None) -> Generator[Frame, None, str]:
    """Yield the first frame at or after each multiple of 1/fps seconds, see `RateGate`, to the end of the video.

    One frame is in memory at a time, however long the video. Returns, at the end, what is amiss with the file, as far
    as it was seen; OpenCV sees nothing.

    Raises:
        MediaError: Not a video, no frame of it can be decoded, or a folder of images, which has no times.
        ValueError: `fps` is not a positive number.
    """
    gate, index = RateGate(fps), 0
    with closing(_timed(path, backend)) as pictures:
        for index, ((time_s, end_s), picture) in enumerate(pictures):
            if time_s is None:
                raise MediaError(f"{path}: a folder of images has no times; sample it by --sampling uniform or first")
            if gate.lets_pass(time_s):
                yield Frame(picture.rgb(), index, time_s, end_s)
    return damage_of(scan(path, backend=backend), index + 1) if (backend or backend_name()) == "pyav" else ""


def every_frame(path: Path, *, backend: Backend | None = None) -> Iterator[Frame]:
    """Yield all frames of a film in order, one in memory at a time.

    Raises:
        MediaError: Not a video, no frame of it can be decoded, or a folder of images, which has no times.
    """
    if is_folder(path):
        raise MediaError(f"{path}: a folder of images has no times; give a video file")
    with closing(_timed(path, backend)) as pictures:
        for index, ((time_s, end_s), picture) in enumerate(pictures):
            yield Frame(picture.rgb(), index, time_s, end_s)


def streams(path: Path, *, backend: Backend | None = None) -> list[dict[str, Any]]:
    """What a file holds, stream by stream, as it says itself: `kind`, `codec`, and what else is known of each.

    Raises:
        MediaError: Not a video.
    """
    check_file(path)
    found: list[dict[str, Any]] = _backend(backend).streams(path)
    return found


def tags(path: Path, *, backend: Backend | None = None) -> dict[str, str]:
    """What a file says of itself, where it does: `container`, `encoder`, `created_at`; long ones cut.

    Raises:
        MediaError: Not a video.
    """
    check_file(path)
    found: dict[str, str] = _backend(backend).tags(path)
    return found


def remark(path: Path, *, backend: Backend | None = None) -> str:
    """Return what of a video's pictures is not as a player shows them, or was converted; empty for all others.

    Raises:
        MediaError: Not a video.
    """
    if is_folder(path):
        return ""
    check_file(path)
    transfer, width = _backend(backend).looks(path)
    found = [f"HDR ({TRANSFERS[transfer]}), {RULE}"] if transfer in TRANSFERS else []
    if width != 1:
        found.append(f"pixels {width.numerator}:{width.denominator} wide, scored as they are stored")
    return "; ".join(found)


def damage_of(promised: Scan, num_frames: int) -> str:
    """Return what is amiss with a file, given how many frames were decoded; empty where nothing is seen."""
    if num_frames == promised.num_frames and not promised.breaks_off:
        return ""
    return f"cut short or damaged: frames were taken of the first {num_frames}, which can be decoded"


def _sought(path: Path, wanted: Sequence[int], index: PacketIndex | None) -> Iterator[Frame]:
    """As many of the frames as can be had without doubt, from the first on."""
    if index is None or not (stops := index.stops(wanted)):
        return
    from deepfakebench_ext.media.seeking import pictures_at

    times = index.clocked(wanted)
    with closing(pictures_at(path, index, stops)) as pictures:
        for number, picture in pictures:
            time_s, step_s = times[number]
            yield Frame(picture.rgb(), number, time_s, time_s + (picture.length_s or step_s))


def _decoded(path: Path, wanted: Sequence[int], backend: Backend | None) -> Iterator[Frame]:
    upcoming, decoded = 0, 0
    with closing(_timed(path, backend)) as pictures:
        for (time_s, end_s), picture in pictures:
            if decoded == wanted[upcoming]:
                yield Frame(picture.rgb(), decoded, time_s, end_s)
                upcoming += 1
            decoded += 1
            if upcoming == len(wanted):
                return
    raise EndOfVideo(f"{path}: frame {wanted[upcoming]} was asked for, and only {decoded} can be decoded", decoded)


_Shown = tuple[float | None, float | None]
"""From when to when a picture is shown, in seconds; nothing of a folder's images."""


def _timed(path: Path, backend: Backend | None) -> Generator[tuple[_Shown, Picture], None, None]:
    """Every picture of a video with its time; at least one."""
    if is_folder(path):
        for file in frame_files(path):
            yield (None, None), Picture(None, partial(read_rgb, file))
        return
    check_file(path)
    clock, empty = Clock(), True
    with closing(_backend(backend).pictures(path)) as pictures:
        for picture in pictures:
            empty = False
            time_s = clock.seconds(picture.time_s)
            yield (time_s, time_s + (picture.length_s or clock.step_s)), picture
    if empty:
        raise _no_frame(path)


def _decoded_times(path: Path) -> list[float]:
    """When each frame is shown that OpenCV can decode, which cannot read packets by themselves."""
    return [time_s or 0.0 for (time_s, _), _ in _timed(path, "opencv")]


def _backend(name: Backend | None) -> ModuleType:
    if (name or backend_name()) == "pyav":
        from deepfakebench_ext.media import pyav_backend

        return pyav_backend
    from deepfakebench_ext.media import opencv_backend

    return opencv_backend


def _no_frame(path: Path) -> MediaError:
    return MediaError(f"{path}: not one frame of it can be decoded")
