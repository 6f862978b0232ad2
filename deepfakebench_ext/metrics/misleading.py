"""What to say where a number would mislead. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.types import FAKE, LABEL_NAMES, REAL, Label
from deepfakebench_ext.common.wording import counted, noun_of, percent, rounded
from deepfakebench_ext.metrics.figure import (
    Figure,
    Floats,
    Integers,
    check_arrays,
    class_size,
    interval_of,
    with_interval,
)

FEW = 20
"""Fewer samples of a class than this give intervals too wide, and too unreliable, to publish."""
LOPSIDED = 0.8
"""Share of one class from which accuracy, precision and AP say more about the classes than about the detector."""
OFF_THRESHOLD = 0.2
"""An AUC this far above the balanced accuracy at 0.5 means that 0.5 is not where the scores part."""
TIED, FEWEST_TIED = 0.05, 5
"""Share of a class, and number of its samples, from which equal scores leave a gap in what thresholds can do."""
SHOWN = 3


def score_warnings(
    labels: Integers,
    scores: Floats,
    figures: Mapping[str, Figure],
    *,
    level: Level,
    clusters: Integers | None = None,
) -> list[Notice]:
    """What to say of one set of scores; nothing where nothing misleads. What is to be said of one figure, it says.

    Args:
        labels: Integers (N,): 0 real, 1 fake.
        scores: float64 (N,): P(fake) in [0, 1].
        figures: As `detailed_figures` gives them for these scores.
        level: What one row stands for.
        clusters: Integers (N,): the video that a frame or clip is from; None where every row stands alone.

    Raises:
        ValueError: The arrays are none that figures are made from.
    """
    check_arrays(labels, scores)
    noun = noun_of(level, () if clusters is None else ("video",))
    found = _few(labels, clusters, noun)
    if len(scores) > 1 and scores.min() == scores.max():
        score = rounded(float(scores[0]), 6, "g")
        text = f"all {len(scores)} {noun} scores are {score}: the detector tells nothing apart"
        found.append(Notice("all_alike", text))
    else:
        found += _tied(labels, scores, noun)
    fakes = int(labels.sum(dtype=np.int64))
    return found + figure_warnings(figures, len(labels) - fakes, fakes, level=level, noun=noun)


def figure_warnings(figures: Mapping[str, Figure], reals: int, fakes: int, *, level: Level, noun: str) -> list[Notice]:
    """What `score_warnings` says from the figures and so many samples of each class, which are called `noun`."""
    return _turned(figures, level) + _threshold(figures, level) + _lopsided(reals, fakes, noun)


def few_in_groups(column: str, groups: Sequence[str], *, units: str, of_worst: bool) -> Notice | None:
    """Say which groups of a breakdown have fewer than `FEW` samples of a class; None for none.

    Args:
        column: What the groups differ in.
        groups: Their names.
        units: What was counted: `reals or fakes`.
        of_worst: Whether one group is named as the worst.
    """
    if not groups:
        return None
    verb, they = ("has", "it says") if len(groups) == 1 else ("have", "they say")
    named = _some(groups) + (", ..." if len(groups) > SHOWN else "")
    about = " of the worst" if of_worst else ""
    text = (
        f"by {column}, {counted(len(groups), 'group')} {verb} fewer than {FEW} {units}: {named}; what {they}{about} "
        "is little"
    )
    return Notice("few_in_group", text, subject=column)


def is_below_chance(auc: Figure) -> bool:
    """Whether the whole interval of an AUC lies under 0.5."""
    return auc.high is not None and auc.high < 0.5


def turned_in_groups(column: str, aucs: Mapping[str, Figure]) -> Notice | None:
    """Say which groups of a breakdown have an AUC below chance; None for none.

    Args:
        column: What the groups differ in.
        aucs: Their names to their AUCs.
    """
    found = [
        f"{name} {with_interval(auc)}" for name, auc in aucs.items() if auc.value is not None and is_below_chance(auc)
    ]
    if not found:
        return None
    verb, whose = ("has", "its interval excludes") if len(found) == 1 else ("have", "their intervals exclude")
    named = _some(found) + (", ..." if len(found) > SHOWN else "")
    text = (
        f"by {column}, {counted(len(found), 'group')} {verb} an AUC below chance, and {whose} 0.5: {named}; reals "
        "score above these fakes"
    )
    return Notice("turned_round", text, subject=column)


def seen_on_both_sides(both: Sequence[str], *, purpose: str, noun: str) -> list[Notice]:
    """Say which videos or other samples a threshold or a calibration has seen and is judged on.

    Args:
        both: What those are called that are on both sides.
        purpose: What the first side was for: `the threshold was chosen`.
        noun: What one of them is.
    """
    if not both:
        return []
    verb = "is" if len(both) == 1 else "are"
    text = f"{counted(len(both), noun)}, such as {_some(both)}, {verb} judged and also among those on which {purpose}"
    return [Notice("leak", text)]


def duplicates_across_classes(keys: Sequence[str], labels: Sequence[Label], digests: Sequence[str]) -> list[Notice]:
    """Say which files are the same, byte for byte, and yet labelled real and fake.

    Args:
        keys: (N) identities of the samples.
        labels: (N) 0 real, 1 fake.
        digests: (N) digests of the files' contents.
    """
    found: dict[str, dict[Label, dict[str, None]]] = {}
    for key, label, digest in zip(keys, labels, digests, strict=True):
        found.setdefault(digest, {}).setdefault(label, {})[key] = None
    shared = [by_label for by_label in found.values() if len(by_label) > 1]
    if not shared:
        return []
    files = sum(len(of_label) for by_label in shared for of_label in by_label.values())
    pairs = [
        f"{next(iter(of[REAL]))} ({LABEL_NAMES[REAL]}) and {next(iter(of[FAKE]))} ({LABEL_NAMES[FAKE]})"
        for of in shared
    ]
    text = f"{files} files, such as {_some(pairs)}, have the same content under both labels"
    return [Notice("duplicates", text)]


def size_in_words(samples: int, noun: str, videos: int | None) -> str:
    """Return `12 reals`, or `3 videos (12 reals)` where samples are from videos, which are what counts."""
    return counted(samples, noun) if videos is None else f"{counted(videos, 'video')} ({counted(samples, noun)})"


def _few(labels: Integers, clusters: Integers | None, noun: str) -> list[Notice]:
    found = []
    for label, name in LABEL_NAMES.items():
        samples, videos = class_size(labels, label, clusters)
        if 0 < videos < FEW:
            of = size_in_words(samples, noun, None if clusters is None else videos)
            verb, units = "is" if videos == 1 else "are", noun if clusters is None else "video"
            text = f"only {of} {verb} {name}: under {FEW} {units}s, figures say little and intervals may be too narrow"
            found.append(Notice("few_samples", text))
    return found


def _tied(labels: Integers, scores: Floats, noun: str) -> list[Notice]:
    """What no threshold parts, class by class: the score that most of it share, but for the one where it belongs.

    Reals of the lowest score and fakes of the highest are told apart as well as can be.
    """
    lowest, highest = float(scores.min(initial=0.5)), float(scores.max(initial=0.5))
    ends = {lowest: "the lowest score", highest: "the highest score"}
    found = []
    for label, rate, harmless in ((REAL, "an FPR", lowest), (FAKE, "a TPR", highest)):
        own = np.sort(scores[labels == label])
        last = np.flatnonzero(np.diff(own, append=2.0))  # of each run of equal scores; none is above 1
        runs = np.where(own[last] == harmless, 0, np.diff(last, prepend=-1))
        if not len(own) or (most := int(runs.max())) < max(FEWEST_TIED, TIED * len(own)):
            continue
        at = int(last[runs.argmax()])
        score, above = float(own[at]), len(own) - at - 1
        text = (
            f"{percent(most / len(own))} of {len(own)} {LABEL_NAMES[label]} {noun}s share "
            f"{ends.get(score, 'one score')}, {rounded(score, 6, 'g')}: no threshold has {rate} between "
            f"{percent(above / len(own))} and {percent((above + most) / len(own))}"
        )
        found.append(Notice("ties", text))
    return found


def _turned(figures: Mapping[str, Figure], level: Level) -> list[Notice]:
    auc = figures[f"{level}_auc"]
    if auc.value is None or not is_below_chance(auc):
        return []
    text = (
        f"{level}_auc is {rounded(auc.value)}, and its interval ({interval_of(auc)}) excludes 0.5: reals score above "
        "fakes; is the label order right (--fake_index)?"
    )
    return [Notice("turned_round", text)]


def _threshold(figures: Mapping[str, Figure], level: Level) -> list[Notice]:
    auc, balanced = figures[f"{level}_auc"].value, figures[f"{level}_balanced_accuracy"].value
    if auc is None or balanced is None or auc - balanced < OFF_THRESHOLD:
        return []
    text = (
        f"{level}_auc is {rounded(auc)} but balanced accuracy at 0.5 only {rounded(balanced)}: the scores part "
        "elsewhere; choose a threshold or calibrate on other samples (--threshold_from, --calibrate)"
    )
    return [Notice("other_threshold", text)]


def _lopsided(reals: int, fakes: int, noun: str) -> list[Notice]:
    total, most = reals + fakes, max(reals, fakes)
    if not min(reals, fakes) or most < LOPSIDED * total:
        return []
    name = LABEL_NAMES[FAKE if fakes == most else REAL]
    text = (
        f"{most} of {total} {noun}s are {name}: calling all so has an accuracy of "
        f"{rounded(most / total)}; read balanced accuracy and AUC, and compare AP and precision only at the same "
        "share of fakes"
    )
    return [Notice("lopsided", text)]


def _some(items: Sequence[str]) -> str:
    return ", ".join(items[:SHOWN])
