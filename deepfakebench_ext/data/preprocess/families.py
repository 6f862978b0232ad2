"""What the classes of transformers' image processors do where their JSON is silent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from deepfakebench_ext.data.preprocess.spec import Resample, Triple

_HALVES: Triple = (0.5, 0.5, 0.5)
_IMAGENET: Triple = (0.485, 0.456, 0.406)
_CLIP: Triple = (0.48145466, 0.4578275, 0.40821073)
_STD = {_HALVES: _HALVES, _IMAGENET: (0.229, 0.224, 0.225), _CLIP: (0.26862954, 0.26130258, 0.27577711)}


@dataclass(frozen=True, slots=True)
class Family:
    """What a processor class does where its JSON is silent; None where transformers 4.57 and 5.23 disagree.

    Attributes:
        int_size: What a bare number as `size` means.
        resample: Default filter.
        center_crop: Default of `do_center_crop`.
        size: Default of `size`, in pixels, as `int_size` takes it.
        mean: Default of `image_mean`.
        crop: Default of `crop_size`, in pixels; None for a class that never crops.
        rescale_factor: Default of `rescale_factor`.
        offset: The key that subtracts 1 after rescaling, and its default.
        crop_pct: Whether it follows ConvNeXt's rule of resizing by `crop_pct`.
        enlarged: The edge that is resized to, of the edge in `size` and `crop_pct`, where it is another.
        flips: Whether it turns RGB to BGR unless told not to, and never normalises.
        twice: Whether it divides by the standard deviation once more unless told not to.
    """

    int_size: Literal["shortest_edge", "exact"] | None
    resample: Resample | None
    center_crop: bool | None
    size: int | None = 224
    mean: Triple | None = _HALVES
    crop: int | None = 224
    rescale_factor: float = 1 / 255
    offset: tuple[str, bool] | None = None
    crop_pct: bool = False
    enlarged: Callable[[int, float], int] | None = None
    flips: bool = False
    twice: bool = False

    @property
    def std(self) -> Triple | None:
        """Default of `image_std`."""
        return None if self.mean is None else _STD[self.mean]


# fmt: off
FLAGS = frozenset((
    "do_center_crop", "do_flip_channel_order", "do_normalize", "do_rescale", "do_resize", "include_top", "offset",
    "rescale_offset",
))
# Keys that change pixels in ways that are reproduced of some classes only, or of none, unless null or false.
UNSUPPORTED = frozenset((
    "crop_pct", "do_flip_channel_order", "do_grayscale", "do_pad", "do_thumbnail", "include_top", "rescale_offset",
    "use_square_size",
))
# Keys that an unknown family may carry: those read here, and those that change no pixel of an RGB image. The JSON of a
# known family may carry any others too; transformers passes over them.
PLAIN = frozenset((
    "size", "crop_size", "resample", "do_resize", "do_center_crop", "do_rescale", "rescale_factor", "offset",
    "do_normalize", "image_mean", "image_std",
    "_processor_class", "_valid_processor_keys", "auto_map", "data_format", "default_to_square", "device",
    "disable_grouping", "do_convert_rgb", "do_reduce_labels", "do_sample_frames", "feature_extractor_type", "fps",
    "image_processor_type", "image_seq_length", "input_data_format", "model_input_names", "num_channels", "num_frames",
    "processor_class", "reduce_labels", "return_metadata", "return_tensors", "video_metadata", "video_processor_type",
))
# fmt: on
# Source: transformers 5.23 and 4.57.6, models/*/image_processing_*.py.
FAMILIES = {
    "Beit": Family("exact", "bicubic", None, size=None),
    "Bit": Family("shortest_edge", "bicubic", True, mean=_CLIP),  # also DINOv2, Hiera, FocalNet
    "Blip": Family("exact", "bicubic", False, 384, mean=_CLIP),
    "CLIP": Family("shortest_edge", "bicubic", True, mean=_CLIP),
    "ChineseCLIP": Family("shortest_edge", "bicubic", True, mean=_CLIP),
    # also ResNet, RegNet, VAN, CvT
    "ConvNext": Family("shortest_edge", None, False, 384, crop_pct=True),
    # transformers resizes for DINOv3 in float and does not round: one level at most with bilinear, its default, but
    # 16 with bicubic, which is refused.
    "DINOv3ViT": Family("exact", "bilinear", False, mean=_IMAGENET),
    "DeiT": Family("exact", "bicubic", True, 256),
    "EfficientFormer": Family("exact", "bicubic", True, mean=_IMAGENET),
    "EfficientNet": Family("exact", None, False, 346, crop=289, offset=("rescale_offset", False), twice=True),
    "Levit": Family("shortest_edge", "bicubic", True, mean=_IMAGENET, enlarged=lambda edge, _: int((256 / 224) * edge)),
    "MobileNetV1": Family("shortest_edge", "bilinear", True, 256),
    "MobileNetV2": Family("shortest_edge", "bilinear", True, 256),
    "MobileViT": Family("shortest_edge", None, True, crop=256, flips=True),
    "PoolFormer": Family(
        "shortest_edge", "bicubic", True, mean=_IMAGENET, enlarged=lambda edge, crop_pct: int(edge / crop_pct)
    ),
    "Pvt": Family("exact", None, False, mean=_IMAGENET),
    "Segformer": Family("exact", "bilinear", False, 512, mean=_IMAGENET, crop=None),
    "Siglip": Family(None, "bicubic", False),
    "Timesformer": Family("shortest_edge", "bilinear", True),
    "ViT": Family("exact", "bilinear", False),  # also Swin, DINO, I-JEPA, SwiftFormer
    "VideoMAE": Family("shortest_edge", "bilinear", True),  # also TimeSformer's image processor
    "ViTHybrid": Family("shortest_edge", "bicubic", True, mean=_CLIP),
    "Vivit": Family("shortest_edge", "bilinear", True, 256, rescale_factor=1 / 127.5, offset=("offset", True)),
}
UNKNOWN = Family(None, None, None, None, None, None, offset=("offset", False))
# Their JSON looks like the others', and their code does something else with it, or fails: each was given a whole JSON.
_REFUSED = """
Aria BridgeTower Chameleon CohereCompass ConditionalDetr Cosmos3Edge DPT DeepseekOcr2 DeepseekVL DeepseekVLHybrid
DeformableDetr DepthPro Detr Donut EfficientLoFTR Eomt Ernie4_5_VLMoe Ernie4_5_VL_Moe Flava Fuyu GLPN Gemma3 Gemma4
Glm46V Glm4v Glm5Next GlmImage Glmga GotOcr2 GraniteDocling GroundingDino HunYuanVL Idefics Idefics2 Idefics3 ImageGPT
Janus Kosmos2_5 LayoutLMv2 LayoutLMv3 LightGlue Llava LlavaNext LlavaOnevision Mask2Former MaskFormer MiniCPMV4_6
Mllama Nougat OneFormer Owlv2 PaddleOCRVL Perceiver Pix2Struct Pixtral PromptDepthAnything Qwen2VL RTDetr Sam SegGpt
Siglip2 SmolVLM SuperGlue SuperPoint Swin2SR TextNet Tvp VideoLlama3 Vilt VitMatte VitPose Yolos ZoeDepth
"""
REFUSED = frozenset(_REFUSED.split())
# Whose JSON names no class: what AutoImageProcessor takes for the model type in config.json.
_OF_MODELS = {
    "Beit": "beit data2vec-vision",
    "Bit": "bit dinov2 dinov2_with_registers focalnet hiera",
    "CLIP": "clip clip_vision_model metaclip_2",
    "ConvNext": "convnext convnextv2 cvt regnet resnet van",
    "DINOv3ViT": "dinov3_vit dinov3_convnext",
    "DeiT": "deit",
    "EfficientNet": "efficientnet",
    "ImageGPT": "imagegpt",
    "Levit": "levit",
    "MobileNetV1": "mobilenet_v1",
    "MobileNetV2": "mobilenet_v2",
    "MobileViT": "mobilevit mobilevitv2",
    "Perceiver": "perceiver",
    "PoolFormer": "poolformer",
    "Pvt": "pvt pvt_v2",
    "Segformer": "segformer",
    "Siglip": "siglip",
    "TextNet": "textnet",
    "ViT": "dinat ijepa swiftformer swin swinv2 vit vit_msn",
    "VideoMAE": "timesformer videomae",
    "Vivit": "vivit",
}
FAMILY_OF_MODEL = {model: family for family, models in _OF_MODELS.items() for model in models.split()}
