"""`huggingface_image` and `huggingface_video`: any image or video classifier of transformers, as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from deepfakebench_ext.common.errors import ConfigError, WeightsError
from deepfakebench_ext.common.types import WeightsReport
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.built_from import decide_architecture
from deepfakebench_ext.models.weights import keymaps
from deepfakebench_ext.models.weights.describe import describe
from deepfakebench_ext.models.weights.state_files import StateDict, read_state_dict


class HuggingFaceImage(Detector):
    """An `AutoModelForImageClassification` checkpoint, its classifier read by its own label names.

    `backbone` is the model without its classifier and `head` that classifier, which is applied in float32.
    """

    takes: ClassVar[Literal["image", "video"]] = "image"
    mapping: ClassVar[str] = "MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING"

    def _build(self) -> WeightsReport:
        state = read_state_dict(self.source.files) if self.source.files else None
        mapped = keymaps.Mapped({}) if state is None else _transformers_names(state, self.leaves_head_aside)
        architecture = decide_architecture(self.settings, self.source)
        config = _config(architecture, self._num_labels(mapped.state))
        model = _load(self._class_of(config), config, mapped, self.source.spec, self.source.kind == "file")
        trained = any(key.startswith("classifier") for key in mapped.state)
        self.network_config = config
        self.backbone, self.head = _split(model)
        order = self.head_order(config.num_labels, trained=trained, architecture=architecture)
        mapped.state = {_own_name(key): tensor for key, tensor in mapped.state.items()}
        return self.make_report(mapped, order)

    def _num_labels(self, state: StateDict) -> int | None:
        """Return the width of the source's classifier, or that of a new one; None leaves it to the config."""
        if self.leaves_head_aside:
            return 2
        weights = (t for key, t in state.items() if key.startswith("classifier.") and key.endswith("weight"))
        return next((int(tensor.shape[0]) for tensor in weights), None)

    def _class_of(self, config: Any) -> Any:
        import transformers

        known = getattr(transformers, self.mapping)
        if type(config) not in known:
            raise WeightsError(
                f"{self.source.spec} is a {config.model_type!r} model, for which transformers has no {self.takes} "
                f"classifier; huggingface_clip takes CLIP vision towers, huggingface_videomae VideoMAE backbones"
            )
        classes = known[type(config)]
        if not isinstance(classes, tuple):
            return classes
        named = [cls for cls in classes if cls.__name__ in (config.architectures or [])]
        return (named or classes)[0]

    def features(self, data_dict: Mapping[str, Any]) -> torch.Tensor:
        """Return what the classifier is given, (B, D) float32; its logits where a model names no classifier."""
        features: torch.Tensor = self.backbone(self.to_backbone(data_dict["image"])).logits
        return features.float().flatten(1)


class HuggingFaceVideo(HuggingFaceImage):
    """An `AutoModelForVideoClassification` checkpoint, its classifier read by its own label names."""

    takes: ClassVar[Literal["image", "video"]] = "video"
    mapping: ClassVar[str] = "MODEL_FOR_VIDEO_CLASSIFICATION_MAPPING"

    @property
    def clip_len(self) -> int:
        """Frames of a clip, as the checkpoint's config says.

        Raises:
            ConfigError: It does not say, and neither does `clip_size` in the YAML.
        """
        config = self.network_config
        frames = getattr(config, "num_frames", None) or getattr(config, "frames_per_clip", None)
        if not (frames or self.settings.clip_size):
            raise ConfigError(
                f"{self.source.spec} does not say how many frames a clip has; set `clip_size` in the YAML"
            )
        return int(frames or self.settings.clip_size or 0)


def _config(architecture: Mapping[str, Any], num_labels: int | None) -> Any:
    from transformers import CONFIG_MAPPING

    kind = architecture.get("model_type")
    if kind not in CONFIG_MAPPING:
        raise WeightsError(f"this transformers does not know the model type {kind!r} that config.json names")
    config = CONFIG_MAPPING[kind].from_dict(dict(architecture))
    if num_labels is not None and num_labels != config.num_labels:
        config.num_labels = num_labels
    return config


def _transformers_names(state: StateDict, without_head: bool) -> keymaps.Mapped:
    """Return `state` under transformers' names: ours are `backbone.<name>` and, for the classifier, `head.<name>`."""
    ours = any(key.startswith("backbone.") for key in state)
    names: dict[str, str | None] = {}
    for key in state:
        name = key.removeprefix("backbone.")
        name = "classifier." + name.removeprefix("head.") if ours and name.startswith("head.") else name
        names[key] = None if without_head and name.startswith("classifier.") else name
    return keymaps.rename(state, names)


def _own_name(key: str) -> str:
    return f"head.{key.removeprefix('classifier.')}" if key.startswith("classifier.") else f"backbone.{key}"


def _load(cls: Any, config: Any, mapped: keymaps.Mapped, spec: str, lone_file: bool) -> Any:
    """Return the filled model; transformers applies the key conversions it knows. `mapped` then has the final names."""
    if not mapped.state:
        return cls(config)
    if config.model_type == "videomae":
        _settle_biases(cls, config, mapped)
    try:
        model, info = cls.from_pretrained(
            None, config=config, state_dict=mapped.state, dtype=torch.float32, output_loading_info=True
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise WeightsError(f"{spec} does not fit its config ({cls.__name__}): {error}") from error
    missing, unexpected = set(info["missing_keys"]), sorted(info["unexpected_keys"])
    lost = sorted(key for key in missing if not key.startswith("classifier")) + [
        str(m) for m in info["mismatched_keys"]
    ]
    if lost or (unexpected and lone_file):
        raise WeightsError(
            f"{spec} holds {describe(mapped.state)} and does not fit {cls.__name__}: {len(lost)} parameters missing or "
            f"misshapen ({', '.join(lost[:3])}), {len(unexpected)} unknown to it ({', '.join(unexpected[:3])})"
        )
    mapped.ignored.extend(unexpected)
    mapped.state = {key: tensor for key, tensor in model.state_dict().items() if key not in missing}
    return model


def _settle_biases(cls: Any, config: Any, mapped: keymaps.Mapped) -> None:
    """Name VideoMAE's biases as this transformers does: 5.5.1 to 5.17 would drop the others' without an error."""
    with torch.device("meta"):
        target = cls(config).state_dict()
    settled = keymaps.rename(mapped.state, keymaps.bias_names(mapped.state, target))
    zeros = {key: torch.zeros(tensor.shape) for key, tensor in target.items()}
    keymaps.fill_key_biases(settled.state, zeros)
    mapped.state = settled.state
    mapped.renamed.extend(settled.renamed)
    mapped.ignored.extend(settled.ignored)


def _split(model: nn.Module) -> tuple[nn.Module, nn.Module]:
    head = getattr(model, "classifier", None)
    if not isinstance(head, nn.Module):
        return model, nn.Identity()
    model.classifier = nn.Identity()
    return model, head
