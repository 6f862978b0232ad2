"""What gives scores to samples, whatever it is: a network of ours here, a program of the user's in `own/`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.notices import Notice, untrained_head
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.data.readers.reader import Reader
from deepfakebench_ext.data.samples.kinds import is_video
from deepfakebench_ext.engine.parts import Parts
from deepfakebench_ext.engine.predictor import default_batch_size, predict
from deepfakebench_ext.engine.read_ahead import default_workers
from deepfakebench_ext.engine.run_directory import digest_samples
from deepfakebench_ext.engine.run_name import detector_words
from deepfakebench_ext.engine.run_settings import run_settings
from deepfakebench_ext.media.video import backend_name
from deepfakebench_ext.models.scoring import ScoringDetector
from deepfakebench_ext.models.stored_thresholds import Stored
from deepfakebench_ext.report.scores.videos import every_face_notice


class Scorer(Protocol):
    """A detector, and how samples reach it."""

    @property
    def name(self) -> str:
        """What its runs are called."""

    @property
    def title(self) -> str:
        """Where it came from, as it was asked for."""

    @property
    def is_trained(self) -> bool:
        """Whether its scores mean anything."""

    @property
    def stored_thresholds(self) -> Stored:
        """What is stored with it of where validation put the line between real and fake."""

    @property
    def default_batch_size(self) -> int:
        """Samples of a batch where none is asked for."""

    @property
    def default_workers(self) -> int:
        """Reading threads where no number is asked for."""

    def unit(self, samples: Sequence[Sample]) -> Level:
        """Return what one score stands for."""

    def settings(self, samples: Sequence[Sample], batch_size: int) -> dict[str, Any]:
        """Return all that decides the scores of these samples, and the `fingerprint` over it."""

    def notices(self, samples: Sequence[Sample]) -> list[Notice]:
        """Return what is to be said with the figures."""

    def predict(
        self,
        samples: Sequence[Sample],
        *,
        batch_size: int,
        workers: int,
        skip: int,
        parts: Iterable[Sequence[Sample]],
    ) -> Generator[list[Prediction], None, None]:
        """Yield the predictions of parts of samples in their order, without the first `skip`, one list a batch."""


@dataclass(frozen=True, slots=True)
class NetworkScorer:
    """A network, and what makes its input out of samples.

    Attributes:
        detector: In inference mode, placed.
        reader: From `make_reader`.
    """

    detector: ScoringDetector
    reader: Reader

    @property
    def name(self) -> str:
        """What its runs are called."""
        return detector_words(self.detector)

    @property
    def title(self) -> str:
        """The weights, as they were asked for."""
        return self.detector.report.source

    @property
    def is_trained(self) -> bool:
        """Whether its head came from the weights."""
        return self.detector.report.head_trained

    @property
    def stored_thresholds(self) -> Stored:
        """What its weights store."""
        return self.detector.stored_thresholds

    @property
    def default_batch_size(self) -> int:
        """What suits the device."""
        return default_batch_size(self.detector)

    @property
    def default_workers(self) -> int:
        """Enough to read, and to look for faces where it does."""
        return default_workers(finds_faces=self.reader.finds_faces)

    def unit(self, samples: Sequence[Sample]) -> Level:
        """Return what one score stands for, whatever the samples."""
        return "frame" if self.detector.takes == "image" else "clip"

    def settings(self, samples: Sequence[Sample], batch_size: int) -> dict[str, Any]:
        """Return all that decides the scores of these samples, and the `fingerprint` over it."""
        scored = {
            "video_backend": backend_name() if any(map(is_video, samples)) else None,
            "samples": samples_record(samples, self.reader.files),
            "parts": Parts.record(),
        }
        return run_settings(self.detector, self.reader.to_dict(), batch_size, scored)

    def notices(self, samples: Sequence[Sample]) -> list[Notice]:
        """Return what is to be said with the figures: an untrained head, and that every face was scored."""
        untrained = [] if self.is_trained else [untrained_head(self.title, self.detector.settings.seed)]
        return [*untrained, *([every_face_notice(self.unit(samples))] if self.reader.scores_every_face else [])]

    def predict(
        self,
        samples: Sequence[Sample],
        *,
        batch_size: int,
        workers: int,
        skip: int,
        parts: Iterable[Sequence[Sample]],
    ) -> Generator[list[Prediction], None, None]:
        """Yield the predictions of parts of samples in their order, without the first `skip`, one list a batch.

        Raises:
            ModelError: Logits that are not finite.
        """
        yield from predict(
            self.detector, self.reader, samples, batch_size=batch_size, workers=workers, skip=skip, parts=parts
        )


def samples_record(samples: Sequence[Sample], files: Callable[[Sample], Iterable[Path | str]]) -> dict[str, Any]:
    """Return what `run.json` says of samples, so that changed data is a new run."""
    return {"count": len(samples), "sha256": digest_samples(samples, files)}
