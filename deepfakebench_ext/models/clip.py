"""`huggingface_clip`: any CLIP vision tower, its pooled output, a linear head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from deepfakebench_ext.common.errors import WeightsError
from deepfakebench_ext.common.types import WeightsReport
from deepfakebench_ext.models.base import Detector, seeded, skeleton
from deepfakebench_ext.models.built_from import decide_architecture
from deepfakebench_ext.models.svd import apply_svd
from deepfakebench_ext.models.weights.keymaps import clip_names
from deepfakebench_ext.models.weights.state_files import StateDict, read_state_dict


class HuggingFaceClip(Detector):
    """CLIP's vision tower with a linear head over `pooler_output`.

    The layout, `backbone.*` and `head.*`, is that of DeepfakeBench's clip and effort detectors
    (clip_detector.py:57-110, effort_detector.py:35-75), except that the head's width comes from the config.
    """

    takes: ClassVar[Literal["image", "video"]] = "image"

    def _build(self) -> WeightsReport:
        state = read_state_dict(self.source.files) if self.source.files else None
        architecture = decide_architecture(self.settings, self.source)
        self.vision = _vision_config(architecture, self.source.spec)
        with skeleton(state):
            self.backbone = _tower(self.vision)
        with seeded(self.settings.seed):
            self.head = nn.Linear(self.vision.hidden_size, _head_width(state))
        mapped = self.fill(state, clip_names)
        trained = "head.weight" in mapped.state
        order = self.head_order(self.head.out_features, trained=trained, architecture=architecture)
        report = self.make_report(mapped, order)
        if self.settings.use_svd:
            apply_svd(self.backbone, self.settings.svd_rank)
        return report

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of the position table."""
        return (self.vision.image_size, self.vision.image_size)

    def features(self, data_dict: Mapping[str, Any]) -> torch.Tensor:
        """Return `pooler_output` (B, hidden_size), float32, of images (B, 3, H, W)."""
        pooled: torch.Tensor = self.backbone(self.to_backbone(data_dict["image"])).pooler_output
        return pooled.float()


def _vision_config(architecture: Mapping[str, Any], spec: str) -> Any:
    from transformers import CLIPConfig, CLIPVisionConfig

    kind = architecture.get("model_type", "clip_vision_model")
    classes = architecture.get("architectures") or []
    if any("ForImageClassification" in name for name in classes):
        raise WeightsError(
            f"{spec} is an image classifier with a head of its own ({', '.join(classes)}); "
            f"use --detector_config huggingface_image"
        )
    if kind == "clip":
        return CLIPConfig.from_dict(dict(architecture)).vision_config
    if kind == "clip_vision_model":
        return CLIPVisionConfig.from_dict(dict(architecture))
    raise WeightsError(
        f"{spec} is a {kind!r} model ({', '.join(classes) or 'no class named'}), and huggingface_clip takes CLIP "
        f"vision towers; use huggingface_image, huggingface_videomae or huggingface_video as --detector_config"
    )


def _tower(config: Any) -> nn.Module:
    from transformers import CLIPVisionModel

    model = CLIPVisionModel(config)
    # transformers before 5.6 wraps the tower once more.
    tower: nn.Module = getattr(model, "vision_model", model)
    return tower


def _head_width(state: StateDict | None) -> int:
    weight = (state or {}).get("head.weight")
    return 2 if weight is None or weight.ndim != 2 else int(weight.shape[0])
