"""What every detector of ours has in common: the host contract, loading, and how its report comes about."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
from torch import nn
from torch.nn import functional
from typing_extensions import Self

from deepfakebench_ext.common.notices import untrained_head
from deepfakebench_ext.common.types import LabelOrder, WeightsReport
from deepfakebench_ext.data.preprocess.spec import PreprocessSpec
from deepfakebench_ext.host import torchvision_ops, weights_path
from deepfakebench_ext.models import quiet
from deepfakebench_ext.models.built_from import decide_preprocess, default_source, processor_folder
from deepfakebench_ext.models.config import DetectorConfig, load_config
from deepfakebench_ext.models.freezing import keep_frozen_in_inference
from deepfakebench_ext.models.head_order import Head, decide_head_order
from deepfakebench_ext.models.initialising import seeded
from deepfakebench_ext.models.label_order import kept_order
from deepfakebench_ext.models.stored_thresholds import THRESHOLDS, Stored, stored_from
from deepfakebench_ext.models.torch_scoring import TorchScoring
from deepfakebench_ext.models.two_classes import two_class_logits
from deepfakebench_ext.models.weights import keymaps
from deepfakebench_ext.models.weights.fit import check_fit
from deepfakebench_ext.models.weights.source import (
    DETECTOR_YAML,
    NAMES_YAML,
    Source,
    read_json,
    resolve_beside,
    resolve_weights,
)
from deepfakebench_ext.models.weights.state_files import Checkpoint, StateDict, read_checkpoint

# transformers imports torchvision wherever it is installed, also one that does not load beside this torch.
torchvision_ops.make_importable()
quiet.hush_where_wished()

logger = logging.getLogger(__name__)

HEAD = ("fc_norm.", "head.")
# Under this name a file of ours says which of its logits mean fake.
LABEL_ORDER = "label_order"


class Detector(TorchScoring):
    """A detector under DeepfakeBench's contract, built as `DETECTOR[name](config)`.

    A subclass sets `backbone`, `head` and, where it has one, `fc_norm`, in `_build`, and says in `features` how an
    image or clip becomes a vector. These attribute names are those of DeepfakeBench's own clip and videomae detectors,
    whose checkpoints therefore load.

    Attributes:
        takes: `image` for (B, 3, H, W), `video` for (B, T, 3, H, W).
        settings: The validated config.
        report: Where the parameters came from and how they fitted.
        loss_func: Cross entropy over two classes.
        keeps_statistics: Whether BatchNorms keep their statistics in training mode.
    """

    takes: ClassVar[Literal["image", "video"]]
    backbone: nn.Module
    head: nn.Module
    keeps_statistics: bool = False

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
        return decide_preprocess(self.settings, processor_folder(self.source), self.input_size)

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

    def normed(self, pooled: torch.Tensor) -> torch.Tensor:
        """Return the features (B, D) for what `pooled` returned: through `fc_norm`, where there is one."""
        return pooled

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
        with torch.autocast(features.device.type, enabled=False):
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
        scores = fake_probability(pred_dict["cls"].detach().cpu().double().numpy())
        figures = binary_figures(labels, scores, level="frame")
        names = {"acc": "frame_accuracy", "auc": "frame_auc", "eer": "frame_eer", "ap": "frame_ap"}
        return {short: figures[name].value for short, name in names.items()}

    def train(self, mode: bool = True) -> Self:
        """Set training mode, in which what is not trained, or `keeps_statistics`, stays as in inference."""
        super().train(mode)
        keep_frozen_in_inference(self, statistics=self.keeps_statistics)
        return self

    def to_backbone(self, images: torch.Tensor) -> torch.Tensor:
        """Return `images` on the device and in the type of the backbone."""
        parameter = next(self.backbone.parameters())
        return images.to(parameter.device, parameter.dtype)

    def head_order(self, head: Head) -> LabelOrder:
        """Return how the head's logits become P(fake).

        Raises:
            ConfigError: Nothing says.
        """
        return decide_head_order(head, self.settings, self.source.spec, self.checkpoint.notes.get(LABEL_ORDER))

    @property
    def leaves_head_aside(self) -> bool:
        """Whether the source's own head is not wanted: that of a model to start from, never that of a trained file."""
        return self.settings.new_head and self.source.kind in ("hub", "folder")

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """What the weight files hold; nothing where there are none."""
        return read_checkpoint(self.source.files) if self.source.files else Checkpoint({})

    @cached_property
    def stored_thresholds(self) -> Stored:
        """The thresholds that its training stored with its weights; empty where there are none.

        Nor are there any where `fake_index` reads the head otherwise than it was trained: they are of other scores.

        Raises:
            ConfigError: What the weights say of them cannot be read.
        """
        if self.settings.fake_index is not None:
            order = self.report.label_order
            own = kept_order(self.checkpoint.notes.get(LABEL_ORDER), order.num_logits)
            if own is not None and own.fake != order.fake:
                return {}
        if self.source.kind == "file":
            return stored_from(self.checkpoint.notes.get(THRESHOLDS), self.source.spec)
        folder = self.source.folder
        if folder is None or read_json(folder / "config.json").get(NAMES_YAML) != DETECTOR_YAML:
            return {}
        repository, revision = self.source.spec.partition("@")[0], self.source.revision
        path = resolve_beside(f"{repository}@{revision}" if revision else self.source.spec, DETECTOR_YAML)
        return {} if path is None else load_config(path).thresholds

    def fill(self, state: StateDict, names: Mapping[str, str | None], folded: int = 0) -> keymaps.Mapped:
        """Fill every parameter from `state`; only a whole head (`fc_norm`, `head`) may be missing from it.

        Args:
            state: The checkpoint's tensors; where there are none, the random initialisation stays.
            names: Old -> new.
            folded: Split layers that were made whole in it.

        Raises:
            WeightsError: Missing, unexpected, misshapen or mistyped tensors.
        """
        if not state:
            return keymaps.Mapped({})
        target = self.state_dict()
        mapped = keymaps.rename(state, names)
        mapped.folded = folded
        if self.leaves_head_aside:
            _set_head_aside(mapped)
        keymaps.settle_biases(mapped, target)
        check_fit(mapped.state, target, keys=state, spec=self.source.spec, config=self.settings.model_name)
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


def _set_head_aside(mapped: keymaps.Mapped) -> None:
    for key in [key for key in mapped.state if key.startswith(HEAD)]:
        del mapped.state[key]
        mapped.ignored.append(key)
