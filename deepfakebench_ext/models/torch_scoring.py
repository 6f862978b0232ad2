"""How a detector of torch scores: where it is placed, and pixels to rows of numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from deepfakebench_ext.data.preprocess.in_torch import normalise
from deepfakebench_ext.data.preprocess.normalising import Pixels
from deepfakebench_ext.data.preprocess.spec import PreprocessSpec
from deepfakebench_ext.models.config import DetectorConfig
from deepfakebench_ext.models.scoring import Output, Rows

_CUDA = "cuda"


class TorchScoring(nn.Module, ABC):
    """The part of `Detector` that meets `ScoringDetector`."""

    backbone: nn.Module
    settings: DetectorConfig

    def place(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move to `device`, the backbone in `dtype` and the head in float32, ready for inference."""
        self.to(device)
        self.backbone.to(dtype)
        if dtype != torch.float32 and device.type in ("cpu", _CUDA):
            _lay_channels_last(self.backbone)
        self.eval().requires_grad_(False)

    @property
    def computing(self) -> dict[str, Any]:
        """On what it computes, for the record of a run: the device, and the type of number."""
        parameter = next(self.backbone.parameters())
        return {"device": parameter.device.type, "dtype": str(parameter.dtype).removeprefix("torch.")}

    @property
    def at_a_time(self) -> int:
        """Batches that it computes at a time.

        One, by all of torch's threads; on CUDA two, so that while the card computes one the next is stacked and copied.
        """
        return 2 if self.computing["device"] == _CUDA else 1

    def logits(self, pixels: Pixels, preprocess: PreprocessSpec) -> Rows:
        """Return two-class logits (N, 2), as `ScoringDetector`."""
        return self.rows(pixels, preprocess, "logits")

    @torch.inference_mode()
    def rows(self, pixels: Pixels, preprocess: PreprocessSpec, output: Output) -> Rows:
        """Return what the network says of pixels; they are normalised on its device.

        Args:
            pixels, preprocess: As `ScoringDetector.logits`.
            output: `logits` (N, 2); the `features` (N, D) that the head is given, length 1 where the config says so; or
                what the backbone alone says, `pooled` (N, D).
        """
        batch = {"image": normalise(self._on_device(pixels), preprocess)}
        if output == "logits":
            rows: torch.Tensor = self(batch, inference=True)["cls"]
        elif output == "pooled":
            rows = self.pooled(batch)
        else:
            rows = self.features(batch)
            rows = functional.normalize(rows, dim=1) if self.settings.l2_normalise else rows
        numbers: Rows = (rows if rows.dtype == torch.float64 else rows.float()).cpu().numpy()
        return numbers

    @abstractmethod
    def features(self, data_dict: Mapping[str, Any]) -> torch.Tensor:
        """Return (B, D) float32 features of `data_dict['image']`."""

    def pooled(self, data_dict: Mapping[str, Any]) -> torch.Tensor:
        """Return what the backbone alone says, (B, D) float32; `Detector.normed` makes the features of it."""
        return self.features(data_dict)

    def _on_device(self, pixels: Pixels) -> torch.Tensor:
        device = next(self.parameters()).device
        tensor = torch.from_numpy(pixels)
        # Only from pinned memory does a copy to a CUDA card go on while the card computes.
        tensor = tensor.pin_memory() if device.type == _CUDA else tensor
        return tensor.to(device, non_blocking=True)


def _lay_channels_last(module: nn.Module) -> None:
    """Lay out 2-d convolutions as 16-bit instructions take them; those after the first are then given it so too.

    A convolution's weights alone decide; other tensors of four dimensions are looked at by `view`, which needs them as
    they are. `scripts/bench_evaluator.py convolutions` measures what it gains on a CPU.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            part.weight.data = part.weight.data.contiguous(memory_format=torch.channels_last)
