"""What a state dict holds, in words, read off its names and shapes. For messages only: nothing is decided by it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import torch

# (a name that only this family has, the family), asked in this order.
_FAMILIES = (
    (r"pre_layrnorm\.", "a CLIP vision tower"),
    (r"visual\.transformer\.resblocks\.", "an OpenCLIP model"),
    (r"\.attention\.(attention\.(q_bias|query\.|key\.)|q_proj\.)", "a ViT or VideoMAE of transformers"),
    (r"blocks\.\d+\.attn\.qkv\.", "a ViT of timm or of VideoMAE's own repository"),
    (r"_blocks\.\d+\._depthwise_conv", "an EfficientNet"),
    (r"block12\.rep\.", "an Xception"),
    (r"layer4\.\d+\.conv", "a ResNet"),
)
_CONFIGS = {"a CLIP vision tower": "huggingface_clip"}
# Width, layers, patch and image size of the CLIP towers that OpenAI published.
_OPENAI_CLIP = {
    (768, 12, 32, 224): "openai/clip-vit-base-patch32",
    (768, 12, 16, 224): "openai/clip-vit-base-patch16",
    (1024, 24, 14, 224): "openai/clip-vit-large-patch14",
    (1024, 24, 14, 336): "openai/clip-vit-large-patch14-336",
}


def describe(state: Mapping[str, torch.Tensor]) -> str:
    """Return what `state` seems to hold: `a CLIP vision tower of width 768, 12 layers, patch 16, 224 px`."""
    family = next((words for pattern, words in _FAMILIES if _any(pattern, state)), None)
    if family is None:
        return f"{len(state)} tensors of an unknown architecture ({', '.join(list(state)[:3])}, ...)"
    patch = _find(state, r"patch_embed(ding|dings\.projection)\.weight$")
    if family.startswith("a ViT or") and patch is not None:
        family = "a VideoMAE" if patch.ndim == 5 else "a ViT of transformers"
    return family + _numbers(state, patch)


def config_that_reads(state: Mapping[str, torch.Tensor]) -> str:
    """Return the detector config for what `state` seems to hold, the empty string where none is known."""
    known = next((words for pattern, words in _FAMILIES if _any(pattern, state)), "")
    if known.startswith("a ViT or"):
        patch = _find(state, r"patch_embeddings\.projection\.weight$")
        return "huggingface_videomae" if patch is not None and patch.ndim == 5 else "huggingface_image"
    return _CONFIGS.get(known, "")


def hub_id_of(state: Mapping[str, torch.Tensor]) -> str:
    """Return ` (openai/...)` for the shape of a published CLIP tower, else the empty string."""
    name = _OPENAI_CLIP.get(_clip_shape(state))
    return f" ({name})" if name and _any(r"pre_layrnorm\.", state) else ""


def _numbers(state: Mapping[str, torch.Tensor], patch: torch.Tensor | None) -> str:
    if patch is None:
        return ""
    width, layers, size, pixels = _clip_shape(state)
    image = f", {pixels} px" if pixels else ""
    return f" of width {width}, {layers} layers, patch {size}{image}"


def _clip_shape(state: Mapping[str, torch.Tensor]) -> tuple[int, int, int, int]:
    patch = _find(state, r"patch_embed(ding|dings\.projection)\.weight$")
    positions = _find(state, r"position_embedding\.weight$")
    layers = {match[1] for key in _vision(state) if (match := re.search(r"(?<!decoder_)layers?\.(\d+)\.", key))}
    width, size = (int(patch.shape[0]), int(patch.shape[-1])) if patch is not None else (0, 0)
    pixels = round((positions.shape[0] - 1) ** 0.5) * size if positions is not None else 0
    return width, len(layers), size, pixels


def _find(state: Mapping[str, torch.Tensor], pattern: str) -> torch.Tensor | None:
    return next((state[key] for key in _vision(state) if re.search(pattern, key)), None)


def _vision(state: Iterable[str]) -> list[str]:
    return [key for key in state if "text_model." not in key]


def _any(pattern: str, keys: Iterable[str]) -> bool:
    return any(re.search(pattern, key) for key in keys)
