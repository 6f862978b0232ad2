"""Samples that lie elsewhere, on this machine while they are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.common.urls import is_url
from deepfakebench_ext.remote.fetching import at_hand


@contextmanager
def sample_at_hand(sample: Sample) -> Iterator[Sample]:
    """Give a sample whose file is on this machine as long as the block lasts; most are as they are.

    One that cannot be had has a `fault` that says why.

    Raises:
        FetchError, MissingExtraError: Its store cannot be used at all.
    """
    if not is_url(sample.file):
        yield sample
        return
    with ExitStack() as stack:
        try:
            local = replace(sample, file=str(stack.enter_context(at_hand(sample.file))))
        except MediaError as error:
            local = replace(sample, fault=str(error))
        yield local
