"""What an epoch draws is decided by seed, epoch and sample alone, and all processes share its batches."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.training.data.plan import (
    WorkItem,
    balanced_draws,
    batch_count,
    epoch_items,
    pick,
    slices,
)


def test_an_epoch_draws_every_sample_as_often_as_it_should_in_an_order_of_its_own() -> None:
    epochs = [epoch_items(3, epoch, [1, 4, 2], None) for epoch in range(3)]
    for epoch, items in enumerate(epochs):
        assert Counter(item.sample for item in items) == {0: 1, 1: 4, 2: 2}
        assert {(item.epoch, item.number) for item in items if item.sample == 1} == {(epoch, n) for n in range(4)}
    orders = [[(item.sample, item.number) for item in items] for items in epochs]
    assert orders[0] != orders[1] != orders[2]
    assert epoch_items(3, 1, [1, 4, 2], None) == epochs[1]
    assert epoch_items(4, 1, [1, 4, 2], None) != epochs[1]


@given(st.integers(0, 50), st.integers(1, 40), st.integers(0, 9))
def test_the_draws_of_a_sample_are_distinct_until_all_have_come(seed: int, count: int, sample: int) -> None:
    twice = [pick(seed, WorkItem(2, sample, number), count) for number in range(2 * count)]
    assert sorted(twice[:count]) == list(range(count))
    assert twice[count:] == twice[:count]


def test_another_epoch_draws_other_frames() -> None:
    drawn = {tuple(pick(0, WorkItem(epoch, 5, number), 100) for number in range(4)) for epoch in range(10)}
    assert len(drawn) == 10


def test_balance_draws_as_many_reals_as_fakes_and_all_samples_of_a_class_evenly() -> None:
    labels = [0, 0, 0, 1, 1, 1, 1, 1, 1, 1]
    counts = balanced_draws([1] * 10, labels, np.random.default_rng(0))
    assert counts[3:] == [1] * 7
    assert sorted(counts[:3]) == [2, 2, 3]
    by_sample = {tuple(balanced_draws([1] * 10, labels, np.random.default_rng(at))[:3]) for at in range(20)}
    assert len(by_sample) == 3  # whichever comes once more is chosen anew


def test_balance_counts_draws_not_samples() -> None:
    counts = balanced_draws([8, 1, 1], [0, 1, 1], np.random.default_rng(0))
    assert counts == [8, 4, 4]


def test_a_balanced_epoch_has_the_same_length_every_time() -> None:
    labels = [0, 1, 1, 1, 1]
    for epoch in range(5):
        items = epoch_items(0, epoch, [1] * 5, labels)
        assert Counter(labels[item.sample] for item in items) == {0: 4, 1: 4}


@given(st.integers(0, 60), st.integers(1, 9), st.integers(1, 9))
def test_processes_share_the_batches_that_one_would_have(num_items: int, per_batch: int, world_size: int) -> None:
    if world_size > per_batch:
        return
    alone = slices(num_items, per_batch=per_batch, rank=0, world_size=1)
    shared = [slices(num_items, per_batch=per_batch, rank=rank, world_size=world_size) for rank in range(world_size)]
    assert [part.index for part in alone] == list(range(batch_count(num_items, per_batch)))
    assert {len(parts) for parts in shared} == {len(alone)}
    for whole, *pieces in zip(alone, *shared, strict=True):
        taken = [at for piece in pieces for at in range(piece.start, piece.stop)]
        assert taken == list(range(whole.start, whole.stop))
        assert {piece.global_items for piece in pieces} == {len(taken)}
        sizes = [piece.stop - piece.start for piece in pieces]
        assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("rank", "world_size", "said"), [(2, 2, "rank 2"), (-1, 2, "rank -1"), (0, 5, "batch_size")])
def test_a_process_that_cannot_take_part_is_refused(rank: int, world_size: int, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        slices(10, per_batch=4, rank=rank, world_size=world_size)


METHODS = ["", "", "a", "a", "a", "a", "a", "a", "b", "c", "c"]


def test_balance_by_method_draws_as_many_fakes_of_each() -> None:
    labels = [int(bool(method)) for method in METHODS]
    for seed in range(5):
        counts = balanced_draws([1] * 11, labels, np.random.default_rng(seed), METHODS)
        by_method = Counter[str]()
        for method, count in zip(METHODS, counts, strict=True):
            by_method[method] += count
        assert by_method == {"": 9, "a": 3, "b": 3, "c": 3}
        assert sorted(counts[2:8]) == [0, 0, 0, 1, 1, 1]
        assert sorted(counts[9:]) == [1, 2]


def test_what_does_not_divide_goes_to_methods_by_turns() -> None:
    labels, methods = [0] * 4 + [1] * 3, ["", "", "", "", "a", "b", "c"]
    found = {tuple(balanced_draws([1] * 7, labels, np.random.default_rng(seed), methods)[4:]) for seed in range(30)}
    assert found == {(2, 1, 1), (1, 2, 1), (1, 1, 2)}
