"""How a head's logits become P(fake): by what its own file says, else by names, else by its layout."""

from __future__ import annotations

from dataclasses import dataclass

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import LabelOrder
from deepfakebench_ext.models.architecture import Architecture
from deepfakebench_ext.models.config import DetectorConfig
from deepfakebench_ext.models.label_order import (
    HOST_CONTRACT,
    class_names,
    decide_label_order,
    has_names,
    kept_order,
    names_fit,
)
from deepfakebench_ext.models.weights.source import NAMES_YAML


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is known of a head when it is filled.

    Attributes:
        num_logits: Its width.
        trained: Whether it came from the weights.
        architecture: The transformers config, whose class names may be those of another model.
        by_contract: Whether the weights are laid out as DeepfakeBench's own detector, 0 real and 1 fake.
        ours: Whether they are laid out as a detector of this package.
    """

    num_logits: int
    trained: bool
    architecture: Architecture
    by_contract: bool
    ours: bool


def decide_head_order(head: Head, settings: DetectorConfig, spec: str, own: object) -> LabelOrder:
    """Return how a head's logits become P(fake).

    Args:
        head: The head.
        settings: The detector's config.
        spec: What its weights are called.
        own: What the weights' own file says of it; None is nothing.

    Raises:
        ConfigError: Nothing says.
    """
    num_logits, architecture, asked = head.num_logits, head.architecture, settings.fake_index
    new = settings.new_head or not head.trained
    by_contract = head.by_contract or new or (head.ours and not names_fit(architecture.values, num_logits))
    values = {} if new or (by_contract and architecture.lent) else architecture.values
    id2label, label2id = class_names(values), values.get("label2id")
    named = has_names(id2label, label2id)
    if asked is None and own is not None and (kept := kept_order(own, num_logits)):
        return kept
    if asked is None and num_logits == 2 and by_contract and (not named or NAMES_YAML in values):
        return HOST_CONTRACT
    try:
        order = decide_label_order(
            id2label,
            num_logits,
            label2id=label2id,
            fake_index=asked,
            problem_type=values.get("problem_type"),
        )
    except ConfigError as error:
        raise ConfigError(
            f"{spec}: {str(error).rstrip('.')}. If this head was trained for another task, "
            "`new_head: true` in the detector YAML leaves it aside."
        ) from error
    if asked is None and by_contract and not architecture.of_weights and order.fake != (1,):
        raise ConfigError(
            f"{spec} is laid out as DeepfakeBench's own detectors, whose logit 1 means fake, and "
            f"{architecture.where} names its classes {', '.join(order.names)}; say which holds with --fake_index"
        )
    return order
