"""The videos of a run: one score each, the frames that it rests on, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.types import Prediction, Sample, VideoScore
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.metrics.aggregation import Rule
from deepfakebench_ext.report.scores.csv_writing import Row

_CROWD = 0.1  # of a video's frames: a false face now and then is no second person


def video_scores(rows: Iterable[Row], codes: Sequence[int], rule: Rule) -> list[VideoScore]:
    """Return one score a video, in the order in which their first predictions come.

    Args:
        rows: (N) predictions with their samples.
        codes: (N) number of the video of each, as `ScoreTable.video_codes` tells videos apart.
        rule: From `aggregation_rule`.
    """
    videos: dict[int, _Video] = {}
    for (_, sample, prediction), code in zip(rows, codes, strict=True):
        videos.setdefault(code, _Video(sample, prediction)).add(prediction, planned_each=sample.video is not None)
    return [video.score(rule) for video in videos.values()]


@dataclass(slots=True)
class _Video:
    sample: Sample
    first: Prediction
    scores: list[float] = field(default_factory=list)
    planned: int = 0
    decoded: int = 0
    faceless: int = 0
    several: int = 0
    off_crop: int = 0
    damage: str = ""

    def add(self, prediction: Prediction, *, planned_each: bool) -> None:
        self.planned = self.planned + prediction.planned if planned_each else prediction.planned
        self.decoded += prediction.decoded
        self.faceless += prediction.faceless - prediction.faceless_before
        self.several += prediction.several
        self.off_crop += prediction.off_crop
        if prediction.score is not None:
            self.scores.append(prediction.score)
        if _is_damage(prediction):
            self.damage = self.damage or prediction.reason

    def score(self, rule: Rule) -> VideoScore:
        failed = not self.scores
        return VideoScore(
            sample=self.sample,
            score=None if failed else rule(np.array(self.scores)),
            status=self.first.status if failed else "ok",
            reason=self.first.reason if failed else self.damage,
            units_scored=len(self.scores),
            frames_planned=self.planned or self.decoded,  # by time, a video is asked for what it has
            frames_decoded=self.decoded,
            frames_faceless=self.faceless,
            frames_several=self.several,
            frames_off_crop=self.off_crop,
        )


def face_notices(predictions: Iterable[Prediction]) -> list[Notice]:
    """Say what was scored without a face: such scores are the detector's word on something it was not made for."""
    without = [prediction for prediction in predictions if prediction.faceless]
    scored = sum(prediction.score is not None for prediction in without)
    if not without:
        return []
    frames = sum(prediction.faceless - prediction.faceless_before for prediction in without)
    left_out = f", {len(without) - scored} frames or clips have no score for it" if scored < len(without) else ""
    return [Notice("faceless", f"{frames} frames show no face; {scored} scores rest on such frames{left_out}")]


def every_face_notice(unit: Level) -> Notice:
    """Say by which rule a frame or clip of several faces has its score."""
    whose = "face of a frame" if unit == "frame" else "person of a clip"
    rule = "the highest score counts (--face all): the more faces, false ones too, the higher it comes out"
    return Notice("every_face", f"each {whose} is scored, and {rule}")


def crowd_notices(videos: Iterable[VideoScore], *, every_face: bool = False) -> list[Notice]:
    """Say which videos show several people, and which crops have lost the face that they follow.

    Args:
        videos: Of a run.
        every_face: Whether each face is scored, and not the largest alone.
    """
    videos, said = list(videos), []
    crowded = [video for video in videos if video.frames_several > _CROWD * video.frames_decoded]
    if crowded:
        number = f"{counted(len(crowded), 'video')} {'shows' if len(crowded) == 1 else 'show'} several people"
        such = f"such as {crowded[0].sample.key}"
        scored = "the largest face is scored, in a clip the one that is largest over all; --face all scores each"
        said.append(Notice("several_people", f"{number}, {such}" + ("" if every_face else f"; {scored}")))
    lost = [video for video in videos if video.frames_off_crop]
    if lost:
        frames = counted(sum(video.frames_off_crop for video in lost), "frame")
        such = f"clips of {counted(len(lost), 'video')}, such as {lost[0].sample.key}"
        said.append(Notice("off_crop", f"{frames} show the face of the clip elsewhere, or another's: in {such}"))
    return said


def damage_notices(predictions: Iterable[Prediction]) -> list[Notice]:
    """Say which videos were scored on less than their files had promised."""
    damaged, scored = dict[str, str](), set[str]()
    for prediction in predictions:
        if prediction.score is not None:
            scored.add(prediction.key)
        if _is_damage(prediction):
            damaged.setdefault(prediction.key, prediction.reason)
    left = [f"{key} ({reason})" for key, reason in damaged.items() if key in scored]
    if not left:
        return []
    return [Notice("damaged", f"{counted(len(left), 'damaged video')} scored by what can be read, such as {left[0]}")]


def picture_notices(predictions: Iterable[Prediction]) -> list[Notice]:
    """Say of which videos the pictures were converted, or are not as a player shows them."""
    keys: dict[str, dict[str, None]] = {}
    for prediction in predictions:
        if prediction.remark and prediction.score is not None:
            keys.setdefault(prediction.remark, {})[prediction.key] = None
    return [
        Notice("pictures", f"{counted(len(found), 'video')}: {remark}; such as {next(iter(found))}")
        for remark, found in keys.items()
    ]


def _is_damage(prediction: Prediction) -> bool:
    """Whether frames of its video are lost; of which the score then says nothing."""
    return bool(prediction.reason) and (prediction.score is not None or prediction.status == "unreadable")
