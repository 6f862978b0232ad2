"""What is left of a clip after H.264, in memory: the same damage as in a film that was uploaded somewhere."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

_RATE = 25


def h264(frames: npt.NDArray[np.uint8], crf: int) -> npt.NDArray[np.uint8]:
    """Return a clip, uint8 (T, H, W, 3) RGB, after H.264 in 4:2:0, its frames predicted from each other.

    The same frames give the same ones. Needs PyAV (`check_films_can_be_written`).

    Args:
        frames: As many as there are, of one size. Left unchanged; an odd side is repeated for the encoder, and cut off.
        crf: From 0, which loses nothing but colours between pixels, to 51.
    """
    import av

    height, width = frames.shape[1:3]
    even = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    file = BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = _stream(container, even.shape[2], even.shape[1], crf)
        for rgb in even:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(decoded)[:, :height, :width]


def _stream(container: Any, width: int, height: int, crf: int) -> Any:
    # As for a film that is written: what comes out depends on neither threads nor memory that was never set.
    options = {"crf": str(crf), "preset": "veryfast", "mbtree": "0"}
    stream = container.add_stream("libx264", rate=_RATE, options=options)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.codec_context.thread_count = 1
    return stream
