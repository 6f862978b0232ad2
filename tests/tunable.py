"""Tiny detectors of every structure that is tuned, and one step of an optimizer on them."""

from __future__ import annotations

from typing import Any

import tiny
import torch
from torch import nn

from deepfakebench_ext import DETECTOR
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.training.config import TuningConfig
from deepfakebench_ext.training.tuning.tuned import Tuned

LAYERS = 4
_NAMES = {"id2label": {"0": "Real", "1": "Fake"}, "label2id": {"Real": 0, "Fake": 1}}
_SWIN = {"embed_dim": 16, "depths": [1, 2, 1], "num_heads": [2, 2, 2], "window_size": 2, "patch_size": 2}
_CONV = {"hidden_sizes": [8, 16, 16], "depths": [1, 2, 1], "num_stages": 3}
_RESNET = {"embedding_size": 8, "hidden_sizes": [8, 16, 16], "depths": [1, 2, 1]}


def _four(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "num_hidden_layers": LAYERS}


def _of(name: str, model_type: str, values: dict[str, Any]) -> dict[str, Any]:
    architecture = {"model_type": model_type, "image_size": 32, **_NAMES, **values}
    return {"model_name": name, "architecture": architecture, **tiny.HALVES}


# Each has four blocks.
YAMLS: dict[str, dict[str, Any]] = {
    "clip": {**tiny.CLIP_YAML, "architecture": _four(tiny.CLIP)},
    "videomae": {**tiny.VIDEOMAE_YAML, "architecture": _four(tiny.VIDEOMAE)},
    "vit": _of("huggingface_image", "vit", _four(tiny.VIT)),
    "video": _of("huggingface_video", "videomae", _four(tiny.VIDEOMAE)),
    "siglip": _of("huggingface_image", "siglip", {"vision_config": _four(tiny.VIT), "text_config": tiny.TEXT}),
    "dinov2": _of("huggingface_image", "dinov2", _four(tiny.VIT)),
    "beit": _of("huggingface_image", "beit", _four(tiny.VIT)),
    "swin": _of("huggingface_image", "swin", _SWIN),
    "convnext": _of("huggingface_image", "convnext", _CONV),
    "resnet": _of("huggingface_image", "resnet", _RESNET),
}
STRUCTURES = ("clip", "videomae", "vit", "video")  # one for each of our detectors
MODES = ("head", "layernorm", "partial", "gradual", "svd", "full")


def detector(kind: str, **changes: Any) -> Detector:
    """A detector with random parameters everywhere, biases and norms too, in training mode."""
    config = {**YAMLS[kind], **changes}
    built: Detector = DETECTOR[config["model_name"]](config)
    return tiny.randomised(built, seed=3).train()


def batch(of: Detector, count: int = 4) -> dict[str, torch.Tensor]:
    """A normalised batch with both labels."""
    frames = of.clip_len if of.takes == "video" else None
    return {"image": tiny.pixels(count, frames=frames), "label": torch.arange(count) % 2}


def logits(of: Detector) -> torch.Tensor:
    """What it computes in inference."""
    of.eval()
    with torch.no_grad():
        return of(batch(of))["cls"]


def step(of: Detector, tuned: Tuned, lr: float = 1e-2) -> None:
    """One step of AdamW, weight decay and all."""
    of.train()
    optimizer = torch.optim.AdamW(tuned.parameter_groups(lr, None, 0.05))
    optimizer.zero_grad()
    data = batch(of)
    loss = of.get_losses(data, of(data))["overall"]
    extra = tuned.extra_loss()
    (loss if extra is None else loss + extra).backward()
    optimizer.step()


def trained_names(of: nn.Module) -> set[str]:
    """The names of the parameters that require a gradient."""
    return {name for name, parameter in of.named_parameters() if parameter.requires_grad}


def mode(name: str, **changes: Any) -> TuningConfig:
    """A `tuning:` block."""
    return TuningConfig.of({"mode": name, **changes}, "tuning")
