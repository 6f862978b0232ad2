"""Samples that no training can use are refused by name, before anything is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.preprocess.transform import PreprocessSpec
from deepfakebench_ext.training.data.trainable import check_videos, digest_of_labels, fixed_size, trainable

REAL, FAKE, UNKNOWN = (Sample(key, Path(f"/data/{key}.png"), label) for key, label in (("r", 0), ("f", 1), ("u", None)))


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ([], "split is empty"),
        ([REAL], "1 real and 0 fake.*self_blend"),
        ([FAKE], "0 real and 1 fake"),
        ([REAL, FAKE, UNKNOWN], "1 of 3 training samples have no label, such as u"),
        ([REAL, FAKE, REAL], "come twice, such as r"),
    ],
)
def test_what_cannot_train_is_refused(samples: list[Sample], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        trainable(samples, self_blend=False)


def test_self_blending_takes_the_real_ones_and_counts_the_others() -> None:
    assert trainable([REAL, FAKE], self_blend=True) == ((REAL,), 1)
    assert trainable([REAL, FAKE], self_blend=False) == ((REAL, FAKE), 0)
    with pytest.raises(ConfigError, match="none of 1 samples is real"):
        trainable([FAKE], self_blend=True)


def test_images_are_no_videos() -> None:
    video = replace(REAL, file=Path("/data/r.mp4"))
    check_videos([video, replace(video, file=Path("/data/r"))])
    with pytest.raises(ConfigError, match="1 samples are single images, such as f"):
        check_videos([video, FAKE])


def test_batches_need_images_of_one_size() -> None:
    statistics = ((0.5,) * 3, (0.5,) * 3)
    assert fixed_size(PreprocessSpec("shortest_edge", (9, 9), (7, 8), "bilinear", *statistics)) == (7, 8)
    for spec in (
        PreprocessSpec("shortest_edge", (9, 9), None, "bilinear", *statistics),
        PreprocessSpec("none", None, None, "bilinear", *statistics),
    ):
        with pytest.raises(ConfigError, match="resize: exact"):
            fixed_size(spec)


def test_other_keys_labels_or_orders_have_another_fingerprint() -> None:
    lists = [[REAL, FAKE], [FAKE, REAL], [REAL], [REAL, replace(FAKE, label=0)], [REAL, replace(FAKE, key="g")]]
    assert len({digest_of_labels(samples) for samples in lists}) == 5
    assert digest_of_labels([REAL, replace(FAKE, file=Path("/elsewhere"))]) == digest_of_labels([REAL, FAKE])
