"""Values that an option takes, by name. The command line shows them before anything heavy is imported."""

from __future__ import annotations

from typing import Final, Literal

DtypeName = Literal["auto", "float32", "bfloat16", "float16"]
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
