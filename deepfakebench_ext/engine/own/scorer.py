"""A user's program in the place of a network: which files it is given of a sample, and what becomes of its answers."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.errors import ConfigError, MediaError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.paths import path_key
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.common.urls import is_url
from deepfakebench_ext.common.version import versions
from deepfakebench_ext.data.readers.at_hand import Window, sample_at_hand
from deepfakebench_ext.data.readers.content import sample_content
from deepfakebench_ext.data.readers.frames import files_of, sampling_record
from deepfakebench_ext.data.samples.kinds import is_video
from deepfakebench_ext.data.stores.frame_stores import FrameStore
from deepfakebench_ext.engine.dataset_inputs import DEFAULT_FRAME_NUM, check_protocol
from deepfakebench_ext.engine.input_options import SamplingOptions
from deepfakebench_ext.engine.own.detector import OwnDetector
from deepfakebench_ext.engine.own.process import OwnProcess
from deepfakebench_ext.engine.parts import Parts
from deepfakebench_ext.engine.read_ahead import default_workers
from deepfakebench_ext.engine.run_directory import fingerprint
from deepfakebench_ext.engine.scorer import samples_record
from deepfakebench_ext.media.host_sampling import DeepfakeBenchSampling
from deepfakebench_ext.media.image import frame_files
from deepfakebench_ext.media.sampling import FrameSampling
from deepfakebench_ext.media.sniff import is_folder
from deepfakebench_ext.models.stored_thresholds import Stored
from deepfakebench_ext.remote import states

_BATCH = {"function": 16, "api": 1}


@dataclass(frozen=True, slots=True)
class OwnScorer:
    """A program or an API, and which files it is given.

    An image and a film are given as they are, whole. Of a folder of frames, and of a video of a dataset, each frame
    that the sampling chooses is given, an image.

    Attributes:
        detector: Which.
        sampling: Which frames of those.
        stores: By the name of their dataset, where the frames that a JSON lists lie.
    """

    detector: OwnDetector
    sampling: FrameSampling | DeepfakeBenchSampling = field(default_factory=FrameSampling.from_options)
    stores: Mapping[str, FrameStore] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What its runs are called."""
        return self.detector.name

    @property
    def title(self) -> str:
        """The program, as it was asked for."""
        return self.detector.source

    @property
    def is_trained(self) -> bool:
        """That it is, who asks for it says."""
        return True

    @property
    def stored_thresholds(self) -> Stored:
        """Nothing: a program has no weights that we could ask."""
        return {}

    @property
    def default_batch_size(self) -> int:
        """Files that a function is given at once; an API is given one, so that a fall costs the others nothing."""
        return _BATCH[self.detector.kind]

    @property
    def default_workers(self) -> int:
        """As many as read for a network; its program is one, and reads the files itself."""
        return default_workers()

    def unit(self, samples: Sequence[Sample]) -> Level:
        """Return what one score stands for: a film is one clip."""
        return "clip" if any(map(_is_film, samples)) else "frame"

    def settings(self, samples: Sequence[Sample], batch_size: int) -> dict[str, Any]:
        """Return all that decides the scores of these samples, and the `fingerprint` over it."""
        weights = {name: value for name, value in asdict(self.detector).items() if value is not None}
        reading = sampling_record(self.sampling, is_stored=bool(self.stores))
        if any(map(_is_film, samples)):
            reading["sampling"]["films"] = "whole"
        settings = {
            "schema_version": 1,
            "detector": {"model_name": "own"},
            "weights": weights,
            **reading,
            "faces": None,
            "video_backend": "own" if any(map(is_video, samples)) else None,
            "batch_size": batch_size,
            "samples": samples_record(samples, lambda sample: files_of(sample, self.stores, self.sampling)),
            "parts": Parts.record(),
            "versions": versions(),
        }
        return {"fingerprint": fingerprint(settings), **settings}

    def notices(self, samples: Sequence[Sample]) -> list[Notice]:
        """Return nothing: what is to be said of a program, its own documents say."""
        return []

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
            ModelError: The program does not start, or nothing answers at the URL.
        """
        with OwnProcess(self.detector) as process, Window(batch_size + 2) as window:
            units = (
                (number, unit)
                for number, part in enumerate(parts)
                for sample in part
                for unit in self._held(sample, window)
            )
            for _, part in groupby(islice(units, skip, None), key=itemgetter(0)):
                while batch := [unit for _, unit in islice(part, batch_size)]:
                    yield _scored(process, batch)

    def _held(self, sample: Sample, window: Window) -> Iterator[tuple[Prediction, Path | None]]:
        """As `_units`, with files that stay until as many samples later as a batch can reach back."""
        local = window.hold(sample_at_hand(sample))
        for known, file in self._units(local):
            yield replace(known, reason=known.reason.replace(local.file, sample.file)), file

    def _units(self, sample: Sample) -> Iterator[tuple[Prediction, Path | None]]:
        """What is known of each file of a sample before it is scored, and where it lies; None where it cannot be."""
        content = sample_content(sample, self.stores)
        try:
            files = self._files(sample)
        except MediaError as error:
            yield Prediction(sample.key, None, "unreadable", str(error), decoded=0, content=content), None
            return
        for index, (frame, file) in enumerate(files):
            name = "" if frame is None else path_key(file.name)
            known = Prediction(sample.key, None, index=index, frame=frame, planned=len(files), frame_file=name)
            known = known if index else replace(known, content=content)
            if file.is_file():
                yield known, file
            else:
                yield replace(known, status="unreadable", reason=f"{file}: no such file", decoded=0), None

    def _files(self, sample: Sample) -> list[tuple[int | None, Path]]:
        if sample.fault:
            raise MediaError(sample.fault)
        if sample.frames:
            store = self.stores[sample.dataset or ""]
            files = [store.file(frame) for frame in sample.frames]
        elif is_video(sample) and is_folder(sample.path):
            files = frame_files(sample.path)
        else:
            return [(None, sample.path)]
        return [(index, files[index]) for (index,) in self.sampling.groups(len(files))]


def own_scorer(
    detector: OwnDetector, stores: Mapping[str, FrameStore], *, protocol: str, options: SamplingOptions
) -> OwnScorer:
    """Return what gives a program the files that are asked for.

    Args:
        detector: Which.
        stores: Of datasets; empty for files.
        protocol: As `make_stored_reader`, for datasets.
        options: Which frames of folders of frames, and of datasets by the protocol `uniform`.

    Raises:
        ConfigError: Options that mean nothing for a program, or that the protocol does not take.
    """
    if unused := [name for name in options.given if name not in ("--sampling", "--num_frames")]:
        raise ConfigError(f"{', '.join(unused)} means nothing for {detector.source}, which is given whole films")
    if options.sampling == "fps":
        raise ConfigError("--sampling fps goes by time, which files of frames lack; use uniform or first")
    if stores:
        check_protocol(protocol, options)
    if stores and protocol == "deepfakebench":
        return OwnScorer(detector, DeepfakeBenchSampling(DEFAULT_FRAME_NUM), stores)
    return OwnScorer(detector, options.frames(), stores)


def _is_film(sample: Sample) -> bool:
    if sample.frames or not is_video(sample):
        return False
    return not (states.is_folder(sample.file) if is_url(sample.file) else is_folder(sample.path))


def _scored(process: OwnProcess, batch: Sequence[tuple[Prediction, Path | None]]) -> list[Prediction]:
    paths = [str(file.absolute()) for _, file in batch if file is not None]
    answers = iter(process.ask(paths) if paths else [])
    return [known if file is None else _with(known, next(answers)) for known, file in batch]


def _with(known: Prediction, answer: float | str) -> Prediction:
    if isinstance(answer, str):
        return replace(known, status="failed", reason=answer)
    return replace(known, score=answer)
