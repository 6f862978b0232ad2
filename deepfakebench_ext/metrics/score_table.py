"""Scores as columns: what every figure is computed from, whether a run has just ended or only its files are left. Pure.

A million rows are a few arrays and a tuple of distinct names. Text that repeats (keys of videos, datasets, methods) is
held once, with a number a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.types import FAKE, REAL, Prediction, Sample
from deepfakebench_ext.metrics.aggregation import aggregation_rule
from deepfakebench_ext.metrics.counts import Counts
from deepfakebench_ext.metrics.figure import Floats
from deepfakebench_ext.metrics.video_identity import Videos, tell_videos

UNKNOWN = -1
"""Label of a sample whose class nobody said; and code of a row that has no name in a column."""

COMPRESSION = "compression"
"""Column of a table that is part of a video's identity where it is there: c23 and c40 of one video are two."""

_LABEL_WORDS = {UNKNOWN: "", REAL: "real", FAKE: "fake"}

Numbers = NDArray[np.int32]
_ByRows = Callable[[Floats], Floats]

# The rules of `aggregation_rule` for many videos of one length at once, (G, N) -> (G,), to the same last bit.
_BY_ROWS: dict[str, _ByRows] = {
    "mean": lambda scores: np.clip(scores.mean(axis=1), 0.0, 1.0),
    "median": lambda scores: np.asarray(np.median(scores, axis=1), dtype=np.float64),
    "max": lambda scores: np.asarray(scores.max(axis=1), dtype=np.float64),
}


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A column of text, each name held once.

    Attributes:
        codes: int32 (N,) Number of each row's name; -1 where the row has none.
        names: Distinct names, in the order in which they first came; many of them as `Names`.
    """

    codes: Numbers
    names: Sequence[str]

    @classmethod
    def of(cls, texts: Iterable[str | None]) -> Column:
        """Return the column of these texts; None and empty ones are no names."""
        coder = Coder()
        codes = np.fromiter((UNKNOWN if not text else coder[text] for text in texts), np.int32)
        return cls(codes, tuple(coder))

    def text(self, row: int) -> str:
        """Return the name of a row, empty where it has none."""
        code = int(self.codes[row])
        return "" if code == UNKNOWN else self.names[code]

    def take(self, rows: NDArray[np.intp]) -> Column:
        """Return the column of some rows; its names stay, also those that no row has any more."""
        return Column(self.codes[rows], self.names)


class Coder(dict[str, int]):
    """Names to the numbers in which they came: a new one gets the next."""

    def __missing__(self, name: str) -> int:
        """Give a new name its number."""
        self[name] = len(self)
        return self[name]


@dataclass(frozen=True, slots=True, eq=False)
class ScoreTable:
    """Scores of images, frames, clips or videos, one a row.

    Attributes:
        level: What a row stands for.
        labels: int8 (N,): 0 real, 1 fake, -1 unknown.
        scores: float64 (N,): P(fake) in [0, 1], NaN where the row was not scored.
        status: `ok` where scored, else a word for what went wrong.
        key: The sample's key; the frames or clips of a video share theirs.
        video: Name of the video that an image was taken from, where one is known.
        dataset: Name of the dataset, where one is known.
        method: Name of the manipulation method, where one is known.
        index: int32 (N,) Number of the frame or clip within its sample, from 0.
        has_videos: Whether rows belong to videos, so that `to_videos` says something new.
        columns: Further columns by name, such as compression.
    """

    level: Level
    labels: NDArray[np.int8]
    scores: Floats
    status: Column
    key: Column
    video: Column
    dataset: Column
    method: Column
    index: Numbers
    has_videos: bool = False
    columns: Mapping[str, Column] = field(default_factory=dict)
    _videos: list[Videos] = field(init=False, default_factory=list, repr=False)  # found once, when first asked for

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.labels)

    @classmethod
    def from_predictions(
        cls, samples: Sequence[Sample], predictions: Iterable[Prediction], *, level: Level, has_videos: bool
    ) -> ScoreTable:
        """Return the table of a run.

        Args:
            samples: In the order of the run.
            predictions: In the order of the samples, one or more for each.
            level: What one prediction stands for.
            has_videos: Whether predictions belong to videos.

        Raises:
            ValueError: A prediction belongs to none of the samples, or to an earlier one.
        """
        numbers, scores, index, statuses = _walk(samples, predictions)
        labels = np.array([UNKNOWN if s.label is None else s.label for s in samples], np.int8)
        return cls(
            level=level,
            labels=labels[numbers],
            scores=scores,
            status=statuses,
            key=Column.of(sample.key for sample in samples).take(numbers),
            video=Column.of(sample.video for sample in samples).take(numbers),
            dataset=Column.of(sample.dataset for sample in samples).take(numbers),
            method=Column.of(sample.method for sample in samples).take(numbers),
            index=index,
            has_videos=has_videos,
        )

    def column(self, name: str) -> Column | None:
        """Return a column of text by its name, None where there is none or all of it is empty."""
        known = {"status": self.status, "key": self.key, "video": self.video}
        known |= {"dataset": self.dataset, "method": self.method, **self.columns}
        found = known.get(name)
        return None if found is None or not len(found.codes) or found.codes.max() == UNKNOWN else found

    def is_scored(self) -> NDArray[np.bool_]:
        """(N,) Whether each row has a score."""
        return ~np.isnan(self.scores)

    def usable(self) -> NDArray[np.intp]:
        """(M,) Rows that figures rest on: scored, and with a label."""
        return np.flatnonzero(self.is_scored() & (self.labels != UNKNOWN))

    def counts(self) -> Counts:
        """Return how many rows there are, scored and not, and of which class the scored ones are."""
        scored = self.is_scored()
        classes = np.bincount(self.labels[scored] + 1, minlength=3)
        return Counts(
            total=len(self),
            scored=int(scored.sum()),
            not_scored=len(self) - int(scored.sum()),
            real=int(classes[REAL + 1]),
            fake=int(classes[FAKE + 1]),
            unlabelled=int(classes[UNKNOWN + 1]),
        )

    def take(self, rows: NDArray[np.intp]) -> ScoreTable:
        """Return the table of some rows, in their order."""
        return replace(
            self,
            labels=self.labels[rows],
            scores=self.scores[rows],
            index=self.index[rows],
            status=self.status.take(rows),
            key=self.key.take(rows),
            video=self.video.take(rows),
            dataset=self.dataset.take(rows),
            method=self.method.take(rows),
            columns={name: column.take(rows) for name, column in self.columns.items()},
        )

    def videos(self) -> Videos:
        """Return which rows are of one video.

        A video is one key; or, for images that were taken from a named video, dataset, label, method, compression and
        video together, and the folder where these are not enough (`tell_videos`).
        """
        if not self._videos:
            known = (self.dataset, self.method, self.columns.get(COMPRESSION), self.video)
            parts = ((column.codes + 1, len(column.names) + 1) for column in known if column is not None)
            by_name = _combined([(self.labels + 1, len(_LABEL_WORDS)), *parts])
            told = tell_videos(by_name, self.video.codes != UNKNOWN, self.key.codes, self.key.names)
            self._videos.append(told)
        return self._videos[0]

    def video_codes(self) -> NDArray[np.intp]:
        """(N,) Number of the video of each row, from 0 in the order in which videos first come."""
        return self.videos().codes

    def video_names(self) -> list[str]:
        """Return what each video is called, in the order of `video_codes`.

        That is its key; or, for images of a named video, dataset, `real` or `fake`, method, compression and video, as
        far as each is known, with the folder where that tells it apart: `FF++/fake/DF/c23/000_003`.
        """
        return [self.called(video) for video in range(len(self.videos().first))]

    def called(self, video: int) -> str:
        """Return what the video of this number is called."""
        found = self.videos()
        name, folder = self.video_name(int(found.first[video])), int(found.folders[video])
        return name if folder < 0 else f"{name} in {found.folder_names[folder]}"

    def video_name(self, row: int) -> str:
        """Return what the columns call the video of a row."""
        if self.video.codes[row] == UNKNOWN:
            return self.key.text(row)
        label, compression = _LABEL_WORDS[int(self.labels[row])], self.columns.get(COMPRESSION)
        pressed = "" if compression is None else compression.text(row)
        parts = (self.dataset.text(row), label, self.method.text(row), pressed, self.video.text(row))
        return "/".join(filter(None, parts))

    def to_videos(self, aggregation: str) -> ScoreTable:
        """Return one row a video: its score by the rule of that name, all else as its first row has it.

        A video is scored where any of its rows is. One that is not has the status of its first row.

        Raises:
            ConfigError: No such rule.
        """
        rule, told = aggregation_rule(aggregation), self.videos()
        scores = np.full(len(told.first), np.nan)
        for videos, values in _groups(told.codes, self.scores):
            by_rows = _BY_ROWS.get(aggregation)
            scores[videos] = by_rows(values) if by_rows else [rule(row) for row in values]
        videos_table = self.take(told.first)
        status = _status_of(videos_table.status, ~np.isnan(scores))
        video = _with_folders(videos_table.video, told)
        return replace(videos_table, level="video", scores=scores, status=status, video=video, has_videos=False)


def _with_folders(video: Column, told: Videos) -> Column:
    """The names of videos, with the folder of those that it tells apart: in the table of videos no file does."""
    if not (told.folders >= 0).any():
        return video
    texts = (
        video.text(row) if folder < 0 else f"{video.text(row)} in {told.folder_names[folder]}"
        for row, folder in enumerate(told.folders.tolist())
    )
    return Column.of(texts)


def _combined(parts: Iterable[tuple[NDArray[np.integer[Any]], int]]) -> NDArray[np.int64]:
    """(N,) One number for each combination of several columns of codes (N,), each from 0 and below its count.

    Where the product of the counts would pass int64, the combinations so far are numbered anew.
    """
    combined, size = np.zeros(1, np.int64), 1
    for codes, count in parts:
        if size * count >= 2**62:
            combined = np.unique(combined, return_inverse=True)[1].astype(np.int64)
            size = int(combined.max(initial=0)) + 1
        combined, size = combined * count + codes, size * count
    return combined


def _groups(codes: NDArray[np.intp], scores: Floats) -> Iterable[tuple[NDArray[np.intp], Floats]]:
    """Videos (G,) of one number of scored rows, and their scores (G, N) in the order of the rows; for each number."""
    scored = np.flatnonzero(~np.isnan(scores))
    order = scored[np.argsort(codes[scored], kind="stable")]
    sorted_codes = codes[order]
    starts = np.flatnonzero(np.diff(sorted_codes, prepend=-1))
    sizes = np.diff(starts, append=len(order))
    for size in np.unique(sizes):
        places = starts[sizes == size]
        yield sorted_codes[places], scores[order[places[:, None] + np.arange(size)]]


def _status_of(first: Column, scored: NDArray[np.bool_]) -> Column:
    """Each video's status: `ok` where scored, else that of its first row."""
    names = first.names if "ok" in first.names else (*first.names, "ok")
    codes = np.where(scored, names.index("ok"), first.codes)
    return Column(codes.astype(np.int32), names)


def _walk(
    samples: Sequence[Sample], predictions: Iterable[Prediction]
) -> tuple[NDArray[np.intp], Floats, Numbers, Column]:
    """Each prediction's number of its sample, score, index, and the column of statuses."""
    numbers, scores, index, coder = [], [], [], Coder()
    statuses: list[int] = []
    number = 0
    for prediction in predictions:
        while number < len(samples) and samples[number].key != prediction.key:
            number += 1
        if number == len(samples):
            raise ValueError(f"the prediction for {prediction.key!r} belongs to no sample, or stands out of order")
        numbers.append(number)
        scores.append(np.nan if prediction.score is None else prediction.score)
        index.append(prediction.index)
        statuses.append(coder[prediction.status])
    column = Column(np.array(statuses, np.int32), tuple(coder))
    return np.array(numbers, np.intp), np.array(scores, np.float64), np.array(index, np.int32), column
