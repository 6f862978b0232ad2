"""Samples to uint8 tensors, in order, read by threads while the model computes. Memory stays bounded."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch

from deepfakebench_ext.data.preprocess import PreprocessSpec, resize_and_crop
from deepfakebench_ext.errors import MediaError
from deepfakebench_ext.media.image import frame_files, read_rgb
from deepfakebench_ext.media.sampling import clip_indices
from deepfakebench_ext.types import Prediction, Sample


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What a network takes.

    Attributes:
        preprocess: How a frame is prepared.
        clip_len: Frames of a clip; None for single images.
    """

    preprocess: PreprocessSpec
    clip_len: int | None


@dataclass(frozen=True, slots=True)
class Loaded:
    """One sample after reading: its pixels, or why there are none.

    Attributes:
        sample: The sample.
        pixels: uint8 (3, H, W), or (T, 3, H, W) for a clip; None where reading failed.
        failure: The prediction that records the failure; None where reading succeeded.
    """

    sample: Sample
    pixels: torch.Tensor | None
    failure: Prediction | None


def default_workers() -> int:
    """Return how many threads read by default: the CPUs this process may use, at most 8."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, 8)


def load_blocks(samples: Sequence[Sample], spec: InputSpec, *, block: int, workers: int) -> Iterator[list[Loaded]]:
    """Yield `samples` read, `block` at a time and in their order.

    Which samples share a block depends on their order alone, so that a run cut off and continued computes the same
    batches. At most two blocks, or two samples a worker, are read ahead.

    Args:
        samples: What to read.
        spec: What the network takes.
        block: Samples of a block, at least 1.
        workers: Reading threads, at least 1.
    """
    ahead = max(2 * block, 2 * workers)
    waiting = iter(samples)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="read")
    try:
        queue: deque[Future[Loaded]] = deque(pool.submit(_load, s, spec) for s in islice(waiting, ahead))
        while queue:
            ready = []
            for _ in range(min(block, len(queue))):
                ready.append(queue.popleft().result())
                queue.extend(pool.submit(_load, s, spec) for s in islice(waiting, 1))
            yield ready
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _load(sample: Sample, spec: InputSpec) -> Loaded:
    try:
        if spec.clip_len is None:
            return Loaded(sample, resize_and_crop(read_rgb(sample.path), spec.preprocess), None)
        return _load_clip(sample, spec.preprocess, spec.clip_len)
    except MediaError as error:
        return Loaded(sample, None, Prediction(sample.key, None, "unreadable", str(error)))


def _load_clip(sample: Sample, spec: PreprocessSpec, clip_len: int) -> Loaded:
    frames: list[Path] = frame_files(sample.path)
    if len(frames) < clip_len:
        reason = f"{sample.path} has {len(frames)} frames and a clip takes {clip_len}"
        return Loaded(sample, None, Prediction(sample.key, None, "too_short", reason))
    indices = clip_indices(len(frames), clip_len=clip_len)
    return Loaded(sample, torch.stack([resize_and_crop(read_rgb(frames[i]), spec) for i in indices]), None)
