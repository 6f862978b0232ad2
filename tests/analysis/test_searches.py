"""Searches for faces that are kept, and made once."""

from __future__ import annotations

import numpy as np

from deepfakebench_ext.analysis.searches import SEARCHES, KeptSearches
from deepfakebench_ext.faces.detect import Face

RGB = np.zeros((4, 4, 3), np.uint8)


class Listed:
    """A face detector that finds what it is told, in turn."""

    def __init__(self, *found):
        self.found = list(found)

    def detect(self, rgb):
        return self.found.pop(0)


def test_what_was_found_is_found_again_to_the_last_bit(tmp_path):
    points = np.random.default_rng(0).normal(50, 30, (81, 2))
    found = [Face((0.1, 1 / 3, 1e-9, 7.0), points, 0.1 + 0.2), Face((1.0, 2.0, 3.0, 4.0), None, 1.0)]
    kept = KeptSearches(Listed(found, []), tmp_path)
    kept.detect(RGB)
    kept.detect(RGB)
    kept.close()
    again = KeptSearches(Listed([found[1]]), tmp_path)
    first, last = again.detect(RGB)
    assert (first.bbox_px, first.score) == (found[0].bbox_px, found[0].score)
    assert first.landmarks_px.dtype == np.float64
    assert np.array_equal(first.landmarks_px, points)
    assert (last.bbox_px, last.landmarks_px, last.score) == (found[1].bbox_px, None, 1.0)
    assert again.detect(RGB) == []
    assert again.detect(RGB) == [found[1]]
    again.close()
    assert (tmp_path / SEARCHES).read_bytes().count(b"\n") == 3
