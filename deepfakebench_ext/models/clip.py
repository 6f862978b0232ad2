"""`huggingface_clip`: any CLIP vision tower, its pooled output, a linear head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from deepfakebench_ext.common.errors import ConfigError, WeightsError
from deepfakebench_ext.common.types import WeightsReport
from deepfakebench_ext.models.architecture import Architecture, config_of, made
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.built_from import decide_architecture
from deepfakebench_ext.models.head_order import Head
from deepfakebench_ext.models.initialising import seeded, skeleton
from deepfakebench_ext.models.svd import apply_svd, fold_svd
from deepfakebench_ext.models.weights.keymaps import clip_layout
from deepfakebench_ext.models.weights.source import read_json


class HuggingFaceClip(Detector):
    """CLIP's vision tower with a linear head over `pooler_output`.

    The layout, `backbone.*` and `head.*`, is that of DeepfakeBench's clip and effort detectors
    (clip_detector.py:57-110, effort_detector.py:35-75), except that the head's width comes from the config.
    """

    takes: ClassVar[Literal["image", "video"]] = "image"

    def _build(self) -> WeightsReport:
        state, folded = fold_svd(self.checkpoint.state)
        architecture = decide_architecture(self.settings, self.source)
        self.vision = _vision_config(architecture, self.source.spec)
        layout = clip_layout(state)
        if layout.of_transformers:
            raise WeightsError(
                f"{self.source.spec} is a CLIPForImageClassification, whose head reads the mean over the patches; use "
                f"--detector_config huggingface_image"
            )
        if layout.of_gend:
            self.settings = self.settings.model_copy(update={"l2_normalise": self._gend_normalises()})
        with skeleton(state):
            self.backbone = made(lambda: _tower(self.vision), "CLIP vision tower", architecture)
        with seeded(self.settings.seed):
            self.head = nn.Linear(self.vision.hidden_size, layout.head_width(state))
        mapped = self.fill(state, layout.names, folded)
        head = Head(
            num_logits=self.head.out_features,
            trained="head.weight" in mapped.state,
            architecture=architecture,
            by_contract=True,
            ours=True,
        )
        report = self.make_report(mapped, self.head_order(head))
        if self.settings.use_svd:
            apply_svd(self.backbone, self.settings.svd_rank)
        return report

    def _gend_normalises(self) -> bool:
        """Return whether GenD's head reads features of length 1: as its config, its training or the YAML says.

        Raises:
            ConfigError: None of them says.

        Source:
            yermandy/GenD src/hf/modeling_gend.py (`head` of config.json), src/model/GenD.py (`head` of Lightning's).
        """
        folder = self.source.folder
        said = read_json(folder / "config.json") if folder is not None else self.checkpoint.hyper_parameters
        heads = {"linear": False, "linearnorm": True}
        head = str(said.get("head", "")).lower()
        if "l2_normalise" in self.settings.model_fields_set or head not in heads:
            if "l2_normalise" not in self.settings.model_fields_set:
                raise ConfigError(
                    f"{self.source.spec} is laid out as GenD's, and does not say whether its head reads features of "
                    f"length 1; set `l2_normalise` true (its LinearNorm) or false in the detector YAML"
                )
            return self.settings.l2_normalise
        return heads[head]

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of the position table."""
        return (self.vision.image_size, self.vision.image_size)

    def features(self, data_dict: Mapping[str, Any]) -> torch.Tensor:
        """Return `pooler_output` (B, hidden_size), float32, of images (B, 3, H, W)."""
        pooled: torch.Tensor = self.backbone(self.to_backbone(data_dict["image"])).pooler_output
        return pooled.float()


def _vision_config(architecture: Architecture, spec: str) -> Any:
    from transformers import CLIPConfig, CLIPVisionConfig

    kind, classes = architecture.kind or "clip_vision_model", architecture.classes
    if any("ForImageClassification" in name for name in classes):
        raise WeightsError(
            f"{spec} is an image classifier with a head of its own ({', '.join(classes)}); "
            f"use --detector_config huggingface_image"
        )
    config = config_of(CLIPConfig, architecture).vision_config if kind == "clip" else None
    config = config_of(CLIPVisionConfig, architecture) if kind == "clip_vision_model" else config
    if config is not None and not isinstance(config.image_size, int):
        raise WeightsError(f"{architecture.where}: image_size is {config.image_size!r}; a CLIP takes one number")
    if config is not None:
        return config
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
