"""What `detector.yaml` says of an exported network: which files, of which weights, and how equal to torch."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from deepfakebench_ext.common.types import WeightsReport
from deepfakebench_ext.common.wording import counted

Format = Literal["onnx", "openvino", "torch_export", "state_dict", "torchscript"]
ARTEFACTS: Final[dict[Format, tuple[str, ...]]] = {
    "onnx": ("model.onnx", "model.onnx.data"),
    "openvino": ("model.xml", "model.bin"),
    "torch_export": ("model.pt2",),
    "state_dict": ("model.safetensors", "model.pth"),
    "torchscript": ("model.torchscript",),
}
"""The files of each format, the first of which is named; an ONNX of less than 2 GB has no second."""
RUN_HERE: Final[tuple[Format, ...]] = ("onnx", "openvino")
"""Formats that a runtime scores with; the others are code, or plain weights."""
INPUT, OUTPUT, BATCH = "image", "logits", "batch"
"""What the network calls its input and output, and the axis of any length."""
WRITERS: Final[dict[Format, tuple[str, ...]]] = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "openvino": ("onnx", "onnxscript", "openvino"),
}
"""The packages that write a format, and run it."""
_AXES_OF_CLIPS = 5
_INPUTS = {"image": "--image photos/", "video": "--video films/"}
LABELS = ("real", "fake")
"""What the two logits mean, whatever the order of the source's head."""


class Difference(BaseModel):
    """The largest differences between the artefact and torch in float32.

    Attributes:
        logits: Of a logit.
        scores: Of P(fake).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    logits: Annotated[float, Field(ge=0)]
    scores: Annotated[float, Field(ge=0)]

    def text(self) -> str:
        """Return it for people."""
        return f"{self.logits:.2g} in the logits, {self.scores:.2g} in the scores"


class Parity(BaseModel):
    """How equal an artefact is to torch in float32.

    Attributes:
        batches: The sizes of the batches that were compared.
        inputs: Kind of input to its difference: `random`, `extreme`, `real`.
        runtime: What ran the artefact.
        precision: In what it computed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    batches: tuple[int, ...]
    inputs: dict[str, Difference]
    runtime: str
    precision: str

    @property
    def worst(self) -> Difference:
        """The largest of all."""
        return Difference(
            logits=max(each.logits for each in self.inputs.values()),
            scores=max(each.scores for each in self.inputs.values()),
        )


class Gate(BaseModel):
    """What labelled samples, none of which it was calibrated on, say of an int8 network against torch in float32.

    Attributes:
        real, fake: How many images, frames or clips were scored.
        videos: Of how many videos they are, copies of a picture taken as one; None where each stands alone.
        auc_difference: AUC of float32 less that of int8.
        low, high: Its 95 % interval, by the paired DeLong test, clustered by video; None where the two rank all alike
            or a class has one video only.
        score_difference: The largest difference of a score.
        precision: What it computed in.
        how: How it was quantised.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    real: int
    fake: int
    videos: int | None = None
    auc_difference: float
    low: float | None
    high: float | None
    score_difference: float
    precision: str
    how: str

    def text(self) -> str:
        """Return it for people."""
        interval = ""
        if self.low is not None and self.high is not None:
            interval = f" ({-self.high:+.4f} to {-self.low:+.4f})"
        return f"AUC {-self.auc_difference:+.4f}{interval}, scores up to {self.score_difference:.3f}"

    @property
    def samples(self) -> str:
        """On what, for people."""
        of_videos = f" of {counted(self.videos, 'video')}" if self.videos is not None else ""
        return f"{self.real} real and {self.fake} fake samples{of_videos}"


class ExportRecord(BaseModel):
    """The `export` block of a `detector.yaml`.

    Attributes:
        format: Of the artefact.
        precision: `float32`, or `int8`.
        files: Name to SHA-256 of every file that the network is made of.
        inputs: Name of the network's input to its shape; a word is an axis of any length.
        outputs: Name of its output to what each column means.
        clip_len: Frames of one input, 1 for an image.
        opset: Of ONNX.
        versions: Of what wrote it.
        weights: The report of the weights that it was made of.
        parity: How equal it is to torch in float32, as each runtime and precision computes it; the first is the one
            that was asked to be equal.
        gate: Of int8.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Format
    precision: Literal["float32", "int8"]
    files: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]
    inputs: dict[str, tuple[int | str, ...]]
    outputs: dict[str, tuple[str, ...]]
    clip_len: Annotated[int, Field(gt=0)]
    opset: int | None = None
    versions: dict[str, str]
    weights: WeightsReport
    parity: tuple[Parity, ...]
    gate: Gate | None = None

    @property
    def is_ours(self) -> bool:
        """Whether its inputs and outputs are such as this package writes."""
        if list(self.inputs) != [INPUT] or self.outputs != {OUTPUT: LABELS}:
            return False
        sizes = self.inputs[INPUT][1:]
        frames = sizes[0] if self.takes == "video" else 1
        are_sizes = all(isinstance(size, int) and size > 0 for size in sizes)
        return are_sizes and len(sizes) in (_AXES_OF_CLIPS - 2, _AXES_OF_CLIPS - 1) and self.clip_len == frames

    @property
    def takes(self) -> Literal["image", "video"]:
        """What one input is: a single frame, or the frames of a clip."""
        return "video" if len(self.inputs.get(INPUT, ())) == _AXES_OF_CLIPS else "image"

    def command(self, weights: str) -> str | None:
        """Return what is typed to score with it, where `weights` is its folder; None where nothing here does."""
        if self.format not in (*RUN_HERE, "state_dict"):
            return None
        return f"perf_huggingface.py --weights {weights} {_INPUTS[self.takes]}"
