"""From a sample to what a detector takes: an image, the frames of a video, or its clips; whole or cut to the face."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from deepfakebench_ext.common.errors import ConfigError, MediaError
from deepfakebench_ext.common.paths import path_key
from deepfakebench_ext.common.types import Prediction, Sample, Status
from deepfakebench_ext.common.wording import of_several
from deepfakebench_ext.data.preprocess.normalising import Pixels
from deepfakebench_ext.data.preprocess.transform import PreprocessSpec, resize_and_crop
from deepfakebench_ext.data.readers.at_hand import sample_at_hand
from deepfakebench_ext.data.readers.content import sample_content
from deepfakebench_ext.data.readers.frames import FrameSource, Sampling, Taken, files_of, sampling_record
from deepfakebench_ext.data.samples.kinds import is_video
from deepfakebench_ext.data.stores.frame_stores import FrameStore
from deepfakebench_ext.faces.crop import FaceCrop, Miss, Shot
from deepfakebench_ext.faces.detect import Box, Face
from deepfakebench_ext.faces.reader import FaceReader
from deepfakebench_ext.media.host_sampling import DeepfakeBenchSampling
from deepfakebench_ext.media.image import frame_files
from deepfakebench_ext.media.sampling import ClipSampling, FrameSampling
from deepfakebench_ext.media.sniff import is_folder


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """One image, frame or clip after reading.

    Attributes:
        prediction: What is known of it before it is scored, or why it cannot be.
        pixels: uint8 (3, H, W), or (T, 3, H, W) for a clip; None where there is nothing to score.
        others: The same of each further face of it that is scored; the highest score of all these is the unit's.
    """

    prediction: Prediction
    pixels: Pixels | None
    others: tuple[Unit, ...] = ()


class Reader:
    """Reads samples for one detector. Safe in several threads.

    Attributes:
        preprocess: How a frame is prepared; the predictor normalises by it.
    """

    def __init__(
        self,
        preprocess: PreprocessSpec,
        sampling: Sampling | None = None,
        *,
        faces: FaceReader | None = None,
        stores: Mapping[str, FrameStore] | None = None,
    ) -> None:
        """Say what is read.

        Args:
            preprocess: How a frame or crop is prepared.
            sampling: Which frames of a video are read, or which clips; None takes 32 evenly spread frames.
            faces: What cuts frames to the face; None leaves them whole.
            stores: For the videos of dataset JSONs, by the name of the dataset: where their frames are read.

        Raises:
            ConfigError: A sampling by time, which the frames of a dataset lack.
        """
        self.preprocess = preprocess
        self._sampling = sampling or FrameSampling.from_options()
        if stores and isinstance(self._sampling, FrameSampling) and self._sampling.fps is not None:
            raise ConfigError("--sampling fps goes by time, which the frames of a dataset lack; use uniform or first")
        self._takes_clips = isinstance(self._sampling, ClipSampling) or (
            isinstance(self._sampling, DeepfakeBenchSampling) and self._sampling.clip_size is not None
        )
        self._faces, self._stores = faces, stores or {}
        self._source = FrameSource(self._fitted, faces=faces, stores=stores)

    @property
    def finds_faces(self) -> bool:
        """Whether it looks for faces."""
        return self._faces is not None

    @property
    def scores_every_face(self) -> bool:
        """Whether each face of a frame or clip is scored, and not one alone."""
        return self._faces is not None and self._faces.for_videos.face == "all"

    def to_dict(self) -> dict[str, Any]:
        """Return what is recorded of it: everything that decides which pixels a detector sees."""
        return {
            **sampling_record(self._sampling, is_stored=bool(self._stores)),
            "preprocess": self.preprocess.to_dict(),
            "faces": None if self._faces is None else self._faces.to_dict(),
        }

    def files(self, sample: Sample) -> Iterator[Path | str]:
        """Yield the files that decide what a detector sees of a sample."""
        return files_of(sample, self._stores, self._sampling)

    def look_ahead(self, samples: Sequence[Sample], batch_size: int, workers: int) -> tuple[int, int]:
        """Return how many samples may be read ahead, and how many units of each may wait.

        An image is one unit, so that two batches of them are little; of videos, a few are read at a time.
        """
        if self._stores or any(map(is_video, samples)):
            return workers + 1, max(2, batch_size)
        return max(2 * batch_size, 2 * workers), 1

    def units(self, sample: Sample) -> Iterator[Unit]:
        """Yield the units of a sample, at least one; what cannot be read is a unit that says why.

        A unit has its own frames or none: a clip that lacks one frame is not scored. The first says what tells the
        sample's content.
        """
        with sample_at_hand(sample) as local:
            units = self._read(local)
            first = _with_content(next(units), sample_content(local, self._stores))
            for unit in chain([first], units):
                yield unit if local is sample else renamed(unit, local.file, sample.file)

    def _read(self, sample: Sample) -> Iterator[Unit]:
        try:
            yield from self._units(sample, self._source.take(sample, self._sampling))
        except MediaError as error:
            planned = self._sampling.asked if is_video(sample) else 1
            yield Unit(Prediction(sample.key, None, "unreadable", str(error), planned=planned, decoded=0), None)

    def _units(self, sample: Sample, taken: Taken) -> Iterator[Unit]:
        seen, planned, index = set[int](), self._planned(sample, taken.promised), -1
        names = _frame_names(sample)
        for index, shots in enumerate(taken.groups):
            # A frame that cannot be read has no faces, so that one unit is left, which says why it has no score.
            faces = zip(*(shot.faces for shot in shots), strict=False)
            file = names(shots[0].index)
            first, *others = (
                Unit(replace(_known(sample, index, face, planned, seen, taken), frame_file=file), self._pixels(face))
                for face in faces
            )
            yield replace(first, others=tuple(others))
            seen.update(shot.index for shot in shots)
        if index < 0 and not isinstance(self._sampling, FrameSampling):
            reason, span = self._sampling.why_too_short(taken.num_frames), self._sampling.span
            yield Unit(Prediction(sample.key, None, "too_short", reason, planned=span, decoded=0), None)

    def _pixels(self, shots: Sequence[Shot]) -> Pixels | None:
        pixels = [_pixels_of(shot.result) for shot in shots if isinstance(shot.result, FaceCrop)]
        if len(pixels) < len(shots):
            return None
        return np.stack(pixels) if self._takes_clips else pixels[0]

    def _planned(self, sample: Sample, promised: int) -> int:
        """How many frames are asked of a sample: of a file as many as the user said, however short it is."""
        if not is_video(sample):
            return 1
        if isinstance(self._sampling, FrameSampling) and not sample.frames:
            return self._sampling.asked
        return len({index for group in self._sampling.groups(promised) for index in group})

    def _fitted(self, shot: Shot) -> Shot:
        return shot.made(lambda rgb: resize_and_crop(rgb, self.preprocess).transpose(1, 2, 0))


def _with_content(unit: Unit, content: str) -> Unit:
    faces = tuple(_with_content(each, content) for each in unit.others)
    return Unit(replace(unit.prediction, content=content), unit.pixels, faces)


def renamed(unit: Unit, path: str, name: str) -> Unit:
    """Return a unit whose reason calls its sample's file by its name, wherever it was read."""
    faces = tuple(renamed(each, path, name) for each in unit.others)
    return Unit(replace(unit.prediction, reason=unit.prediction.reason.replace(path, name)), unit.pixels, faces)


def _pixels_of(crop: FaceCrop) -> Pixels:
    """The (3, H, W) pixels, in the memory that `resize_and_crop` gave them."""
    pixels: Pixels = crop.rgb.transpose(2, 0, 1)
    return pixels


def _frame_names(sample: Sample) -> Callable[[int], str]:
    """What the file of each frame of a sample is called, by its index."""
    if not sample.frames and not (is_video(sample) and is_folder(sample.path)):
        return lambda index: ""
    files = sample.frames or [file.name for file in frame_files(sample.path)]
    return lambda index: path_key(files[index].replace("\\", "/").rpartition("/")[2])


def _known(
    sample: Sample, index: int, shots: Sequence[Shot], planned: int, seen: Collection[int], taken: Taken
) -> Prediction:
    """What is known of a frame or clip before it is scored; `seen` are the frames that earlier clips have."""
    missed = [shot.result for shot in shots if isinstance(shot.result, Miss)]
    lost = [miss for miss in missed if miss.is_unreadable]
    there = {shot.index: shot for shot in shots if not shot.is_unreadable}
    faceless = [number for number, shot in there.items() if shot.is_faceless]
    several = {number for number, shot in there.items() if shot.result.num_faces > 1}
    crops = [shot.result for shot in there.values() if isinstance(shot.result, FaceCrop)]
    faces = [crop.face for crop in crops if crop.face is not None]
    times_s = [shot.time_s for shot in shots if shot.time_s is not None]
    return Prediction(
        sample.key,
        None,
        _status(missed),
        _reason(lost or missed, len(shots)) or taken.damage,
        index=index,
        start_s=min(times_s, default=None),
        end_s=max((shot.end_s for shot in shots if shot.end_s is not None), default=None) if len(shots) > 1 else None,
        planned=planned,
        decoded=sum(number not in seen for number in there),
        faceless=len(faceless),
        faceless_before=sum(number in seen for number in faceless),
        frame=min(shot.index for shot in shots) if is_video(sample) else None,
        bbox_px=_median_box(faces),
        face_score=float(np.median([face.score for face in faces])) if faces else None,
        num_faces=max((shot.result.num_faces for shot in there.values()), default=0),
        several=len(several.difference(seen)),
        off_crop=len({shot.index for shot in shots if shot.result.is_off}),
        remark=taken.remark,
    )


def _reason(missed: Sequence[Miss], total: int) -> str:
    """Why there is no score; a clip that is off says itself in how many of its frames."""
    if missed and missed[0].is_off:
        return missed[0].reason
    return of_several([miss.reason for miss in missed], total, "frames")


def _status(missed: Sequence[Miss]) -> Status:
    if any(miss.is_unreadable for miss in missed):
        return "unreadable"
    if not missed:
        return "ok"
    return "off_crop" if missed[0].is_off else "no_face"


def _median_box(faces: Sequence[Face]) -> Box | None:
    if not faces:
        return None
    x0, y0, x1, y1 = np.median([face.bbox_px for face in faces], axis=0).tolist()
    return x0, y0, x1, y1
