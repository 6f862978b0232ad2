"""What a training is asked for: a detector YAML with its `tuning:` and `training:` blocks, and where to start from."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.models.config import DetectorConfig, find_config
from deepfakebench_ext.training.config import TrainingConfig, TuningConfig


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
    path = find_config(name_or_path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, OSError) as error:
        raise ConfigError(f"{path}: not a readable YAML file: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: a detector config is a mapping of keys to values, got {type(values).__name__}")
    for change in changes:
        _change(values, change)
    return values


def _change(values: dict[str, Any], change: str) -> None:
    name, equals, text = change.partition("=")
    if not name or not equals:
        raise ConfigError(f"--set {change!r} is not name=value, such as training.epochs=3 or tuning.mode=head")
    *blocks, key = name.split(".")
    inner = values
    for block in blocks:
        inner[block] = dict(inner.get(block) or {})
        inner = inner[block]
    if not blocks and key not in {*DetectorConfig.model_fields, *values}:
        near = _inner_names(key)
        raise ConfigError(
            f"--set {key}: no such key at the top of a detector YAML" + (f"; did you mean {near[0]}?" if near else "")
        )
    inner[key] = _parsed(text)


def _inner_names(key: str) -> list[str]:
    """The keys of the two blocks that bear this name or nearly, best first, as `--set` takes them."""
    names = {inner: f"training.{inner}" for inner in TrainingConfig.model_fields}
    names |= {inner: f"tuning.{inner}" for inner in TuningConfig.model_fields}
    return [names[close] for close in difflib.get_close_matches(key, names, n=1)]


def _parsed(text: str) -> Any:
    """Read a value as YAML does, and numbers as people write them: YAML 1.1 takes `1e-5` for text."""
    try:
        return float(text) if "e" in text.lower() else yaml.safe_load(text)
    except ValueError:
        return yaml.safe_load(text)
