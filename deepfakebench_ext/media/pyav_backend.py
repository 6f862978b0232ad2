"""Video files through PyAV, which brings its own FFmpeg. Imported only where the extra `video` is installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.common.wording import cut
from deepfakebench_ext.media.census import Census
from deepfakebench_ext.media.frame import RGB, Picture, seconds_of
from deepfakebench_ext.media.hdr import TRANSFERS, tone_mapped
from deepfakebench_ext.media.image import MAX_PIXELS
from deepfakebench_ext.media.keyframes import KeyCheck
from deepfakebench_ext.media.packet_index import PacketIndex
from deepfakebench_ext.media.sniff import ALLOWED, why_no_video

# Whose times count from 0, wherever the first frame lies; those of a broadcast begin anywhere.
_FROM_ZERO = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
# What browsers play, whatever the machine: of Matroska that which is WebM.
_PLAYED = {
    "mov,mp4,m4a,3gp,3g2,mj2": frozenset(("h264", "vp9", "av1")),
    "matroska,webm": frozenset(("vp8", "vp9", "av1")),
}
_MOST_LETTERS = 200
_PLAYED_FORMATS = frozenset(("yuv420p", "yuvj420p"))
# Faster than FFmpeg's own choice on two CPUs. A constant, since the frames just before the first sign of damage come
# out otherwise with another number. Workers that read several videos at a time fill the other CPUs.
_THREADS = 2


def packet_index(path: Path) -> PacketIndex:
    """The frames that ought to be decodable, and from where. Nothing is decoded.

    Left out are packets that an edit list discards, and those before the first keyframe, in the file or on screen.

    Raises:
        MediaError: Not a video.
    """
    with opened(path) as (container, stream):
        check = KeyCheck(stream.codec_context.codec.canonical_name, stream.codec_context.extradata)
        census = Census(check if check.knows and container.format.name in _FROM_ZERO else None)
        for packet in packets(container, stream, census):
            census.add(packet)
        shown, base = tuple(sorted(census.decodable())), stream.time_base or Fraction(0)
        origin = _origin_s(container)
        begin_s = float(shown[0] * base) if origin is None and shown else origin or 0.0
        return PacketIndex(shown, base, begin_s, census.breaks_off, census.entries(shown))


def streams(path: Path) -> list[dict[str, Any]]:
    """What the file holds, stream by stream: `kind`, `codec`, and of pictures and sound what the file says of them.

    Raises:
        MediaError: Not a video.
    """
    with opened(path) as (container, _):
        return [_about(stream) for stream in container.streams]


def tags(path: Path) -> dict[str, str]:
    """What the file says of itself, where it does: `container`, `encoder`, `created_at`.

    Raises:
        MediaError: Not a video.
    """
    with opened(path) as (container, stream):
        said = {**stream.metadata, **container.metadata}
        found = {
            "container": container.format.long_name,
            "encoder": said.get("encoder") or said.get("ENCODER") or said.get("com.apple.quicktime.software", ""),
            "created_at": said.get("creation_time", ""),
        }
        return {name: cut(text, _MOST_LETTERS) for name, text in found.items() if text}


def plays_in_browsers(path: Path) -> bool:
    """Whether any browser plays a film as it is: by its container, its codec, and 8-bit 4:2:0 pictures.

    Raises:
        MediaError: Not a video.
    """
    with opened(path) as (container, stream):
        context = stream.codec_context
        codecs = _PLAYED.get(container.format.name, frozenset())
        return context.codec.canonical_name in codecs and context.pix_fmt in _PLAYED_FORMATS


def looks(path: Path) -> tuple[int, Fraction]:
    """Return the number of the video's transfer function, and how wide its pixels are over their height.

    Raises:
        MediaError: Not a video.
    """
    with opened(path) as (_, stream):
        return int(stream.codec_context.color_trc), Fraction(stream.sample_aspect_ratio or 1)


def pictures(path: Path) -> Iterator[Picture]:
    """Every frame that FFmpeg can decode, in order of presentation.

    Two threads decode as long as nothing is wrong. At the first sign of damage one begins again and goes on from there,
    since several lose frames of a damaged stream. How many there are and when depends on neither; what FFmpeg makes of
    the missing parts of a frame may differ from one decode to the next.

    Raises:
        MediaError: Not a video.
    """
    given = 0
    for threads in (_THREADS, 1):
        decoding = _Decoding(path, threads)
        for at, picture in enumerate(decoding.pictures()):
            if decoding.damaged and threads > 1:
                break
            if at >= given:
                given += 1
                yield picture
        if not decoding.damaged:
            return


class _Decoding:
    """One pass over a file with a number of threads.

    Attributes:
        damaged: Whether anything was wrong so far. Told at the end too: PyAV loses frames where an error comes up while
            its decoder threads are emptied, and says nothing.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self.damaged = False
        self._path = path
        self._threads = threads
        self._reformatter = VideoReformatter()
        self._begin_s: float | None = None

    def pictures(self) -> Iterator[Picture]:
        census, decoded = Census(), 0
        with opened(self._path) as (container, stream):
            decode_in_threads(stream, self._threads)
            # AVI counts frames and has no presentation times; what FFmpeg makes up for them is not even ascending.
            by_dts = container.format.name == "avi"
            self._begin_s = _origin_s(container)
            base = stream.time_base
            for packet in packets(container, stream, census):
                census.add(packet)
                for frame in self._frames(stream, packet):
                    decoded += 1
                    yield self._picture(frame, base, by_dts)
            for frame in self._frames(stream, None):
                decoded += 1
                yield self._picture(frame, base, by_dts)
        self.damaged |= decoded < len(census.decodable())

    def _frames(self, stream: VideoStream, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        """Frames that come out when a packet goes in, none where it is broken; None empties the decoder."""
        try:
            frames = stream.decode(packet)
        except av.error.FFmpegError:
            self.damaged = True
            return []
        self.damaged |= any(frame.is_corrupt for frame in frames)
        return frames

    def _picture(self, frame: VideoFrame, base: Fraction | None, by_dts: bool) -> Picture:
        timestamp = frame.dts if by_dts or frame.pts is None else frame.pts
        said_s = None
        if timestamp is not None and base is not None:
            said_s = seconds_of(timestamp, base)
            if self._begin_s is None:
                self._begin_s = said_s
            said_s -= self._begin_s
        return picture_of(frame, said_s, base, self._reformatter, self._path)


def decode_in_threads(stream: VideoStream, threads: int = _THREADS) -> None:
    """Have a stream decoded by so many threads."""
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = threads


def picture_of(
    frame: VideoFrame, time_s: float | None, base: Fraction | None, reformatter: VideoReformatter, path: Path
) -> Picture:
    """What is handed on of a decoded frame: its time, its pixels when asked, and how long it is shown."""
    lasts_s = seconds_of(frame.duration, base) if frame.duration and base else None
    return Picture(time_s, partial(_rgb, frame, reformatter, path), None if time_s is None else lasts_s)


def _about(stream: Stream) -> dict[str, Any]:
    context = stream.codec_context
    about: dict[str, Any] = {
        "kind": stream.type or "unknown",
        "codec": "unknown" if context is None else context.codec.canonical_name,
    }
    if isinstance(stream, VideoStream) and context is not None:
        rate = stream.average_rate
        about |= {"width_px": stream.width, "height_px": stream.height, "fps": None if rate is None else float(rate)}
    if isinstance(stream, AudioStream) and context is not None:
        about |= {"sample_rate_hz": stream.sample_rate, "channels": stream.channels}
    return about


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A file and its stream of moving pictures.

    Raises:
        MediaError: Not a video.
    """
    try:
        # Absolute, so that no name reads as a protocol; titles in another alphabet than UTF-8 are none of our business.
        container = av.open(str(path.absolute()), "r", container_options=ALLOWED, metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path}: {why_no_video(path)}") from error
    with container:
        yield container, _video_stream(container, path)


def _origin_s(container: InputContainer) -> float | None:
    """What players call 0 of the file's times; None where that is the first frame."""
    if container.format.name in _FROM_ZERO:
        return 0.0
    if container.format.name == "avi" or container.start_time is None:
        return None
    return float(container.start_time / av.time_base)


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first stream of moving pictures; the cover of a piece of music is not one."""
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        others = ["sound"] * bool(container.streams.audio) + ["a cover picture"] * bool(container.streams.video)
        raise MediaError(f"{path}: holds no video, only {' and '.join(others) or 'other data'}")
    stream: VideoStream = streams[0]
    if stream.codec_context is None:
        raise MediaError(f"{path}: its video is coded in a way that FFmpeg does not know")
    return stream


def packets(
    container: InputContainer, stream: VideoStream, census: Census | None = None
) -> Iterator[Packet[VideoStream]]:
    """Packets that hold something, up to the end or to where the file cannot be read on, as the ffmpeg tool does."""
    demuxed = container.demux(stream)
    while True:
        try:
            packet = next(demuxed, None)
        except av.error.FFmpegError:
            if census is not None:
                census.breaks_off = True
            return
        if packet is None:
            return
        if packet.size:
            yield packet


def _rgb(frame: VideoFrame, reformatter: VideoReformatter, path: Path) -> RGB:
    if frame.width * frame.height > MAX_PIXELS:
        raise MediaError(f"{path}: frames of {frame.width}x{frame.height} are more than {MAX_PIXELS:,} pixels")
    # Bicubic only concerns colour planes that are smaller than the picture, and is what OpenCV takes.
    transfer = int(frame.color_trc)
    if transfer in TRANSFERS:
        deep = reformatter.reformat(frame, format="rgb48le", interpolation="BICUBIC").to_ndarray()
        return _upright(tone_mapped(np.asarray(deep, np.uint16), transfer), frame)
    converted = reformatter.reformat(frame, format="rgb24", interpolation="BICUBIC").to_ndarray()
    return _upright(np.asarray(converted, np.uint8), frame)


def _upright(rgb: RGB, frame: VideoFrame) -> RGB:
    """Turn, and mirror, as the display matrix says; to the nearest quarter turn."""
    quarters = round(frame.rotation / 90)
    if _is_mirrored(frame):
        rgb, quarters = rgb[:, ::-1], quarters + 2
    return np.ascontiguousarray(np.rot90(rgb, quarters))


def _is_mirrored(frame: VideoFrame) -> bool:
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
    return bool(a * d < b * c)
