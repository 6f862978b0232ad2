"""What every detector of ours has in common: the host contract, loading, and how its report comes about."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
from torch import nn
from torch.nn import functional
from typing_extensions import Self

from deepfakebench_ext.common.errors import ConfigError, WeightsError
from deepfakebench_ext.common.notices import untrained_head
from deepfakebench_ext.common.types import LabelOrder, WeightsReport
from deepfakebench_ext.data.preprocess.transform import PreprocessSpec
from deepfakebench_ext.host import torchvision_ops, weights_path
from deepfakebench_ext.models.built_from import decide_preprocess, default_source
from deepfakebench_ext.models.config import DetectorConfig
from deepfakebench_ext.models.freezing import keep_frozen_in_inference
from deepfakebench_ext.models.label_order import HOST_CONTRACT, decide_label_order
from deepfakebench_ext.models.probability import two_class_logits
from deepfakebench_ext.models.svd import fold_svd
from deepfakebench_ext.models.weights import keymaps
from deepfakebench_ext.models.weights.describe import describe, hub_id_of
from deepfakebench_ext.models.weights.source import Source, resolve_weights
from deepfakebench_ext.models.weights.state_files import StateDict

# transformers imports torchvision wherever it is installed, also one that does not load beside this torch.
torchvision_ops.make_importable()

logger = logging.getLogger(__name__)

HEAD = ("fc_norm.", "head.")
Names = Callable[[Iterable[str], Iterable[str]], dict[str, str | None]]


class Detector(nn.Module, ABC):
    """A detector under DeepfakeBench's contract, built as `DETECTOR[name](config)`.

    A subclass sets `backbone`, `head` and, where it has one, `fc_norm`, in `_build`, and says in `features` how an
    image or clip becomes a vector. These attribute names are those of DeepfakeBench's own clip and videomae detectors,
    whose checkpoints therefore load.

    Attributes:
        takes: `image` for (B, 3, H, W), `video` for (B, T, 3, H, W).
        settings: The validated config.
        report: Where the parameters came from and how they fitted.
        loss_func: Cross entropy over two classes.
    """

    takes: ClassVar[Literal["image", "video"]]
    backbone: nn.Module
    head: nn.Module

    def __init__(self, config: Mapping[str, Any] | DetectorConfig, *, source: Source | None = None) -> None:
        """Build the detector and fill it from `source`, or from what the config names by default.

        Args:
            config: A detector config, or the mapping that DeepfakeBench's scripts pass.
            source: Weights already found; None takes what DeepfakeBench's test.py was given, else the config's own.

        Raises:
            WeightsError: The weights cannot be found or read, or do not fit.
            ConfigError: The config or the label names leave something undecided.
        """
        super().__init__()
        self.config = config
        self.settings = config if isinstance(config, DetectorConfig) else DetectorConfig.from_host(config)
        named = weights_path.said_by(config) if source is None else None
        self.source = source or (resolve_weights(named) if named else default_source(self.settings))
        with seeded(self.settings.seed):
            self.report: WeightsReport = self._build()
        self.loss_func = self.build_loss(config)
        if named:
            weights_path.remember(named, self)
            if not self.report.head_trained:
                logger.warning(untrained_head(self.report.source, self.settings.seed).text)

    @abstractmethod
    def _build(self) -> WeightsReport:
        """Set `backbone` and `head`, fill them, and report."""

    @cached_property
    def preprocess(self) -> PreprocessSpec:
        """How an RGB frame becomes the tensor this detector expects.

        Raises:
            ConfigError: Neither the checkpoint nor the config says.
        """
        return decide_preprocess(self.settings, self.source.folder, self.input_size)

    @property
    def input_size(self) -> tuple[int, int] | None:
        """(height, width) that the network takes, None where any will do."""
        return None

    @property
    def clip_len(self) -> int:
        """Frames of one input: 1 for an image detector."""
        return 1

    def build_backbone(self, config: Any) -> nn.Module:
        """Return the backbone; part of DeepfakeBench's contract."""
        return self.backbone

    def build_loss(self, config: Any) -> nn.Module:
        """Return the loss; part of DeepfakeBench's contract."""
        return nn.CrossEntropyLoss()

    @abstractmethod
    def features(self, data_dict: Mapping[str, Any]) -> torch.Tensor:
        """Return (B, D) float32 features of `data_dict['image']`."""

    def classifier(self, features: torch.Tensor, kept: torch.Tensor | None = None) -> torch.Tensor:
        """Return the head's own logits (B, K) for features (B, D), of length 1 before it where the config says so.

        The head computes in float32 whatever the backbone does: logits rounded to bfloat16 would tie scores.

        Args:
            features: float32 (B, D).
            kept: float32 (B, D), the factors of dropout: 0 or 1 / (1 - p). None draws them, in training mode.
        """
        features = functional.normalize(features, dim=1) if self.settings.l2_normalise else features
        if kept is None:
            features = functional.dropout(features, self.settings.dropout, self.training)
        else:
            features = features * kept
        logits: torch.Tensor = self.head(features)
        return logits

    def forward(self, data_dict: Mapping[str, Any], inference: bool = False) -> dict[str, torch.Tensor]:
        """Score a batch.

        Args:
            data_dict: `image` (B, 3, H, W) or (B, T, 3, H, W), normalised.
            inference: Part of DeepfakeBench's contract; changes nothing.

        Returns:
            `cls` (B, 2) logits, 0 real and 1 fake; `prob` (B,) P(fake); `feat` (B, D). All float32.
        """
        features = self.features(data_dict)
        cls = two_class_logits(self.classifier(features), self.report.label_order)
        return {"cls": cls, "prob": functional.softmax(cls, dim=1)[:, 1], "feat": features}

    def get_losses(self, data_dict: Mapping[str, Any], pred_dict: Mapping[str, torch.Tensor]) -> dict[str, Any]:
        """Return `overall`, the cross entropy of `pred_dict['cls']` with `data_dict['label']` (B,)."""
        return {"overall": self.loss_func(pred_dict["cls"], data_dict["label"])}

    def get_train_metrics(self, data_dict: Mapping[str, Any], pred_dict: Mapping[str, torch.Tensor]) -> dict[str, Any]:
        """Return acc, auc, eer and ap of one batch; those a batch of one class cannot have are None.

        DeepfakeBench's trainer passes over None (metrics/base_metrics_class.py:28-61).
        """
        from deepfakebench_ext.metrics.ranking import binary_figures
        from deepfakebench_ext.models.probability import fake_probability

        labels = data_dict["label"].detach().cpu().numpy().astype("int64")
        figures = binary_figures(labels, fake_probability(pred_dict["cls"]).numpy(), level="frame")
        names = {"acc": "frame_accuracy", "auc": "frame_auc", "eer": "frame_eer", "ap": "frame_ap"}
        return {short: figures[name].value for short, name in names.items()}

    def train(self, mode: bool = True) -> Self:
        """Set training mode, in which modules without a trained parameter stay as in inference."""
        super().train(mode)
        keep_frozen_in_inference(self)
        return self

    def place(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move to `device`, the backbone in `dtype` and the head in float32, ready for inference."""
        self.to(device)
        self.backbone.to(dtype)
        self.eval().requires_grad_(False)

    def to_backbone(self, images: torch.Tensor) -> torch.Tensor:
        """Return `images` on the device and in the type of the backbone."""
        parameter = next(self.backbone.parameters())
        return images.to(parameter.device, parameter.dtype)

    def head_order(self, num_logits: int, *, trained: bool, architecture: Mapping[str, Any]) -> LabelOrder:
        """Return how the head's logits become P(fake).

        The head of a classifier of transformers is read by the names in its config, also where it was trained on and
        saved as a `.pth`. Any other head of two logits was trained under DeepfakeBench's contract, 0 real and 1 fake,
        or is a new one.

        Args:
            num_logits: Width of the head.
            trained: Whether the head came from the weights.
            architecture: The transformers config, as JSON holds it.
        """
        classifier = "ForImageClassification", "ForVideoClassification"
        classes = architecture.get("architectures") or []
        named = trained and not self.settings.new_head and any(c.endswith(classifier) for c in classes)
        if self.settings.fake_index is None and not named and num_logits == 2:
            return HOST_CONTRACT
        names = architecture if named else {}
        try:
            return decide_label_order(
                names.get("id2label"),
                num_logits,
                label2id=names.get("label2id"),
                fake_index=self.settings.fake_index,
            )
        except ConfigError as error:
            if self.source.kind == "file" and num_logits == 2 and self.settings.fake_index is None:
                return HOST_CONTRACT  # the head is the file's own; the names were those of the model it started from
            raise ConfigError(
                f"{self.source.spec}: {str(error).rstrip('.')}. If this head was trained for another task, "
                "`new_head: true` in the detector YAML leaves it aside."
            ) from error

    @property
    def leaves_head_aside(self) -> bool:
        """Whether the source's own head is not wanted: that of a model to start from, never that of a trained file."""
        return self.settings.new_head and self.source.kind in ("hub", "folder")

    def fill(self, state: StateDict | None, names: Names) -> keymaps.Mapped:
        """Fill every parameter from `state`; only a whole head (`fc_norm`, `head`) may be missing from it.

        Args:
            state: The checkpoint's tensors; None leaves the random initialisation.
            names: The key map.

        Raises:
            WeightsError: Missing, unexpected or misshapen tensors.
        """
        if state is None:
            return keymaps.Mapped({})
        target = self.state_dict()
        state, folded = fold_svd(state)
        mapped = keymaps.rename(state, names(state, target))
        mapped.folded = folded
        keymaps.fill_key_biases(mapped.state, target)
        if self.leaves_head_aside:
            _set_head_aside(mapped)
        _check_fit(mapped.state, target, spec=self.source.spec)
        fresh = {key: tensor for key, tensor in target.items() if key not in mapped.state}
        self.load_state_dict({**fresh, **mapped.state}, strict=True)
        return mapped

    def make_report(
        self, mapped: keymaps.Mapped, order: LabelOrder, target: Mapping[str, torch.Tensor] | None = None
    ) -> WeightsReport:
        """Return the report of what was filled.

        Args:
            mapped: Under the names of `target`.
            order: How the head's logits become P(fake).
            target: What could have been filled; None is this detector's whole state.
        """
        target = self.state_dict() if target is None else target
        missing = tuple(key for key in target if key not in mapped.state)
        return WeightsReport(
            source=self.source.spec,
            kind=self.source.kind,
            revision=self.source.revision,
            files=tuple(path.name for path in self.source.files),
            sha256=self.source.sha256(),
            matched=len(target) - len(missing),
            renamed=tuple(mapped.renamed),
            folded=mapped.folded,
            missing=missing,
            ignored=tuple(mapped.ignored),
            head_trained=bool(self.source.files) and not any(key.startswith("head.") for key in missing),
            label_order=order,
        )


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let torch's random numbers start from `seed` inside the context, the caller's state untouched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def skeleton(state: StateDict | None) -> AbstractContextManager[Any]:
    """Return the context to build a network in: without the cost of initialising what `state` will fill."""
    if state is None:
        return nullcontext()
    try:
        from transformers.initialization import no_init_weights
    except ImportError:  # transformers 4
        from transformers.modeling_utils import no_init_weights
    context: AbstractContextManager[Any] = no_init_weights()
    return context


def _set_head_aside(mapped: keymaps.Mapped) -> None:
    for key in [key for key in mapped.state if key.startswith(HEAD)]:
        del mapped.state[key]
        mapped.ignored.append(key)


def _check_fit(state: StateDict, target: Mapping[str, torch.Tensor], *, spec: str) -> None:
    missing = [key for key in target if key not in state]
    unexpected = [key for key in state if key not in target]
    misshapen = [key for key in state if key in target and state[key].shape != target[key].shape]
    if set(missing) == {key for key in target if key.startswith(HEAD)}:
        missing = []
    if not (missing or unexpected or misshapen):
        return
    has, is_ = describe(state), describe(target)
    lines = [f"{spec} holds {has}; the detector is {is_}."]
    if misshapen:
        key = misshapen[0]
        lines.append(f"{len(misshapen)} shapes differ, e.g. {key}: {_shape(state[key])} is not {_shape(target[key])}.")
    if missing:
        lines.append(f"{len(missing)} of its {len(target)} parameters are missing, e.g. {', '.join(missing[:3])}.")
    if unexpected:
        lines.append(f"{len(unexpected)} of the file's are unknown to it, e.g. {', '.join(unexpected[:3])}.")
    lines.append(
        "The file is not whole, or holds parts of another program; give it as it was saved."
        if has == is_
        else f"Set `huggingface_model_name` in the detector YAML to the model it was trained from{hub_id_of(state)}."
    )
    raise WeightsError(" ".join(lines))


def _shape(tensor: torch.Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"
