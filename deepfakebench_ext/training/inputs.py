"""What a training is given: samples to train and to validate on, and how both are read."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from deepfakebench_ext.common.choices import ShortVideo
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.types import REAL, Sample
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.data.readers.frames import files_of
from deepfakebench_ext.data.readers.reader import Reader
from deepfakebench_ext.data.samples.datasets import doubled_frame_notices, json_order_notices
from deepfakebench_ext.data.samples.folder_labels import labels_above_notices
from deepfakebench_ext.data.stores.frame_stores import FrameStore
from deepfakebench_ext.engine.dataset_inputs import HostData, make_stored_reader
from deepfakebench_ext.engine.file_inputs import file_reader, gather_samples
from deepfakebench_ext.engine.input_options import FaceOptions, SamplingOptions
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.config import DetectorConfig
from deepfakebench_ext.remote.tars import is_elsewhere
from deepfakebench_ext.training.config import TrainingConfig
from deepfakebench_ext.training.data.blended_validation import BlendedReader, with_fakes
from deepfakebench_ext.training.data.leaks import check_leaks, describe, find_leaks
from deepfakebench_ext.training.data.training_set import TrainingSet

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingInputs:
    """Samples, and how they are read.

    Attributes:
        train: What is trained on.
        val: What judges every epoch.
        stores: Where the frames of a DeepfakeBench JSON are read, by the name of the dataset.
        faces: How frames of files are cut to the face.
        frame_interval: Distance between two frames of a clip; `SPREAD` for a clip that spans its video.
        short_video: What becomes of a video shorter than a clip.
        notices: What a reader of the results must know of them.
        given_as: Options by which the evaluator takes the validation samples, or what is like them, a command each;
            empty where they are no path of their own.
        names: What each of several validation sets is called, by its path; the dataset of samples that have none.
        is_val_blended: Whether the fakes of validation are made of its reals, as they are read.
    """

    train: Sequence[Sample]
    val: Sequence[Sample]
    stores: Mapping[str, FrameStore] = field(default_factory=dict)
    faces: FaceOptions = field(default_factory=FaceOptions)
    frame_interval: int | None = None
    short_video: ShortVideo | None = None
    notices: tuple[Notice, ...] = ()
    given_as: tuple[tuple[str, ...], ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    is_val_blended: bool = False

    def training_set(self, detector: Detector, training: TrainingConfig) -> TrainingSet:
        """Return what a detector is trained on.

        Raises:
            ConfigError: As `TrainingSet`.
        """
        return self._set(self.train, detector, training)

    def _set(self, samples: Sequence[Sample], detector: Detector, training: TrainingConfig) -> TrainingSet:
        return TrainingSet(
            samples,
            training,
            detector.preprocess,
            clips=None if detector.takes == "image" else self._sampling.clips(detector.clip_len, 1),
            faces=self._cropper(detector),
            stores=self.stores,
        )

    def validation_reader(self, detector: Detector, training: TrainingConfig) -> Reader:
        """Return what reads the validation samples: evenly spread frames or clips, as an evaluation takes them.

        Raises:
            ConfigError: Options for the other kind of detector.
        """
        takes_frames = detector.takes == "image"
        options = replace(
            self._sampling,
            num_frames=training.val_frames if takes_frames else None,
            num_clips=None if takes_frames else training.val_clips,
        )
        if any(sample.frames for sample in self.val):
            reader = make_stored_reader(detector, self.stores, protocol="uniform", options=options)
        else:
            reader = file_reader(detector, options, self._cropper(detector))
        if not self.is_val_blended:
            return reader
        pairs = self._set(self.val_files, detector, training.model_copy(update={"augmentation": None}))
        return BlendedReader(pairs, reader, draws=training.val_frames if takes_frames else training.val_clips)

    @property
    def val_files(self) -> Sequence[Sample]:
        """The validation samples that are files of their own."""
        return [sample for sample in self.val if sample.label == REAL] if self.is_val_blended else self.val

    def with_blended_val(self) -> TrainingInputs:
        """Return these with a fake made of each validation sample, all of which are real."""
        text = (
            f"validation has no fakes of its own: of each of its {counted(len(self.val), 'real sample')} one is made "
            "by self-blending, the same in every epoch; its figures say nothing of fakes that are made otherwise"
        )
        notices = (*self.notices, Notice("blended_val", text))
        return replace(self, val=with_fakes(self.val), is_val_blended=True, notices=notices)

    def _cropper(self, detector: Detector) -> FaceReader | None:
        if self.faces.face == "all":
            raise ConfigError("training takes one face of a frame; leave --face all out")
        return self.faces.reader(detector)

    def leaks(self, *, allow: bool) -> list[Notice]:
        """Return what is said of videos and files that both sides have.

        Raises:
            ConfigError: There are some, and they are not allowed; names them.
        """
        given = set(self.names.values())  # a name that we gave tells no video of training from one of validation
        val = [replace(sample, dataset=None) if sample.dataset in given else sample for sample in self.val]
        leaks = find_leaks(self.train, val, self.stores)
        if not allow:
            check_leaks(leaks)
        return [Notice("leak", describe(leaks))] if leaks else []

    def files(self, sample: Sample) -> Iterator[Path | str]:
        """Yield the files that a draw of a training sample may be read from."""
        return files_of(sample, self.stores)

    @property
    def _sampling(self) -> SamplingOptions:
        return SamplingOptions(frame_interval=self.frame_interval, short_video=self.short_video)


def gather_side(path: str, *, takes: str, option: str, kind: str | None = None) -> Sequence[Sample]:
    """Return the samples that `--train` or `--val` names: a folder, a video, an image, or a CSV manifest.

    Args:
        path: What was named.
        takes: What the detector takes, `image` or `video`.
        option: By which it was named, for messages.
        kind: What lies there: `image`, or `video` for video files and folders of frames. None is `video` for a video
            detector, and for an image detector images, or videos where there are no images.

    Raises:
        ConfigError: Nothing there, or labels that contradict each other; names the option.
    """
    if kind not in (None, "image", "video"):
        raise ConfigError(f"--kind {kind!r} is not known; allowed are image and video")
    kind = "video" if takes == "video" else kind
    try:
        if path.lower().endswith((".csv", ".json")):
            samples = gather_samples(manifest=path, takes=kind or "image")
            _check_here(option, path, samples)
            return samples
        if kind is None:
            samples = _images_or_videos(path)
        else:
            samples = gather_samples(video=path) if kind == "video" else gather_samples(image=path)
    except ConfigError as error:
        raise ConfigError(f"{option} {path}: {error}") from error
    _check_here(option, path, samples)
    for notice in labels_above_notices([(Path(path), samples)]):
        logger.warning("%s %s: %s", option, path, notice.text)
    return samples


def _check_here(option: str, path: str, samples: Sequence[Sample]) -> None:
    far = next((sample.file for sample in samples if is_elsewhere(sample.file)), None)
    if far is not None:
        raise ConfigError(
            f"{option} {path}: {far} is no file of this machine, and training reads each many times; copy it here"
        )


def _images_or_videos(path: str) -> Sequence[Sample]:
    try:
        return gather_samples(image=path)
    except ConfigError as error:
        try:
            return gather_samples(video=path)
        except ConfigError:
            raise error from None


def gather_datasets(
    names: Sequence[str], split: str, data: HostData, settings: DetectorConfig, stores: dict[str, FrameStore]
) -> list[Sample]:
    """Return a split of DeepfakeBench's datasets; what reads their frames is put into `stores`.

    Args:
        names: Of the datasets.
        split: `train`, `val` or `test`.
        data: Where they lie.
        settings: Whose `label_dict` and `compression` count.
        stores: By the name of the dataset; added to.

    Raises:
        ConfigError: No such dataset, or one whose split is empty.
    """
    samples: list[Sample] = []
    for name in names:
        store = stores.setdefault(name, data.store(name))
        found = data.samples(name, store, settings, protocol="uniform", split=split)
        labels = data.label_notices(found, settings, "uniform")
        for notice in (*labels, *json_order_notices(found), *doubled_frame_notices(found)):
            logger.warning("%s", notice.text)
        if faults := [sample.fault for sample in found if sample.fault]:
            logger.warning("%s of %s left out: %s", counted(len(faults), "video"), name, faults[0])
        samples += [sample for sample in found if not sample.fault]
    return samples
