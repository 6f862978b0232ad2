"""Training on a frozen backbone: it is asked once for each frame, and what it said is kept for the epochs to come."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import torch

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.common.run_names import KEPT_FEATURES
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.data.readers.reader import Reader
from deepfakebench_ext.data.samples.kinds import is_video
from deepfakebench_ext.engine.predictor import check_finite, compute, default_batch_size
from deepfakebench_ext.engine.run_directory import fingerprint
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.probability import fake_probability
from deepfakebench_ext.models.scoring import Rows
from deepfakebench_ext.models.two_classes import two_class_logits
from deepfakebench_ext.training.data.batches import Batch, Failure, Row, batch_of, read_ahead
from deepfakebench_ext.training.data.plan import WorkItem
from deepfakebench_ext.training.data.training_set import TrainingSet
from deepfakebench_ext.training.loop.feature_file import FeatureFile, Kept, bytes_of
from deepfakebench_ext.training.loop.stepping import Stepper

logger = logging.getLogger(__name__)

MOST_BYTES = 4 * 2**30
"""What the features of a training, or of its validation, may take; where they would take more, none is kept."""
_ROUND = 16  # batches of a process between two times that what they came to is written

_Place: TypeAlias = tuple[int, int]


class FrozenBatches:
    """The batches of a training set, of features in place of pixels, while the backbone is frozen.

    What an epoch draws is the same. What was drawn before, in whatever epoch, is neither read nor given to the backbone
    again. For all processes of a training, which see the same folder.
    """

    def __init__(
        self, data: TrainingSet, stepper: Stepper, folder: Path, identity: Mapping[str, Any], *, epochs: int
    ) -> None:
        """Say what is drawn and where features are kept; nothing is opened yet.

        Args:
            data: Without augmentation.
            stepper: Whose detector is asked.
            folder: Of the run.
            identity: Of all that decides the features.
            epochs: As many may be drawn.
        """
        self.data, self._stepper, self._epochs = data, stepper, epochs
        self._path, self._identity = folder / KEPT_FEATURES, fingerprint(identity)
        self._file: FeatureFile | None = None
        self._is_tried = False

    def batches(self, epoch: int, *, batch_size: int, workers: int, skip: int = 0) -> Iterator[Batch] | None:
        """Return what this process takes of each batch of an epoch, as `TrainingSet.batches`; None without room.

        Raises:
            MediaError: Too many samples cannot be used; here, or while the batches are gone through.
            OutputError: Features cannot be written.
        """
        if not self._is_tried:
            self._is_tried, self._file = True, self._opened()
        if self._file is None:
            return None
        return self._batches(self._file, epoch, batch_size, workers, skip)

    def remove(self) -> None:
        """Remove the file: the backbone is trained from now on, or there is nothing more to train."""
        self.close()
        if self._stepper.processes.is_main:
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; a training that is taken up again goes on with it."""
        if self._file is not None:
            self._file.close()
        self._is_tried, self._file = False, None

    def _opened(self) -> FeatureFile | None:
        processes, data = self._stepper.processes, self.data
        width = self._stepper.pooled(self._stepper.blank(1)).shape[1]
        drawn = sum(data.class_counts()) * self._epochs if any(map(is_video, data.samples)) else len(data.samples)
        needed = bytes_of(drawn, width)
        room = min(MOST_BYTES, shutil.disk_usage(self._path.parent).free // 2)
        if not all(processes.gather([needed <= room])):
            logger.warning(
                "the backbone is frozen and is run in every epoch all the same: what it says may take %d MiB, and %d "
                "are the most that is kept",
                *(size >> 20 for size in (needed, room)),
            )
            return None
        if not processes.is_main:
            processes.wait()
        file = FeatureFile(self._path, self._identity, width, writes=processes.is_main)
        if processes.is_main:
            processes.wait()
        return file

    def _batches(self, file: FeatureFile, epoch: int, batch_size: int, workers: int, skip: int) -> Iterator[Batch]:
        data, processes = self.data, self._stepper.processes
        items = data.epoch(epoch)
        parts = data.begin_epoch(len(items), batch_size, processes.rank, processes.count)[skip:]
        lost = self._fill(file, items[skip * batch_size :], workers)
        empty = torch.empty(0, file.width)
        for part in parts:
            rows = [self._row(file, item, lost) for item in items[part.start : part.stop]]
            batch = batch_of(part, rows, each=1, empty=empty)
            data.failures.add(batch.failures)
            yield batch

    def _place(self, file: FeatureFile, item: WorkItem) -> _Place | None:
        """The sample and the frame or clip of it that an item draws; None before anything of a video was read."""
        count = file.counts.get(item.sample, 0 if is_video(self.data.samples[item.sample]) else 1)
        return (item.sample, self.data.place(item, count)) if count else None

    def _row(self, file: FeatureFile, item: WorkItem, lost: Mapping[WorkItem | _Place, Failure]) -> Row | Failure:
        place = self._place(file, item)
        if place is None or item in lost or place in lost:
            return lost[place if place in lost and place is not None else item]
        vector = torch.from_numpy(file[place].copy())
        return self.data.samples[item.sample].key, vector[None], self.data.label(item)

    def _fill(self, file: FeatureFile, items: Sequence[WorkItem], workers: int) -> dict[WorkItem | _Place, Failure]:
        """Let the file hold all that these items draw; return why of those that cannot be loaded."""
        processes, missing = self._stepper.processes, dict[WorkItem | _Place, WorkItem]()
        for item in items:
            place = self._place(file, item)
            if place is None or place not in file:
                missing[place or item] = item
        if missing:
            logger.info("the backbone is frozen: it is asked once for each of %d draws", len(missing))
        lost: dict[WorkItem | _Place, Failure] = {}
        names, wanted = list(missing), list(missing.values())
        size = _ROUND * default_batch_size(self._stepper.detector) * processes.count
        for at in range(0, len(wanted), size):
            found = processes.gather(self._asked(processes.share(wanted[at : at + size]), workers))
            for name, each in zip(names[at : at + size], found, strict=True):
                if isinstance(each, Failure):
                    lost[name] = each
            file.add(each for each in found if isinstance(each, Kept))
            processes.wait()
            file.see_others()
        return lost

    def _asked(self, items: Sequence[WorkItem], workers: int) -> list[Kept | Failure]:
        """What the backbone says of each item, or why it cannot be asked, in their order."""
        batch_size, asked = default_batch_size(self._stepper.detector), list[Kept | Failure]()
        loaded = read_ahead(items, self._loaded, workers=workers, ahead=max(2 * workers, 2 * batch_size))
        try:
            while some := list(islice(loaded, batch_size)):
                good = [each for each in some if not isinstance(each, Failure)]
                vectors = iter(self._vectors([pixels for _, pixels, _ in good]) if good else ())
                for each in some:
                    if isinstance(each, Failure):
                        asked.append(each)
                        continue
                    item, _, count = each
                    asked.append(Kept(item.sample, count, self.data.place(item, count), next(vectors)))
        finally:
            loaded.close()
        return asked

    @torch.no_grad()
    def _vectors(self, pixels: Sequence[torch.Tensor]) -> Any:
        together = torch.cat(list(pixels))
        with self._stepper.memory(tuple(together.shape)):
            return self._stepper.pooled(together).cpu().numpy()

    def _loaded(self, item: WorkItem) -> tuple[WorkItem, torch.Tensor, int] | Failure:
        try:
            pixels, _, count = self.data.drawn(item)
        except MediaError as error:
            return self.data.failure(item, error)
        return item, pixels, count


class FrozenPredictions:
    """Predictions of samples under a head that changes and a backbone that does not, which is asked once."""

    def __init__(self, detector: Detector, reader: Reader, samples: Sequence[Sample], *, workers: int) -> None:
        """Say of which; nothing is computed yet."""
        self.detector, self._reader, self._samples, self._workers = detector, reader, samples, workers
        self._kept: list[tuple[list[Prediction], Rows]] | None = None

    def __call__(self) -> list[Prediction]:
        """Return the predictions of all samples, under the head as it is now; the detector is in inference mode.

        Raises:
            ModelError: As `predict`.
        """
        if self._kept is not None:
            return [each for predictions, rows in self._kept for each in self._scored(predictions, rows)]
        found, kept, held_bytes = list[Prediction](), list[tuple[list[Prediction], Rows]](), 0
        size = default_batch_size(self.detector)
        pooled = partial(self.detector.rows, output="pooled")
        asked = compute(pooled, self._reader, self._samples, "pooled", batch_size=size, workers=self._workers)
        for units, rows in asked:
            predictions = [unit.prediction for unit in units]
            found += self._scored(predictions, rows)
            held_bytes += rows.nbytes
            if held_bytes <= MOST_BYTES:
                kept.append((predictions, rows))
        self._kept = kept if held_bytes <= MOST_BYTES else None
        return found

    @torch.inference_mode()
    def _scored(self, predictions: Sequence[Prediction], rows: Rows) -> Iterator[Prediction]:
        """The predictions, those that are well with the score of their row (N, D)."""
        keys = [each.key for each in predictions if each.status == "ok"]
        if not keys:
            return iter(predictions)
        pooled = torch.from_numpy(rows).to(next(self.detector.parameters()).device)
        cls = self.detector.classifier(self.detector.normed(pooled))
        logits = two_class_logits(cls, self.detector.report.label_order).cpu().numpy()
        check_finite(logits, keys, "logits")
        scores = iter(fake_probability(logits).tolist())
        return (replace(each, score=next(scores)) if each.status == "ok" else each for each in predictions)
