"""What tells a sample by its content, whatever it is called and wherever it lies."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from deepfakebench_ext.common.digests import ABSENT, content_of
from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.samples.kinds import is_video
from deepfakebench_ext.data.stores.frame_stores import FrameStore
from deepfakebench_ext.media.image import frame_files
from deepfakebench_ext.media.sniff import is_folder


def sample_content(sample: Sample, stores: Mapping[str, FrameStore] | None = None) -> str:
    """Return hex digits that are equal where samples have the same content, whichever of their frames are scored.

    Of an image or a film they are its file's (`content_of`); of a folder of frames, and of a video of a dataset, they
    rest on the names of its frames and on the content of the first and the last.

    Args:
        sample: Of which.
        stores: By the name of their dataset, where the frames that a JSON lists are read.
    """
    if sample.fault:
        return ABSENT
    if sample.frames:
        return _of_frames(sample.frames, (stores or {})[sample.dataset or ""].content)
    if is_video(sample) and is_folder(sample.path):
        try:
            return _of_frames([str(file) for file in frame_files(sample.path)], content_of)
        except MediaError:
            return ABSENT
    return content_of(sample.file)


def _of_frames(frames: Sequence[str], content: Callable[[str], str]) -> str:
    names = [frame.replace("\\", "/").rpartition("/")[2] for frame in frames]
    said = "\n".join([*names, content(frames[0]), content(frames[-1])])
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]
