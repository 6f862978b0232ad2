"""What a training run goes through: samples drawn anew every epoch, read ahead, in batches that all processes share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from deepfakebench_ext.common.errors import ConfigError, MediaError
from deepfakebench_ext.common.types import FAKE, LABEL_NAMES, REAL, Label, Sample
from deepfakebench_ext.data.preprocess.transform import PreprocessSpec, resize_and_crop
from deepfakebench_ext.data.samples.kinds import is_video
from deepfakebench_ext.data.stores.frame_stores import FrameStore
from deepfakebench_ext.faces.crop import FaceCrop
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.faces.self_blend import self_blend
from deepfakebench_ext.media.frame import RGB
from deepfakebench_ext.media.sampling import ClipSampling
from deepfakebench_ext.training.config import TrainingConfig
from deepfakebench_ext.training.data.augment import Augmenter
from deepfakebench_ext.training.data.batches import Batch, Failure, Failures, Row, batch_of, read_ahead
from deepfakebench_ext.training.data.frames import TrainingFrames, Unusable
from deepfakebench_ext.training.data.plan import (
    Purpose,
    Slice,
    WorkItem,
    batch_count,
    epoch_items,
    generator,
    pick,
    slices,
)
from deepfakebench_ext.training.data.trainable import check_videos, digest_of_labels, fixed_size, methods_of, trainable


class TrainingSet:
    """Samples for training. `load` may be called from several threads or processes.

    Attributes:
        samples: What is drawn from; real ones alone for self-blending.
        left_out: Fake samples that self-blending has no use for.
        failures: What gave nothing so far in this process.
        fingerprint: SHA-256 over the keys and labels, by which a resumed run knows its data again.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        config: TrainingConfig,
        preprocess: PreprocessSpec,
        *,
        clips: ClipSampling | None = None,
        faces: FaceReader | None = None,
        stores: Mapping[str, FrameStore] | None = None,
    ) -> None:
        """Say what is drawn and how it is read.

        Args:
            samples: Labelled images, folders of frames, videos, or videos of a DeepfakeBench JSON. An image is drawn
                once an epoch, a video as often as `frames_per_video` or `clips_per_video` say.
            config: The recipe.
            preprocess: How the detector takes a frame: as in evaluation.
            clips: Length and interval of clips and what becomes of shorter videos, for a video detector; its
                `num_clips` means nothing here. None takes single frames.
            faces: What cuts frames to the face; None leaves them whole.
            stores: Where a JSON's frames are read, by the name of the dataset, settled.

        Raises:
            ConfigError: No samples, one without a label, one class only, images for a video detector, frames without
                landmarks for self-blending, fakes without a method to balance by, or a transform that gives images of
                several sizes.
        """
        self._config, self._preprocess, self._clips = config, preprocess, clips
        self.samples, self.left_out = trainable(samples, self_blend=config.self_blend)
        self.failures = Failures()
        self._labels: list[Label] = [sample.label for sample in self.samples if sample.label is not None]
        self._methods = methods_of(self.samples) if config.balance == "methods" else None
        self._size = fixed_size(preprocess)
        if clips is not None:
            check_videos(self.samples)
        self._frames = TrainingFrames(
            clips=clips,
            faces=faces,
            stores=stores or {},
            landmarks=config.self_blend,
            transform=_untouched if config.self_blend else partial(_fitted, spec=preprocess),
        )
        if config.self_blend:
            self._frames.check_landmarks(self.samples)
        self._augmenter = None if config.augmentation is None else Augmenter(config.augmentation)
        per_video = config.frames_per_video if clips is None else config.clips_per_video
        self._draws = [per_video if is_video(sample) else 1 for sample in self.samples]
        self.fingerprint = digest_of_labels(self.samples)

    @property
    def faceless(self) -> set[str]:
        """Keys of samples that gave this process frames without a face, left out or taken whole."""
        return self.failures.keys(faceless=True) | self._frames.faceless

    @property
    def unreadable(self) -> set[str]:
        """Keys of samples that gave nothing to this process for another reason."""
        return self.failures.keys(faceless=False)

    @property
    def rows_per_item(self) -> int:
        """Images or clips that come of one draw: 2 for a real one and the fake made of it, else 1."""
        return 2 if self._config.self_blend else 1

    def epoch(self, epoch: int) -> tuple[WorkItem, ...]:
        """Return what an epoch draws, in its order; as many items in every epoch.

        Args:
            epoch: From 0.
        """
        labels = self._labels if self._is_sampled else None
        return epoch_items(self._config.seed, epoch, self._draws, labels, self._methods)

    @property
    def _is_sampled(self) -> bool:
        return self._config.balance in ("sampling", "methods")

    def load(self, item: WorkItem) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what an item draws: the same pixels whenever and wherever it is asked for.

        Returns:
            uint8 (R, 3, H, W) or (R, T, 3, H, W), and int64 labels (R,); R is `rows_per_item`.

        Raises:
            Unusable: No face, no landmarks, or a video shorter than a clip.
            MediaError: The sample cannot be read.
        """
        return self.drawn(item)[:2]

    def drawn(self, item: WorkItem) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Return what `load` does, and how many frames or clips there were to draw from.

        Raises:
            MediaError: As `load`.
        """
        sample, counts = self.samples[item.sample], [1]

        def chosen(count: int) -> int:
            counts.append(count)
            return self.place(item, count)

        crops = self._frames.read(sample, chosen)
        if self._config.self_blend:
            frames, labels = self._blended(sample, crops, item), [REAL, FAKE]
        else:
            frames, labels = np.stack([crop.rgb for crop in crops]), [self._labels[item.sample]]
        if self._augmenter is not None:
            frames = self._augmenter.draw(self._generator(item, Purpose.AUGMENTATION))(frames, len(labels))
        pixels = torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2)))
        return pixels.reshape(self._shape(len(labels))), torch.tensor(labels), counts[-1]

    def place(self, item: WorkItem, count: int) -> int:
        """Return which of `count` frames or clips an item draws."""
        return pick(self._config.seed, item, count)

    def label(self, item: WorkItem) -> torch.Tensor:
        """Return the label of an item, int64 (1,); the fake made of a real one is not counted."""
        return torch.tensor([self._labels[item.sample]])

    def batch_count(self, batch_size: int) -> int:
        """Return the batches of an epoch."""
        return batch_count(sum(self.class_counts()) // self.rows_per_item, self._per_batch(batch_size))

    def batches(
        self, epoch: int, *, batch_size: int, rank: int = 0, world_size: int = 1, workers: int, skip: int = 0
    ) -> Iterator[Batch]:
        """Yield what one process takes of each batch of an epoch; every process gets as many batches.

        Args:
            epoch: From 0.
            batch_size: Images or clips of a batch over all processes; the last batch holds what is left.
            rank: Of this process.
            world_size: Processes.
            workers: Reading threads, at least 1.
            skip: Batches of this epoch that were used before.

        Raises:
            ConfigError: A batch that does not hold whole pairs or leaves nothing for a process.
            MediaError: Too many samples cannot be used, see `training_batches.FAILURE_LIMITS`; names some.
        """
        items = self.epoch(epoch)
        parts = self.begin_epoch(len(items), batch_size, rank, world_size)[skip:]
        own = [item for part in parts for item in items[part.start : part.stop]]
        loaded = read_ahead(own, self._attempt, workers=workers, ahead=max(2 * workers, 2 * batch_size // world_size))
        empty = torch.empty(self._shape(0), dtype=torch.uint8)
        try:
            for part in parts:
                rows = [next(loaded) for _ in range(part.start, part.stop)]
                batch = batch_of(part, rows, each=self.rows_per_item, empty=empty)
                self.failures.add(batch.failures)
                yield batch
        finally:
            loaded.close()

    def begin_epoch(self, count: int, batch_size: int, rank: int, world_size: int) -> list[Slice]:
        """Count failures anew and return what one process takes of each batch of an epoch of so many items.

        Raises:
            ConfigError: A batch that does not hold whole pairs or leaves nothing for a process.
        """
        taken = slices(count, per_batch=self._per_batch(batch_size), rank=rank, world_size=world_size)
        self.failures.begin_epoch(sum(part.stop - part.start for part in taken))
        return taken

    def class_counts(self) -> tuple[int, int]:
        """Return the real and the fake images or clips of an epoch."""
        if self._config.self_blend:
            return sum(self._draws), sum(self._draws)
        real, fake = (
            sum(draws for draws, own in zip(self._draws, self._labels, strict=True) if own == label)
            for label in (REAL, FAKE)
        )
        return (max(real, fake),) * 2 if self._is_sampled else (real, fake)

    def class_weights(self) -> tuple[float, float]:
        """Return the weights of real and fake under which both count the same, 1 on average over an epoch's rows."""
        real, fake = self.class_counts()
        return (real + fake) / (2 * real), (real + fake) / (2 * fake)

    def to_dict(self) -> dict[str, Any]:
        """Return the counts, for a dry run and for the record."""
        real, fake = self.class_counts()
        labels = Counter(self._labels)
        return {
            "samples": {LABEL_NAMES[label].lower(): labels[label] for label in (REAL, FAKE)},
            "videos": sum(map(is_video, self.samples)),
            "left_out": self.left_out,
            "drawn_an_epoch": {"real": real, "fake": fake},
            "fingerprint": self.fingerprint,
        }

    def _generator(self, item: WorkItem, purpose: Purpose) -> np.random.Generator:
        return generator(self._config.seed, item.epoch, purpose, item.sample, item.number)

    def _per_batch(self, batch_size: int) -> int:
        if batch_size < 1 or batch_size % self.rows_per_item:
            wanted = "an even number, for pairs of a real and its fake" if self.rows_per_item == 2 else "at least 1"
            raise ConfigError(f"batch_size is {batch_size}; it must be {wanted}")
        return batch_size // self.rows_per_item

    def _shape(self, rows: int) -> tuple[int, ...]:
        clip = () if self._clips is None else (self._clips.clip_len,)
        return (rows, *clip, 3, *self._size)

    def _blended(self, sample: Sample, crops: Sequence[FaceCrop], item: WorkItem) -> RGB:
        """Fitted frames of the real one, then of the fake: (2 * T, H, W, 3), every frame by the same draw."""
        pairs = []
        for crop in crops:
            assert crop.landmarks_px is not None
            try:
                pairs.append(self_blend(crop.rgb, crop.landmarks_px, self._generator(item, Purpose.BLENDING)))
            except ValueError as error:
                raise Unusable(f"{sample.path}: {error}", "no_face") from error
        views = [pair.target for pair in pairs] + [pair.fake for pair in pairs]
        return np.stack([_fitted(view, self._preprocess) for view in views])

    def _attempt(self, item: WorkItem) -> Row | Failure:
        try:
            return self.samples[item.sample].key, *self.load(item)
        except MediaError as error:
            return self.failure(item, error)

    def failure(self, item: WorkItem, error: MediaError) -> Failure:
        """Return what is noted of an item that cannot be loaded."""
        status = error.status if isinstance(error, Unusable) else "unreadable"
        return Failure(self.samples[item.sample].key, status, str(error))


def _fitted(rgb: RGB, spec: PreprocessSpec) -> RGB:
    """The frame (h, w, 3) as the detector takes it."""
    fitted: RGB = resize_and_crop(rgb, spec).transpose(1, 2, 0)
    return fitted


def _untouched(rgb: RGB) -> RGB:
    return rgb
