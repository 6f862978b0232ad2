"""The one predictor: samples in, scores or features out. Every command that computes goes through here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from operator import itemgetter
from typing import TypeAlias

import numpy as np

from deepfakebench_ext.common.errors import ModelError
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.data.preprocess.normalising import Pixels
from deepfakebench_ext.data.preprocess.spec import PreprocessSpec
from deepfakebench_ext.data.readers.reader import Reader, Unit
from deepfakebench_ext.engine.abreast import abreast
from deepfakebench_ext.engine.parts import Drawn
from deepfakebench_ext.engine.read_ahead import read_units
from deepfakebench_ext.models.probability import fake_probability
from deepfakebench_ext.models.scoring import Output, Rows, ScoringDetector

logger = logging.getLogger(__name__)

Forward: TypeAlias = Callable[[Pixels, PreprocessSpec], Rows]
"""What computes: pixels (N, ...) of a batch, and how they are normalised, to a row each."""

# On a CPU a large batch is slower than a small one: CLIP ViT-L/14 in bfloat16 on 2 cores takes 257, 252, 245 and 292 ms
# an image in batches of 1, 2, 4 and 8.
_BATCH = {"cpu": {"image": 4, "video": 1}, "cuda": {"image": 64, "video": 8}, "mps": {"image": 16, "video": 2}}
_OUT_OF_MEMORY = "out of memory"  # as torch says it of a card


def default_batch_size(detector: ScoringDetector) -> int:
    """Return the batch size for the detector's device and kind of input."""
    return _BATCH.get(detector.computing["device"], _BATCH["cpu"])[detector.takes]


def predict(
    detector: ScoringDetector,
    reader: Reader,
    samples: Sequence[Sample],
    *,
    batch_size: int,
    workers: int,
    skip: int = 0,
    parts: Iterable[Sequence[Sample]] | None = None,
) -> Generator[list[Prediction], None, None]:
    """Yield the predictions of all images, frames or clips of `samples` in their order, one list a batch.

    Raises:
        ModelError: As `compute`.
    """
    batches = compute(
        detector.logits,
        reader,
        samples,
        "logits",
        batch_size=batch_size,
        workers=workers,
        skip=skip,
        parts=parts,
        at_a_time=detector.at_a_time,
    )
    for units, rows in batches:
        yield _scored(units, rows)


def predict_units(
    detector: ScoringDetector, preprocess: PreprocessSpec, units: Iterable[Unit], *, batch_size: int
) -> Generator[list[Prediction], None, None]:
    """Yield the predictions of units in their order, one list a batch.

    Raises:
        ModelError: As `compute`.
    """
    rows_of = _Network(detector.logits, preprocess, "logits", batch_size)
    for batch, rows in _batches(rows_of, units, batch_size, detector.at_a_time):
        yield _scored(batch, rows)


def compute(
    forward: Forward,
    reader: Reader,
    samples: Sequence[Sample],
    output: Output,
    *,
    batch_size: int,
    workers: int,
    skip: int = 0,
    parts: Iterable[Sequence[Sample]] | None = None,
    at_a_time: int = 1,
) -> Generator[tuple[list[Unit], Rows], None, None]:
    """Yield the units of `samples` in their order, batch by batch, and what the network says of those with pixels.

    Which of them share a batch depends on their order alone, so that a run cut off and continued computes the same
    batches. One that cannot be read leaves its batch smaller; one of several faces has a row for each. A batch that
    they make larger goes through the network in parts, and so does one that the device has no room for.

    Args:
        forward: What computes, such as `logits` of a detector in inference mode.
        reader: What makes the detector's input out of a sample.
        samples: Of which.
        output: What the rows are called in an error.
        batch_size: Images, frames or clips of a batch.
        workers: Reading threads.
        skip: Units of the first sample that are done already.
        parts: Of `samples`, instead of all of them; a batch ends with its part. Each is drawn when it is to be read.
        at_a_time: Batches that `forward` computes at a time, each in a thread of its own.

    Raises:
        ModelError: The network refused a batch, or gave values that are not finite; names the samples.
    """
    ahead, depth = reader.look_ahead(samples, batch_size, workers)
    drawn = Drawn([samples] if parts is None else parts)
    waiting = read_units(drawn.samples(), reader.units, workers=workers, ahead=ahead, depth=depth)
    numbered = ((drawn.number(unit.prediction.key), unit) for unit in waiting)
    rows_of = _Network(forward, reader.preprocess, output, batch_size)
    try:
        for _, part in groupby(islice(numbered, skip, None), key=itemgetter(0)):
            units = (unit for _, unit in part)
            yield from _batches(rows_of, units, batch_size, at_a_time)
    finally:
        waiting.close()  # type: ignore[attr-defined]  # a generator: its threads end with it


@dataclass(slots=True)
class _Network:
    """What the network says of a batch, a row each of its units with pixels.

    Attributes:
        forward, preprocess, output: As `compute`.
        room: How many it is given at a time; fewer than a batch once the device had no room for that many.
    """

    forward: Forward
    preprocess: PreprocessSpec
    output: Output
    room: int

    def __call__(self, batch: Sequence[Unit]) -> Rows:
        ready, rows = [face for unit in batch for face in _with_pixels(unit)], []
        while ready:
            part = ready[: self.room]
            computed = self._computed(part)
            if computed is None:
                self.room = min(self.room, len(part) // 2)
                logger.warning("the device has no room for %d inputs at a time: computing %d", len(part), self.room)
            else:
                rows.append(computed)
                del ready[: len(part)]
        return np.concatenate(rows) if rows else np.empty((0, 2), np.float32)

    def _computed(self, units: Sequence[Unit]) -> Rows | None:
        """A row each; None where the device has no room for that many."""
        pixels = np.stack([unit.pixels for unit in units if unit.pixels is not None])
        try:
            rows = self.forward(pixels, self.preprocess)
        except (RuntimeError, ValueError) as error:
            if _OUT_OF_MEMORY in str(error) and len(pixels) > 1:
                return None  # not from in here: the error holds on to all that was computed so far
            raise ModelError(f"the network refused a batch of shape {pixels.shape}: {error}") from error
        check_finite(rows, [unit.prediction.key for unit in units], self.output)
        return rows


def _batches(
    rows_of: _Network, units: Iterable[Unit], batch_size: int, at_a_time: int
) -> Generator[tuple[list[Unit], Rows], None, None]:
    rest = iter(units)
    yield from abreast(rows_of, iter(lambda: list(islice(rest, batch_size)), []), at_a_time)


def _scored(units: Sequence[Unit], rows: Rows) -> list[Prediction]:
    scores = iter(fake_probability(rows).tolist())
    return [_highest(unit, scores) for unit in units]


def _highest(unit: Unit, scores: Iterator[float]) -> Prediction:
    """The prediction of the face of the highest score, of equal ones the first; takes their scores from the front."""
    scored = [(next(scores), face.prediction) for face in _with_pixels(unit)]
    if not scored:
        return unit.prediction
    score, prediction = max(scored, key=itemgetter(0))
    return replace(prediction, score=score)


def _with_pixels(unit: Unit) -> list[Unit]:
    return [face for face in (unit, *unit.others) if face.pixels is not None]


def check_finite(rows: Rows, keys: Sequence[str], output: Output) -> None:
    """Pass rows (N, K) of finite numbers.

    Raises:
        ModelError: Others; names the samples.
    """
    finite = [bool(row.all()) for row in np.isfinite(rows)]
    if not all(finite):
        names = [key for key, good in zip(keys, finite, strict=True) if not good]
        raise ModelError(
            f"the network gave {output} that are not finite for {', '.join(names[:5])} ({len(names)} in this batch); "
            f"try --dtype float32, or the weights are damaged"
        )
