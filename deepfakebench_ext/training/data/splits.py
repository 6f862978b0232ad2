"""One set of samples into training and validation, so that no video, and no source of a video, is on both sides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import FAKE, LABEL_NAMES, REAL, Label, Sample
from deepfakebench_ext.training.data.sources import Source, pair_of, sources_of


@dataclass(frozen=True, slots=True)
class Split:
    """Two sides of one set of samples, each in its order.

    Attributes:
        train: What is trained on.
        val: What is judged on.
        sources: Groups that stayed together.
        note: How far they could be told apart, where there is something to know; else empty.
    """

    train: tuple[Sample, ...]
    val: tuple[Sample, ...]
    sources: int
    note: str


def split_by_source(samples: Sequence[Sample], val_share: float, seed: int, *, needs_fakes: bool = True) -> Split:
    """Return a split in which everything of one source is on one side, and both sides have both classes.

    Of one source are samples of the same `video`; else videos with the same name, in whatever folder or dataset, since
    `fake/012.mp4` is often made of `real/012.mp4`, and by FaceForensics++'s names a fake and both videos that it was
    made of; else the images of folders with the same name. Only where that folder is named after its class, and does
    not hold numbered frames, its images are taken for unrelated ones, and the note says so. Of each kind of source (its
    datasets and labels) the same share goes to validation, at random.

    Args:
        samples: Labelled.
        val_share: Share of the sources, in (0, 1).
        seed: Of the choice, not negative.
        needs_fakes: Whether both sides are to have fakes; self-blending makes its own.

    Raises:
        ConfigError: A share out of range, or sources that do not give both classes to both sides.
    """
    if not 0 < val_share < 1:
        raise ConfigError(f"--val_share {val_share} is not allowed; give a share above 0 and below 1, such as 0.1")
    own = sources_of(samples)
    joined = _joined(own)
    sources = [joined[source] for source in own]
    chosen = _chosen(samples, sources, val_share, seed)
    train = tuple(sample for sample, source in zip(samples, sources, strict=True) if source not in chosen)
    val = tuple(sample for sample, source in zip(samples, sources, strict=True) if source in chosen)
    count = len(set(sources))
    _check_classes(train, val, count, (REAL, FAKE) if needs_fakes else (REAL,))
    return Split(train, val, count, _note(own))


def _joined(sources: Iterable[Source]) -> dict[Source, Source]:
    """Each source with the one that stands for all it is connected to."""
    leader: dict[Source, Source] = {}

    def find(source: Source) -> Source:
        while leader.setdefault(source, source) != source:
            source = leader[source]
        return source

    distinct = sorted(set(sources))
    for source in distinct:
        for number in pair_of(source):
            leader[find((*source[:-1], number))] = find(source)
    return {source: find(source) for source in distinct}


def _chosen(samples: Sequence[Sample], sources: Sequence[Source], val_share: float, seed: int) -> set[Source]:
    """The sources for validation: of each kind the same share, of two or more at least one and never all."""
    holds: dict[Source, set[tuple[str, int]]] = defaultdict(set)
    for sample, source in zip(samples, sources, strict=True):
        holds[source].add((sample.dataset or "", -1 if sample.label is None else sample.label))
    kinds: dict[tuple[tuple[str, int], ...], list[Source]] = defaultdict(list)
    for source in sorted(holds):
        kinds[tuple(sorted(holds[source]))].append(source)
    rng = np.random.default_rng(seed)
    chosen: set[Source] = set()
    for _, members in sorted(kinds.items()):
        wanted = min(max(round(val_share * len(members)), 1), len(members) - 1)
        chosen.update(members[at] for at in rng.permutation(len(members))[:wanted])
    return chosen


def _check_classes(train: Sequence[Sample], val: Sequence[Sample], sources: int, labels: Sequence[Label]) -> None:
    for name, side in (("training", train), ("validation", val)):
        for label in labels:
            if all(sample.label != label for sample in side):
                raise ConfigError(
                    f"--val_share: {len(train) + len(val)} samples come from {sources} sources, which stay together, "
                    f"and {name} gets nothing {LABEL_NAMES[label]}; give --val with other data, or a --manifest whose "
                    "column `video` says which samples belong together"
                )


def _note(sources: Iterable[Source]) -> str:
    images = sum(source[0] == "image" for source in sources)
    if not images:
        return ""
    return (
        f"{images} images lie in folders named after their class and are taken for unrelated ones; if several show one "
        "video, list them in a --manifest with a column `video`"
    )
