"""Values that an option takes, by name. The command line shows them before anything heavy is imported."""

from __future__ import annotations

from typing import Final, Literal

Precision = Literal["float32", "bfloat16", "float16"]
DtypeName = Literal["auto", "float32", "bfloat16", "float16"]
PRECISIONS: Final[dict[str, Precision]] = {
    **{name: "float32" for name in ("float32", "fp32", "f32", "float", "no", "32", "32-true")},
    **{name: "bfloat16" for name in ("bfloat16", "bf16", "bf16-mixed", "bf16-true")},
    **{name: "float16" for name in ("float16", "fp16", "f16", "half", "16", "16-mixed", "16-true")},
}
"""What a number's type is called, in the words of other tools too, to what it is called here."""
RuntimeChoice = Literal["auto", "torch", "onnxruntime", "openvino"]
FramePolicy = Literal["uniform", "fps", "first"]
ShortVideo = Literal["repeat_last", "wrap", "skip"]
DetectorName = Literal["none", "dlib", "yunet"]
Search = Literal["full", "coarse"]
NoFace = Literal["skip", "full_frame"]
Per = Literal["frame", "clip"]
Whose = Literal["largest", "all"]
Protocol = Literal["deepfakebench", "uniform"]
Level = Literal["frame", "clip", "video"]
AGGREGATIONS: Final = ("mean", "median", "max", "logit_mean", "topk:K")
CALIBRATIONS: Final = ("temperature", "platt", "isotonic")
