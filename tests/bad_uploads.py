"""Files that no service may choke on, by what is wrong with each."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import av
import numpy as np
import videos
from PIL import Image


def _written(suffix: str, write: Callable[[Path], object]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"v{suffix}"
        write(path)
        return path.read_bytes()


def film(num_frames: int = 10, suffix: str = ".mp4", **how: object) -> bytes:
    """A film."""
    return _written(suffix, partial(videos.stamped_video, num_frames=num_frames, **how))  # type: ignore[arg-type]


def _zip(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("../../evil.mp4", content)
    return file.getvalue()


def _tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as packed:
        packed.addfile(tarfile.TarInfo("../../evil.mp4"))
    return file.getvalue()


def _png(width: int, height: int, pixels: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(pixels, 9)) + chunk(b"IEND", b"")


def _picture(form: str, size: tuple[int, int] = (64, 48)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (200, 90, 40)).save(file, form)
    return file.getvalue()


def _far_apart(path: Path) -> None:
    """Three frames, of which the last is shown ten minutes after the first."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number, pts in enumerate((0, 1, 25 * 600)):
            frame = av.VideoFrame.from_ndarray(videos.stamp(number)).reformat(format="yuv420p")
            frame.pts = pts
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _coded_as(path: Path, codec: str, pix_fmt: str) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=5)
        stream.width, stream.height, stream.pix_fmt = 128, 96, pix_fmt
        for number in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(videos.stamp(number)).reformat(format=pix_fmt)))
        container.mux(stream.encode(None))


def _no_frame(path: Path) -> None:
    """A film with an index and lengths, and zeros where its frames were."""
    videos.stamped_video(path, 10, codec="mjpeg", pix_fmt="yuvj420p")
    whole = bytearray(path.read_bytes())
    at = whole.index(b"movi") + 4
    while whole[at : at + 4] == b"00dc":
        size = int.from_bytes(whole[at + 4 : at + 8], "little")
        whole[at + 8 : at + 8 + size] = bytes(size)
        at += 8 + size + size % 2
    path.write_bytes(whole)


def bad_films(upload: str) -> dict[str, bytes]:
    """Each must be refused as a film. `upload` is a file that a playlist may not reach."""
    whole, random = film(60), np.random.default_rng(0)
    return {
        "one byte": b"\0",
        "text": b"this is no film\n" * 100,
        "page": b"<!doctype html><script>alert(1)</script>",
        "json": b'{"film": true}',
        "vector graphic": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "pdf": b"%PDF-1.7\n",
        "program": b"\x7fELF" + bytes(100),
        "script": b"#!/bin/sh\nrm -rf /\n",
        "pickle": pickle.dumps({"a": [1, 2]}),
        "zip": _zip(whole),
        "zip bomb": _zip(bytes(50_000_000)),
        "gzip bomb": gzip.compress(bytes(50_000_000)),
        "tar": _tar(),
        "zeros": bytes(100_000),
        "noise": random.integers(0, 256, 100_000, np.uint8).tobytes(),
        "MP4 header alone": whole[:40],
        "MP4 cut off": whole[: len(whole) // 3],
        "MP4 without its beginning": whole[len(whole) // 2 :],
        "AVI of which no frame is left": _written(".avi", _no_frame),
        "AVI header alone": b"RIFF\xff\xff\xff\xffAVI LIST" + bytes(20),
        "Matroska header alone": b"\x1aE\xdf\xa3" + bytes(40),
        "WebM cut off in its header": film(20, ".webm")[:200],
        "Flash": b"FLV\x01\x05\x00\x00\x00\x09" + bytes(100),
        "list for FFmpeg": f"ffconcat version 1.0\nfile {upload}\n".encode(),
        "list of a protected file": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "playlist": f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{upload}\n#EXT-X-ENDLIST\n".encode(),
        "playlist of an address": b"#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
        "DASH": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"/>',
        "session description": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        "subtitles": b"1\n00:00:00,000 --> 00:00:09,000\nhello\n",
        "PNG": _picture("PNG"),
        "JPEG": _picture("JPEG"),
        "GIF": _picture("GIF"),
        "sound": _written(".mp4", videos.sound),
        "sound with a cover": _written(".mp4", partial(videos.sound, cover=True)),
        "pictures that are not decoded here": _written(".mov", partial(_coded_as, codec="qtrle", pix_fmt="rgb24")),
        "plain pixels": _written(".avi", partial(_coded_as, codec="rawvideo", pix_fmt="yuv420p")),
        "too long": _written(".mp4", _far_apart),
        "too many frames": film(300, size=(32, 32)),
        "too large frames": film(2, size=(1280, 720)),
        "enormous frames": film(1, ".avi", size=(4096, 4096)),
    }


def bad_images() -> dict[str, bytes]:
    """Each must be refused as an image."""
    return {
        "text": b"this is no image",
        "film": film(5),
        "PNG of 3600 million pixels": _png(60_000, 60_000, bytes(100)),
        "PNG of 100 million pixels": _png(10_000, 10_000, bytes(30_010_000 * 10)),
        "PNG without pixels": _png(64, 48, b""),
        "PNG of no width": _png(0, 48, b""),
        "PNG cut off": _picture("PNG")[:60],
        "JPEG header alone": _picture("JPEG")[:20],
        "too large": _picture("JPEG", (1280, 720)),
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "vector graphic": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        "bitmap of 2^60 pixels": b"BM"
        + struct.pack("<IHHIIiiHHIIiiII", 99, 0, 0, 54, 40, 2**30, 2**30, 1, 24, *[0] * 6),
        "zip": _zip(b"x"),
    }
