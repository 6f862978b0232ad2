"""DeepfakeBench's own detectors, such as xception, f3net or ucf, with the surface of ours."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
from torch import nn
from torch.nn import functional

from deepfakebench_ext.common.errors import ConfigError, HostError, ModelError, WeightsError
from deepfakebench_ext.common.types import WeightsReport
from deepfakebench_ext.data.preprocess.transform import PreprocessSpec
from deepfakebench_ext.host.blank import without_cuda
from deepfakebench_ext.host.checkout import find_checkout
from deepfakebench_ext.host.construct import construct, in_words
from deepfakebench_ext.host.foreign import FOREIGN
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.built_from import decide_preprocess
from deepfakebench_ext.models.config import NO_CHECKOUT, DetectorConfig, load_config
from deepfakebench_ext.models.label_order import HOST_CONTRACT
from deepfakebench_ext.models.weights import keymaps
from deepfakebench_ext.models.weights.describe import describe
from deepfakebench_ext.models.weights.source import Source, resolve_config
from deepfakebench_ext.models.weights.state_files import StateDict, check_types

_NOTHING = Source("nothing (random parameters)", "random", None, ())
# Probabilities nearer to 0 or 1 than this margin of logits says are 0 or 1 in float64.
_SATURATED = 1000.0
_SAME = 1e-6


class HostDetector(Detector):
    """One of DeepfakeBench's detectors: its class, built without its pretrained files and filled from one checkpoint.

    Its own module is the `backbone`. Without weights all its parameters are random and the report says so.
    """

    backbone: nn.Module

    def __init__(self, config: Mapping[str, Any] | DetectorConfig, *, source: Source | None = None) -> None:
        """Build the detector and fill it from `source`.

        Args:
            config: The detector's YAML, or its mapping.
            source: Weights already found; None leaves every parameter random.

        Raises:
            HostError: No checkout, or its code fails here.
            MissingExtraError: A package that this detector's module imports is not installed.
            WeightsError: The weights cannot be read, or are not exactly this detector's.
            ConfigError: A key that the constructor needs is missing.
        """
        super().__init__(load_config(config), source=source or _NOTHING)

    def _build(self) -> WeightsReport:
        settings = self.settings
        if settings.fake_index not in (None, (1,)):
            raise ConfigError(f"--fake_index means nothing here: in DeepfakeBench's {settings.model_name} 1 is fake")
        if self.takes == "video" and settings.clip_size is None:
            raise ConfigError(f"{settings.model_name} has video_mode without clip_size; set it in the detector YAML")
        checkout = settings.checkout or find_checkout()
        if checkout is None:
            raise HostError(NO_CHECKOUT)
        self.backbone = construct(
            checkout,
            settings.model_name,
            settings.host or {},
            architecture=settings.architecture,
            fetch_config=resolve_config,
        )
        self.head = nn.Identity()
        # Lists in which it collects what it sees, without end (ucf_detector.py:241-254, uia_vit_detector.py:133).
        self._kept = {name: len(value) for name, value in vars(self.backbone).items() if isinstance(value, list)}
        mapped = self._filled() if self.source.files else keymaps.Mapped({})
        return self.make_report(mapped, HOST_CONTRACT, self.backbone.state_dict())

    @cached_property
    def preprocess(self) -> PreprocessSpec:
        """What the YAML's `resolution`, `mean` and `std` say.

        Raises:
            ConfigError: It does not say.
        """
        return decide_preprocess(self.settings, None, None)

    @property
    def clip_len(self) -> int:
        """The YAML's `clip_size` for a detector of clips."""
        return 1 if self.takes == "image" else self.settings.clip_size or 1

    def place(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move to `device`, ready for inference.

        Raises:
            ConfigError: `dtype` is not float32.
        """
        if dtype != torch.float32:
            raise ConfigError(
                f"--dtype {str(dtype).removeprefix('torch.')} is not for DeepfakeBench's detectors, whose code "
                f"computes in float32; leave it out"
            )
        self.to(device).eval().requires_grad_(False)
        for module in self.modules():
            for name, value in list(vars(module).items()):
                if isinstance(value, torch.Tensor):  # kept beside the buffers (ffd_detector.py:168)
                    setattr(module, name, value.to(device))

    def features(self, data_dict: Mapping[str, Any]) -> torch.Tensor:
        """Return what the detector calls `feat`; its shape is its own."""
        features: torch.Tensor = self.forward(data_dict)["feat"]
        return features

    def forward(self, data_dict: Mapping[str, Any], inference: bool = False) -> dict[str, torch.Tensor]:
        """Score a batch as DeepfakeBench's test.py does.

        Args:
            data_dict: `image` (B, 3, H, W) or (B, T, 3, H, W), normalised. Labels are not needed.
            inference: Part of DeepfakeBench's contract; changes nothing.

        Returns:
            `cls` (B, 2) logits, 0 real and 1 fake, whose softmax is the detector's `prob`; `prob` (B,); `feat`.

        Raises:
            ModelError: It asks for more than images, or gives nothing that a score can be made of.
        """
        images = data_dict["image"]
        labels = torch.zeros(len(images), dtype=torch.long, device=images.device)
        batch = _Batch({"label": labels, "mask": None, "landmark": None, **data_dict})
        batch.reader = self.settings.model_name
        output = self._output(batch, images.device)
        cls = _two_logits(output, len(images), self.settings.model_name)
        return {"cls": cls, "prob": functional.softmax(cls, dim=1)[:, 1], "feat": output.get("feat", cls)}

    def _output(self, batch: _Batch, device: torch.device) -> Mapping[str, Any]:
        try:
            with _on(device):
                output: Mapping[str, Any] = self.backbone(batch, inference=True)
        except FOREIGN as error:
            raise ModelError(f"{self._mine} fails on a batch: {in_words(error)}") from error
        finally:
            for name, length in self._kept.items():
                del getattr(self.backbone, name)[length:]
        return output

    def _filled(self) -> keymaps.Mapped:
        state = self.checkpoint.state
        target = self.backbone.state_dict()
        mapped = keymaps.rename(state, _names(state, target))
        keymaps.settle_biases(mapped, target)
        check_types(mapped.state, target, self.source.spec)
        try:
            fit = self.backbone.load_state_dict(mapped.state, strict=False)
        except RuntimeError as error:  # shapes
            raise WeightsError(self._misfit(mapped.state, target, [], [])) from error
        if fit.missing_keys or fit.unexpected_keys:
            raise WeightsError(self._misfit(mapped.state, target, fit.missing_keys, fit.unexpected_keys))
        return mapped

    def _misfit(
        self, state: StateDict, target: Mapping[str, torch.Tensor], missing: list[str], unexpected: list[str]
    ) -> str:
        shapes = [
            f"{key}: {list(tensor.shape)} is not {list(target[key].shape)}"
            for key, tensor in state.items()
            if key in target and tensor.shape != target[key].shape
        ]
        parts = [
            f"{self.source.spec} holds {describe(state)} and does not fit {self._mine}.",
            f"{len(shapes)} shapes differ, e.g. {shapes[0]}." if shapes else "",
            f"{len(missing)} of its {len(target)} tensors are missing, e.g. {', '.join(missing[:3])}."
            if missing
            else "",
            f"{len(unexpected)} of the file's are unknown to it, e.g. {', '.join(unexpected[:3])}."
            if unexpected
            else "",
            "Give the checkpoint and the detector YAML that belong together.",
        ]
        return " ".join(filter(None, parts))

    @property
    def _mine(self) -> str:
        return f"DeepfakeBench's {self.settings.model_name}"


class HostImageDetector(HostDetector):
    """One that takes single frames."""

    takes: ClassVar[Literal["image", "video"]] = "image"


class HostVideoDetector(HostDetector):
    """One that takes clips."""

    takes: ClassVar[Literal["image", "video"]] = "video"


class _Batch(dict[str, Any]):
    """What a detector is given; asking for more names what it asks for."""

    reader = ""

    def __missing__(self, key: str) -> Any:
        raise ModelError(
            f"DeepfakeBench's {self.reader} needs {key!r} beside the image to score it, which is given neither here "
            f"nor by DeepfakeBench's own test.py"
        )


def _on(device: torch.device) -> AbstractContextManager[Any]:
    """Let `.cuda()` in DeepfakeBench's code mean the detector's device."""
    return torch.cuda.device(device) if device.type == "cuda" else without_cuda()


def _names(state: StateDict, target: Mapping[str, torch.Tensor]) -> dict[str, str | None]:
    """Return old -> new: without a prefix that a trainer put before all names, and without what is not saved today."""
    prefix = keymaps.prefix_before(state, target)
    names: dict[str, str | None] = {key: key.removeprefix(prefix) for key in state}
    for key, name in names.items():
        if key.endswith("embeddings.position_ids") and name not in target:  # saved by transformers before 4.31
            names[key] = None
    return names


def _two_logits(output: Mapping[str, Any], size: int, name: str) -> torch.Tensor:
    """Return logits (B, 2) whose softmax is what test.py takes for P(fake), the output's `prob`.

    `cls` says so itself where it has the shape and agrees, or where there is no `prob` (ucf_detector.py:265).
    """
    cls, prob = output.get("cls"), output.get("prob")
    if isinstance(cls, torch.Tensor) and cls.shape == (size, 2) and (prob is None or _agree(cls, prob)):
        return cls
    if isinstance(prob, torch.Tensor) and prob.numel() == size:
        return _log_odds(prob.reshape(size), name)
    shapes = {key: list(value.shape) for key, value in output.items() if isinstance(value, torch.Tensor)}
    raise ModelError(f"DeepfakeBench's {name} gives {shapes} for {size} inputs; no P(fake) can be read off that")


def _agree(cls: torch.Tensor, prob: torch.Tensor) -> bool:
    expected = functional.softmax(cls, dim=1)[:, 1]
    return prob.shape == expected.shape and bool((prob - expected).abs().max() <= _SAME)


def _log_odds(prob: torch.Tensor, name: str) -> torch.Tensor:
    """Return logits (B, 2) in float64 whose softmax is `prob` (B,) again, also where it is exactly 0 or 1."""
    prob = (prob.cpu() if prob.device.type == "mps" else prob).double()  # MPS has no float64
    if bool(((prob < 0) | (prob > 1)).any()):
        raise ModelError(f"DeepfakeBench's {name} gives {prob.tolist()} as P(fake), outside 0 to 1")
    logit = torch.logit(prob).clamp(-_SATURATED, _SATURATED)
    return torch.stack((torch.zeros_like(logit), logit), dim=1)
