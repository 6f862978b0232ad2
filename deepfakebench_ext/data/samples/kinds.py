"""What kind of thing a sample is."""

from __future__ import annotations

import os
from typing import Literal

from deepfakebench_ext.common.suffixes import is_image_name
from deepfakebench_ext.common.types import Sample

Kind = Literal["image", "video", "either"]
"""What is looked for; `either`: images and videos, each a sample of its own kind."""


def is_video(sample: Sample) -> bool:
    """Return whether a sample is a video: a file that is no image, a folder of frames, or a list of frames."""
    return bool(sample.frames) or not is_image_name(sample.file.rpartition(os.sep)[2])
