"""What the two blocks of a recipe allow, and that what our own comments say can be typed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.models.config import CONFIG_FOLDERS
from deepfakebench_ext.models.placement import choose_dtype
from deepfakebench_ext.training.config import TrainingConfig
from deepfakebench_ext.training.recipe import Recipe, read_values

PRECISIONS = {
    **dict.fromkeys(["no", "No", "NO", "'no'", "off", "false", "fp32", "float32", "float"], "float32"),
    **dict.fromkeys(["bf16", "bfloat16", "BF16", "bf16-mixed"], "bfloat16"),
    **dict.fromkeys(["fp16", "float16", "half"], "float16"),
}


@pytest.mark.parametrize("spelling", PRECISIONS)
def test_precisions_are_words_that_can_be_typed(spelling: str, tmp_path: Path) -> None:
    text = next(path for folder in CONFIG_FOLDERS for path in folder.glob("clip_layernorm.yaml")).read_text()
    assert "precision: bfloat16 " in text
    (tmp_path / "a.yaml").write_text(text.replace("precision: bfloat16 ", f"precision: {spelling} "))
    assert Recipe.of(read_values(str(tmp_path / "a.yaml"))).training.precision == PRECISIONS[spelling]
    changed = read_values("clip_layernorm", [f"training.precision={spelling}"])
    assert Recipe.of(changed).training.precision == PRECISIONS[spelling]


@pytest.mark.parametrize("word", ["fp32", "bf16", "half", "no", "bfloat16"])
def test_a_detector_is_loaded_by_the_same_words(word: str) -> None:
    meant = choose_dtype(word, torch.device("cpu"))
    assert str(meant) == f"torch.{TrainingConfig.of({'precision': word}, 'training').precision}"
    with pytest.raises(ConfigError, match="--dtype 'tf32' is not known; allowed are auto, float32, bfloat16, float16"):
        choose_dtype("tf32", torch.device("cpu"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("training.seed=-1", r"training\.seed: .*\(got -1\)"),
        ("training.seed=9223372036854775808", r"training\.seed"),
        ("training.lr=.inf", r"training\.lr: .*finite"),
        ("training.lr=.nan", r"training\.lr"),
        ("training.lr=0", r"training\.lr"),
        ("training.head_lr=1e38", r"training\.head_lr: .*less than or equal to 1000000"),
        ("training.epochs=0", r"training\.epochs"),
        ("training.batch_size=100000000000", r"training\.batch_size"),
        ("training.betas=[0.9, 1]", r"training\.betas\.1"),
        ("training.precision=true", r"training\.precision: .*got True"),
        ("training.augmentation={rotate_limit: [5, -5]}", "rotate_limit goes from low to high, and 5.0 is above -5.0"),
        ("training.augmentation={blur_limit: [0, 3]}", "blur_limit begins with 0"),
        ("training.augmentation={quality_lower: 90, quality_upper: 10}", "quality_lower 90 is above quality_upper 10"),
        ("training.epoch=3", "unknown key 'epoch'; did you mean 'epochs'"),
    ],
)
def test_a_value_that_no_training_takes_is_named(change: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Recipe.of(read_values("clip_layernorm", [change]))


def test_limits_themselves_are_allowed() -> None:
    edges = {"seed": 0, "betas": (0, 0), "augmentation": {"rotate_limit": (3, 3), "quality_lower": 100}}
    assert TrainingConfig.of(edges, "training").seed == 0
