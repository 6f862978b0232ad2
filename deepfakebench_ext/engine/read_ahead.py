"""Samples to units of input (images, frames, clips), in order, read by threads while the model computes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from queue import Full, Queue

from deepfakebench_ext.common.cpus import usable_cpus
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.readers.reader import Unit
from deepfakebench_ext.engine.launched import Launched

Read = Callable[[Sample], Iterable[Unit]]
_END = object()
_READING = 8


def default_workers(*, finds_faces: bool = False) -> int:
    """Return how many threads read by default: the CPUs that are this process's share, at most 8.

    Args:
        finds_faces: Whether they look for faces too, which computes and needs every CPU.
    """
    launched = Launched.here()
    share = max(1, usable_cpus() // (1 if launched is None else launched.beside))
    return share if finds_faces else min(share, _READING)


def read_units(samples: Iterable[Sample], read: Read, *, workers: int, ahead: int, depth: int) -> Iterator[Unit]:
    """Yield the units of all samples, in the order of the samples and of their units.

    Each sample is read by one thread into a queue of its own. No more than `ahead` samples are begun before the first
    of them is used up, and no more than `depth` units of a sample wait, so that memory stays bounded however long a
    video is.

    Args:
        samples: What to read.
        read: Gives the units of one sample; called in a thread.
        workers: Reading threads, at least 1.
        ahead: Samples read ahead, at least 1.
        depth: Units of one sample that may wait, at least 1.
    """
    waiting = iter(samples)
    streams: deque[Queue[object]] = deque()
    stop = threading.Event()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="read")

    def begin(count: int) -> None:
        for sample in islice(waiting, count):
            streams.append(Queue(depth))
            pool.submit(_produce, sample, read, streams[-1], stop)

    try:
        begin(max(ahead, workers))
        while streams:
            yield from _drain(streams[0])
            streams.popleft()
            begin(1)
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _produce(sample: Sample, read: Read, stream: Queue[object], stop: threading.Event) -> None:
    try:
        for unit in read(sample):
            _put(stream, unit, stop)
            if stop.is_set():
                return
        _put(stream, _END, stop)
    except BaseException as error:  # handed to the consumer, which raises it
        _put(stream, error, stop)


def _put(stream: Queue[object], item: object, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            return stream.put(item, timeout=0.2)
        except Full:
            continue


def _drain(stream: Queue[object]) -> Iterator[Unit]:
    while (item := stream.get()) is not _END:
        if isinstance(item, BaseException):
            raise item
        assert isinstance(item, Unit)
        yield item
