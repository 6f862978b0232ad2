"""`huggingface_image` and `huggingface_video`: any image or video classifier of transformers, as it is."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from deepfakebench_ext.common.errors import ConfigError, ModelError, WeightsError
from deepfakebench_ext.common.types import WeightsReport
from deepfakebench_ext.common.wording import printable
from deepfakebench_ext.host.construct import in_words
from deepfakebench_ext.host.foreign import FOREIGN
from deepfakebench_ext.models.architecture import FAILURES, Architecture, config_of, made
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.built_from import decide_architecture
from deepfakebench_ext.models.head_order import Head
from deepfakebench_ext.models.network import Network, read_network
from deepfakebench_ext.models.weights import keymaps
from deepfakebench_ext.models.weights.describe import describe
from deepfakebench_ext.models.weights.fit import listed
from deepfakebench_ext.models.weights.source import Source
from deepfakebench_ext.models.weights.state_files import StateDict, check_types


class HuggingFaceImage(Detector):
    """An `AutoModelForImageClassification` checkpoint, its classifier read by its own label names.

    `backbone` is the model without its classifier and `head` that classifier, which is applied in float32. A model
    whose classifier is not one module at its end, such as LeViT with a teacher's, is the `backbone` whole.
    """

    takes: ClassVar[Literal["image", "video"]] = "image"
    mapping: ClassVar[str] = "MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING"

    def _build(self) -> WeightsReport:
        state = self.checkpoint.state
        architecture = decide_architecture(self.settings, self.source)
        config = _config(architecture)
        cls = self._class_of(config)
        self._check_input(cls)
        network = read_network(cls, config, architecture)
        mapped = _transformers_names(state, network, self.leaves_head_aside)
        width = self._width(mapped.state, network, config)
        if width != config.num_labels:
            config.num_labels = width
            network = read_network(cls, config, architecture)
        if state:
            model = _load(cls, config, mapped, network, self.source)
        else:
            model = made(lambda: cls(config), cls.__name__, architecture)
        self.network_config, self.head_name = config, network.head
        self.backbone, self.head = _split(model, network.head)
        trained = bool(mapped.state) and network.widths.keys() <= mapped.state.keys()
        ours = any(key.startswith("backbone.") for key in state)
        order = self.head_order(
            Head(num_logits=config.num_labels, trained=trained, architecture=architecture, by_contract=False, ours=ours)
        )
        mapped.state = {_own_name(key, network.head): tensor for key, tensor in mapped.state.items()}
        return replace(self.make_report(mapped, order), head_trained=trained)

    def _width(self, state: StateDict, network: Network, config: Any) -> int:
        """Return the width of the source's classifier, or that of a new one, or what the config says."""
        if self.leaves_head_aside:
            return 2
        widths = {
            int(state[key].shape[axis]) for key, axis in network.widths.items() if key in state and state[key].ndim
        }
        if len(widths) > 1:
            raise WeightsError(f"{self.source.spec} has classifiers of different widths: {sorted(widths)}")
        return widths.pop() if widths else int(config.num_labels)

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
            classes = (classes,)
        named = [cls for cls in classes if cls.__name__ in (config.architectures or [])]
        return (named or classes)[0]

    def _check_input(self, cls: Any) -> None:
        """Refuse a class that is given something else than the pixels of whole images."""
        if "input_ids" in cls.main_input_name or "spatial_shapes" in inspect.signature(cls.forward).parameters:
            raise WeightsError(
                f"{self.source.spec} is a {cls.__name__}, which takes colour clusters or lists of patches; this "
                f"package gives a network whole images of one size"
            )

    def place(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move to `device`; in float32 whatever `dtype` where the classifier is inside the backbone."""
        super().place(device, torch.float32 if isinstance(self.head, nn.Identity) else dtype)

    def features(self, data_dict: Mapping[str, Any]) -> torch.Tensor:
        """Return what the classifier is given, (B, D) float32; its logits where it is inside the backbone.

        Raises:
            ModelError: transformers' code fails on the batch, as for a config that only a batch shows to be wrong.
        """
        try:
            output = self.backbone(self.to_backbone(data_dict["image"]))
        except FOREIGN as error:
            raise ModelError(f"{self.source.spec} fails on a batch: {in_words(error)}") from error
        # PP-LCNet's class calls its logits last_hidden_state.
        features: torch.Tensor = output.logits if "logits" in output else output.last_hidden_state
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


def _config(architecture: Architecture) -> Any:
    from transformers import CONFIG_MAPPING

    if architecture.kind not in CONFIG_MAPPING:
        raise WeightsError(
            f"this transformers does not know the model type {architecture.kind!r} that {architecture.where} names"
        )
    config = config_of(CONFIG_MAPPING[architecture.kind], architecture)
    if not config.num_labels:
        raise WeightsError(
            f"{architecture.where} gives its model no classes (num_labels 0), so there is no score in it"
        )
    return config


def _transformers_names(state: StateDict, network: Network, without_head: bool) -> keymaps.Mapped:
    """Return `state` under transformers' names: ours are `backbone.<name>` and, for the classifier, `head.<name>`."""
    known = network.shapes
    ours = any(key.startswith("backbone.") for key in state)
    prefix = "backbone." if ours else keymaps.prefix_before(state, known)
    names: dict[str, str | None] = {}
    for key in state:
        name = key.removeprefix(prefix)
        if ours and network.head and name.startswith("head."):
            name = f"{network.head}.{name.removeprefix('head.')}"
        elif name not in known and f"{network.base}.{name}" in known:
            name = f"{network.base}.{name}"
        names[key] = None if without_head and name in network.widths else name
    return keymaps.rename(state, names)


def _own_name(key: str, head: str) -> str:
    return f"head.{key.removeprefix(f'{head}.')}" if head and key.startswith(f"{head}.") else f"backbone.{key}"


def _load(cls: Any, config: Any, mapped: keymaps.Mapped, network: Network, source: Source) -> Any:
    """Return the filled model; transformers applies the key conversions it knows. `mapped` then has the final names."""
    if config.model_type == "videomae":  # 5.5.1 to 5.17 would drop the biases of others without an error
        vectors = {key: torch.zeros(tensor.shape) for key, tensor in network.shapes.items() if tensor.ndim == 1}
        keymaps.settle_biases(mapped, {**network.shapes, **vectors})
    check_types(mapped.state, network.shapes, source.spec)
    try:
        model, info = cls.from_pretrained(
            None,
            config=config,
            state_dict=mapped.state,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except FAILURES as error:
        raise WeightsError(
            f"{source.spec} does not fit its config ({cls.__name__}): {printable(' '.join(str(error).split()))[:300]}"
        ) from error
    missing, unexpected = set(info["missing_keys"]), sorted(info["unexpected_keys"])
    # transformers 5 gives a key and two shapes, 4 the key.
    misshapen = [key if isinstance(key, str) else key[0] for key in info["mismatched_keys"]]
    lost = sorted(missing - network.widths.keys()) + misshapen
    half = sorted(missing & network.widths.keys()) if not network.widths.keys() <= missing else []
    misplaced = [key for key in unexpected if network.has_place_of(key)]
    if lost or half or misplaced or (unexpected and source.kind == "file"):
        raise WeightsError(
            f"{source.spec} holds {describe(mapped.state)} and does not fit {cls.__name__}: {len(lost + half)} "
            f"parameters missing or misshapen ({listed(lost + half)}), {len(unexpected)} unknown to it "
            f"({listed(misplaced or unexpected)})"
        )
    mapped.ignored.extend(unexpected)
    mapped.state = {key: tensor for key, tensor in model.state_dict().items() if key not in missing}
    return model


def _split(model: nn.Module, head: str) -> tuple[nn.Module, nn.Module]:
    if not head:
        return model, nn.Identity()
    module = model.get_submodule(head)
    setattr(model, head, nn.Identity())
    return model, module
