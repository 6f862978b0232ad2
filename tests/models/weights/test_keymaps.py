"""VideoMAE's attention biases under the names of every transformers, whichever is installed."""

from __future__ import annotations

import pytest
import torch

from deepfakebench_ext.models.weights.keymaps import Mapped, settle_biases

AT = "backbone.encoder.layer.0.attention.attention"
OLD = {f"{AT}.q_bias": 1.0, f"{AT}.v_bias": 2.0}
NEW = {f"{AT}.query.bias": 1.0, f"{AT}.value.bias": 2.0}
WITH_KEY = {**NEW, f"{AT}.key.bias": 0.0}


def tensors(values: dict[str, float]) -> dict[str, torch.Tensor]:
    return {name: torch.full((3,), value) for name, value in values.items()}


@pytest.mark.parametrize("target", [OLD, NEW, WITH_KEY])
@pytest.mark.parametrize("given", [OLD, NEW, WITH_KEY])
def test_biases_of_one_version_come_under_the_names_of_another(given, target):
    mapped = Mapped(tensors(given))
    settle_biases(mapped, tensors(target))
    assert {name: set(tensor.tolist()) for name, tensor in mapped.state.items()} == {
        name: {value} for name, value in target.items()
    }
    assert mapped.ignored == ([f"{AT}.key.bias"] if given is WITH_KEY and target is not WITH_KEY else [])
    assert len(mapped.renamed) == (0 if given.items() <= target.items() or target.items() <= given.items() else 2)


def test_a_key_bias_that_was_saved_is_kept_where_there_is_a_place_for_it():
    mapped = Mapped(tensors({**WITH_KEY, f"{AT}.key.bias": 5.0}))
    settle_biases(mapped, tensors(WITH_KEY))
    assert mapped.state[f"{AT}.key.bias"].tolist() == [5.0] * 3
