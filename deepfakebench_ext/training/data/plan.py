"""What an epoch of training draws, in which order and in which batches: numbers only. PURE.

Every random choice has a generator of its own, which the seed, the epoch, the sample and the purpose decide. So the
order in which things are read, by however many threads and processes, and from which batch on, changes none of them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import FAKE, REAL, Label


class Purpose(IntEnum):
    """What a generator is for; each has its own."""

    ORDER = 0
    BALANCE = 1
    FRAMES = 2
    AUGMENTATION = 3
    BLENDING = 4


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One draw of a sample: an image, or a frame or clip of a video.

    Attributes:
        epoch: From 0.
        sample: Position of the sample in its training set.
        number: Of this draw among those of the sample in this epoch, from 0.
    """

    epoch: int
    sample: int
    number: int


@dataclass(frozen=True, slots=True)
class Slice:
    """What one process takes of one batch.

    Attributes:
        index: Of the batch in its epoch, from 0.
        start, stop: Half-open range of the epoch's items that this process loads; may be empty in the last batch.
        global_items: Items of the batch over all processes.
    """

    index: int
    start: int
    stop: int
    global_items: int


def generator(seed: int, epoch: int, purpose: Purpose, *numbers: int) -> np.random.Generator:
    """Return the generator of one choice."""
    return np.random.default_rng([seed, epoch, int(purpose), *numbers])


def pick(seed: int, item: WorkItem, count: int) -> int:
    """Return which of `count` frames or clips an item draws.

    The draws of a sample in one epoch are distinct, until all have come; then they come again.
    """
    order = generator(seed, item.epoch, Purpose.FRAMES, item.sample).permutation(count)
    return int(order[item.number % count])


def epoch_items(
    seed: int,
    epoch: int,
    draws: Sequence[int],
    labels: Sequence[Label] | None,
    methods: Sequence[str] | None = None,
) -> tuple[WorkItem, ...]:
    """Return the items of an epoch in a random order.

    Args:
        seed: Of every draw.
        epoch: From 0.
        draws: How often each sample is drawn.
        labels: Of the samples, to draw as many reals as fakes: the fewer ones are drawn more often, evenly so. None
            leaves them as they are.
        methods: That the samples were made with, to draw the fakes of each equally often too.
    """
    if labels is not None:
        draws = balanced_draws(draws, labels, generator(seed, epoch, Purpose.BALANCE), methods)
    items = [WorkItem(epoch, sample, number) for sample, count in enumerate(draws) for number in range(count)]
    return tuple(items[at] for at in generator(seed, epoch, Purpose.ORDER).permutation(len(items)))


def balanced_draws(
    draws: Sequence[int], labels: Sequence[Label], rng: np.random.Generator, methods: Sequence[str] | None = None
) -> list[int]:
    """Return how often each sample is drawn so that reals and fakes come equally often: as often as the more of them.

    With `methods`, the fakes of each come equally often, but for one where they do not divide. All draws of what is to
    come more often come equally often; of those that come once more, `rng` chooses.
    """
    by_label = [np.flatnonzero(np.asarray(labels) == label) for label in (REAL, FAKE)]
    once = [np.repeat(samples, np.asarray(draws)[samples]) for samples in by_label]
    target = max(map(len, once))
    reals, fakes = once
    kinds = np.asarray(methods)[fakes] if methods is not None else np.zeros(len(fakes))
    parts = [fakes[kinds == kind] for kind in np.unique(kinds)]
    shares = [target * (number + 1) // len(parts) - target * number // len(parts) for number in range(len(parts))]
    if methods is not None:
        shares = [int(share) for share in rng.permutation(shares)]
    counts: Counter[int] = Counter()
    for drawn, share in zip([reals, *parts], [target, *shares], strict=True):
        rounds, rest = divmod(share, len(drawn))
        counts.update(np.tile(drawn, rounds).tolist())
        counts.update(rng.permutation(drawn)[:rest].tolist())
    return [counts[sample] for sample in range(len(draws))]


def batch_count(num_items: int, per_batch: int) -> int:
    """Return the batches of an epoch; the last one holds what is left."""
    return math.ceil(num_items / per_batch)


def slices(num_items: int, *, per_batch: int, rank: int, world_size: int) -> list[Slice]:
    """Return what a process takes of each batch of an epoch, the batches being the same for any number of processes.

    Each takes a contiguous part, as even as the numbers allow. Of a last batch of fewer items than processes, some take
    nothing, so that all make the same number of steps.

    Raises:
        ConfigError: A rank that is not one, or more processes than a batch has items.
    """
    if not 0 <= rank < world_size:
        raise ConfigError(f"rank {rank} is not one of {world_size} processes, which are 0 to {world_size - 1}")
    if per_batch < world_size:
        raise ConfigError(
            f"a batch of {per_batch} items leaves nothing for some of {world_size} processes; raise training.batch_size"
        )
    taken = []
    for index in range(batch_count(num_items, per_batch)):
        first = index * per_batch
        size = min(per_batch, num_items - first)
        start, stop = (first + size * part // world_size for part in (rank, rank + 1))
        taken.append(Slice(index, start, stop, size))
    return taken
