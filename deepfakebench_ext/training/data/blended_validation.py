"""Validating a training on real faces alone: of each real one of validation a fake is made, the same in every epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.common.types import FAKE, REAL, Prediction, Sample
from deepfakebench_ext.data.readers.reader import Reader, Unit
from deepfakebench_ext.training.data.plan import WorkItem
from deepfakebench_ext.training.data.training_set import TrainingSet

METHOD = "self_blended"


def is_real_alone(samples: Sequence[Sample]) -> bool:
    """Whether there are samples, and all of them are real."""
    return {sample.label for sample in samples} == {REAL}


def with_fakes(samples: Sequence[Sample]) -> list[Sample]:
    """Return real samples, and after them a fake of each, which a `BlendedReader` makes."""
    return [*samples, *(replace(each, key=f"{each.key}#{METHOD}", label=FAKE, method=METHOD) for each in samples)]


class BlendedReader(Reader):
    """Reads the samples of `with_fakes`: the two of a pair share everything but the blend."""

    def __init__(self, data: TrainingSet, described: Reader, *, draws: int) -> None:
        """Say what makes the pairs.

        Args:
            data: Of the real samples, self-blending and without augmentation.
            described: What would read the real samples if there were fakes as well.
            draws: Frames or clips of a video.
        """
        super().__init__(described.preprocess)
        self._data, self._draws, self._described = data, draws, described
        self._numbers = {sample.key: number for number, sample in enumerate(data.samples)}

    def to_dict(self) -> dict[str, Any]:
        """Return what is recorded of it."""
        return {**self._described.to_dict(), METHOD: {"draws": self._draws}}

    def files(self, sample: Sample) -> Iterator[Path | str]:
        """Yield the files that decide what a detector sees of a sample."""
        return self._described.files(sample)

    def look_ahead(self, samples: Sequence[Sample], batch_size: int, workers: int) -> tuple[int, int]:
        """Return how many samples may be read ahead, and how many units of each may wait."""
        return workers + 1, max(2, batch_size)

    def units(self, sample: Sample) -> Iterator[Unit]:
        """Yield the units of a sample, at least one; what cannot be read is a unit that says why."""
        place, number = self._numbers[sample.key.removesuffix(f"#{METHOD}")], 0
        count = self._draws
        while number < min(count, self._draws):
            item = WorkItem(0, place, number)
            try:
                pixels, _, count = self._data.drawn(item)
            except MediaError as error:
                failure = self._data.failure(item, error)
                yield Unit(Prediction(sample.key, None, failure.status, failure.reason, index=number), None)
            else:
                yield Unit(Prediction(sample.key, None, index=number), pixels[int(sample.label == FAKE)].numpy())
            number += 1
