"""A backbone's layers are found whatever they are called, and every parameter has its depth among them."""

from __future__ import annotations

import re

import pytest
import tunable
from torch import nn

from deepfakebench_ext.training.tuning.layers import find_layers, projections, queries_and_values


@pytest.mark.parametrize("kind", tunable.YAMLS)
def test_the_four_blocks_of_every_architecture_are_found_from_the_input_up(kind: str) -> None:
    backbone = tunable.detector(kind).backbone
    layers = find_layers(backbone)
    assert len(layers.names) == tunable.LAYERS
    order = [name for name, _ in backbone.named_modules() if name in layers.names]
    assert list(layers.names) == order
    assert len({type(backbone.get_submodule(name)) for name in layers.names}) == 1


@pytest.mark.parametrize("kind", tunable.YAMLS)
def test_depth_rises_from_the_embeddings_to_what_follows_the_last_block(kind: str) -> None:
    backbone = tunable.detector(kind).backbone
    layers = find_layers(backbone)
    depths = layers.depths(backbone)
    assert set(depths) == {name for name, _ in backbone.named_parameters()}
    for index, block in enumerate(layers.names):
        assert {depths[name] for name in depths if name.startswith(f"{block}.")} == {index + 1}
    for name in (name for name in depths if not name.startswith(layers.names)):
        if re.search(r"embedd(ings|er)\.|pre_layrnorm", name):
            assert depths[name] == 0
        else:
            assert (depths[name] < layers.top) == ("downsampl" in name)


def test_what_merges_patches_between_two_stages_counts_with_the_block_before_it() -> None:
    backbone = tunable.detector("swin").backbone
    depths = find_layers(backbone).depths(backbone)
    assert depths["swin.encoder.layers.0.downsample.reduction.weight"] == 1
    assert depths["swin.encoder.layers.1.downsample.reduction.weight"] == 3


def test_a_network_without_a_list_of_layers_has_none() -> None:
    backbone = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    assert find_layers(backbone).names == ()
    assert set(find_layers(backbone).depths(backbone).values()) == {0}


@pytest.mark.parametrize("kind", [*tunable.STRUCTURES, "siglip", "dinov2", "beit", "swin"])
def test_every_layer_has_four_attention_projections_two_of_them_query_and_value(kind: str) -> None:
    backbone = tunable.detector(kind).backbone
    layers = find_layers(backbone)
    found, adapted = projections(backbone, layers), queries_and_values(backbone, layers)
    for block in layers.names:
        assert sum(name.startswith(f"{block}.") for name in found) == 4
        assert sum(name.startswith(f"{block}.") for name in adapted) == 2
    assert len(found) == 4 * tunable.LAYERS
    assert not [name for name in found if "mlp" in name or "intermediate" in name]


@pytest.mark.parametrize("kind", ["convnext", "resnet"])
def test_a_convolutional_network_has_no_attention(kind: str) -> None:
    backbone = tunable.detector(kind).backbone
    assert projections(backbone, find_layers(backbone)) == []
