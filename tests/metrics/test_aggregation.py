"""One score a video, by the rule that the results name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.metrics.aggregation import aggregation_rule

SCORES = np.array([0.1, 0.9, 0.2, 0.4])
RULES = ["mean", "median", "max", "logit_mean", "topk:1", "topk:3"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("mean", 0.4), ("median", 0.3), ("max", 0.9), ("topk:1", 0.9), ("topk:2", 0.65), ("topk:99", 0.4)],
)
def test_each_rule_is_what_its_name_says(name: str, expected: float) -> None:
    assert aggregation_rule(name)(SCORES) == pytest.approx(expected, abs=1e-12)


def test_the_logit_mean_is_the_sigmoid_of_the_mean_logit() -> None:
    logits = np.log(SCORES / (1 - SCORES))
    assert aggregation_rule("logit_mean")(SCORES) == pytest.approx(1 / (1 + np.exp(-logits.mean())), abs=1e-12)


@pytest.mark.parametrize("name", RULES)
@given(scores=st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_every_rule_stays_between_the_lowest_and_the_highest_score(name: str, scores: list[float]) -> None:
    value = aggregation_rule(name)(np.array(scores))
    assert min(scores) - 1e-12 <= value <= max(scores) + 1e-12


@pytest.mark.parametrize("name", RULES)
def test_the_order_of_the_frames_is_of_no_matter(name: str) -> None:
    assert aggregation_rule(name)(SCORES) == pytest.approx(aggregation_rule(name)(SCORES[::-1]), abs=1e-15)


@pytest.mark.parametrize("name", ["", "average", "topk", "topk:0", "topk:-1", "topk:x"])
def test_an_unknown_rule_lists_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError, match="mean, median, max, logit_mean, topk:K"):
        aggregation_rule(name)


def test_the_logit_mean_of_certain_frames_is_the_mirror_of_their_mirror() -> None:
    rule = aggregation_rule("logit_mean")
    fake = np.array([0.999] * 31 + [0.0])  # one frame of a text with 4 decimals
    assert rule(fake) > 0.99
    assert rule(1 - fake) == pytest.approx(1 - rule(fake), abs=1e-12)
    assert rule(np.array([0.0, 1.0])) == 0.5
