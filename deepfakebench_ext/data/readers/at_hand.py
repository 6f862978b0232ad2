"""Samples that lie elsewhere, on this machine while they are read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.remote.fetching import at_hand
from deepfakebench_ext.remote.tars import is_elsewhere


@contextmanager
def sample_at_hand(sample: Sample) -> Iterator[Sample]:
    """Give a sample whose file is on this machine as long as the block lasts; most are as they are.

    One that cannot be had has a `fault` that says why.

    Raises:
        FetchError, MissingExtraError: Its store cannot be used at all.
    """
    if not is_elsewhere(sample.file):
        yield sample
        return
    with ExitStack() as stack:
        try:
            local = replace(sample, file=str(stack.enter_context(at_hand(sample.file))))
        except MediaError as error:
            local = replace(sample, fault=str(error))
        yield local


class Window:
    """The last few samples, kept at hand. A context manager."""

    def __init__(self, count: int) -> None:
        """Say how many."""
        self._count, self._held = count, deque[AbstractContextManager[Sample]]()

    def __enter__(self) -> Window:
        """Return the window, with none."""
        return self

    def __exit__(self, *error: object) -> None:
        """Let all go."""
        while self._held:
            self._held.popleft().__exit__(None, None, None)

    def hold(self, sample: AbstractContextManager[Sample]) -> Sample:
        """Return the next sample, at hand; the first of too many is let go."""
        found = sample.__enter__()
        self._held.append(sample)
        if len(self._held) > self._count:
            self._held.popleft().__exit__(None, None, None)
        return found
