"""Single frames of a film through PyAV, each decoded from the keyframe before it, and watched on the way."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import chain
from pathlib import Path

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from deepfakebench_ext.media.frame import Picture
from deepfakebench_ext.media.frame_numbers import FrameNumbers
from deepfakebench_ext.media.packet_index import PacketIndex, Stop
from deepfakebench_ext.media.pyav_backend import decode_in_threads, opened, packets, picture_of


def pictures_at(path: Path, index: PacketIndex, stops: Iterable[Stop]) -> Generator[tuple[int, Picture], None, None]:
    """Yield the number and the picture of each wanted frame, ascending, until anything is doubtful.

    Doubtful are a search that ends at no known keyframe, or behind the frame, an error or a mark of damage, pictures
    that are missing (`FrameNumbers`), and a frame at a time that no packet promised, or that comes in place of a wanted
    one. What is missing then has to be taken from a sequential decode.

    Raises:
        MediaError: Not a video.
    """
    with opened(path) as (container, stream):
        decode_in_threads(stream)
        # What a sequential decode would mend in silence is doubtful here.
        stream.codec_context.options = {"err_detect": "explode"}
        reformatter = VideoReformatter()
        for stop in stops:
            wanted = list(reversed(stop.wanted))
            for frame in _decoded(container, stream, index, stop):
                if frame is None or (number := index.number(frame.pts)) is None or number > wanted[-1]:
                    return
                if number == wanted[-1]:
                    yield number, picture_of(frame, index.said_s(number), index.time_base, reformatter, path)
                    wanted.pop()
                if not wanted:
                    break
            else:
                return


def _decoded(
    container: InputContainer, stream: VideoStream, index: PacketIndex, stop: Stop
) -> Iterator[VideoFrame | None]:
    """The wanted frames, and of those before them what they lean on; None, and no more, where something is wrong."""
    try:
        container.seek(stop.entry.pts, stream=stream)
    except av.error.FFmpegError:
        return
    wanted_pts = {index.pts[number] for number in stop.wanted}
    context = stream.codec_context
    numbers = FrameNumbers(context.extradata) if context.codec.canonical_name == "h264" else None
    may_skip = numbers is None or numbers.knows
    for at, packet in enumerate(chain(packets(container, stream), [None])):
        if at == 0 and not _begins(packet, index, stop):
            return
        if may_skip and numbers is not None and packet is not None and not numbers.follows(bytes(packet)):
            return
        needless = may_skip and packet is not None and packet.pts not in wanted_pts
        context.skip_frame = "NONREF" if needless else "DEFAULT"
        try:
            frames = stream.decode(packet)
        except av.error.FFmpegError:
            return
        for frame in frames:
            yield None if frame.is_corrupt else frame


def _begins(packet: Packet[VideoStream] | None, index: PacketIndex, stop: Stop) -> bool:
    """Whether a search ended at a known keyframe that is not too late."""
    if packet is None or not packet.is_keyframe:
        return False
    return any(entry.pts == packet.pts and entry.first <= stop.wanted[0] for entry in index.entries)
