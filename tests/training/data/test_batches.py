"""Reading ahead is bounded and in order; what gave nothing is counted, named once, and stops a run that lacks much."""

from __future__ import annotations

import threading
import time

import pytest

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.training.data.batches import FAILURE_LIMITS, Failure, Failures, read_ahead


def test_items_come_in_their_order_however_long_each_takes() -> None:
    def load(item: int) -> int:
        time.sleep(0.002 * (item % 3))
        return -item

    for workers, ahead in ((1, 1), (3, 5), (4, 100)):
        assert list(read_ahead(range(20), load, workers=workers, ahead=ahead)) == [-item for item in range(20)]
    assert list(read_ahead([], load, workers=1, ahead=1)) == []


def test_no_more_than_so_many_are_begun_ahead() -> None:
    begun: list[int] = []
    loaded = read_ahead(range(50), begun.append, workers=4, ahead=6)
    for used in range(1, 10):
        next(loaded)
        time.sleep(0.01)
        assert len(begun) <= used + 5
    loaded.close()
    assert len(begun) < 20


def test_an_error_comes_when_its_item_is_due_and_ends_the_threads() -> None:
    before = threading.active_count()

    def load(item: int) -> int:
        if item == 3:
            raise KeyError("three")
        return item

    loaded = read_ahead(range(9), load, workers=2, ahead=8)
    assert [next(loaded) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError, match="three"):
        next(loaded)
    assert threading.active_count() == before


@pytest.mark.parametrize("status", FAILURE_LIMITS)
def test_a_share_is_left_out_and_one_more_stops_the_run(status: str) -> None:
    failures = Failures()
    failures.begin_epoch(100)
    allowed = round(100 * FAILURE_LIMITS[status])
    failures.add(Failure(f"{number}.png", status, "damaged") for number in range(allowed))
    with pytest.raises(MediaError, match=rf"{allowed + 1} of the 100 draws .*{status}(.|\n)*0.png: damaged"):
        failures.add([Failure("last.png", status, "damaged")])


def test_each_epoch_is_counted_by_itself_and_each_kind_too() -> None:
    failures = Failures()
    for _ in range(3):
        failures.begin_epoch(20)
        failures.add([Failure("a", "unreadable", "gone"), Failure("b", "too_short", "short")])
        failures.add([Failure("c", "no_face", "none")] * 10)
    assert sorted(failures.first) == ["a", "b", "c"]


def test_a_sample_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    failures = Failures()
    failures.begin_epoch(100)
    failures.add([Failure("a", "no_face", "first"), Failure("a", "no_face", "second")])
    assert caplog.messages == ["a draw of a is left out (no_face): first"]
    assert failures.first["a"].reason == "first"
