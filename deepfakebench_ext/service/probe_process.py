"""What a film or an image is, found out with little memory and time.

`python -m deepfakebench_ext.service.probe_process video FILE PIXELS SECONDS` prints one line of JSON:
`{"facts": ...}`, or `{"refused": ...}`. It is begun for every upload, so it imports what it needs and no more.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.errors import MediaError

_MEMORY_BYTES = 4 * 2**30
# fmt: off
_CODECS = frozenset((
    "h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mpeg2video", "mpeg1video", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2",
    "wmv3", "vc1", "h263", "flv1", "theora", "mjpeg", "prores", "dnxhd", "ffv1", "huffyuv",
))
# fmt: on


def _facts(kind: str, file: Path, most_pixels: int) -> dict[str, Any]:
    if kind == "image":
        from deepfakebench_ext.media.image import read_rgb

        height, width = read_rgb(file, most_pixels=most_pixels).shape[:2]
        return {"frames": 1, "duration_s": 0.0, "width": width, "height": height}
    from deepfakebench_ext.media.image import check_size
    from deepfakebench_ext.media.video import every_frame, scan, streams

    pictures = next((each for each in streams(file) if each["kind"] == "video"), None)
    if pictures is None:
        raise MediaError(f"{file}: it has no pictures")
    codec, width, height = pictures["codec"], pictures["width_px"], pictures["height_px"]
    if codec not in _CODECS:
        raise MediaError(f"{file}: its pictures are coded as {codec}, which is not decoded here")
    check_size(file, (width, height), most_pixels)  # before any is decoded
    found, first = scan(file), next(every_frame(file))
    height, width = first.rgb.shape[:2]
    duration_s = float((found.times_s or (0.0,))[-1])
    return {"frames": found.num_frames, "duration_s": duration_s, "width": width, "height": height}


def main() -> None:
    """Look at one file."""
    import resource  # not on Windows, where nothing serves

    kind, file, pixels, seconds = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        said: dict[str, Any] = {"facts": _facts(kind, Path(file), int(pixels))}
    except MediaError as error:
        said = {"refused": str(error)}
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
