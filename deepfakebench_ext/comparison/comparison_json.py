"""What `comparison.json` holds, key by key. The same comparison gives the same bytes: sorted keys, no times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TypedDict

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.comparison.compare import disagreements
from deepfakebench_ext.comparison.records import Compared, Comparison
from deepfakebench_ext.comparison.tables import pair_sentences
from deepfakebench_ext.metrics.breakdown import Breakdown
from deepfakebench_ext.report.metrics_json import SCHEMA_VERSION, Json, figures_json, json_text
from deepfakebench_ext.report.scores.csv_writing import Head, head_of

DISAGREEMENTS = 100
"""So many of the samples on which detectors disagree most are listed."""


class DetectorJson(TypedDict):
    """One detector.

    Attributes:
        name: What it is called in all else.
        file: The file that its scores were read from, as given.
        head: `untrained` when its head did not come from a checkpoint; null where unknown.
        aggregation: The rule by which its videos have scores; null where the comparison made none.
        protocol: As in `metrics.json`; null where it is not known.
        notices: Facts of its run that belong to the figures.
        total: All its samples at the level that is compared.
        left_out: Those of them that are not compared.
        unscored: Samples of all files that it could not score.
        figures: Name with its level, such as `video_auc`, to `Figure`.
    """

    name: str
    file: str
    head: Head | None
    aggregation: str | None
    protocol: Json | None
    notices: list[str]
    total: int
    left_out: int
    unscored: int
    figures: dict[str, Json]


class GroupAucsJson(TypedDict):
    """The AUCs of one group.

    Attributes:
        name: The column's value; `(none)` where it is empty.
        real: Reals in it; by method, all reals.
        fake: Fakes in it.
        auc: Detector to its AUC.
    """

    name: str
    real: int
    fake: int
    auc: dict[str, Json]


class GroupsJson(TypedDict):
    """The groups of one column.

    Attributes:
        groups: In the order of their names.
        mean_auc: Detector to the mean of the groups' AUCs, each group counting the same.
        worst: Detector to the name of the group with its lowest AUC, or null.
    """

    groups: list[GroupAucsJson]
    mean_auc: dict[str, Json]
    worst: dict[str, str | None]


class DisagreementJson(TypedDict):
    """A sample on which detectors disagree.

    Attributes:
        key: Its identity.
        label: 0 real, 1 fake.
        scores: Detector to its score.
    """

    key: str
    label: int
    scores: dict[str, float]


class ComparisonJson(TypedDict):
    """The whole of `comparison.json`.

    Attributes:
        schema_version: 1. Rises when a key changes its meaning or goes.
        level: What one score stands for.
        real: Reals that are compared.
        fake: Fakes that are compared.
        in_all: Samples that are in every file, scored or not.
        detectors: In the order given.
        pairs: Every `Pair` of `metrics/pairs.py`, attribute by attribute; empty where none can be tested.
        clustered: Whether variances take the frames or clips of one video together.
        sentences: In words, which pairs differ beyond noise.
        warnings: Where a figure would mislead, as sentences.
        notice_records: The same as the records `Notice` of `deepfakebench_ext/common/notices.py`, for programs.
        breakdowns: Column to groups.
        disagreements: The samples whose scores lie farthest apart, the farthest first.
        bootstrap: How intervals were drawn; null where only closed formulas were used.
    """

    schema_version: int
    level: Level
    real: int
    fake: int
    in_all: int
    detectors: list[DetectorJson]
    pairs: list[Json]
    clustered: bool
    sentences: list[str]
    warnings: list[str]
    notice_records: list[Json]
    breakdowns: dict[str, GroupsJson]
    disagreements: list[DisagreementJson]
    bootstrap: Json | None


def comparison_json(comparison: Comparison) -> ComparisonJson:
    """Return the comparison as JSON values; nothing in it is NaN or infinite."""
    fake = int(comparison.labels.sum())
    return ComparisonJson(
        schema_version=SCHEMA_VERSION,
        level=comparison.level,
        real=len(comparison.labels) - fake,
        fake=fake,
        in_all=comparison.in_all,
        detectors=[_detector(each) for each in comparison.detectors],
        pairs=[asdict(each) for each in comparison.pairs],
        clustered=comparison.clustered,
        sentences=pair_sentences(comparison),
        warnings=[notice.text for notice in comparison.warnings],
        notice_records=[asdict(notice) for notice in comparison.warnings],
        breakdowns=_breakdowns(comparison),
        disagreements=_disagreements(comparison),
        bootstrap=None if comparison.bootstrap is None else asdict(comparison.bootstrap),
    )


def comparison_text(comparison: Comparison) -> str:
    """Return the comparison as the text of `comparison.json`."""
    return json_text(comparison_json(comparison))


def _detector(detector: Compared) -> DetectorJson:
    return DetectorJson(
        name=detector.name,
        file=detector.file.path.as_posix(),
        head=head_of(detector.file.trained),
        aggregation=detector.aggregation,
        protocol=None if detector.file.protocol is None else detector.file.protocol.to_json(),
        notices=[notice.text for notice in detector.file.notices],
        total=detector.counts.total,
        left_out=detector.left_out,
        unscored=detector.unscored,
        figures=figures_json(detector.figures),
    )


def _breakdowns(comparison: Comparison) -> dict[str, GroupsJson]:
    names = [each.name for each in comparison.detectors]
    by_column = zip(*(each.breakdowns for each in comparison.detectors), strict=True)
    return {each[0].column: _groups(names, each, f"{comparison.level}_auc") for each in by_column}


def _groups(names: Iterable[str], breakdowns: tuple[Breakdown, ...], auc: str) -> GroupsJson:
    pairs = list(zip(names, breakdowns, strict=True))
    groups = [
        GroupAucsJson(
            name=group.name,
            real=group.real,
            fake=group.fake,
            auc={name: asdict(each.groups[place].figures[auc]) for name, each in pairs},
        )
        for place, group in enumerate(breakdowns[0].groups)
    ]
    return GroupsJson(
        groups=groups,
        mean_auc={name: asdict(each.mean_auc) for name, each in pairs},
        worst={name: each.worst for name, each in pairs},
    )


def _disagreements(comparison: Comparison) -> list[DisagreementJson]:
    return [
        DisagreementJson(
            key=comparison.keys[place],
            label=int(comparison.labels[place]),
            scores={each.name: float(each.scores[place]) for each in comparison.detectors},
        )
        for place in disagreements(comparison, DISAGREEMENTS)
    ]
