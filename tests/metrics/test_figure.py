import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfakebench_ext.metrics.figure import Figure, check_clusters, check_level, distinct, renumbered

NUMBERS = st.lists(st.one_of(st.integers(0, 9), st.integers(-(2**40), 2**40)), max_size=12)


def test_an_interval_stands_beside_a_value_that_it_holds():
    figure = Figure(0.5, "a definition", higher_is_better=True, low=0.4, high=0.6, interval="Wilson")
    assert (figure.low, figure.high) == (0.4, 0.6)
    for value, low, high in [(0.5, 0.6, 0.7), (0.5, 0.4, 0.45), (0.5, 0.4, None), (0.5, None, 0.6)]:
        with pytest.raises(ValueError, match="it must hold the value"):
            Figure(value, "a definition", low=low, high=high)
    with pytest.raises(ValueError, match="it must hold the value"):
        Figure(None, "a definition", "no samples", low=0.4, high=0.6)


def test_clusters_are_one_integer_a_label():
    with pytest.raises(ValueError, match="clusters must be integers"):
        check_clusters(np.array(["a", "b"]), np.array([0, 1]))
    with pytest.raises(ValueError, match="2 labels but 3 clusters"):
        check_clusters(np.array([1, 2, 3]), np.array([0, 1]))
    with pytest.raises(ValueError, match=r"clusters must be a NumPy array of shape \(N,\), got list"):
        check_clusters([1, 2], np.array([0, 1]))


def test_levels_are_three():
    with pytest.raises(ValueError, match="level is 'image'; allowed are frame, clip and video"):
        check_level("image")


@given(NUMBERS)
def test_different_numbers_are_counted_and_placed_as_numpy_does(numbers):
    array = np.array(numbers, np.int64)
    expected, places = np.unique(array, return_inverse=True)
    assert distinct(array) == len(expected)
    assert renumbered(array).tolist() == places.tolist()


@given(st.lists(st.integers(0, 9), min_size=3, max_size=30))
def test_small_numbers_are_placed_likewise_without_sorting(numbers):
    array = np.array(numbers, np.int32)
    assert renumbered(array).tolist() == np.unique(array, return_inverse=True)[1].tolist()
