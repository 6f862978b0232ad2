"""Tiny random models and images, made on the spot, in the layouts that users' files have."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

CLIP = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 32,
    "patch_size": 8,
    "projection_dim": 16,
}
VIDEOMAE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 32,
    "patch_size": 16,
    "num_frames": 4,
    "tubelet_size": 2,
    "decoder_hidden_size": 16,
    "decoder_intermediate_size": 32,
    "decoder_num_hidden_layers": 1,
    "decoder_num_attention_heads": 2,
}
VIT = {k: v for k, v in CLIP.items() if k != "projection_dim"}
TEXT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "vocab_size": 99,
}
REAL_FAKE = {0: "Real", 1: "Fake"}
HALVES = {"resolution": 32, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}

CLIP_YAML: dict[str, Any] = {"model_name": "huggingface_clip", "architecture": CLIP, **HALVES}
VIDEOMAE_YAML: dict[str, Any] = {"model_name": "huggingface_videomae", "architecture": VIDEOMAE, **HALVES}
# To be trained from nothing, in a few epochs: wider parameters to begin with, and patches that are smaller than a face.
CLIP_TO_TRAIN = {**CLIP_YAML, "architecture": {**CLIP, "initializer_factor": 2.0}}
VIDEOMAE_TO_TRAIN = {**VIDEOMAE_YAML, "architecture": {**VIDEOMAE, "patch_size": 8, "initializer_range": 0.1}}

Q_BIAS, QUERY_BIAS, QUERY_KEY_BIAS = "q_bias", "query.bias", "query.bias and key.bias"


def randomised(model: torch.nn.Module, seed: int = 0, scale: float = 0.2) -> torch.nn.Module:
    """`model` with every parameter drawn anew, biases and norms too, so that a lost one shows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
    return model.eval()


def clip_model(seed: int = 0, **changes: Any) -> torch.nn.Module:
    """A whole CLIP, text tower and all."""
    from transformers import CLIPConfig, CLIPModel

    config = CLIPConfig(text_config=TEXT, vision_config={**CLIP, **changes}, projection_dim=16)
    return randomised(CLIPModel(config), seed)


def clip_tower(seed: int = 0, **changes: Any) -> torch.nn.Module:
    """The vision tower with the keys of DeepfakeBench's `backbone`."""
    return clip_model(seed, **changes).vision_model


def clip_detector_state(seed: int = 0, outputs: int = 2, **changes: Any) -> dict[str, torch.Tensor]:
    """What DeepfakeBench's trainer saves of its clip detector: `backbone.*` and `head.*`."""
    tower = clip_tower(seed, **changes)
    head = randomised(torch.nn.Linear({**CLIP, **changes}["hidden_size"], outputs), seed + 1)
    return {
        **{f"backbone.{key}": value for key, value in tower.state_dict().items()},
        **{f"head.{key}": value for key, value in head.state_dict().items()},
    }


def clip_reference(state: dict[str, torch.Tensor], pixels: torch.Tensor, **changes: Any) -> torch.Tensor:
    """Logits of DeepfakeBench's clip detector: head(pooler_output), by transformers itself."""
    tower = clip_tower(**changes)
    tower.load_state_dict({k.removeprefix("backbone."): v for k, v in state.items() if k.startswith("backbone.")})
    with torch.no_grad():
        pooled = tower(pixels).pooler_output
    return pooled @ state["head.weight"].T + state["head.bias"]


def videomae_model(kind: str = "VideoMAEModel", seed: int = 0, **changes: Any) -> torch.nn.Module:
    """A VideoMAE of the transformers class `kind`."""
    import transformers

    changes.setdefault("use_mean_pooling", kind == "VideoMAEForVideoClassification")
    model = getattr(transformers, kind)(transformers.VideoMAEConfig(**VIDEOMAE, **changes))
    return randomised(model, seed, scale=0.6)  # so that attention is far from even and a lost bias moves it


def videomae_detector_state(seed: int = 0) -> dict[str, torch.Tensor]:
    """What DeepfakeBench's trainer saves of its videomae detector: `backbone.*`, `fc_norm.*`, `head.*`."""
    norm = randomised(torch.nn.LayerNorm(32), seed + 1)
    head = randomised(torch.nn.Linear(32, 2), seed + 2)
    parts = (("backbone.", videomae_model(seed=seed)), ("fc_norm.", norm), ("head.", head))
    return {prefix + key: value for prefix, part in parts for key, value in part.state_dict().items()}


def bias_layout(state: dict[str, torch.Tensor], layout: str) -> dict[str, torch.Tensor]:
    """`state` with VideoMAE's attention biases as some version of transformers writes them."""
    common = {}
    for key, value in state.items():
        if key.endswith(".attention.attention.key.bias"):
            continue
        key = key.replace(".attention.attention.q_bias", ".attention.attention.query.bias")
        common[key.replace(".attention.attention.v_bias", ".attention.attention.value.bias")] = value
    if layout == QUERY_BIAS:
        return common
    if layout == QUERY_KEY_BIAS:
        queries = {k: v for k, v in common.items() if k.endswith("attention.query.bias")}
        keys = {k.replace(".query.", ".key."): torch.full_like(v, 0.3) for k, v in queries.items()}
        return {**common, **keys}
    return {
        k.replace("attention.query.bias", "attention.q_bias").replace("attention.value.bias", "attention.v_bias"): v
        for k, v in common.items()
    }


def vit_classifier(names: dict[int, str] | None = None, seed: int = 0) -> torch.nn.Module:
    """A `ViTForImageClassification` with those label names."""
    from transformers import ViTConfig, ViTForImageClassification

    return randomised(ViTForImageClassification(ViTConfig(**VIT, **labels(names or REAL_FAKE))), seed)


def labels(names: dict[int, str]) -> dict[str, Any]:
    """`names` as a transformers config takes them."""
    return {"id2label": names, "label2id": {name: index for index, name in names.items()}}


def save_folder(model: Any, folder: Path, *, processor: bool = True, **options: Any) -> Path:
    """`model.save_pretrained(folder)`, with a processor of the model's own size beside it."""
    model.save_pretrained(folder, **options)
    if processor:
        write_processor(folder)
    return folder


def write_processor(folder: Path, **changes: Any) -> None:
    """A preprocessor_config.json that resizes to 32 x 32 and maps to [-1, 1]."""
    values = {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {"height": 32, "width": 32},
        "resample": 2,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps({**values, **changes}))


def pixels(count: int = 3, seed: int = 0, *, frames: int | None = None, size: int = 32) -> torch.Tensor:
    """A normalised batch (count, 3, size, size), or (count, frames, 3, size, size)."""
    shape = (count, 3, size, size) if frames is None else (count, frames, 3, size, size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def photo(path: Path, seed: int = 0, size: tuple[int, int] = (48, 40)) -> Path:
    """A smooth random picture, written in the format of the suffix."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    small.resize(size, Image.Resampling.BICUBIC).save(path)
    return path


def photos(folder: Path, count: int, labels: Iterable[str] = ("real", "fake")) -> Path:
    """`count` pictures in each of the folders `labels`."""
    for number, label in enumerate(labels):
        for index in range(count):
            photo(folder / label / f"{index:03d}.png", seed=1000 * number + index)
    return folder
