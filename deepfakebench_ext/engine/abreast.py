"""Several batches computed at a time, each in a thread of its own, and handed on in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def abreast(compute: Callable[[T], R], batches: Iterable[T], threads: int) -> Generator[tuple[T, R], None, None]:
    """Yield each batch with what is computed of it, in their order.

    One more than there are threads is taken from `batches` ahead, so that none of them waits for its next one. What
    `compute` raises is raised in the place of its batch.

    Args:
        compute: Called in this thread where there is to be one, else in others.
        batches: Taken in this thread.
        threads: Computed at a time, at least 1.
    """
    if threads == 1:
        for batch in batches:
            yield batch, compute(batch)
        return
    under_way: deque[tuple[T, Future[R]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="compute")
    try:
        for batch in batches:
            under_way.append((batch, pool.submit(compute, batch)))
            if len(under_way) > threads:
                first, computed = under_way.popleft()
                yield first, computed.result()
        for first, computed in under_way:
            yield first, computed.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
