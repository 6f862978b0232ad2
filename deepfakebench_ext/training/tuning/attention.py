"""The linear projections of attention, by the names that transformers has given them."""

from __future__ import annotations

import re

from torch import nn

from deepfakebench_ext.training.tuning.layers import Layers

# CLIP, SigLIP: self_attn.q_proj ... out_proj. VideoMAE, and ViT, DINOv2, BEiT before transformers 5.2x:
# attention.attention.query ... attention.output.dense; since then attention.q_proj ... o_proj. Swin: attention.self.*;
# V-JEPA 2: attention.query ... proj; TimeSformer: temporal_attention.attention.qkv, three in one.
_PROJECTION = re.compile(
    r"\b(self_attn|attn|self|\w*attention)"
    r"\.(q_proj|k_proj|v_proj|o_proj|out_proj|query|key|value|qkv|proj|output\.dense)$"
)
_QUERY_OR_VALUE = re.compile(r"\.(q_proj|v_proj|query|value|qkv)$")


def projections(backbone: nn.Module, layers: Layers) -> list[str]:
    """Return the dotted names of the attention projections in the layers: query, key, value and output of each."""
    inside = tuple(f"{layer}." for layer in layers.names)
    return [
        name
        for name, module in backbone.named_modules()
        if name.startswith(inside) and isinstance(module, nn.Linear) and _PROJECTION.search(name)
    ]


def queries_and_values(backbone: nn.Module, layers: Layers) -> list[str]:
    """Return the dotted names of those projections that LoRA adapts (arXiv 2106.09685, section 7.1)."""
    return [name for name in projections(backbone, layers) if _QUERY_OR_VALUE.search(name)]
