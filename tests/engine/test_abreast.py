"""Batches computed at a time come in order, and no further ahead than there are threads for."""

from __future__ import annotations

import threading

import pytest

from deepfakebench_ext.engine.abreast import abreast


def taken(count, noted):
    for number in range(count):
        noted.append(number)
        yield number


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_each_batch_comes_in_order_with_what_is_computed_of_it(threads):
    waiting = [threading.Event() for _ in range(8)]

    def compute(number):
        if threads > 1 and number % 2 == 0 and number < 7:
            assert waiting[number + 1].wait(10)  # the next one is done before it
        waiting[number].set()
        return 10 * number

    assert list(abreast(compute, range(8), threads)) == [(number, 10 * number) for number in range(8)]


def test_as_many_as_there_are_threads_are_computed_at_a_time():
    together = threading.Barrier(3)
    assert [each for each, _ in abreast(lambda _: together.wait(10), range(6), 3)] == list(range(6))


def test_one_is_computed_in_the_callers_own_thread_and_only_when_it_is_asked_for():
    noted = []
    computed = abreast(lambda _: threading.get_ident(), taken(5, noted), 1)
    assert next(computed) == (0, threading.get_ident())
    assert noted == [0]


def test_no_more_than_one_batch_waits_for_a_thread():
    noted = []
    computed = abreast(lambda number: number, taken(9, noted), 2)
    next(computed)
    assert noted == [0, 1, 2]
    computed.close()


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_is_raised_in_the_place_of_its_batch(threads):
    def compute(number):
        if number == 3:
            raise ValueError("not this one")
        return number

    got = []
    with pytest.raises(ValueError, match="not this one"):
        for pair in abreast(compute, range(9), threads):
            got.append(pair)
    assert got == [(0, 0), (1, 1), (2, 2)]


def test_the_threads_end_with_it():
    computed = abreast(lambda number: number, range(9), 2)
    next(computed)
    computed.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("compute")]
