"""Videos whose frames carry their own number in the pixels, made on the spot with PyAV."""

from __future__ import annotations

import os
import struct
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import PictureType

CODECS = {".webm": "libvpx-vp9", ".avi": "mpeg4", ".mpg": "mpeg2video", ".wmv": "wmv2", ".ogv": "libvpx"}
FAST = {
    "libx264": {"preset": "veryfast", "bf": "2"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "mpeg4": {"bf": "2"},
    "mpeg2video": {"bf": "2"},
}
# Distances between frames of a video with a variable rate, in ticks, over and over.
UNEVEN = (1, 3, 2, 1, 1, 5)
_LIGHT, _DARK = (250, 230, 190), (20, 5, 60)


def stamp(number: int, size: tuple[int, int] = (128, 96)) -> npt.NDArray[np.uint8]:
    """An RGB frame of `size` (width, height): 4 x 4 blocks, row by row the bits of `number`, the lowest first."""
    width, height = size
    bits = np.array([number >> bit & 1 for bit in range(16)]).reshape(4, 4)
    rows, columns = np.arange(height) * 4 // height, np.arange(width) * 4 // width
    return np.array([_DARK, _LIGHT], np.uint8)[bits[rows[:, None], columns]]


def stamp_of(rgb: npt.NDArray[np.uint8]) -> int:
    """The number in a stamped frame. A block that is neither light nor dark is an error."""
    height, width = rgb.shape[:2]
    number = 0
    for bit in range(16):
        row, column = divmod(bit, 4)
        rows = slice((4 * row + 1) * height // 16, (4 * row + 3) * height // 16)
        columns = slice((4 * column + 1) * width // 16, (4 * column + 3) * width // 16)
        brightness = float(rgb[rows, columns].mean())
        if 70 < brightness < 180:
            raise ValueError(f"block {bit} has a brightness of {brightness:.0f}: no stamp")
        number |= int(brightness > 128) << bit
    return number


def stamped_video(
    path: Path,
    num_frames: int,
    *,
    size: tuple[int, int] = (128, 96),
    fps: int = 25,
    codec: str | None = None,
    pix_fmt: str = "yuv420p",
    gop: int = 12,
    vfr: bool = False,
    first_tick: int = 0,
    keys: Container[int] = (),
    rotate: int = 0,
    hflip: bool = False,
    codec_options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
) -> list[float]:
    """Write a video of frames stamped 0, 1, ...; return the presentation time of each, in seconds after the first.

    `rotate` degrees counterclockwise, and then `hflip`, is what a player does to what is stored; the stamps are upright
    in what is stored. `keys` are numbers of frames that the encoder has to make keyframes, besides those of each `gop`.
    """
    codec = codec or CODECS.get(path.suffix, "libx264")
    steps = [UNEVEN[at % len(UNEVEN)] if vfr else 1 for at in range(num_frames)]
    ticks = [sum(steps[:at]) for at in range(num_frames)]
    with _scheduled_as_before(), av.open(str(path), "w", options=dict(container_options or {})) as container:
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        stream.options = {**FAST.get(codec, {}), "g": str(gop), **(codec_options or {})}
        stream.codec_context.time_base = Fraction(1, fps)
        if rotate or hflip:
            stream.set_display_rotation(rotate, hflip=hflip)
        for number, tick in enumerate(ticks):
            frame = av.VideoFrame.from_ndarray(stamp(number, size)).reformat(format=pix_fmt)
            frame.pts, frame.time_base = first_tick + tick, Fraction(1, fps)
            if number in keys:
                frame.pict_type = PictureType.I
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return [tick / fps for tick in ticks]


@contextmanager
def _scheduled_as_before() -> Iterator[None]:
    """Take back what libsvtav1 does to the calling thread of root: SCHED_FIFO 99, which whatever it starts inherits.

    Two such processes that compute leave no CPU to anything else on two.
    """
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def sound(path: Path, *, cover: bool = False) -> None:
    """Write a file of silence; with `cover`, and a picture as pieces of music have."""
    with av.open(str(path), "w") as container:
        audio = container.add_stream("aac", rate=8000, layout="mono")
        picture = None
        if cover:
            picture = container.add_stream("mjpeg", rate=1)
            picture.width, picture.height, picture.pix_fmt = 128, 96, "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
            container.mux(picture.encode(av.VideoFrame.from_ndarray(stamp(7)).reformat(format="yuvj420p")))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.rate = 8000
        for _ in range(4):
            container.mux(audio.encode(silence))
        container.mux(audio.encode(None))


def trimmed(source: Path, path: Path, first: int, fps: int = 25) -> None:
    """Copy the packets of a stamped MP4, with an edit list that shows it from frame `first` on."""
    with av.open(str(source)) as old, av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        offset = int(Fraction(first, fps) / old.streams.video[0].time_base)
        for packet in old.demux(video=0):
            if packet.size:
                packet.pts, packet.dts, packet.stream = packet.pts - offset, packet.dts - offset, stream
                new.mux(packet)


def thinned(source: Path, path: Path, missing: Container[int]) -> None:
    """Copy the packets of a film but some, by number in order of decoding, as where they were lost on the way."""
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(old.demux(video=0)):
            if packet.size and number not in missing:
                packet.stream = stream
                new.mux(packet)


def joined(sources: Sequence[Path], path: Path) -> None:
    """Copy the packets of films behind one another, by the first one's settings."""
    with av.open(str(path), "w") as new:
        stream, begin_s = None, Fraction(0)
        for source in sources:
            with av.open(str(source)) as old:
                packets = [packet for packet in old.demux(video=0) if packet.size]
                stream = stream or new.add_stream_from_template(old.streams.video[0])
            base = packets[0].time_base
            later = int(begin_s / base) - packets[0].dts
            begin_s = (packets[-1].dts + later) * base + 1
            for packet in packets:
                packet.pts, packet.dts, packet.stream = packet.pts + later, packet.dts + later, stream
                new.mux(packet)


def after_sound(source: Path, path: Path) -> None:
    """Copy the packets of a film behind two seconds of silence, which begin before its pictures."""
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        audio = new.add_stream("aac", rate=8000, layout="mono")
        stream = new.add_stream_from_template(old.streams.video[0])
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        silence.rate = 8000
        new.mux(audio.encode(silence))
        new.mux(audio.encode(None))
        for packet in old.demux(video=0):
            if packet.size:
                later = int(Fraction(1, 2) / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts + later, packet.dts + later, stream
                new.mux(packet)


def edited(source: Path, path: Path, parts: Sequence[tuple[int | None, int]], fps: int = 25) -> None:
    """Copy a stamped MP4 that ends with its index, with an edit list of these parts, one shown behind the other.

    A part is the numbers of its first frame and of the one behind its last; from None on, so many frames of nothing.
    """
    film = bytearray(source.read_bytes())
    with av.open(str(source)) as old:
        frame = int(Fraction(1, fps) / old.streams.video[0].time_base)
    movie = next(_boxes(film, b"moov", 0, len(film)))
    track = next(_boxes(film, b"trak", movie[0] + 8, movie[1]))
    start, end = next(_boxes(film, b"edts", track[0] + 8, track[1]))
    # Of the first frame that is shown, from the encoder's B-frames.
    (delay,) = struct.unpack_from(">i", film, start + 28)
    rows = [
        (last * 1000 // fps, -1) if first is None else ((last - first) * 1000 // fps, delay + first * frame)
        for first, last in parts
    ]
    entries = b"".join(struct.pack(">IiI", lasts, begin, 1 << 16) for lasts, begin in rows)
    listed = struct.pack(">I4sII", 16 + len(entries), b"elst", 0, len(rows)) + entries
    film[start:end] = struct.pack(">I4s", 8 + len(listed), b"edts") + listed
    for at, _ in (movie, track):
        struct.pack_into(">I", film, at, struct.unpack_from(">I", film, at)[0] + 8 + len(listed) - (end - start))
    path.write_bytes(film)


def _boxes(film: bytearray, kind: bytes, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Where the boxes of a kind begin and end between two places of an MP4."""
    while at < end:
        size, found = struct.unpack_from(">I4s", film, at)
        if found == kind:
            yield at, at + size
        at += size


def piece(source: Path, path: Path, start: float, stop: float = 1.0) -> None:
    """Copy the bytes of a file from one fraction of its length to another."""
    whole = source.read_bytes()
    path.write_bytes(whole[int(len(whole) * start) : int(len(whole) * stop)])


def damaged(source: Path, path: Path, seed: int) -> None:
    """Copy a file with six bytes before its middle overwritten at random."""
    whole = bytearray(source.read_bytes())
    generator = np.random.default_rng(seed)
    for at in generator.integers(int(len(whole) * 0.3), int(len(whole) * 0.6), 6):
        whole[at] = generator.integers(256)
    path.write_bytes(whole)
