"""A detector as one graph of tensors: normalised images in, two logits out, a batch of any size."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import torch
from torch import nn

from deepfakebench_ext.common.errors import ModelError
from deepfakebench_ext.common.wording import reason_of
from deepfakebench_ext.data.preprocess.spec import output_size
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.export.record import BATCH, INPUT, Format

# A graph made of a batch of 1 could take 1 for the only size.
_EXAMPLES = 2
_LONGEST = 300
_BLOCK = 2**20


class ScoringNetwork(nn.Module):
    """A detector's way from normalised images to its two logits, 0 real and 1 fake."""

    def __init__(self, detector: Detector) -> None:
        """Take a detector in inference mode."""
        super().__init__()
        self.detector = detector

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits (B, 2) of images (B, 3, H, W) or clips (B, T, 3, H, W)."""
        logits: torch.Tensor = self.detector({INPUT: image}, inference=True)["cls"]
        return logits


def input_shape(detector: Detector) -> tuple[int, ...]:
    """Return the shape of one input, without the batch's axis."""
    size = output_size(detector.preprocess)
    if size is None:  # `decide_preprocess` refuses it
        raise ValueError("preprocessing that gives images of varying size")
    return (3, *size) if detector.takes == "image" else (detector.clip_len, 3, *size)


def traced(network: ScoringNetwork) -> torch.export.ExportedProgram:
    """Return the program of a network, for a batch of any size. Within `failures_of`."""
    batch = torch.export.Dim(BATCH, min=1, max=4096)
    return torch.export.export(network, (_example(network),), dynamic_shapes={INPUT: {0: batch}})


def scripted(network: ScoringNetwork) -> Any:
    """Return TorchScript, traced of an example. Within `failures_of`."""
    jit: Any = torch.jit  # untyped
    return jit.trace(network, (_example(network),))


@contextmanager
def failures_of(what: Format, network: ScoringNetwork, folder: Path | None = None) -> Iterator[None]:
    """Run an exporter without gradients and its warnings, and turn what it ends in into one sentence.

    Args:
        what: The format.
        network: What is exported.
        folder: Into which it is written; several writers say of a full disk only that something failed.

    Raises:
        ModelError: It fails.
        OSError: The folder has no room for it.
    """
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own parts that it is about to retire
            yield
    except ModelError:
        raise
    except Exception as error:  # an exporter ends in errors of many kinds, whatever the model is
        if folder is not None:
            _check_room(folder, sum(weight.nbytes for weight in network.state_dict().values()))
        source = network.detector.report.source
        reason = reason_of(error, _LONGEST)
        remedy = "" if what == "state_dict" else ". --format state_dict takes any detector that computes"
        raise ModelError(f"{source} cannot be exported as {what}: {type(error).__name__}: {reason}{remedy}") from error


def _check_room(folder: Path, size: int) -> None:
    """Pass a folder that takes so many bytes more.

    Raises:
        OSError: It does not.
    """
    with TemporaryFile(dir=folder) as stream:
        for left in range(size, 0, -_BLOCK):
            stream.write(bytes(min(left, _BLOCK)))


def _example(network: ScoringNetwork) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(_EXAMPLES, *input_shape(network.detector), generator=generator)
