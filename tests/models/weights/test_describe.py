"""The words for a state dict in messages: its family, its shape, the published model of that shape."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import tiny
import torch

from deepfakebench_ext.models.weights.describe import describe, hub_id_of

LETTERED = "a VideoMAE of width 32, 2 layers, patch 16"


def named(*keys: str) -> dict[str, torch.Tensor]:
    return {key: torch.zeros(1) for key in keys}


def tower(width: int, layers: int, patch: int, pixels: int, prefix: str = "") -> dict[str, torch.Tensor]:
    """The names and shapes of a CLIP vision tower, without its numbers."""
    shapes: Mapping[str, tuple[int, ...]] = {
        "embeddings.patch_embedding.weight": (width, 3, patch, patch),
        "embeddings.position_embedding.weight": ((pixels // patch) ** 2 + 1, width),
        "pre_layrnorm.weight": (width,),
        **{f"encoder.layers.{index}.layer_norm1.weight": (width,) for index in range(layers)},
    }
    return {prefix + key: torch.empty(shape, device="meta") for key, shape in shapes.items()}


def test_a_clip_tower_is_described_by_family_width_layers_patch_and_image() -> None:
    expected = "a CLIP vision tower of width 32, 2 layers, patch 8, 32 px"
    assert describe(tiny.clip_detector_state()) == expected
    assert describe(tiny.clip_tower().state_dict()) == expected


def test_a_whole_clip_is_described_by_its_vision_tower() -> None:
    text = {
        "text_model.embeddings.position_embedding.weight": torch.zeros(77, 512),
        **named(*(f"text_model.encoder.layers.{index}.layer_norm1.weight" for index in range(12))),
    }
    whole = {**text, **tower(64, 3, 16, 64, prefix="vision_model.")}
    assert describe(whole) == "a CLIP vision tower of width 64, 3 layers, patch 16, 64 px"


@pytest.mark.parametrize("layout", [tiny.Q_BIAS, tiny.QUERY_BIAS, tiny.QUERY_KEY_BIAS])
def test_a_videomae_is_told_from_a_vit_by_its_patches_of_two_frames(layout: str) -> None:
    assert describe(tiny.bias_layout(tiny.videomae_detector_state(), layout)) == LETTERED
    assert describe(tiny.vit_classifier().state_dict()) == "a ViT of transformers of width 32, 2 layers, patch 8"


def test_the_decoder_of_a_pretrained_videomae_adds_no_layers() -> None:
    state = tiny.videomae_model("VideoMAEForPreTraining").state_dict()
    deeper = named("decoder.decoder_layers.7.layernorm_before.weight")
    assert describe({**state, **deeper}) == LETTERED


@pytest.mark.parametrize(
    ("key", "family"),
    [
        ("backbone.block12.rep.0.weight", "an Xception"),
        ("efficientnet._blocks.3._depthwise_conv.weight", "an EfficientNet"),
        ("layer4.0.conv1.weight", "a ResNet"),
        ("visual.transformer.resblocks.0.attn.in_proj_weight", "an OpenCLIP model"),
        ("blocks.0.attn.qkv.weight", "a ViT of timm or of VideoMAE's own repository"),
        ("vit.encoder.layer.0.attention.attention.query.weight", "a ViT or VideoMAE of transformers"),
        ("vit.layers.0.attention.q_proj.weight", "a ViT or VideoMAE of transformers"),
    ],
)
def test_the_families_that_users_have_are_named(key: str, family: str) -> None:
    assert describe(named("first.weight", key, "head.weight")) == family


def test_what_is_unknown_is_described_by_its_first_names() -> None:
    described = describe(named("a.weight", "b.weight", "c.weight", "d.weight"))
    assert described == "4 tensors of an unknown architecture (a.weight, b.weight, c.weight, ...)"
    assert describe({}).startswith("0 tensors of an unknown architecture")


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        ((768, 12, 32, 224), "openai/clip-vit-base-patch32"),
        ((768, 12, 16, 224), "openai/clip-vit-base-patch16"),
        ((1024, 24, 14, 224), "openai/clip-vit-large-patch14"),
        ((1024, 24, 14, 336), "openai/clip-vit-large-patch14-336"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "backbone.", "vision_model."])
def test_the_shapes_that_openai_published_give_their_hub_id(
    prefix: str, shape: tuple[int, int, int, int], name: str
) -> None:
    state = tower(*shape, prefix=prefix)
    assert hub_id_of(state) == f" ({name})"
    assert describe(state).endswith("of width {}, {} layers, patch {}, {} px".format(*shape))


def test_other_shapes_and_families_give_no_hub_id() -> None:
    assert hub_id_of(tower(768, 11, 32, 224)) == ""
    assert hub_id_of(tower(768, 12, 16, 384)) == ""
    siglip = {key: value for key, value in tower(768, 12, 16, 224).items() if "pre_layrnorm" not in key}
    assert hub_id_of(siglip) == ""
    assert hub_id_of(tiny.videomae_detector_state()) == ""
