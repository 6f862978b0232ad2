"""The layers of a backbone and the projections of their attention, whatever the architecture calls them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from torch import nn

# CLIP, SigLIP: self_attn.q_proj ... out_proj. VideoMAE, and ViT, DINOv2, BEiT before transformers 5.2x:
# attention.attention.query ... attention.output.dense; since then attention.q_proj ... o_proj. Swin: attention.self.*;
# V-JEPA 2: attention.query ... proj; TimeSformer: temporal_attention.attention.qkv, three in one.
_PROJECTION = re.compile(
    r"\b(self_attn|attn|self|\w*attention)"
    r"\.(q_proj|k_proj|v_proj|o_proj|out_proj|query|key|value|qkv|proj|output\.dense)$"
)
_QUERY_OR_VALUE = re.compile(r"\.(q_proj|v_proj|query|value|qkv)$")


@dataclass(frozen=True, slots=True)
class Layers:
    """The repeated blocks of a backbone.

    Attributes:
        names: Their dotted names within the backbone, from the input up; empty where it has none.
    """

    names: tuple[str, ...]

    @property
    def top(self) -> int:
        """Depth of what comes after the last block: final norm, pooler, head."""
        return len(self.names) + 1

    def depths(self, backbone: nn.Module) -> dict[str, int]:
        """Return each parameter's depth: 0 before the first block, 1 for it, ..., `top` after the last.

        What lies between two blocks (the merging of patches in a Swin) counts with the block before it. The order is
        that in which a backbone registers its parts.

        Source:
            The numbering of He et al.'s MAE for layer-wise rates (facebookresearch/mae, util/lr_decay.py:56-75).
        """
        depths, reached = {}, 0
        for name, _ in backbone.named_parameters():
            block = next((i for i, prefix in enumerate(self.names) if name.startswith(f"{prefix}.")), None)
            if block is not None:
                reached = depths[name] = block + 1
            else:
                depths[name] = self.top if self.names and reached == len(self.names) else reached
        return depths


def find_layers(backbone: nn.Module) -> Layers:
    """Return the blocks of a backbone: its largest `ModuleList`, where its entries are stages the blocks of these."""
    lists = [(name, m) for name, m in backbone.named_modules() if isinstance(m, nn.ModuleList)]
    if not lists:
        return Layers(())
    name, largest = max(lists, key=lambda found: _size(found[1]))  # of equals the first, which is the outermost
    entries = {f"{name}.{key}": entry for key, entry in largest.named_children()}
    inner = {key: _blocks_of(entry) for key, entry in entries.items()}
    if all(inner.values()):
        return Layers(tuple(f"{key}.{block}" for key, blocks in inner.items() for block in blocks))
    return Layers(tuple(entries))


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


def _blocks_of(stage: nn.Module) -> list[str]:
    """Return the names of a stage's blocks: a list of modules of one class that holds most of it; else none."""
    for name, child in stage.named_children():
        blocks = list(child.children())
        alike = len({type(block) for block in blocks}) == 1
        if isinstance(child, nn.ModuleList | nn.Sequential) and alike and 2 * _size(child) > _size(stage):
            return [f"{name}.{key}" for key, _ in child.named_children()]
    return []


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
