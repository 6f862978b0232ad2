"""`huggingface_videomae`: a VideoMAE backbone, mean over its tokens, `fc_norm`, a linear head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from deepfakebench_ext.common.errors import WeightsError
from deepfakebench_ext.common.types import WeightsReport
from deepfakebench_ext.models.architecture import Architecture, config_of, made
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.built_from import decide_architecture
from deepfakebench_ext.models.head_order import Head
from deepfakebench_ext.models.initialising import seeded, skeleton
from deepfakebench_ext.models.svd import fold_svd
from deepfakebench_ext.models.weights.keymaps import videomae_layout


class HuggingFaceVideoMAE(Detector):
    """VideoMAE with DeepfakeBench's head (videomae_detector.py:53-110), or with a checkpoint's own classifier.

    Three structures occur, and the checkpoint's keys tell them apart: DeepfakeBench's (a layer norm at the end of the
    backbone, mean over tokens, `fc_norm`, `head`); `VideoMAEForVideoClassification` with mean pooling (the same
    without that layer norm); and the same class without mean pooling (the layer norm, the first token, no `fc_norm`).
    """

    takes: ClassVar[Literal["image", "video"]] = "video"

    def _build(self) -> WeightsReport:
        state, folded = fold_svd(self.checkpoint.state)
        architecture = decide_architecture(self.settings, self.source)
        self.video = _videomae_config(architecture, self.source.spec)
        layout = videomae_layout(state)
        has_norm, has_fc_norm = (f"{name}.weight" in layout.new for name in ("backbone.layernorm", "fc_norm"))
        # A backbone under the wrong setting would lose its final layer norm without an error.
        self.video.use_mean_pooling = bool(state) and not has_norm
        owns_head = layout.of_transformers and not self.leaves_head_aside
        self.pools_first_token = owns_head and not has_fc_norm
        with skeleton(state):
            self.backbone = made(lambda: _backbone(self.video), "VideoMAE", architecture)
        with seeded(self.settings.seed):
            width = self.video.hidden_size
            self.fc_norm = nn.Identity() if self.pools_first_token else nn.LayerNorm(width)
            self.head = nn.Linear(width, 2 if self.leaves_head_aside else layout.head_width(state))
        mapped = self.fill(state, layout.names, folded)
        head = Head(
            num_logits=self.head.out_features,
            trained="head.weight" in mapped.state,
            architecture=architecture,
            by_contract=has_norm and has_fc_norm and not layout.of_transformers,
            ours=not layout.of_transformers,
        )
        return self.make_report(mapped, self.head_order(head))

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of the patch grid."""
        size = self.video.image_size
        return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))

    @property
    def clip_len(self) -> int:
        """Frames of a clip, as the checkpoint's config says."""
        return int(self.video.num_frames)

    def features(self, data_dict: Mapping[str, Any]) -> torch.Tensor:
        """Return (B, hidden_size) float32 features of clips (B, T, 3, H, W)."""
        return self.normed(self.pooled(data_dict))

    def pooled(self, data_dict: Mapping[str, Any]) -> torch.Tensor:
        """Return the mean over the tokens (B, hidden_size), float32, or the first of them."""
        tokens = self.backbone(self.to_backbone(data_dict["image"])).last_hidden_state.float()
        pooled: torch.Tensor = tokens[:, 0] if self.pools_first_token else tokens.mean(1)
        return pooled

    def normed(self, pooled: torch.Tensor) -> torch.Tensor:
        """Return the features (B, hidden_size) for what `pooled` returned."""
        features: torch.Tensor = self.fc_norm(pooled)
        return features


def _videomae_config(architecture: Architecture, spec: str) -> Any:
    from transformers import VideoMAEConfig

    kind = architecture.kind or "videomae"
    if kind != "videomae":
        classes = ", ".join(architecture.classes) or "no class named"
        raise WeightsError(
            f"{spec} is a {kind!r} model ({classes}), and huggingface_videomae takes VideoMAE; "
            f"use huggingface_video, huggingface_clip or huggingface_image as --detector_config"
        )
    return config_of(VideoMAEConfig, architecture)


def _backbone(config: Any) -> nn.Module:
    from transformers import VideoMAEModel

    model: nn.Module = VideoMAEModel(config)
    return model
