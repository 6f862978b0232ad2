"""What a training is asked for: a detector YAML with its `tuning:` and `training:` blocks, and where to start from."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.yaml_files import assignments, overridden, read_mapping
from deepfakebench_ext.models.config import HOST_KEYS, DetectorConfig, find_config
from deepfakebench_ext.training.config import CALLED, TrainingConfig, TuningConfig


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that a detector YAML says about training, and where it starts from.

    Attributes:
        settings: The detector's.
        tuning: What is trained.
        training: How.
        weights: Path or hub id to start from; None takes the YAML's.
        values: The whole YAML, DeepfakeBench's keys among them.
    """

    settings: DetectorConfig
    tuning: TuningConfig
    training: TrainingConfig
    weights: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, Any], weights: str | None = None) -> Recipe:
        """Return the recipe that a YAML's mapping says.

        `use_svd: true` without a `tuning:` block, as for DeepfakeBench's own trainer, is Effort.

        Raises:
            ConfigError: A key nobody knows, or a value of the wrong kind.
        """
        settings = DetectorConfig.from_mapping(values)
        block = values.get("tuning")
        if block is None and settings.use_svd:
            block = {"mode": "svd"}
        if block and block.get("mode") == "svd" and settings.svd_rank is not None:
            block = {"svd_rank": settings.svd_rank, **block}
            if block["svd_rank"] != settings.svd_rank:
                raise ConfigError(
                    f"svd_rank is {settings.svd_rank} and tuning.svd_rank {block['svd_rank']}; leave one of them out"
                )
        return cls(
            settings.model_copy(update={"use_svd": False}),
            TuningConfig.of(block, "tuning"),
            TrainingConfig.of(values.get("training"), "training"),
            weights,
            values,
        )


def read_values(name_or_path: str, changes: Iterable[str] = ()) -> dict[str, Any]:
    """Return the mapping in a detector YAML, with `training.lr=1e-5` and the like changed.

    Raises:
        ConfigError: No such config, not YAML, or a change that is not `name=value`.
    """
    values = read_mapping(find_config(name_or_path), "a detector config", unread=HOST_KEYS)
    said = assignments(changes, "training.epochs=3 or tuning.mode=head")
    for key in said:
        if "." not in key and key not in {*DetectorConfig.model_fields, *values}:
            near = _inner_names(key)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigError(f"--set {key}: no such key at the top of a detector YAML{hint}")
    return overridden(values, said)


def _inner_names(key: str) -> list[str]:
    """The keys of the two blocks that bear this name or nearly, best first, as `--set` takes them."""
    names = {inner: f"training.{inner}" for inner in TrainingConfig.model_fields}
    names |= {inner: f"tuning.{inner}" for inner in TuningConfig.model_fields}
    if key in CALLED:
        return [names[CALLED[key]]]
    return [names[close] for close in difflib.get_close_matches(key, names, n=1)]
