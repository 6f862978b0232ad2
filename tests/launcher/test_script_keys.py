"""What a script takes for granted is asked for: all that its branches will read, and nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from made_host_files import COMPLETE

from deepfakebench_ext.common.errors import HostError
from deepfakebench_ext.host.script_settings import OWN_YAMLS
from deepfakebench_ext.launcher.script_keys import check_keys, missing_keys
from deepfakebench_ext.models.config import config_names, find_config


def without(*keys: str, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {**copy.deepcopy(COMPLETE), **changes}
    for key in keys:
        *way, last = key.split(".")
        place = values
        for part in way:
            place = place[part]
        del place[last]
    return values


@pytest.mark.parametrize("script", OWN_YAMLS)
@pytest.mark.parametrize(
    "key", ["manualSeed", "compression", "resolution", "frame_num.test", "data_aug.blur_limit", "test_dataset"]
)
def test_what_both_read_is_named_where_it_lacks(script: str, key: str) -> None:
    assert missing_keys(script, without()) == ()
    assert missing_keys(script, without(key)) == (key,)


@pytest.mark.parametrize(
    "key", ["lr_scheduler", "frame_num.train", "nEpochs", "optimizer.sgd.momentum", "train_dataset"]
)
def test_what_training_alone_reads_is_no_matter_in_tests(key: str) -> None:
    assert missing_keys("test.py", without(key)) == ()
    assert missing_keys("train.py", without(key)) == (key,)


def test_a_mapping_that_lacks_whole_is_named_once() -> None:
    assert missing_keys("train.py", without("data_aug", "frame_num")) == ("frame_num", "data_aug")


@pytest.mark.parametrize("option", ["--test_dataset", "--test_dataset=A", "--test_d"])
def test_datasets_of_the_command_line_need_not_stand_in_the_yaml(option: str) -> None:
    assert missing_keys("test.py", without("test_dataset"), [option, "A"]) == ()
    assert missing_keys("test.py", without("test_dataset"), ["--train_dataset", "A"]) == ("test_dataset",)


def test_only_the_branch_that_is_taken_is_asked_for() -> None:
    step = without(lr_scheduler="step", optimizer={"type": "adam", "adam": {"lr": 1.0}})
    assert missing_keys("train.py", step) == (
        *(f"optimizer.adam.{key}" for key in ("weight_decay", "beta1", "beta2", "eps", "amsgrad")),
        *("lr_step", "lr_gamma"),
    )


def test_clips_need_a_length_and_null_is_none() -> None:
    assert missing_keys("test.py", without(video_mode=True)) == ("clip_size",)
    assert missing_keys("test.py", without(video_mode=True, clip_size=None)) == ("clip_size",)
    assert missing_keys("test.py", without(video_mode=True, clip_size=8, manualSeed=None)) == ()


def test_a_message_says_what_is_the_models_and_where_the_rest_stands() -> None:
    check_keys("a.yaml", (), script="test.py", complete=())
    with pytest.raises(HostError, match=r"^a\.yaml lacks what DeepfakeBench's training/test\.py reads: mean; say what"):
        check_keys("a.yaml", ("mean",), script="test.py", complete=("b", "c"))
    with pytest.raises(HostError, match=r"reads: cuda; take the rest from one that has all of it \(b, c\)"):
        check_keys("a.yaml", ("cuda",), script="test.py", complete=("b", "c"))


def test_of_the_shipped_configs_two_are_complete_and_two_need_their_model_named() -> None:
    shipped = {name: yaml.safe_load(find_config(name).read_text()) for name in config_names()}
    complete = [name for name, its in shipped.items() if not any(missing_keys(script, its) for script in OWN_YAMLS)]
    assert complete == ["huggingface_clip", "huggingface_videomae"]
    of_model = ("resolution", "mean", "std")
    assert missing_keys("train.py", shipped["huggingface_image"]) == of_model
    assert missing_keys("train.py", shipped["huggingface_video"]) == (*of_model, "clip_size")
