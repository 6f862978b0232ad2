from __future__ import annotations

import re

import made_training
import pytest
import yaml
from huggingface_hub import ModelCard

from deepfakebench_ext import evaluate, gather_samples, load_detector
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.metrics.figure import Figure
from deepfakebench_ext.models.stored_thresholds import StoredThreshold
from deepfakebench_ext.models.weights.source import Source
from deepfakebench_ext.training.card_metadata import licence_of
from deepfakebench_ext.training.model_card import Card, model_card


def card(**changes) -> str:
    values = {
        "title": "run",
        "takes": "video",
        "base": "MCG-NJU/videomae-base@abc",
        "base_is_hub": True,
        "licence": {"license": "cc-by-nc-4.0"},
        "task": None,
        "in_transformers": "from transformers import VideoMAEModel\n",
        "monitor": "video_auc",
        "epoch": 3,
        "epochs": 5,
        "data": {"samples": {"real": 5, "fake": 6}, "drawn_an_epoch": {"real": 10, "fake": 12}},
        "val": (2, 3),
        "datasets": ["Celeb-DF-v2"],
        "recipe": {"tuning.mode": "full", "training.lr": 1e-4},
        "figures": {
            "video_auc": Figure(0.9, "chance", low=0.8, high=0.95),
            "video_eer": Figure(None, "rate", "only real samples"),
        },
        "counts": {"clip": (4, 6), "video": (2, 3)},
        "thresholds": {"video": StoredThreshold(value=0.75, rule="best balanced accuracy", real=2, fake=3)},
        "protocol": {"sampling": "2 clips of 16 frames", "face crops": "dlib"},
        "reading": "--frame_interval spread",
        "scoring": "--num_clips 2",
        "notices": [Notice("leak", "a leak in the data:\n  a and b")],
        "facts": {"seed": 7},
        **changes,
    }
    return model_card(Card(**values))


def test_the_hub_can_read_its_metadata():
    read = ModelCard(card(task="video-classification"), ignore_metadata_errors=False).data
    assert read.base_model == "MCG-NJU/videomae-base"
    assert (read.pipeline_tag, read.license, read.datasets) == ("video-classification", "cc-by-nc-4.0", ["Celeb-DF-v2"])
    assert "deepfake-detection" in read.tags
    (result,) = read.eval_results
    assert (result.task_type, result.metric_type, result.metric_value) == ("video-classification", "roc_auc", 0.9)
    assert result.metric_name == "video auc, 95 % interval 0.8000 to 0.9500"
    assert result.dataset_name == "validation samples of Celeb-DF-v2, by which the epoch was chosen"


def test_what_is_not_known_is_not_in_the_metadata():
    head = yaml.safe_load(card(base_is_hub=False, licence={}, datasets=["FaceForensics++"]).split("---\n")[1])
    assert not {"base_model", "license", "datasets", "pipeline_tag"} & head.keys()
    assert "Licence of `MCG-NJU/videomae-base@abc`: not known here" in card(licence={})


@pytest.mark.parametrize(
    ("beside", "found"),
    [
        ("---\nlicense: other\nlicense_name: own\ntags: [x]\n---\n# it", {"license": "other", "license_name": "own"}),
        ("---\nlicense: [a, b]\n---\n", {}),
        ("---\nlicense: 'MIT\\n## Limits: none'\n---\n", {}),
        ("# no metadata", {}),
        ("---\n{\n---\n", {}),
        (None, {}),
    ],
)
def test_a_licence_is_what_the_card_beside_the_weights_states(tmp_path, beside, found):
    if beside is not None:
        (tmp_path / "README.md").write_text(beside)
    assert licence_of(Source(str(tmp_path), "folder", tmp_path, ())) == found


def test_data_recipe_figures_limits_and_notices_are_said():
    text = card()
    for part in (
        "5 real and 6 fake samples from Celeb-DF-v2; 10 real and 12 fake videos drawn an epoch",
        "2 real and 3 fake samples",
        '| tuning.mode | `"full"` |',
        "| video_auc | 0.9000 | 0.8000 to 0.9500 |",
        "| video_eer | undefined: only real samples |  |",
        "--weights <this folder or hub id> --video videos/ --frame_interval spread",
        "4 real and 6 fake clips; 2 real and 3 fake videos.",
        "Epoch 3 of 5 was best by `video_auc`.",
        "- sampling: 2 clips of 16 frames\n- face crops: dlib\n- scored with `--num_clips 2`",
        "Stored threshold of videos: 0.7500, best balanced accuracy on 2 real and 3 fake videos of validation.",
        "samples that they are of also chose the best of 5 epochs by `video_auc`, and the stored threshold",
        "```python\nfrom transformers import VideoMAEModel\n```",
        "Licence of `MCG-NJU/videomae-base@abc`: cc-by-nc-4.0, by its own card",
        "- **a leak in the data: a and b**",
        "## Limits",
        "- seed: `7`",
    ):
        assert part in text


def test_a_closed_form_fit_names_no_epoch():
    assert "was best by" not in card(epoch=None)
    assert "also chose how strongly the fit is regularised" in card(epoch=None)


def test_the_protocol_of_a_card_is_that_of_the_evaluation_it_names(tmp_path):
    made_training.data(tmp_path)
    made_training.write_yaml(tmp_path / "clip.yaml", made_training.values())
    result = made_training.run_here("--detector_config", "clip.yaml", "--output_dir", "out")
    assert result.exit_code == 0, result.output
    (readme,) = tmp_path.rglob("best/README.md")
    digest = re.search(r"\n- in figures: ([0-9a-f]{12}): 8 samples \(4 real, 4 fake\)", readme.read_text()).group(1)
    detector = load_detector("huggingface_clip", str(readme.parent), device="cpu", dtype="float32")
    evaluated = evaluate(detector, gather_samples("val"), plots=False)
    assert evaluated.protocol.digest == digest
